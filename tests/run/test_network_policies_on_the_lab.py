"""A Calico cluster: what a person sees of policies that cut pods off, and a rehearsal whose timer
they cut off.
"""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.worlds.world_files import build_world
from tests.run.test_rehearsal_on_the_lab import DECISIONS, REHEARSE, WORLD, Stage
from tests.support.lab_session import lab_session

CALICO = "crd.projectcalico.org/v1"
TO_HOST = {"name": "FELIX_DEFAULTENDPOINTTOHOSTACTION", "value": "ACCEPT"}
DNS_LABELS = {"k8s-app": "kube-dns"}


def calico(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": CALICO,
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


# In the words of a user: the kubernetes Service and the instance metadata are denied to pods of one
# label.
WORKERS = calico(
    "default.no-credentials",
    {
        "selector": "app == 'worker'",
        "types": ["Egress"],
        "egress": [
            {
                "action": "Deny",
                "destination": {"services": {"name": "kubernetes", "namespace": "default"}},
            },
            {"action": "Deny", "destination": {"nets": ["169.254.169.254/32"]}},
            {"action": "Allow"},
        ],
    },
)
LOCKED = calico(
    "security.locked",
    {
        "tier": "security",
        "order": 10,
        "selector": "projectcalico.org/namespace == 'kube-system'",
        "types": ["Egress"],
        "egress": [{"action": "Allow", "protocol": "UDP", "destination": {"ports": [53]}}],
    },
)
SURROUNDINGS: tuple[dict[str, Any], ...] = (
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "calico-system"}},
    {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "calico-node", "namespace": "calico-system"},
        "spec": {"template": {"spec": {"containers": [{"name": "calico-node", "env": [TO_HOST]}]}}},
    },
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "coredns-a", "namespace": "kube-system", "labels": DNS_LABELS},
        "spec": {"containers": [{"name": "coredns"}]},
    },
    {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns-a",
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}],
        "endpoints": [
            {"addresses": ["10.0.3.5"], "targetRef": {"kind": "Pod", "name": "coredns-a"}}
        ],
    },
    {
        "apiVersion": CALICO,
        "kind": "Tier",
        "metadata": {"name": "security"},
        "spec": {"order": 100},
    },
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("calico")
    cluster = WORLD["clusters"][0]  # type: ignore[index]
    objects = [*cluster["kubernetes"], *SURROUNDINGS, WORKERS]
    world = build_world({**WORLD, "clusters": [{**cluster, "kubernetes": objects}]})
    with lab_session(folder, world) as session:
        (folder / "decisions.yaml").write_text(DECISIONS, encoding="utf-8")
        session.run("plan", "stage", "--decisions", "decisions.yaml", "--out", "plan.json")
        session.run("apply", "plan.json", "--yes", "--decisions", "decisions.yaml")
        yield Stage(session, world.cluster("stage"))


def put(stage: Stage, raw: dict[str, Any]) -> None:
    stage.session.world.controls["putObject"]({"cluster": "stage", "object": raw})


def apply(stage: Stage, raw: dict[str, Any]) -> None:
    """Apply an object as kubectl does: server-side, at the cluster's API."""
    plural = f"{raw['kind'].lower()[:-1]}ies"
    metadata = raw["metadata"]
    place = f"/apis/{raw['apiVersion']}/namespaces/{metadata['namespace']}/{plural}"
    target = f"{place}/{metadata['name']}?fieldManager=kubectl"
    content_type = "application/apply-patch+yaml"
    answer = stage.api.ask(stage.api.admin(), "PATCH", target, raw, content_type)
    assert answer.code in (200, 201), answer


def checks(stage: Stage, *options: str) -> list[dict[str, str]]:
    """Doctor's checks of network policies."""
    done = stage.session.migrate("doctor", "stage", *options, "--output", "json")
    found = json.loads(done.stdout)["checks"]
    return [check for check in found if check["name"].startswith("network-policies")]


