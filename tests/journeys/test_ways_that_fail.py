"""Situation -> stage, sentence, remedy, exit code at the command line: doctor and a further command
say the same of one cause, without a traceback and without another cause's remedy.

Each situation has a cluster of its own in one lab. What its name, connection, proxy and TLS do on
the wire is in tests/adapters/test_way_on_sockets.py, in more situations.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from migrator.decide.reach.way.cause import HTTP, NAME, PROXY, TCP, TLS
from tests.support.aws_command import run_script
from tests.support.cli_lab import Ran
from tests.support.remedy_lab import (
    EDITOR,
    NOBODY,
    OPERATOR,
    READER,
    RemedyLab,
    cluster_of,
    remedy_lab,
)
from tests.support.way_certificates import issuer, served
from tests.support.way_servers import (
    PAGE,
    Proxy,
    answer,
    api,
    closed_port,
    dropping,
    listening,
    plain,
    reset,
    silent,
)

OWN = issuer()
OTHER = issuer("inspection.corp.example")
ADDRESS = "198.51.100.7"
EKS_API = "EKS API"  # before the way: the error of DescribeCluster


@dataclass
class Place:
    """Where a situation is built: a cluster of the lab, and servers that end with the test.
    ``options`` stand before each command, ``cluster`` is what it is given.
    """

    lab: RemedyLab
    running: ExitStack
    options: list[str] = field(default_factory=list)
    cluster: str = ""

    def at(self, port: int, host: str = "127.0.0.1") -> None:
        """The cluster's endpoint, with the authority of this module."""
        self.lab.cluster.endpoint_url = f"https://{host}:{port}"
        self.lab.cluster.ca_pem = OWN.pem.encode()

    def api(self, *, by: Any = OWN, **changes: Any) -> None:  # noqa: ANN401
        """An API server that shows a certificate."""
        self.serve(api(served(by, **changes).context(self.lab.work)))

    def serve(self, serve: Callable[[Any], None]) -> None:
        """What answers at the endpoint."""
        self.at(self.running.enter_context(listening(serve)))

    def through(self, proxy: Proxy, login: str = "") -> None:
        """A proxy before the endpoint."""
        port = self.running.enter_context(listening(proxy.serve))
        self.options += ["--proxy-url", f"http://{login}127.0.0.1:{port}"]

    def drop(self, **vpc: Any) -> None:  # noqa: ANN401
        """Packets to the endpoint get no answer."""
        self.at(self.running.enter_context(dropping()))
        self.lab.cluster.vpc_config |= vpc

    def run(self, *words: str) -> Ran:
        """A command on the cluster."""
        return self.lab.run(*self.options, *words, self.cluster or self.lab.name)


Build: TypeAlias = Callable[[Place], object]


@dataclass(frozen=True)
class Situation:
    """A row of the table. ``stage``: the check of doctor that fails; before the way doctor ends
    with the error itself.
    """

    name: str
    build: Build
    code: str
    stage: str
    sentence: str
    remedy: str


def filtered(place: Place) -> None:
    place.drop(publicAccessCidrs=["203.0.113.0/24"])
    place.options += ["--source-address", ADDRESS]


def listed(place: Place) -> None:
    place.drop(publicAccessCidrs=["203.0.113.0/24"])
    place.options += ["--source-address", "203.0.113.9"]


def private_only(place: Place) -> None:
    place.drop(endpointPublicAccess=False, endpointPrivateAccess=True)


def behind(proxy: Callable[[], Proxy], login: str = "", **changes: Any) -> Build:  # noqa: ANN401
    def build(place: Place) -> None:
        place.api(**changes)
        place.through(proxy(), login)

    return build


def dead_proxy(place: Place) -> None:
    place.api()
    port = place.running.enter_context(closed_port())
    place.options += ["--proxy-url", f"http://127.0.0.1:{port}"]


def becoming(arn: str) -> Build:
    return lambda place: place.lab.become(arn)


