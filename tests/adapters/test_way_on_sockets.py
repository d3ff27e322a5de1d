"""Situation -> exit code, stage, sentence, remedy: each on real sockets, each within 12 seconds,
and never with the remedy of another cause.
"""

import ctypes
import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import urllib3

from migrator.adapters import kubernetes_connection as connecting
from migrator.adapters import kubernetes_wire as sending
from migrator.adapters import observe_way as observing
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.adapters.kubernetes_wire import KubernetesWire, open_wire
from migrator.adapters.no_way import NoWay
from migrator.adapters.observe_way import observe_way
from migrator.adapters.sockets import open_socket
from migrator.adapters.tls_trust import Trust
from migrator.decide.reach.way.cause import HTTP, NAME, PROXY, TCP, TLS
from migrator.decide.reach.way.name_stage import are_private
from migrator.decide.reach.way.stages import way_cause, way_checks, way_failure
from migrator.errors import Failed, MigratorError
from migrator.model.way import Way
from tests.support.way_certificates import Issuer, issuer, served
from tests.support.way_servers import (
    PAGE,
    Proxy,
    answer,
    api,
    closed_port,
    deaf,
    dropping,
    listening,
    plain,
    reset,
    silent,
)

OWN = issuer()
OTHER = issuer("inspection.corp.example")
OLD, OLDER = issuer(old_form=True), issuer(old_form=True, number=1)
SECONDS = 0.5
ADDRESS = "198.51.100.7"


@dataclass
class Place:
    """Where a situation is built: its servers end with the test."""

    folder: Path
    running: ExitStack
    proxy: Proxy = field(default_factory=Proxy)
    source_address: str | None = None
    skew: timedelta | None = timedelta()
    seen: list[Way] = field(default_factory=list)

    def api(self, *, by: Any = OWN, body: bytes | None = None, **changes: Any) -> Endpoint:  # noqa: ANN401
        """An API server with a certificate."""
        context = served(by, **changes).context(self.folder)
        serve = api(context) if body is None else api(context, body)
        return self.at(self.running.enter_context(listening(serve)))

    def at(self, port: int, host: str = "127.0.0.1") -> Endpoint:
        """The endpoint of a cluster that is public and open to all."""
        return Endpoint(
            server=f"https://{host}:{port}",
            ca_pem=OWN.pem,
            cluster_name="prod",
            region="eu-central-1",
            public=True,
            private=False,
            public_cidrs=("0.0.0.0/0",),
        )

    def through(self, proxy: Proxy, login: str = "", **changes: Any) -> Endpoint:  # noqa: ANN401
        """An API server behind a proxy."""
        self.proxy = proxy
        port = self.running.enter_context(listening(proxy.serve))
        return replace(self.api(**changes), proxy_url=f"http://{login}127.0.0.1:{port}")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as running:
        yield Place(tmp_path, running)


Build = Callable[[Place], Endpoint]


@dataclass(frozen=True)
class Situation:
    """A row of the table."""

    name: str
    build: Build
    code: str
    stage: str
    sentence: str
    remedy: str


def dropped(place: Place) -> Endpoint:
    return place.at(place.running.enter_context(dropping()))


def filtered(place: Place) -> Endpoint:
    place.source_address = ADDRESS
    return replace(dropped(place), public_cidrs=("203.0.113.0/24",))


def unknown_address(place: Place) -> Endpoint:
    return replace(dropped(place), public_cidrs=("203.0.113.0/24",))


def other_family(place: Place) -> Endpoint:
    place.source_address = "2001:db8::7"
    return replace(dropped(place), public_cidrs=("203.0.113.0/24", "2001:db8::/32"))


def listed(place: Place) -> Endpoint:
    place.source_address = "203.0.113.9"
    return replace(dropped(place), public_cidrs=("203.0.113.0/24",))


def filtered_beside_the_other_family(place: Place) -> Endpoint:
    place.source_address = ADDRESS
    return replace(dropped(place), public_cidrs=("203.0.113.0/24", "::/0"))


def private_only(place: Place) -> Endpoint:
    return replace(dropped(place), public=False, private=True)


def tunnel_closed(place: Place) -> Endpoint:
    port = place.running.enter_context(closed_port())
    return replace(place.at(port), tls_server_name="abc.gr7.eu-central-1.eks.amazonaws.com")


def serving(serve: Callable[[Any], None]) -> Build:
    return lambda place: place.at(place.running.enter_context(listening(serve)))