def test_a_policy_denies_the_api_server_and_the_metadata_to_pods_of_one_label(
    stage: Stage,
) -> None:
    timer, server, dns, metadata, identity = checks(
        stage, "--pod", "default/runner", "--pod-labels", "app=worker"
    )
    assert timer["state"] == "ok", timer
    assert (server["state"], dns["state"], metadata["state"], identity["state"]) == (
        "fail",
        "ok",
        "warn",
        "ok",
    ), (server, dns, metadata, identity)
    assert "rule 1 of Calico GlobalNetworkPolicy default.no-credentials" in server["said"]
    assert "rule 2 of Calico GlobalNetworkPolicy default.no-credentials" in metadata["said"]
    others = checks(stage, "--pod", "default/runner", "--pod-labels", "app=other")
    assert [check["state"] for check in others] == ["ok"] * 5


def test_a_timer_that_is_cut_off_refuses_the_rehearsal_and_the_printed_policy_lets_it_through(
    stage: Stage,
) -> None:
    put(stage, LOCKED)
    before = stage.session.effects()
    refused = stage.session.migrate(*REHEARSE, "--for", "1m")
    said = " ".join(refused.stderr.split())
    assert refused.returncode == 4, said
    assert "[timer-cut-off]" in said
    assert "security.locked" in said
    assert stage.data and not stage.blank()
    assert stage.find("jobs") is None
    timer = checks(stage)[0]
    assert timer["state"] == "fail"
    assert not [e for e in stage.session.effects()[len(before) :] if "configmaps" in str(e)]
    # The command is copied as it is printed; what kubectl would send is applied here.
    command = timer["remedy"].partition("`")[2].partition("`")[0]
    assert command in said
    printf, _, document, *rest = shlex.split(command)
    assert (printf, rest) == ("printf", ["|", "kubectl", "apply", "-f", "-"])
    made = json.loads(document)
    assert (made["apiVersion"], made["kind"], made["spec"]["tier"]) == (
        CALICO,
        "NetworkPolicy",
        "security",
    )
    apply(stage, made)
    assert checks(stage)[0]["state"] == "ok"
    code, outcome = stage.rehearse("1m")
    assert (code, outcome["passed"]) == (0, True), outcome
    stage.clean()


def test_a_kubernetes_policy_is_printed_where_one_is_enough(stage: Stage) -> None:
    deny = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny", "namespace": "kube-system"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"]},
    }
    registry = stage.api.api.registry
    with stage.session.world.lock:
        for kind, namespace, name in (
            ("globalnetworkpolicies", "", "security.locked"),
            ("networkpolicies", "kube-system", "security.migrator-rehearsal"),
        ):
            registry.store.remove(("crd.projectcalico.org", kind), namespace, name)
    put(stage, deny)
    timer = checks(stage)[0]
    assert timer["state"] == "fail", timer
    made = json.loads(shlex.split(timer["remedy"].partition("`")[2].partition("`")[0])[2])
    assert (made["apiVersion"], made["kind"]) == ("networking.k8s.io/v1", "NetworkPolicy")
    apply(stage, made)
    assert checks(stage)[0]["state"] == "ok"


def remove(stage: Stage, group: str, kind: str, namespace: str, name: str) -> None:
    with stage.session.world.lock:
        stage.api.api.registry.store.remove((group, kind), namespace, name)


def test_a_timer_of_which_it_is_not_known_is_refused_until_it_is_accepted(stage: Stage) -> None:
    for name in ("migrator-rehearsal", "default-deny"):
        remove(stage, "networking.k8s.io", "networkpolicies", "kube-system", name)
    labels = {"role": "node"}
    node = {"apiVersion": CALICO, "kind": "HostEndpoint", "metadata": {"name": "node-a"}}
    node["metadata"]["labels"] = labels  # type: ignore[index]
    put(stage, {**node, "spec": {"node": "a", "interfaceName": "eth0"}})
    put(stage, calico("hosts", {"selector": "role == 'node'", "applyOnForward": True}))
    assert checks(stage)[0]["state"] == "warn"
    refused = stage.session.migrate(*REHEARSE, "--for", "1m")
    said = " ".join(refused.stderr.split())
    assert refused.returncode == 4, said
    assert "[timer-reach-unproven]" in said
    assert "Calico GlobalNetworkPolicy hosts" in said
    assert stage.find("jobs") is None
    assert not stage.blank()
    done = stage.session.migrate(*REHEARSE, "--for", "1m", "--accept-timer-reach")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"] is True
    assert "accepted: whether the timer reaches the API server is unknown" in done.stderr
    (journal,) = stage.session.folder.rglob("journal.jsonl")
    assert '"accepted":["timer-reach"]' in journal.read_text().replace(" ", "")
    stage.clean()
