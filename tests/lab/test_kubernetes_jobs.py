"""Jobs whose command is ``migrate`` run as processes: status, retries, deadline, deletion, log,
surroundings.
"""

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.kubernetes.pod_sandbox import NotRunnableError, Surroundings, furnish
from tests.support.kubernetes_lab import KubernetesLab, WireClient, kubernetes_lab

JOBS = "/apis/batch/v1/namespaces/team/jobs"
PODS = "/api/v1/namespaces/team/pods"
ACCOUNT_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture
def lab() -> Iterator[KubernetesLab]:
    lab = kubernetes_lab()
    lab.load("ServiceAccount", "timer", "team")
    client = WireClient(lab)  # jobs run once the cluster is served
    yield lab
    client.close()
    lab.api.stop()


@pytest.fixture
def admin(lab: KubernetesLab) -> str:
    return lab.admin()


def job(*command: str, container: dict[str, Any] | None = None, **spec: object) -> dict[str, Any]:
    main = {"name": "main", "image": "x", "command": list(command), **(container or {})}
    template = {
        "spec": {"serviceAccountName": "timer", "restartPolicy": "Never", "containers": [main]}
    }
    return {"metadata": {"name": "j"}, "spec": {"backoffLimit": 0, "template": template, **spec}}


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:  # noqa: ANN401 - whatever is true
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