def behind(proxy: Callable[[], Proxy], login: str = "", **changes: Any) -> Build:  # noqa: ANN401
    return lambda place: place.through(proxy(), login, **changes)


def dead_proxy(place: Place) -> Endpoint:
    port = place.running.enter_context(closed_port())
    return replace(place.at(443, "abc.example"), proxy_url=f"http://127.0.0.1:{port}")


def nowhere_proxy(place: Place) -> Endpoint:
    return replace(place.at(443, "abc.example"), proxy_url="http://proxy.invalid:3128")


def clock_behind(place: Place) -> Endpoint:
    place.skew = timedelta(minutes=-10)
    return place.api(begins=1)


def clock_ahead(place: Place) -> Endpoint:
    place.skew = timedelta(minutes=10)
    return place.api(begins=-20, ends=-1)


def expired_with_a_clock_behind(place: Place) -> Endpoint:
    place.skew = timedelta(hours=-30)
    return place.api(begins=-20, ends=-1)


def not_yet_valid_with_a_clock_ahead(place: Place) -> Endpoint:
    place.skew = timedelta(hours=30)
    return place.api(begins=1)


def silent_tunnel(place: Place) -> Endpoint:
    port = place.running.enter_context(listening(silent))
    return replace(place.at(port), tls_server_name="abc.gr7.eu-central-1.eks.amazonaws.com")


def clock_unknown(place: Place) -> Endpoint:
    place.skew = None
    return place.api(begins=-20, ends=-1)


