"""What stands between the lab and the real components: files, proxy, webhook, launcher; tested
everywhere.
"""

import gzip
import http.client
import json
import os
import signal
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from migrator.lab.kubernetes.default_objects import new_registry
from migrator.model.access_entry import AccessScope, AuthenticationMode
from tests.control_plane.authenticator_rules import (
    API_SERVER,
    ENVIRONMENT,
    faults,
    unlike_eks,
    unlike_eks_in_api_server,
)
from tests.control_plane.stub import flags
from tests.support.cli_lab import WORLD
from tests.support.control_plane import processes, random_answers, record
from tests.support.control_plane.bed import STS, EmbeddedBed, fresh_token, rows, who
from tests.support.control_plane.binaries import Binaries, find_binaries
from tests.support.control_plane.binaries import main as binaries_main
from tests.support.control_plane.certificates import Authority
from tests.support.control_plane.logins import MODES as MODES_OF_LOGINS
from tests.support.control_plane.migration import migration
from tests.support.control_plane.policy_webhook import PolicyWebhook
from tests.support.control_plane.processes import NotReadyError, Programs, answers, free_port
from tests.support.control_plane.random_answers import Size
from tests.support.control_plane.real_bed import ADMIN, RealBed, aggregated
from tests.support.control_plane.recorded import AWS_AUTH, MODES
from tests.support.control_plane.state_files import write_files
from tests.support.control_plane.sts_proxy import StsProxy
from tests.support.kubernetes_lab import Answer, KubernetesLab, kubernetes_lab

VIEW = "AmazonEKSViewPolicy"