def status(lab: KubernetesLab, admin: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.ask(admin, "GET", f"{JOBS}/j").body.get("status") or {}
    return found


def ended(lab: KubernetesLab, admin: str) -> Callable[[], Any]:
    return lambda: status(lab, admin).get("conditions")


def pods(lab: KubernetesLab, admin: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.ask(admin, "GET", f"{PODS}?labelSelector=job-name%3Dj").body[
        "items"
    ]
    return found


def test_a_job_runs_and_completes_with_its_output_as_log(lab: KubernetesLab, admin: str) -> None:
    assert lab.ask(admin, "POST", JOBS, job("migrate", "--version")).code == 201
    ((complete,)) = wait_for(ended(lab, admin))
    assert (complete["type"], complete["status"]) == ("Complete", "True")
    assert status(lab, admin)["succeeded"] == 1
    (pod,) = pods(lab, admin)
    assert pod["status"]["phase"] == "Succeeded"
    log = lab.ask(admin, "GET", f"{PODS}/{pod['metadata']['name']}/log").body
    assert b"migrate" in log


def test_a_failing_job_is_retried_up_to_its_limit(lab: KubernetesLab, admin: str) -> None:
    lab.ask(admin, "POST", JOBS, job("migrate", "no-such-command", backoffLimit=1))
    wait_for(lambda: status(lab, admin).get("failed") == 1)
    lab.world.clock.advance(timedelta(seconds=11))
    ((failed,)) = wait_for(ended(lab, admin))
    assert (failed["type"], failed["reason"]) == ("Failed", "BackoffLimitExceeded")
    assert [pod["status"]["phase"] for pod in pods(lab, admin)] == ["Failed", "Failed"]
    assert (
        pods(lab, admin)[0]["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
        == 64
    )


def long_running(folder: Path) -> dict[str, Any]:
    variables = [{"name": "MIGRATE_LAB_DIR", "value": str(folder / "inner")}]
    return job("migrate", "lab", "up", container={"env": variables}, activeDeadlineSeconds=600)


def is_running(folder: Path) -> Callable[[], bool]:
    """Whether the process that the job started lives; it wrote its id down."""

    def alive() -> bool:
        try:
            os.kill(json.loads((folder / "inner" / "lab.json").read_text())["pid"], 0)
        except (OSError, ValueError):
            return False
        return True

    return alive


def test_deleting_a_job_ends_its_process(lab: KubernetesLab, admin: str, tmp_path: Path) -> None:
    lab.ask(admin, "POST", JOBS, long_running(tmp_path))
    wait_for(is_running(tmp_path))
    assert pods(lab, admin)[0]["status"]["phase"] == "Running"
    assert lab.ask(admin, "DELETE", f"{JOBS}/j").code == 200
    wait_for(lambda: not is_running(tmp_path)())
    assert pods(lab, admin) == []


def test_a_deadline_on_lab_time_ends_the_process(
    lab: KubernetesLab, admin: str, tmp_path: Path
) -> None:
    lab.ask(admin, "POST", JOBS, long_running(tmp_path))
    wait_for(is_running(tmp_path))
    lab.world.clock.advance(timedelta(seconds=601))
    ((failed,)) = wait_for(ended(lab, admin))
    assert failed["reason"] == "DeadlineExceeded"
    wait_for(lambda: not is_running(tmp_path)())


def test_stopping_the_cluster_ends_its_processes(
    lab: KubernetesLab, admin: str, tmp_path: Path
) -> None:
    lab.ask(admin, "POST", JOBS, long_running(tmp_path))
    wait_for(is_running(tmp_path))
    lab.api.stop()
    wait_for(lambda: not is_running(tmp_path)())


@pytest.mark.parametrize(
    "body",
    [
        job("sh", "-c", "true"),
        job("migrate", "--version", suspend=True),
        job("migrate", "--version", completions=3),
    ],
)
def test_what_is_not_ours_to_run_stays_as_it_is(
    lab: KubernetesLab, admin: str, body: dict[str, Any]
) -> None:
    lab.ask(admin, "POST", JOBS, body)
    time.sleep(0.3)
    assert status(lab, admin) == {}
    assert pods(lab, admin) == []


def test_a_job_without_its_account_fails_and_says_why(lab: KubernetesLab, admin: str) -> None:
    body = job("migrate", "--version")
    body["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
    lab.ask(admin, "POST", JOBS, body)
    wait_for(ended(lab, admin))
    (pod,) = pods(lab, admin)
    assert (
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
        == 'serviceaccount "nobody" not found'
    )


# surroundings


def furnished(lab: KubernetesLab, folder: Path, container: dict[str, Any], **spec: object) -> Any:  # noqa: ANN401
    pod = {
        "metadata": {"name": "p", "namespace": "team"},
        "spec": {
            "serviceAccountName": "timer",
            "containers": [{"command": ["migrate"], **container}],
            **spec,
        },
    }
    store, tokens = lab.api.registry.store, lab.api.service_accounts
    return furnish(
        pod,
        folder,
        Surroundings("127.0.0.1", 443, b"CA", "http://127.0.0.1:1/clock", store, tokens),
    )


def test_a_pod_finds_its_service_account_and_the_api(
    lab: KubernetesLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of whoever runs the lab")
    process = furnished(
        lab,
        tmp_path,
        {"args": ["--dir", ACCOUNT_MOUNT, f"{ACCOUNT_MOUNT}/token", f"{ACCOUNT_MOUNT}x"]},
    )
    mount = f"{tmp_path}{ACCOUNT_MOUNT}"
    assert process.arguments[-4:] == ["--dir", mount, f"{mount}/token", f"{ACCOUNT_MOUNT}x"]
    token = Path(mount, "token")
    assert token.stat().st_mode & 0o777 == 0o600
    user = lab.who(token.read_text())
    assert user is not None
    assert user["username"] == "system:serviceaccount:team:timer"
    assert Path(mount, "ca.crt").read_bytes() == b"CA"
    assert Path(mount, "namespace").read_text() == "team"
    assert process.environment["KUBERNETES_SERVICE_PORT"] == "443"
    assert process.environment["MIGRATE_CLOCK_URL"] == "http://127.0.0.1:1/clock"
    assert "AWS_SECRET_ACCESS_KEY" not in process.environment


def test_variables_and_mounts_come_from_the_pods_own_namespace(
    lab: KubernetesLab, tmp_path: Path
) -> None:
    lab.load("ConfigMap", "c", "team", data={"k": "v", "file": "text"})
    lab.load("Secret", "s", "team", data={"k": base64.b64encode(b"hidden").decode()})
    env = [
        {"name": "PLAIN", "value": "/etc/c/file"},
        {"name": "FROM_MAP", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
        {"name": "FROM_SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "PLACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
    ]
    mounts = [{"name": "m", "mountPath": "/etc/c"}, {"name": "t", "mountPath": "/var/token"}]
    volumes = [
        {"name": "m", "configMap": {"name": "c"}},
        {
            "name": "t",
            "projected": {
                "sources": [{"serviceAccountToken": {"path": "here"}}, {"secret": {"name": "s"}}]
            },
        },
    ]
    container = {"env": env, "volumeMounts": mounts, "args": ["$(FROM_MAP)", "$(UNKNOWN)"]}
    process = furnished(lab, tmp_path, container, volumes=volumes)
    wanted = {
        "PLAIN": f"{tmp_path}/etc/c/file",
        "FROM_MAP": "v",
        "FROM_SECRET": "hidden",
        "PLACE": "team",
    }
    assert wanted.items() <= process.environment.items()
    assert process.arguments[-2:] == ["v", "$(UNKNOWN)"]
    assert Path(f"{tmp_path}/etc/c/file").read_text() == "text"
    assert lab.who(Path(f"{tmp_path}/var/token/here").read_text()) is not None
    assert Path(f"{tmp_path}/var/token/k").read_bytes() == b"hidden"


@pytest.mark.parametrize(
    ("container", "volumes", "said"),
    [
        (
            {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "k"}}}]},
            [],
            'configmap "no" not found',
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]},
            [],
            "no field status.podIP",
        ),
        ({"volumeMounts": [{"name": "v", "mountPath": "/x"}]}, [], "volume v is not there"),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/x"}]},
            [{"name": "v", "hostPath": {}}],
            "mounts no hostPath",
        ),
    ],
)
def test_what_cannot_be_furnished_is_named(
    lab: KubernetesLab,
    tmp_path: Path,
    container: dict[str, Any],
    volumes: list[dict[str, Any]],
    said: str,
) -> None:
    with pytest.raises(NotRunnableError, match=said):
        furnished(lab, tmp_path, container, volumes=volumes)