SITUATIONS = (
    Situation("dropped", dropped, "endpoint-timed-out", TCP, "lets every address in", "firewall"),
    Situation(
        "address filter",
        filtered,
        "source-address-filtered",
        TCP,
        f"address {ADDRESS} is not in publicAccessCidrs (203.0.113.0/24)",
        f"publicAccessCidrs=203.0.113.0/24,{ADDRESS}/32`",
    ),
    Situation(
        "address not known",
        unknown_address,
        "source-address-unknown",
        TCP,
        "is not known",
        "--source-address",
    ),
    Situation(
        "address of the other family",
        other_family,
        "source-address-unknown",
        TCP,
        "2001:db8::7 is not of the family",
        "--source-address",
    ),
    Situation(
        "address listed",
        listed,
        "endpoint-timed-out",
        TCP,
        "lets this machine's address",
        "firewall",
    ),
    Situation(
        "not listed, the other family is open",
        filtered_beside_the_other_family,
        "source-address-filtered",
        TCP,
        f"{ADDRESS} is not in publicAccessCidrs (203.0.113.0/24, ::/0)",
        "publicAccessCidrs=",
    ),
    Situation("private", private_only, "endpoint-private", TCP, "inside the VPC only", "--via"),
    Situation(
        "refused",
        lambda place: place.at(place.running.enter_context(closed_port())),
        "endpoint-refused",
        TCP,
        "refuses connections",
        "aws eks describe-cluster --region eu-central-1 --name prod",
    ),
    Situation("tunnel ended", tunnel_closed, "endpoint-refused", TCP, "Nothing listens", "tunnel"),
    Situation(
        "name",
        lambda place: place.at(443, "abc.invalid"),
        "name-unresolved",
        NAME,
        "does not resolve",
        "nslookup",
    ),
    Situation(
        "reset", serving(reset), "tls-closed", TLS, "closed in the TLS handshake", "cuts TLS"
    ),
    Situation("silent", serving(silent), "tls-silent", TLS, "said nothing", "openssl s_client"),
    Situation(
        "no TLS", serving(plain), "tls-not-spoken", TLS, "speaks no TLS", "Correct the address"
    ),
    Situation(
        "wrong CA",
        lambda place: place.api(by=OTHER),
        "certificate-unknown-issuer",
        TLS,
        "CN=inspection.corp.example did (for CN=kube-apiserver)",
        "inspection of TLS",
    ),
    Situation(
        "wrong name",
        lambda place: place.api(name="abc.gr7.eu-central-1.eks.amazonaws.com"),
        "certificate-wrong-name",
        TLS,
        "for abc.gr7.eu-central-1.eks.amazonaws.com",
        "--kubeconfig",
    ),
    Situation(
        "expired",
        lambda place: place.api(begins=-20, ends=-1),
        "certificate-expired",
        TLS,
        "clock is right",
        "renewed",
    ),
    Situation(
        "expired, clock ahead",
        clock_ahead,
        "certificate-expired",
        TLS,
        "10 minutes ahead of AWS's",
        "timedatectl",
    ),
    Situation(
        "expired, clock behind",
        expired_with_a_clock_behind,
        "certificate-expired",
        TLS,
        "clock is not ahead",
        "renewed",
    ),
    Situation(
        "not yet valid, clock ahead",
        not_yet_valid_with_a_clock_ahead,
        "certificate-not-yet-valid",
        TLS,
        "clock is not behind",
        "Wait until then",
    ),
    Situation(
        "silent behind a tunnel",
        silent_tunnel,
        "tls-silent",
        TLS,
        "nothing came back from abc.gr7",
        "security group",
    ),
    Situation(
        "expired, clock unknown",
        clock_unknown,
        "certificate-expired",
        TLS,
        "not known whether",
        "date -u",
    ),
    Situation(
        "not yet valid",
        lambda place: place.api(begins=1),
        "certificate-not-yet-valid",
        TLS,
        "clock is right",
        "Wait until then",
    ),
    Situation(
        "clock behind",
        clock_behind,
        "certificate-not-yet-valid",
        TLS,
        "10 minutes behind AWS's",
        "timedatectl",
    ),
    Situation(
        "proxy refuses",
        dead_proxy,
        "proxy-unreachable",
        PROXY,
        "refuses connections",
        "--proxy-url",
    ),
    Situation(
        "proxy's name", nowhere_proxy, "proxy-unreachable", PROXY, "does not resolve", "--proxy-url"
    ),
    Situation(
        "proxy wants a password",
        behind(lambda: Proxy(login="ann:se cret")),
        "proxy-login-missing",
        PROXY,
        "wants a user and a password",
        "USER:PASSWORD@127.0.0.1",
    ),
    Situation(
        "proxy, password wrong",
        behind(lambda: Proxy(login="ann:se cret"), "ann:wr0ng@"),
        "proxy-login-refused",
        PROXY,
        "does not accept the user and password",
        "Correct user and password",
    ),
    Situation(
        "proxy slow",
        behind(lambda: Proxy(slow=True)),
        "proxy-slow",
        PROXY,
        "did not answer CONNECT",
        "whether it reaches",
    ),
    Situation(
        "proxy 403",
        behind(lambda: Proxy(answer("403 Forbidden"))),
        "proxy-denied",
        PROXY,
        "does not allow CONNECT",
        "allow CONNECT to 127.0.0.1",
    ),
    Situation(
        "proxy 503",
        behind(lambda: Proxy(answer("503 Service Unavailable"))),
        "proxy-failed",
        PROXY,
        "503 Service Unavailable",
        "Run the same command again",
    ),
    Situation(
        "proxy drips",
        behind(lambda: Proxy(drips=b"X")),
        "proxy-slow",
        PROXY,
        "bytes of an answer, and not its end",
        "whether it reaches",
    ),
    Situation(
        "proxy never ends",
        behind(lambda: Proxy(drips=b"X: aaa\r\n")),
        "proxy-slow",
        PROXY,
        "did not answer CONNECT",
        "whether it reaches",
    ),
    Situation(
        "proxy 407 for Kerberos",
        behind(lambda: Proxy(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate, NTLM\r\n\r\n")),
        "proxy-login-refused",
        PROXY,
        "offers Negotiate, NTLM",
        "local proxy",
    ),
    Situation(
        "proxy 401",
        behind(lambda: Proxy(answer("401 Unauthorized"))),
        "proxy-login-missing",
        PROXY,
        "wants a user and a password",
        "USER:PASSWORD@127.0.0.1",
    ),
    Situation(
        "proxy 429",
        behind(lambda: Proxy(answer("429 Too Many Requests"))),
        "proxy-failed",
        PROXY,
        "did not make the tunnel",
        "why it answers 429",
    ),
    Situation(
        "proxy repeats the login",
        behind(
            lambda: Proxy(answer("502 asked with Basic YW5uOndyMG5n by ann:wr0ng")), "ann:wr0ng@"
        ),
        "proxy-failed",
        PROXY,
        "502 asked with Basic [removed]",
        "Run the same command again",
    ),
    Situation(
        "proxy 405",
        behind(lambda: Proxy(answer("405 No"))),
        "proxy-no-connect",
        PROXY,
        "does not know CONNECT",
        "--proxy-url",
    ),
    Situation(
        "proxy page",
        behind(lambda: Proxy(answer("200 OK", PAGE))),
        "proxy-no-connect",
        PROXY,
        "with a page",
        "browser",
    ),
    Situation(
        "no proxy there",
        behind(lambda: Proxy(b"SSH-2.0-x\r\n\r\n")),
        "proxy-no-connect",
        PROXY,
        "no HTTP proxy",
        "SOCKS",
    ),
    Situation(
        "proxy closes",
        behind(lambda: Proxy(b"")),
        "proxy-closed",
        PROXY,
        "closed the connection at CONNECT",
        "HTTP proxy",
    ),
    Situation(
        "proxy opens TLS",
        behind(Proxy, by=OTHER),
        "certificate-unknown-issuer",
        TLS,
        "CN=inspection.corp.example",
        "-proxy 127.0.0.1",
    ),
)
ADD_YOURSELF = ("update-cluster-config", "publicAccessCidrs=", "--open-endpoint-for-me")


def wire_of(place: Place, endpoint: Endpoint, *, read_seconds: float = 5) -> KubernetesWire:
    def explain(way: Way, said: str) -> Failed:
        seen = replace(way, source_address=place.source_address, clock_skew=place.skew)
        place.seen.append(seen)
        return way_failure(seen, said)

    return open_wire(endpoint, explain=explain, connect_seconds=SECONDS, read_seconds=read_seconds)


def fail(place: Place, endpoint: Endpoint, method: str = "POST") -> MigratorError:
    """The error of a command. A write: it may be done only once."""
    wire = wire_of(place, endpoint)
    try:
        with pytest.raises(MigratorError) as caught:
            wire.send(method, "/api", authorization="Bearer k8s-aws-v1.secret")
    finally:
        wire.close()
    return caught.value


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.name)
def test_each_situation_has_its_stage_sentence_and_remedy(
    situation: Situation, place: Place
) -> None:
    endpoint = situation.build(place)
    error = fail(place, endpoint)
    assert (error.code, error.exit_code) == (situation.code, 1)
    assert situation.sentence in f"{error.message} {error.why}"
    assert situation.remedy in error.remedy
    if situation.code != "source-address-filtered":
        assert not any(word in error.remedy for word in ADD_YOURSELF)
    said = f"{error.message} {error.why} {error.remedy}"
    assert not any(
        secret in said for secret in ("k8s-aws", "wr0ng", "YW5u", "se cret", "Traceback")
    )
    assert all(b"k8s-aws" not in head for head in place.proxy.heads)
    assert_stages(situation, place.seen[-1])


def assert_stages(situation: Situation, way: Way) -> None:
    """Doctor shows the same stage, what passed before it, and nothing behind it."""
    checks = [check for check in way_checks(way) if check.name != "clock"]
    names = [check.name for check in checks]
    assert names == [NAME, PROXY, TCP, TLS, HTTP]
    at = names.index(situation.stage)
    assert [check.state for check in checks[at:]] == ["fail"] + ["unknown"] * (4 - at)
    assert all(check.state == "ok" for check in checks[:at])


def test_a_connection_that_is_reset_while_it_is_made_is_no_refusal(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a firewall does between SYN and ACK; no socket of this machine does it to itself."""

    def reset_at_once(*_arguments: object) -> None:
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    endpoint = place.api()
    monkeypatch.setattr(observing, "open_socket", reset_at_once)
    monkeypatch.setattr(connecting, "open_socket", reset_at_once)
    error = fail(place, endpoint)
    assert (error.code, error.exit_code) == ("endpoint-reset", 1)
    assert "was reset while it was made" in error.message
    assert "A firewall on the way ends it: Connection reset by peer" in error.why
    assert "Have the firewall allow TCP" in error.remedy
    assert not any(word in error.remedy for word in ADD_YOURSELF)
    reset_way = Situation("", serving(reset), "endpoint-reset", TCP, "", "")
    assert_stages(reset_way, place.seen[-1])


def test_an_open_way_has_only_good_stages(place: Place) -> None:
    endpoint = place.through(Proxy(login="ann:se cret"), "ann:se%20cret@")
    wire = wire_of(place, endpoint)
    assert wire.send("GET", "/api", authorization=None).status == 200
    way = replace(observe_way(wire.ends, endpoint.ca_pem), clock_skew=timedelta())
    assert way_cause(way) is None
    assert {check.state for check in way_checks(way)} == {"ok"}
    said = " ".join(check.said for check in way_checks(way))
    assert "with a user and password" in said
    assert "cret" not in said
    assert "cret" not in repr(way) + repr(wire.endpoint)
    wire.close()


def test_server_that_answers_no_request_is_given_up_after_a_short_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_FIRST_SECONDS", 0.3)
    serve = deaf(served(OWN).context(place.folder))
    endpoint = place.at(place.running.enter_context(listening(serve)))
    # What an answer may take otherwise is longer than this test may.
    wire = wire_of(place, endpoint, read_seconds=3_600)
    with pytest.raises(MigratorError) as caught:
        wire.send("GET", "/api", authorization=None, about=("get", "api"))
    assert caught.value.code == "api-server-no-answer"
    assert "did not answer a request" in caught.value.message
    wire.close()


def test_first_answer_that_comes_late_over_an_open_way_is_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_FIRST_SECONDS", 0.2)
    serve = api(served(OWN).context(place.folder), slow=b"/slow")
    wire = wire_of(place, place.at(place.running.enter_context(listening(serve))))
    assert wire.send("GET", "/slow", authorization=None).status == 200
    wire.close()


def test_slow_answer_is_waited_for_where_another_request_was_answered_meanwhile(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads of a cluster begin side by side: a long list comes later than the first answer."""
    monkeypatch.setattr(sending, "_FIRST_SECONDS", 0.6)
    serve = api(served(OWN).context(place.folder), slow=b"/slow")
    wire = wire_of(place, place.at(place.running.enter_context(listening(serve))))
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(wire.send, "GET", "/slow", authorization=None)
        time.sleep(0.1)
        assert wire.send("GET", "/api", authorization=None).status == 200
        assert slow.result().status == 200
    assert place.seen == [], "an open way is not looked at"
    wire.close()


def test_a_way_without_a_proxy_takes_no_thread_for_each_connection(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verification of thousands of principals opens thousands of connections."""
    timers: list[object] = []
    monkeypatch.setattr(threading, "Timer", timers.append)
    wire = wire_of(place, place.api())
    assert wire.send("GET", "/api", authorization=None).status == 200
    assert timers == []
    wire.close()


@pytest.mark.parametrize("address", ["10.0.0.7", "100.64.3.7", "100.127.255.255", "fd00::7"])
def test_addresses_that_a_vpc_may_have_are_private(address: str) -> None:
    assert are_private((address,))
    assert not are_private((address, "52.1.2.3"))
    assert not are_private(("100.128.0.1",))


def test_a_page_that_answers_over_good_tls_is_no_api_server(place: Place) -> None:
    endpoint = place.api(body=PAGE)
    way = observe_way(wire_of(place, endpoint).ends, endpoint.ca_pem, seconds=SECONDS)
    cause = way_cause(way)
    assert cause is not None
    assert (cause.code, cause.stage) == ("not-an-api-server", HTTP)


@pytest.mark.parametrize("order", [(OLD, OLDER), (OLDER, OLD)], ids=["right first", "wrong first"])
def test_a_bundle_of_old_authorities_is_tried_whole(place: Place, order: Any) -> None:  # noqa: ANN401
    bundle = "".join(each.pem for each in order)
    wire = wire_of(place, replace(place.api(by=OLD), ca_pem=bundle))
    for _ in range(2):
        assert wire.send("POST", "/api", authorization=None).status == 200
    wire.close()


def test_a_bundle_without_the_right_authority_is_an_unknown_issuer(place: Place) -> None:
    bundle = OLDER.pem + OTHER.pem
    error = fail(place, replace(place.api(by=OLD), ca_pem=bundle))
    assert error.code == "certificate-unknown-issuer"


def test_a_bundle_is_tried_behind_a_proxy_too(place: Place) -> None:
    endpoint = place.through(Proxy(), by=OLD)
    wire = wire_of(place, replace(endpoint, ca_pem=OLDER.pem + OLD.pem))
    assert wire.send("GET", "/api", authorization=None).status == 200
    wire.close()


def test_a_proxy_that_dies_in_between_ends_as_the_proxy_and_a_write_stays_unknown(
    place: Place,
) -> None:
    with ExitStack() as life:
        proxy = Proxy()
        port = life.enter_context(listening(proxy.serve))
        endpoint = replace(place.api(), proxy_url=f"http://127.0.0.1:{port}")
        wire = wire_of(place, endpoint)
        assert wire.send("GET", "/api", authorization=None).status == 200
        proxy.die()
    with pytest.raises(MigratorError) as caught:
        wire.send("GET", "/api", authorization=None)
    assert caught.value.code == "proxy-unreachable"
    assert f"http://127.0.0.1:{port} (--proxy-url)" in caught.value.message
    wire.close()


def test_many_requests_of_a_command_wait_for_a_dead_way_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = Mock(wraps=open_socket)
    monkeypatch.setattr(connecting, "open_socket", opening)
    wire = open_wire(dropped(place), explain=way_failure, connect_seconds=2.0)
    for _ in range(5):
        with pytest.raises(MigratorError) as caught:
            wire.send("GET", "/api", authorization=None)
        assert caught.value.code == "endpoint-timed-out"
    assert opening.call_count == 1
    wire.close()


PYTHONS = [
    path
    for minor in ("3.10", "3.12", "3.13")
    for path in sorted(Path("/root/.pyenv/versions").glob(f"{minor}.*/bin/python"))[:1]
]
ASK = """
import sys
import urllib3
from migrator.adapters.kubernetes_connection import connection_class
from migrator.adapters.observe_way import observe_way
from migrator.adapters.tls_trust import Trust
from migrator.model.way import WayEnds
port = int(sys.argv[1])
right, wrong = (open(name).read() for name in sys.argv[2:])
for ca_pem in (right, right + wrong, wrong + right):
    pool = urllib3.HTTPSConnectionPool("127.0.0.1", port)
    pool.ConnectionCls = connection_class(Trust(ca_pem), 5)
    assert pool.urlopen("GET", "/api").status == 200
    way = observe_way(WayEnds("prod", "", "127.0.0.1", port, "127.0.0.1"), ca_pem)
    assert (way.tls.kind, way.http.kind) == ("ok", "api-server"), way
way = observe_way(WayEnds("prod", "", "127.0.0.1", port, "127.0.0.1"), wrong)
assert way.tls.kind == "unknown-issuer", way
print("%d.%d" % sys.version_info[:2])
"""


@pytest.mark.parametrize("python", [Path(sys.executable), *PYTHONS], ids=str)
def test_old_authorities_work_on_every_python(python: Path, place: Place) -> None:
    port = place.api(by=OLD).server.rpartition(":")[2]
    files = [place.folder / "right.pem", place.folder / "wrong.pem"]
    for file, each in zip(files, (OLD, OLDER), strict=True):
        file.write_text(each.pem)
    # The packages of this interpreter that are pure Python serve the others, too.
    packages = Path(urllib3.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{Path.cwd()}:{packages}"}
    command = [str(python), "-c", ASK, port, *map(str, files)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("now", "fits"), [(OLD, True), (OLDER, False)])
def test_authority_that_was_replaced_is_asked_for_once(
    now: Issuer, fits: bool, place: Place
) -> None:
    asked: list[str] = []

    def renew() -> str:
        asked.append(now.pem)
        return now.pem

    port = int(place.api(by=OLD).server.rpartition(":")[2])
    trust = Trust(OLDER.pem, renew)
    for _ in range(2):
        pool = urllib3.HTTPSConnectionPool("127.0.0.1", port)
        pool.ConnectionCls = connecting.connection_class(trust, 5)
        if fits:
            assert pool.urlopen("GET", "/api").status == 200
            continue
        with pytest.raises(NoWay, match="CERTIFICATE_VERIFY_FAILED"):
            pool.urlopen("GET", "/api")
    assert len(asked) == 1


def test_who_cannot_be_asked_for_authorities_changes_no_failure(place: Place) -> None:
    def renew() -> str:
        raise Failed("iam-denied", "IAM does not allow eks:DescribeCluster.")

    port = int(place.api(by=OLD).server.rpartition(":")[2])
    pool = urllib3.HTTPSConnectionPool("127.0.0.1", port)
    pool.ConnectionCls = connecting.connection_class(Trust(OLDER.pem, renew), 5)
    with pytest.raises(NoWay, match="CERTIFICATE_VERIFY_FAILED"):
        pool.urlopen("GET", "/api")


def in_empty_network(do: Callable[[], Any]) -> Any:  # noqa: ANN401
    """What ``do`` returns in a thread whose network has no interface that is up (unshare(2))."""
    found: list[Any] = []

    def run() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
            found.append(None)
            return
        found.append(do())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if found[0] is None:
        pytest.skip("network namespaces need root")
    return found[0]


def test_no_route_is_named(place: Place) -> None:
    error = in_empty_network(lambda: fail(place, place.at(443, "203.0.113.9")))
    assert error.code == "endpoint-no-route"
    assert "ip route get 203.0.113.9" in error.remedy


def test_no_route_to_ipv6_alone_is_named(place: Place) -> None:
    error = in_empty_network(lambda: fail(place, place.at(443, "[2001:db8::9]")))
    assert error.code == "endpoint-no-route"
    assert "IPv6 addresses alone" in error.why