@pytest.fixture(autouse=True)
def soon_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands for the authenticator does not end when it is first told to, either."""
    monkeypatch.setattr(processes, "_ENDING", (0.3, 7.0))


@pytest.fixture
def lab() -> KubernetesLab:
    return kubernetes_lab("API_AND_CONFIG_MAP")


@pytest.fixture
def authority(lab: KubernetesLab, tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki", "test", lab.world.clock.machine_now())


# files


def test_the_files_hold_what_is_in_force(lab: KubernetesLab, tmp_path: Path) -> None:
    role, user = lab.add_role("dev", "/team/"), lab.add_user("carol")
    lab.add_entry(role, "dev:{{SessionName}}", ["devs"])
    lab.add_entry(user, "carol")
    lab.add_entry(lab.add_role("later"), "later", delay=timedelta(minutes=5))
    entries, mode = tmp_path / "entries.json", tmp_path / "mode.json"
    write_files(lab.cluster, lab.world.now(), entries, mode)
    found = json.loads(entries.read_text())
    assert found["mapRoles"] == [
        {
            "rolearn": role,
            "username": "dev:{{SessionName}}",
            "groups": ["devs"],
            "userid": "AROADEVXXXXXXXXXXXXXX",
        }
    ]
    assert [each["userarn"] for each in found["mapUsers"]] == [user]
    assert found["mapAccounts"] == []
    assert (found["Version"], found["LastUpdatedDateTime"].isdigit()) == ("1", True)
    assert json.loads(mode.read_text())["backendMode"] == "DynamicFile EKSConfigMap"
    lab.set_mode("API")
    write_files(lab.cluster, lab.world.now(), entries, mode)
    assert json.loads(mode.read_text())["backendMode"] == "DynamicFile"
    assert not list(tmp_path.glob("*.new"))


# proxy


@pytest.fixture
def proxy(lab: KubernetesLab, authority: Authority) -> Iterator[StsProxy]:
    proxy = StsProxy(lab.world, authority)
    yield proxy
    proxy.stop()


def through(proxy: StsProxy, authority: Authority, host: str) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    connection = http.client.HTTPSConnection(
        "127.0.0.1", urlsplit(proxy.url).port, context=context, timeout=10
    )
    connection.set_tunnel(host, 443)
    return connection


def presigned(lab: KubernetesLab, arn: str, cluster: str) -> str:
    """Path and query of a GetCallerIdentity URL, as a token carries it."""
    found = lab.world.credentials_of(arn, "s1")
    keys = Credentials(found.access_key_id, found.secret_access_key, found.session_token)
    url = f"{STS}/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("GET", url, headers={"x-k8s-aws-id": cluster})
    SigV4QueryAuth(keys, "sts", "eu-central-1", expires=60).add_auth(request)
    return str(request.url).removeprefix(STS)


def test_the_proxy_answers_for_sts_as_the_authenticator_reads_it(
    lab: KubernetesLab, authority: Authority, proxy: StsProxy
) -> None:
    arn = lab.add_role("dev", "/team/")
    connection = through(proxy, authority, "sts.eu-central-1.amazonaws.com")
    for _ in range(2):  # over one connection
        headers = {"x-k8s-aws-id": "demo", "accept": "application/json"}
        connection.request("GET", presigned(lab, arn, "demo"), headers=headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())["GetCallerIdentityResponse"]["GetCallerIdentityResult"]
        assert answer.status == 200
        assert found["Arn"] == "arn:aws:sts::111122223333:assumed-role/dev/s1"
    connection.request("GET", presigned(lab, arn, "another"), headers={"x-k8s-aws-id": "demo"})
    refused = connection.getresponse()
    assert refused.status == 403
    assert b"SignatureDoesNotMatch" in refused.read()
    connection.close()


def test_the_proxy_reaches_no_other_host(authority: Authority, proxy: StsProxy) -> None:
    for host in ("evil.example.com", "sts.amazonaws.com.example.com", "s3.amazonaws.com"):
        connection = through(proxy, authority, host)
        with pytest.raises(OSError, match="403"):
            connection.request("GET", "/")
        connection.close()
    assert proxy.asked == ["evil.example.com", "sts.amazonaws.com.example.com", "s3.amazonaws.com"]


# webhook


def test_the_webhook_decides_by_policies_and_by_the_principals_id(
    lab: KubernetesLab, authority: Authority
) -> None:
    arn = lab.add_role("viewer")
    lab.add_entry(arn, "viewer", policies=[(VIEW, AccessScope("namespace", ("shop",)))])
    webhook = PolicyWebhook(
        lab.world, lab.cluster, authority.server_context("policies", ["127.0.0.1"])
    )
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    connection = http.client.HTTPSConnection(
        "127.0.0.1", urlsplit(webhook.url).port, context=context, timeout=10
    )

    def ask(extra: dict[str, list[str]], **attributes: str) -> dict[str, object]:
        spec = {
            "user": "viewer",
            "extra": extra,
            "resourceAttributes": {"verb": "list", "resource": "pods", **attributes},
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": spec,
        }
        connection.request(
            "POST", "/authorize", json.dumps(review), {"Content-Type": "application/json"}
        )
        status: dict[str, object] = json.loads(connection.getresponse().read())["status"]
        return status

    own = {"sigs.k8s.io/aws-iam-authenticator/principalId": ["AROAVIEWERXXXXXXXXXXX"]}
    try:
        found = ask(own, namespace="shop")
        assert found["allowed"] is True
        assert str(found["reason"]).startswith("EKS Access Policy: allowed by ClusterRoleBinding")
        assert (
            ask({key.lower(): value for key, value in own.items()}, namespace="shop")["allowed"]
            is True
        )
        assert ask(own, namespace="default") == {"allowed": False, "denied": False, "reason": ""}
        assert ask({}, namespace="shop")["allowed"] is False
        lab.set_mode("CONFIG_MAP")
        assert ask(own, namespace="shop")["allowed"] is False
    finally:
        connection.close()
        webhook.stop()


# launcher


def _stub(folder: Path, name: str) -> Path:
    stub, path = Path(__file__).with_name("stub.py"), folder / name
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stub}" {name} "$@"\n')
    path.chmod(0o755)
    return path


def stubs(folder: Path) -> Binaries:
    """Three executables that stand for the real ones."""
    folder.mkdir()
    for name in ("kube-apiserver", "etcd", "aws-iam-authenticator"):
        _stub(folder, name)
    found = find_binaries({"KUBEBUILDER_ASSETS": str(folder)})
    assert isinstance(found, Binaries)
    return found


def test_everything_is_started_asked_and_ended(tmp_path: Path) -> None:
    bed = RealBed(tmp_path / "run", stubs(tmp_path / "bin")).start()
    try:
        roles = bed.ask(ADMIN, "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles").body[
            "items"
        ]
        assert {role["metadata"]["name"]: role.get("rules") for role in roles}["all"] == [
            {"verbs": ["get"]}
        ]
        assert bed.ask("a-token", "GET", "/readyz").code == 401
        pids = [program.process.pid for program in bed._programs.running]
        assert len(pids) == 3
        assert [
            path
            for path in (tmp_path / "run").rglob("*.key")
            if stat.S_IMODE(path.stat().st_mode) != 0o600
        ] == []
    finally:
        bed.stop()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_written_configuration_keeps_the_rules_of_the_authenticator(tmp_path: Path) -> None:
    bed = RealBed(tmp_path / "run", stubs(tmp_path / "bin"))
    bed._admin = bed._authority.issue("admin")
    config = json.loads(bed._authenticator_config().read_text())
    assert list(faults(config)) == []
    server = config["server"]
    for change, said in (
        ({"backendMode": ["EKSConfigMap"]}, "dynamicfile is not set in backend-mode but"),
        ({"dynamicfilepath": ""}, "dynamicfile is set in backend-mode but"),
        ({"backendMode": []}, "backend-mode cannot be empty"),
        ({"backendMode": ["DynamicFile"] * 2}, "has duplicates"),
        ({"backendMode": ["DynamicFile", "EKSConfigmap"]}, "'EKSConfigmap' is not a valid mode"),
        ({"kubeconfig": ""}, "no kubeconfig is set"),
        ({"hostname": ""}, "hostname is not set"),
        ({"port": 65536}, "the port is not from 0 to 65535"),
        ({"dynamicFilePaths": "x"}, "the server has no setting dynamicfilepaths"),
        ({"reservedPrefixConfig": [{"backendMode": "Dynamic"}]}, "has the backend 'Dynamic'"),
    ):
        found = list(faults({**config, "server": {**server, **change}}))
        assert any(said in text for text in found), (change, found)


def test_everything_that_decides_who_logs_in_is_as_eks_has_it(tmp_path: Path) -> None:
    """Settings with which the components start, and answer otherwise than EKS."""
    bed = RealBed(tmp_path / "run", stubs(tmp_path / "bin"))
    bed._admin = bed._authority.issue("admin")
    config = json.loads(bed._authenticator_config().read_text())
    proxy = StsProxy(bed.world, bed._authority)
    try:
        environment = bed._authenticator_environment(proxy)
    finally:
        proxy.stop()
    given = flags([str(each) for each in bed._api_server_arguments(bed._admin)])
    assert [*unlike_eks(config, environment), *unlike_eks_in_api_server(given)] == []
    server = config["server"]
    reserve = server["reservedPrefixConfig"][0]
    changes: tuple[dict[str, Any], ...] = (
        {"dynamicfileUserIDStrict": False},
        {"backendMode": ["EKSConfigMap", "DynamicFile"]},
        {"reservedPrefixConfig": []},
        {"reservedPrefixConfig": [{**reserve, "usernamePrefixReserveList": ["system:"]}]},
        {"reservedPrefixConfig": [{**reserve, "backendMode": "EKSConfigMap"}]},
    )
    for change in changes:
        (said,) = unlike_eks({**config, "server": {**server, **change}}, environment)
        assert next(iter(change)) in said
    for name in ("AWS_EC2_METADATA_DISABLED", *ENVIRONMENT):
        (said,) = unlike_eks(config, {**environment, name: ""})
        assert name in said
    for name in API_SERVER:
        (said,) = unlike_eks_in_api_server({**given, name: "other"})
        assert name in said


def test_real_controllers_are_awaited_until_roles_have_their_rules(tmp_path: Path) -> None:
    """The stub fills the aggregated role a moment after its start, and after each change."""
    found = stubs(tmp_path / "bin")
    manager = _stub(tmp_path / "bin", "kube-controller-manager")
    bed = RealBed(tmp_path / "run", replace(found, controller_manager=manager)).start()
    place = "/apis/rbac.authorization.k8s.io/v1/clusterroles"

    def rules() -> dict[str, object]:
        items = bed.ask(ADMIN, "GET", place).body["items"]
        return {role["metadata"]["name"]: role.get("rules") for role in items}

    try:
        assert len(bed._programs.running) == 4
        assert rules()["all"] == [{"verbs": ["get"]}]
        wanted = [{"verbs": ["get"]}, {"verbs": ["x"]}]
        part = {"metadata": {"name": "a", "labels": {"to": "all"}}, "rules": wanted}
        assert bed.ask(ADMIN, "PUT", f"{place}/a", part).code == 200
        bed.aggregate()
        assert rules()["all"] == wanted
    finally:
        bed.stop()


def test_authenticator_refuses_a_configuration_that_breaks_a_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed = RealBed(tmp_path / "run", stubs(tmp_path / "bin"))
    config = bed._authenticator_config

    def broken() -> Path:
        path = config()
        path.write_text(path.read_text().replace('"DynamicFile",\n', "", 1))
        return path

    monkeypatch.setattr(bed, "_authenticator_config", broken)
    with pytest.raises(NotReadyError, match="dynamicfile is not set in backend-mode"):
        bed.start()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_programs_end_when_the_test_process_dies(tmp_path: Path) -> None:
    start = (
        "import os, pathlib, sys\n"
        "from tests.support.control_plane.processes import Programs\n"
        "programs = Programs(pathlib.Path(sys.argv[1]))\n"
        "print(programs.start('sleeper', ['/bin/sleep', '300'], {}).process.pid, flush=True)\n"
        "sys.stdin.read(1)\n"
        "os._exit(9)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _runs(pid)
        parent.communicate("x")
    assert parent.returncode == 9
    for _ in range(500):
        if not _runs(pid):
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the program lives on")


def test_a_program_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    programs = Programs(tmp_path)

    def start() -> None:
        program = programs.start("sleeper", ["/bin/sh", "-c", "echo up; exec sleep 300"], {})
        program.await_ready(lambda: program.said() == "up")

    asking = threading.Thread(target=start)
    asking.start()
    asking.join()
    (program,) = programs.running
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            program.process.wait(0.5)
    finally:
        programs.stop()


def test_real_clusters_outlive_the_connections_that_describe_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request starts the cluster, in a thread that ends with its connection."""
    started: list[tuple[RealBed, threading.Thread]] = []
    start = RealBed.start

    def noted(bed: RealBed) -> RealBed:
        started.append((bed, threading.current_thread()))
        return start(bed)

    monkeypatch.setattr(RealBed, "start", noted)
    with migration(tmp_path / "run", WORLD, stubs(tmp_path / "bin")) as operator:
        environment = operator.lab.environment()
        endpoints = {_endpoint_of("small", environment) for _ in range(2)}
        ((bed, asking),) = started
        asking.join(10)
        assert not asking.is_alive()
        assert len(bed._programs.running) == 3
        for program in bed._programs.running:
            with pytest.raises(subprocess.TimeoutExpired):
                program.process.wait(0.2)
        assert endpoints == {bed.endpoint[0]}
        assert bed.ask(ADMIN, "GET", "/readyz").code == 200