def aws_clock(minutes: int) -> Build:
    def build(place: Place) -> None:
        place.lab.world.clock.ahead = timedelta(minutes=minutes)

    return build


def after(*builds: Build) -> Build:
    def build(place: Place) -> None:
        for each in builds:
            each(place)

    return build


def failing(status: str, body: bytes = b'{"kind": "Status", "message": "boom"}') -> Build:
    return lambda place: place.serve(api(served(OWN).context(place.lab.work), body, status))


def denied_by(kind: str) -> Build:
    def build(place: Place) -> None:
        change = {"deniedActions": ["eks:DescribeCluster"], "deniedBy": kind}
        place.lab.world.controls["permissions"]({OPERATOR: change})

    return build


# Each takes as long as the way may take: they run at the same time.
SLOW = (
    Situation(
        "dropped",
        Place.drop,
        "endpoint-timed-out",
        TCP,
        "publicAccessCidrs lets every address in: a firewall on the way drops it",
        "Have the firewall of this network allow TCP",
    ),
    Situation(
        "address not listed",
        filtered,
        "source-address-filtered",
        TCP,
        f"This machine's address {ADDRESS} is not in publicAccessCidrs (203.0.113.0/24)",
        f"publicAccessCidrs=203.0.113.0/24,{ADDRESS}/32`",
    ),
    Situation(
        "address listed",
        listed,
        "endpoint-timed-out",
        TCP,
        "lets this machine's address 203.0.113.9 in",
        "Have the firewall of this network allow TCP",
    ),
    Situation("private", private_only, "endpoint-private", TCP, "inside the VPC only", "--via ssm"),
    Situation(
        "TLS not answered",
        lambda place: place.serve(silent),
        "tls-silent",
        TLS,
        "accepted the connection and said nothing",
        "openssl s_client",
    ),
    Situation(
        "proxy slow",
        behind(lambda: Proxy(slow=True)),
        "proxy-slow",
        PROXY,
        "did not answer CONNECT",
        "Ask who runs the proxy",
    ),
    Situation(
        "proxy drips",
        behind(lambda: Proxy(drips=b"X")),
        "proxy-slow",
        PROXY,
        "bytes of an answer, and not its end",
        "Ask who runs the proxy",
    ),
)
QUICK = (
    Situation(
        "refused",
        lambda place: place.at(place.running.enter_context(closed_port())),
        "endpoint-refused",
        TCP,
        "refuses connections",
        "--query cluster.status",
    ),
    Situation(
        "reset in TLS",
        lambda place: place.serve(reset),
        "tls-closed",
        TLS,
        "closed in the TLS handshake",
        "cuts TLS",
    ),
    Situation(
        "no TLS",
        lambda place: place.serve(plain),
        "tls-not-spoken",
        TLS,
        "speaks no TLS",
        "Correct the address",
    ),
    Situation(
        "name",
        lambda place: place.at(443, "abc.invalid"),
        "name-unresolved",
        NAME,
        "The name abc.invalid does not resolve",
        "nslookup abc.invalid",
    ),
    Situation(
        "expired",
        lambda place: place.api(begins=-20, ends=-1),
        "certificate-expired",
        TLS,
        "This machine's clock is right",
        "Have it renewed",
    ),
    Situation(
        "expired, clock ahead",
        after(lambda place: place.api(begins=-20, ends=-1), aws_clock(-4)),
        "certificate-expired",
        TLS,
        "has expired",
        "date -u",
    ),
    Situation(
        "not yet valid",
        lambda place: place.api(begins=1),
        "certificate-not-yet-valid",
        TLS,
        "This machine's clock is right",
        "Wait until then",
    ),
    Situation(
        "wrong name",
        lambda place: place.api(name="abc.gr7.eu-central-1.eks.amazonaws.com"),
        "certificate-wrong-name",
        TLS,
        "for abc.gr7.eu-central-1.eks.amazonaws.com",
        "leave out --kubeconfig",
    ),
    Situation(
        "unknown issuer",
        lambda place: place.api(by=OTHER),
        "certificate-unknown-issuer",
        TLS,
        "CN=inspection.corp.example did (for CN=kube-apiserver)",
        "exempted from the inspection of TLS",
    ),
    Situation(
        "proxy opens TLS",
        behind(Proxy, by=OTHER),
        "certificate-unknown-issuer",
        TLS,
        "CN=inspection.corp.example did",
        "-proxy 127.0.0.1",
    ),
    Situation(
        "proxy 407",
        behind(lambda: Proxy(login="ann:se cret")),
        "proxy-login-missing",
        PROXY,
        "wants a user and a password",
        "http://USER:PASSWORD@127.0.0.1",
    ),
    Situation(
        "proxy 407 for a wrong password",
        behind(lambda: Proxy(login="ann:se cret"), "ann:wr0ng@"),
        "proxy-login-refused",
        PROXY,
        "does not accept the user and password",
        "Correct user and password in --proxy-url",
    ),
    Situation(
        "proxy 403",
        behind(lambda: Proxy(answer("403 Forbidden"))),
        "proxy-denied",
        PROXY,
        "does not allow CONNECT",
        "Have its operator allow CONNECT",
    ),
    Situation(
        "proxy 503",
        behind(lambda: Proxy(answer("503 Service Unavailable"))),
        "proxy-failed",
        PROXY,
        "It said 503 Service Unavailable",
        "Run the same command again",
    ),
    Situation(
        "proxy answers with a page",
        behind(lambda: Proxy(answer("200 OK", PAGE))),
        "proxy-no-connect",
        PROXY,
        "answered CONNECT with a page",
        "Log in to the network in a browser",
    ),
    Situation(
        "proxy refuses",
        dead_proxy,
        "proxy-unreachable",
        PROXY,
        "It refuses connections",
        "Correct the address in --proxy-url",
    ),
    Situation(
        "no login",
        becoming(NOBODY),
        "not-authenticated",
        "api-server",
        f"You are {NOBODY}: a row of mapRoles with rolearn {NOBODY} would admit you.",
        "Use a principal that has access",
    ),
    Situation(
        "no login, clock behind",
        after(becoming(NOBODY), aws_clock(3)),
        "not-authenticated",
        "api-server",
        "This machine's clock is 3 minutes behind AWS's",
        "timedatectl set-ntp true`; then, if it stays: use a principal that has access",
    ),
    Situation(
        "403",
        becoming(EDITOR),
        "kubernetes-denied",
        "api-server",
        "does not allow get configmaps aws-auth",
        "Give the caller get on configmaps aws-auth",
    ),
    Situation(
        "500",
        failing("500 Internal Server Error"),
        "api-server-failed",
        "api-server",
        "with HTTP 500",
        "Run the same command again",
    ),
    Situation(
        "a page",
        failing("200 OK", PAGE),
        "not-an-api-server",
        HTTP,
        "is no Kubernetes API",
        "Correct the address",
    ),
    # before the way
    Situation(
        "socks",
        lambda place: place.options.extend(["--proxy-url", "socks5://127.0.0.1:1080"]),
        "proxy-unsupported",
        EKS_API,
        "is a SOCKS proxy, which is not supported",
        "Name an HTTP proxy with --proxy-url",
    ),
    Situation(
        "wrong account",
        becoming(READER),
        "cluster-not-found",
        EKS_API,
        "There is no such EKS cluster",
        "the account of the credentials",
    ),
    Situation(
        "wrong Region",
        lambda place: place.options.extend(["--region", "eu-west-1"]),
        "cluster-not-found",
        EKS_API,
        "There is no such EKS cluster",
        "--region",
    ),
    Situation(
        "expired credentials",
        lambda place: place.lab.fault("eks:*", "expired-credentials"),
        "credentials-expired",
        EKS_API,
        "credentials have expired",
        "aws sso login",
    ),
    Situation(
        "no credentials",
        lambda place: place.lab.variables.update(
            AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_SESSION_TOKEN=None
        ),
        "no-credentials",
        EKS_API,
        "No AWS credentials were found",
        "AWS_PROFILE",
    ),
    Situation(
        "clock behind",
        aws_clock(10),
        "clock-skewed",
        EKS_API,
        "This machine's clock is 10 minutes behind AWS's",
        "timedatectl",
    ),
    Situation(
        "clock ahead",
        aws_clock(-10),
        "clock-skewed",
        EKS_API,
        "This machine's clock is 10 minutes ahead of AWS's",
        "timedatectl",
    ),
    Situation(
        "denied",
        lambda place: place.lab.permit(OPERATOR, "eks:DescribeCluster"),
        "iam-denied",
        EKS_API,
        "IAM does not allow eks:DescribeCluster",
        "Give the caller eks:DescribeCluster",
    ),
    Situation(
        "denied by the organization",
        denied_by("service control policy: arn:aws:organizations::9:policy/o-1/scp/p-1"),
        "iam-denied",
        EKS_API,
        "IAM does not allow eks:DescribeCluster",
        "who manages the organization to exempt eks:DescribeCluster (arn:aws:organizations",
    ),
    Situation(
        "denied by a boundary",
        denied_by("permissions boundary"),
        "iam-denied",
        EKS_API,
        "IAM does not allow eks:DescribeCluster",
        "in the permissions boundary of the caller",
    ),
    Situation(
        "AWS is down",
        lambda place: place.lab.fault("eks:*", "error", status=503),
        "aws-server-error",
        EKS_API,
        "EKS failed at eks:DescribeCluster",
        "Run the same command again",
    ),
)
SITUATIONS = (*SLOW, *QUICK)
# Words of a remedy, and the codes that may give it.
ONLY_OF: Mapping[str, frozenset[str]] = {
    "update-cluster-config": frozenset({"source-address-filtered"}),
    "--open-endpoint-for-me": frozenset({"source-address-filtered"}),
    "checkip": frozenset(),
    "timedatectl": frozenset({"clock-skewed", "not-authenticated"}),
    "nslookup": frozenset({"name-unresolved"}),
    "--via": frozenset({"endpoint-private"}),
    "sso login": frozenset({"credentials-expired", "no-credentials"}),
    "openssl": frozenset({"certificate-unknown-issuer", "tls-silent"}),
    "USER:PASSWORD": frozenset({"proxy-login-missing"}),
    "list-clusters": frozenset({"cluster-not-found"}),
    "security group": frozenset({"endpoint-private"}),
    "service control policy": frozenset({"iam-denied"}),
    "browser": frozenset({"proxy-no-connect"}),
}
SECRETS = ("k8s-aws", "wr0ng", "se cret", "Traceback")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemedyLab]:
    names = [*map(_name, SITUATIONS), "address-filter", "logs"]
    with remedy_lab(tmp_path_factory.mktemp("ways"), names) as found:
        yield found


