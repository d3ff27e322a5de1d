"""The Job inside the cluster: it may do what its command needs and no more, and its image is what
the Dockerfile makes of this checkout.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from migrator.decide.reach.required_requests import conditional_requests_of, kubernetes_needs_of
from migrator.model.rbac import AccessRequest
from tests.support.example_snapshots import EXAMPLES

ROOT = Path(__file__).parents[2]
COMMAND = "plan"


def documents(name: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe", pure=True).load_all((EXAMPLES / name).read_text()))


def of_kind(kind: str, name: str = "in-cluster-job.yaml") -> dict[str, Any]:
    (found,) = (each for each in documents(name) if each["kind"] == kind)
    return found


def allowed(role: dict[str, Any]) -> Iterator[AccessRequest]:
    for rule in role["rules"]:
        for verb in rule["verbs"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for name in rule.get("resourceNames", [""]):
                        namespace = role["metadata"].get("namespace")
                        yield AccessRequest(verb, group, resource, namespace=namespace, name=name)


def test_the_jobs_rights_are_what_its_command_needs() -> None:
    found = [*allowed(of_kind("ClusterRole")), *allowed(of_kind("Role"))]
    needs = {*kubernetes_needs_of(COMMAND)}
    needs |= {each.request for each in conditional_requests_of(COMMAND)}
    assert len(found) == len(set(found))
    assert {*found} == needs


def test_both_roles_are_bound_to_the_account_that_the_job_runs_as() -> None:
    pod = of_kind("Job")["spec"]["template"]["spec"]
    account = of_kind("ServiceAccount")["metadata"]
    assert pod["serviceAccountName"] == account["name"]
    for kind, role in (("ClusterRoleBinding", "ClusterRole"), ("RoleBinding", "Role")):
        binding = of_kind(kind)
        assert binding["subjects"] == [{"kind": "ServiceAccount", **account}]
        assert binding["roleRef"]["name"] == of_kind(role)["metadata"]["name"]
        assert binding["roleRef"]["kind"] == role


def test_the_jobs_network_policy_leads_to_what_it_needs() -> None:
    spec = of_kind("NetworkPolicy")["spec"]
    template = of_kind("Job")["spec"]["template"]
    assert spec["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    ways = {
        (peer.get("ipBlock", {}).get("cidr", "pods"), port["protocol"], port["port"])
        for rule in spec["egress"]
        for peer in rule["to"]
        for port in rule["ports"]
    }
    assert ways == {
        ("pods", "UDP", 53),
        ("pods", "TCP", 53),
        ("172.20.0.1/32", "TCP", 443),
        ("10.0.0.0/16", "TCP", 443),
        ("169.254.170.23/32", "TCP", 80),
        ("0.0.0.0/0", "TCP", 443),
    }
    assert spec["ingress"] == []


@pytest.mark.parametrize("name", ["in-cluster-job.yaml", "privoxy.yaml"])
def test_pods_of_the_examples_have_no_rights_on_their_node(name: str) -> None:
    for document in documents(name):
        if document["kind"] not in ("Job", "Deployment"):
            continue
        pod = document["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            mounted = {each["name"] for each in container["volumeMounts"]}
            assert mounted == {each["name"] for each in pod["volumes"]}


# the image


def instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def sent_to_docker(name: str) -> bool:
    """Whether .dockerignore lets a file or folder of this checkout into the build: the last line
    that fits decides (https://docs.docker.com/build/concepts/context/#dockerignore-files).
    """
    sent = True
    for line in (ROOT / ".dockerignore").read_text().split():
        if fnmatch(name, line.removeprefix("!").removeprefix("**/")):
            sent = line.startswith("!")
    return sent


def test_nothing_but_what_the_image_is_made_of_is_sent_to_docker() -> None:
    copied = [rest.split() for word, rest in instructions() if word == "COPY"]
    names = {name for *names, _ in copied for name in names if not names[0].startswith("--")}
    assert {path.name for path in ROOT.iterdir() if sent_to_docker(path.name)} == names
    assert not sent_to_docker("__pycache__")


def test_the_image_runs_the_command_as_a_user_without_rights() -> None:
    last = dict(instructions())
    pod = of_kind("Job")["spec"]["template"]["spec"]
    assert int(last["USER"]) == pod["securityContext"]["runAsUser"]
    assert json.loads(last["ENTRYPOINT"]) == ["migrate"] == pod["containers"][0]["command"][:1]


def test_what_the_dockerfile_builds_from_this_checkout_runs(tmp_path: Path) -> None:
    """The same steps without a container: the files that it copies, its `pip wheel`, and its `pip
    install` of that wheel into a folder of its own; dependencies are those of this environment.
    """
    source, wheels, image = (tmp_path / name for name in ("src", "wheels", "image"))
    copied = [rest.split() for word, rest in instructions() if word == "COPY"]
    for *names, target in (words for words in copied if not words[0].startswith("--")):
        for name in names:
            assert sent_to_docker(name), f"{name} is left out by .dockerignore"
            _copy(ROOT / name, source / target / (name if target == "./" else ""))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), "."]
    subprocess.run(build, cwd=source, check=True, timeout=300)
    (wheel,) = wheels.glob("*.whl")
    install = [*pip, "install", "--no-deps", "--target", str(image), str(wheel)]
    subprocess.run(install, check=True, timeout=300)
    environment = {**os.environ, "PYTHONPATH": str(image)}
    environment.pop("PYTHONHOME", None)
    shown = subprocess.run(
        [sys.executable, str(image / "bin" / "migrate"), "--version"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0.1.0" in shown.stdout
    ask = "import migrator; print(migrator.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(image)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