def _endpoint_of(cluster: str, environment: dict[str, str]) -> str:
    """What DescribeCluster says, over a connection of its own."""
    client = boto3.client(
        "eks",
        region_name="eu-central-1",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment["AWS_SESSION_TOKEN"],
    )
    found: str = client.describe_cluster(name=cluster)["cluster"]["endpoint"]
    client.close()
    return found


def _runs(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


@pytest.mark.parametrize("mode", MODES_OF_LOGINS)
def test_settling_ends_where_the_accounts_of_the_bed_are_mapped(
    tmp_path: Path, mode: AuthenticationMode
) -> None:
    bed = RealBed(tmp_path / "run", Binaries(tmp_path, tmp_path, tmp_path))
    admin = bed.lab.admin()

    def ask(token: str, *arguments: Any, **named: Any) -> Answer:  # noqa: ANN401 - as `ask` has them
        return bed.lab.ask(admin if token == ADMIN else token, *arguments, **named)

    bed.ask = ask  # type: ignore[method-assign]
    bed.lab.set_mode(mode)
    bed.put_aws_auth({"mapAccounts": json.dumps([bed.lab.cluster.account])})
    bed.settle()
    name = (who(bed, fresh_token(bed, bed.lab.add_role("other"))) or {}).get("username", "")
    assert name.startswith("arn:") is (mode != "API")


def test_rows_are_written_as_go_yaml_reads_them() -> None:
    """It refuses the two escapes that JSON has for a character beyond U+FFFF."""
    written = rows({"arn:aws:iam::1:role/a": ("\U0001f600", ["\u00e9"])})["mapRoles"]
    assert "\\u" not in written
    (row,) = json.loads(written)
    assert (row["username"], row["groups"]) == ("\U0001f600", ["\u00e9"])


def test_a_program_that_fails_says_why(tmp_path: Path) -> None:
    found = stubs(tmp_path / "bin")
    (tmp_path / "bin" / "etcd").write_text("#!/bin/sh\necho no space left on device\nexit 3\n")
    with pytest.raises(NotReadyError, match=r"etcd ended with 3:\nno space left on device"):
        RealBed(tmp_path / "run", found).start()


def test_what_is_not_ready_in_time_is_told(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    program = programs.start("sleeper", ["/bin/sleep", "60"], {})
    with pytest.raises(NotReadyError, match="sleeper is not ready after 0 s"):
        program.await_ready(lambda: answers(free_port()), seconds=0.2)
    programs.stop()
    assert program.process.returncode is not None


def test_missing_components_are_named_with_the_way_to_get_them(tmp_path: Path) -> None:
    told = find_binaries({"KUBEBUILDER_ASSETS": str(tmp_path), "PATH": str(tmp_path)})
    assert isinstance(told, str)
    for part in (
        "kube-apiserver",
        "etcd",
        "aws-iam-authenticator",
        "setup-envtest",
        "KUBEBUILDER_ASSETS",
    ):
        assert part in told


def test_make_target_says_what_is_missing_and_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert binaries_main() == 1
    assert "make test-control-plane cannot run: the real components" in capsys.readouterr().err
    found = stubs(tmp_path / "bin")
    found.etcd.write_text("#!/bin/sh\necho etcd Version: 3.6.8\n")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "bin"))
    assert binaries_main() == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == ["etcd 3.6.8", "aws-iam-authenticator v0.7.18"]