def _name(situation: Situation) -> str:
    return situation.name.lower().replace(" ", "-").replace(",", "")


Outcomes: TypeAlias = tuple[Ran, Ran]


def _run(lab: RemedyLab, situation: Situation, both: Callable[..., Any] = map) -> Outcomes:
    """Doctor and plan in the situation, which ends with them."""
    before = lab.cluster.vpc_config
    with ExitStack() as running:
        place = Place(lab, running)
        situation.build(place)
        commands = (("--output", "json", "doctor"), ("plan",))
        try:
            doctor, plan = both(lambda words: place.run(*words), commands)
        finally:
            lab.cluster.vpc_config = before
            lab.world.clock.ahead = timedelta()
            lab.heal()
            lab.permit(OPERATOR)
    return doctor, plan


@pytest.fixture(scope="module")
def slow(shared: RemedyLab) -> Mapping[str, Outcomes]:
    """What the situations that take long end with."""
    with ThreadPoolExecutor(len(SLOW)) as pool, ThreadPoolExecutor(2 * len(SLOW)) as commands:

        def run(situation: Situation) -> Outcomes:
            return _run(cluster_of(shared, _name(situation)), situation, commands.map)

        return dict(zip((each.name for each in SLOW), pool.map(run, SLOW), strict=True))