def test_controller_manager_is_optional_and_must_run_when_named(tmp_path: Path) -> None:
    assert stubs(tmp_path / "bin").controller_manager is None
    assets = {"KUBEBUILDER_ASSETS": str(tmp_path / "bin")}
    named = {**assets, "TEST_ASSET_KUBE_CONTROLLER_MANAGER": str(tmp_path / "bin" / "etcd")}
    found = find_binaries(named)
    assert isinstance(found, Binaries)
    assert found.controller_manager == tmp_path / "bin" / "etcd"
    named["TEST_ASSET_KUBE_CONTROLLER_MANAGER"] = str(tmp_path / "none")
    assert "kube-controller-manager" in str(find_binaries(named))


def test_single_components_can_be_named(tmp_path: Path) -> None:
    stubs(tmp_path / "bin")
    own = tmp_path / "own-etcd"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    found = find_binaries(
        {"KUBEBUILDER_ASSETS": str(tmp_path / "bin"), "TEST_ASSET_ETCD": str(own)}
    )
    assert isinstance(found, Binaries)
    assert found.etcd == own
    assert found.kube_apiserver.parent == tmp_path / "bin"


def test_component_that_is_named_and_missing_is_not_replaced_by_another(tmp_path: Path) -> None:
    stubs(tmp_path / "bin")
    assets = {"KUBEBUILDER_ASSETS": str(tmp_path / "bin"), "PATH": str(tmp_path / "bin")}
    for name in ("KUBE_APISERVER", "ETCD", "AWS_IAM_AUTHENTICATOR", "KUBE_CONTROLLER_MANAGER"):
        found = find_binaries({**assets, f"TEST_ASSET_{name}": "/no/such/program"})
        assert "/no/such/program" in str(found), name
        assert isinstance(found, str)