@pytest.mark.parametrize("situation", SLOW, ids=lambda each: each.name)
def test_a_way_without_an_answer(situation: Situation, slow: Mapping[str, Outcomes]) -> None:
    _assert_named(situation, *slow[situation.name])


@pytest.mark.parametrize("situation", QUICK, ids=lambda each: each.name)
def test_a_way_that_fails_at_once(situation: Situation, shared: RemedyLab) -> None:
    _assert_named(situation, *_run(cluster_of(shared, _name(situation)), situation))


def _assert_named(situation: Situation, doctor: Ran, plan: Ran) -> None:
    assert plan.error_code == situation.code, plan.err
    _assert_said(situation, plan, _flat(plan.err), _flat(plan.err))
    if situation.stage == EKS_API:
        assert doctor.error_code == situation.code, doctor.err
        _assert_said(situation, doctor, _flat(doctor.err), _flat(doctor.err))
        return
    failed = [each for each in json.loads(doctor.out)["checks"] if each["state"] == "fail"]
    (at,) = (each for each in failed if each["name"] == situation.stage)
    _assert_said(situation, doctor, at["said"], at["remedy"])
    ways = [each for each in failed if each["name"].startswith(("way-", "api-server", "source-"))]
    for check in ways:
        _assert_no_other_remedy(situation, check["remedy"])


def _flat(text: str) -> str:
    return " ".join(text.split())


def _assert_said(situation: Situation, ran: Ran, said: str, remedy: str) -> None:
    usage = situation.code == "proxy-unsupported"
    assert ran.code == (64 if usage else 1)
    assert situation.sentence in said
    assert situation.remedy in remedy
    _assert_no_other_remedy(situation, remedy)
    assert not any(secret in ran.out + ran.err for secret in SECRETS)


def _assert_no_other_remedy(situation: Situation, remedy: str) -> None:
    for words, codes in ONLY_OF.items():
        assert words not in remedy or situation.code in codes, remedy


def test_each_situation_has_a_name_of_its_own_and_each_stage_is_here() -> None:
    assert len({_name(each) for each in SITUATIONS}) == len(SITUATIONS)
    assert {each.stage for each in SITUATIONS} == {
        NAME,
        PROXY,
        TCP,
        TLS,
        HTTP,
        "api-server",
        EKS_API,
    }


def _commands(text: str, program: str) -> list[str]:
    return re.findall(rf"`({program} [^`]+)`", text)


def test_the_address_is_added_by_the_command_of_the_remedy(
    shared: RemedyLab, tmp_path: Path
) -> None:
    """Behind the lab's own filter, which admits the address afterwards."""
    lab = cluster_of(shared, "address-filter")
    seen = shared.world.settings.caller_address
    with ExitStack() as running:
        place = Place(lab, running, ["--source-address", seen])
        place.drop(publicAccessCidrs=["198.51.100.0/24"])
        failed = place.run("plan")
    assert failed.error_code == "source-address-filtered"
    lab.cluster.endpoint_url = None  # the lab's own
    (command,) = _commands(_flat(failed.err), "aws")
    done = run_script(shared.lab, tmp_path, command)
    assert done.returncode == 0, done.stderr
    assert place.run("plan").code == 0


def test_the_logs_are_switched_on_by_the_command_of_doctor(
    shared: RemedyLab, tmp_path: Path
) -> None:
    lab = cluster_of(shared, "logs")
    lab.cluster.log_types = ("api",)

    def check() -> dict[str, str]:
        found = json.loads(lab.run("--output", "json", "doctor", lab.name).out)["checks"]
        return next(each for each in found if each["name"] == "control-plane-logs")

    off = check()
    assert off["state"] == "warn"
    (command,) = _commands(off["remedy"], "aws")
    done = run_script(shared.lab, tmp_path, command)
    assert done.returncode == 0, done.stderr
    assert check()["state"] == "ok"