def test_components_of_a_relative_folder_start_in_the_folder_of_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs(tmp_path / "bin")
    monkeypatch.chdir(tmp_path)
    for environment in (
        {"KUBEBUILDER_ASSETS": "bin"},
        {"KUBEBUILDER_ASSETS": "none", "PATH": "bin"},
        {"KUBEBUILDER_ASSETS": "bin", "TEST_ASSET_ETCD": "bin/etcd"},
    ):
        found = find_binaries(environment)
        assert isinstance(found, Binaries)
        assert all(each.is_absolute() for each in (found.kube_apiserver, found.etcd))
        RealBed(tmp_path / "run", found).start().stop()


@pytest.mark.parametrize(
    ("version", "does"), [("3.4.23", False), ("3.5.1", False), ("3.5.16", True), ("3.6.8", True)]
)
def test_an_etcd_on_which_late_watches_fail_is_refused_with_its_version(
    tmp_path: Path, version: str, does: bool
) -> None:
    stubs(tmp_path / "bin")
    (tmp_path / "bin" / "etcd").write_text(f"#!/bin/sh\necho etcd Version: {version}\n")
    found = find_binaries({"KUBEBUILDER_ASSETS": str(tmp_path / "bin"), "PATH": str(tmp_path)})
    assert isinstance(found, Binaries) is does
    assert does or f"is {version}, which is too old" in str(found)


def test_aggregated_roles_are_filled_as_the_controller_fills_them() -> None:
    """The lab's own registry aggregates while it loads, and was compared with a real cluster."""
    store = new_registry(kubernetes_lab().world.clock.now, []).store
    roles = store.items(("rbac.authorization.k8s.io", "clusterroles"))[0]
    bare = [{**role, "rules": None} if role.get("aggregationRule") else role for role in roles]
    for _ in range(4):
        for role in bare:
            if role.get("aggregationRule"):
                role["rules"] = aggregated(role["aggregationRule"]["clusterRoleSelectors"], bare)
    filled = {
        role["metadata"]["name"]: role["rules"] for role in bare if role.get("aggregationRule")
    }
    assert set(filled) >= {"admin", "edit", "view"}
    for role in roles:
        name = role["metadata"]["name"]
        if name in filled:
            assert sorted(map(str, filled[name])) == sorted(map(str, role["rules"])), name


# recording


def test_recording_what_answers_alike_changes_no_answer(tmp_path: Path) -> None:
    """The embedded lab gives the recorded answers, so recording it must give the recorded files
    back.
    """
    said = {"aws-iam-authenticator": "v9", "etcd": "9", "kube-apiserver": "v9"}
    size = Size(seed=7, logins=20, reviews=20, texts=5)
    record.record_all(lambda: nullcontext(EmbeddedBed()), tmp_path, said, size)
    modes, aws_auth = (json.loads((tmp_path / path.name).read_text()) for path in (MODES, AWS_AUTH))
    for ours, theirs in zip(
        modes["vectors"], json.loads(MODES.read_text())["vectors"], strict=True
    ):
        wanted = theirs["answer"] | (
            {"extra": sorted(theirs["answer"]["extra"])} if "extra" in theirs["answer"] else {}
        )
        assert ours == theirs | {"answer": wanted}
    assert aws_auth["vectors"] == json.loads(AWS_AUTH.read_text())["vectors"]
    rbac = json.loads(gzip.decompress((tmp_path / record.RBAC.name).read_bytes()))
    assert rbac["sars"] == record.recorded_rbac()["sars"]
    drawn = random_answers.load(tmp_path / random_answers.FILE.name)
    assert (random_answers.size_of(drawn), drawn["versions"]) == (size, said)
    assert modes["authenticator"] == aws_auth["authenticator"] == "v9"
    assert rbac["server"].startswith("kube-apiserver v")
    assert len(list(tmp_path.iterdir())) == 4


def test_same_answers_are_written_as_the_same_bytes(tmp_path: Path) -> None:
    files = (MODES, AWS_AUTH, record.RBAC)
    documents = json.loads(MODES.read_text()), json.loads(AWS_AUTH.read_text())
    record.write(tmp_path, *documents, record.recorded_rbac())
    for path in files[:2]:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in files)


def test_a_login_is_asked_for_over_the_bed(lab: KubernetesLab) -> None:
    assert who(EmbeddedBed(), "k8s-aws-v1.nonsense") is None
