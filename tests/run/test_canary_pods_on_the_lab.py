"""Canary pods on the lab's Fargate: what they show, what they cannot show, and that none of them
stays.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrator.cli.operator import operator_of
from migrator.errors import Failed, Refused
from migrator.fleet.app import jobs
from migrator.fleet.app.part import Part
from migrator.fleet.model.job import JobRequest
from migrator.lab.worlds.effects import KillPoint
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.world_files import build_world
from migrator.model.canary_pod import CANARY_IMAGE
from migrator.model.canonical import pretty_bytes
from migrator.model.decision import NO_DECISIONS
from migrator.model.evidence import PrincipalVerdict
from migrator.model.plan import Plan
from migrator.run.canary_pods import RECORD
from migrator.run.cut_over import CutOverOptions, cut_over
from migrator.run.verify_access import VerifyOptions, verify_with_canaries
from tests.support.fleet_values import cluster
from tests.support.lab_session import KILLED, lab_session
from tests.support.memory_ports import MemoryEvents
from tests.support.memory_runs import DIGEST
from tests.support.proof_lab import (
    ACCOUNT,
    CLUSTER,
    FARGATE,
    FARGATE_NODE,
    OPERATOR,
    POLICY,
    ProofLab,
    proof_lab,
    role,
    world_document,
)

PROFILE = {"fargateProfileName": "pods", "podExecutionRoleArn": FARGATE, "status": "ACTIVE"}
SELECTORS = [{"namespace": "shop", "labels": {"runs": "on-*", "team": "?"}}]


def idle_world(**profile: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a Fargate profile
    """The world with a Fargate profile that has no pod."""
    document = world_document(fargateProfiles=[{**PROFILE, "selectors": SELECTORS, **profile}])
    (cluster,) = document["clusters"]
    cluster["kubernetes"] = [
        o for o in cluster["kubernetes"] if o["metadata"]["name"] != FARGATE_NODE
    ]
    return document


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProofLab]:
    with proof_lab(tmp_path, monkeypatch, idle_world()) as found:
        yield found


class Verified:
    """A verification of the Fargate role with canary pods: its verdict, and what it said on the
    way.
    """

    def __init__(self, lab: ProofLab, plan: Plan, *, allowed: bool = True) -> None:
        self.events = MemoryEvents()
        ports = replace(lab.ports(plan), events=self.events)
        options = VerifyOptions(only=(FARGATE,), canary_image=CANARY_IMAGE if allowed else None)
        self.outcome = verify_with_canaries(plan, DIGEST, ports, options)
        self.verdict: PrincipalVerdict = self.outcome.verdicts[0]

    @property
    def said(self) -> str:
        return "\n".join(line for _, line in self.events.lines)


def pods(lab: ProofLab, namespace: str = "shop") -> list[Any]:
    path = f"/api/v1/namespaces/{namespace}/pods"
    return list(lab.connect().client.list(path, "pods"))


def pod_writes(lab: ProofLab) -> list[tuple[str, str]]:
    """Pods that were made and removed: ``(operation, namespace)``, in order."""
    return [
        (effect.operation, str(effect.detail["namespace"]))
        for effect in lab.lab.world.effects.all()
        if effect.operation.endswith(" pods")
    ]


def row_of_the_role(lab: ProofLab, *, there: bool) -> None:
    """Somebody takes the row out of aws-auth; the others stay."""
    live = lab.connect().client.get(
        "/api/v1/namespaces/kube-system/configmaps/aws-auth", "configmaps"
    )
    data = dict(live["data"])
    if not there:
        rows = data["mapRoles"].split("- ")
        data["mapRoles"] = "- ".join(row for row in rows if FARGATE not in row)
    lab.change("writeAwsAuth", data=data)


def kill_entry(lab: ProofLab) -> None:
    """The entry is pinned to a role that is gone: it matches nobody."""
    (cluster,) = lab.lab.world.clusters.values()
    last = cluster.history[FARGATE][-1]
    assert last.entry is not None
    cluster.history[FARGATE][-1] = replace(
        last, entry=replace(last.entry, principal_id="AROAGONEGONEGONEGONE")
    )
    for listener in cluster.listeners:
        listener()


def test_a_canary_shows_an_idle_fargate_role_and_is_removed(lab: ProofLab) -> None:
    plan, _ = lab.plan()
    without = Verified(lab, plan, allowed=False)
    assert (without.verdict.verdict, without.verdict.proof_class) == ("partial", "simulated")
    assert pod_writes(lab) == []
    found = Verified(lab, plan)
    assert (found.verdict.verdict, found.verdict.proof_class) == ("ok", "observed")
    assert found.outcome.exit_code == 0
    assert found.verdict.evidence is not None
    assert found.verdict.evidence.attribution == "node"
    assert "canary pod shop/migrate-canary-" in found.verdict.why
    assert "1 of 1 nodes logged in through the entry" in found.verdict.why
    assert pod_writes(lab) == [
        ("kubernetes:create pods", "shop"),
        ("kubernetes:delete pods", "shop"),
    ]
    assert pods(lab) == []


def test_it_says_what_it_makes_and_where_before_it_does(lab: ProofLab) -> None:
    plan, _ = lab.plan()
    found = Verified(lab, plan)
    first = next(line for kind, line in found.events.lines if kind == "step")
    assert CANARY_IMAGE in first
    assert "in namespace shop, on Fargate profile pods" in first
    assert "it is removed again" in first
    assert "is removed" in found.said.splitlines()[-1]


def test_an_entry_that_matches_nobody_is_caught_through_the_row_and_without_it(
    lab: ProofLab,
) -> None:
    plan, _ = lab.plan()
    lab.pass_time(120)
    kill_entry(lab)
    by_row = Verified(lab, plan)
    assert by_row.verdict.verdict == "failed"
    assert "logged in through aws-auth, not through the entry" in by_row.verdict.why
    row_of_the_role(lab, there=False)
    lab.pass_time(120)
    refused = Verified(lab, plan)
    assert refused.verdict.verdict == "failed"
    assert refused.outcome.exit_code == 6
    assert "Pod execution role is not found in auth config" in refused.verdict.why
    assert pods(lab) == []


def test_where_no_namespace_is_selected_nothing_is_made_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proof_lab(tmp_path, monkeypatch, idle_world(selectors=[{"namespace": "batch-*"}])) as lab:
        plan, _ = lab.plan()
        found = Verified(lab, plan)
        assert (found.verdict.verdict, found.verdict.proof_class) == ("partial", "simulated")
        assert (
            "no namespace is there that its Fargate profiles select (batch-*)" in found.verdict.why
        )
        assert pod_writes(lab) == []


def test_a_quota_is_no_verdict_on_the_role(lab: ProofLab) -> None:
    metadata = {"name": "none", "namespace": "shop"}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata,
        "spec": {"hard": {"pods": "0"}},
    }
    lab.change("putObject", object=quota)
    plan, _ = lab.plan()
    found = Verified(lab, plan)
    assert (found.verdict.verdict, found.verdict.proof_class) == ("partial", "simulated")
    assert "namespace shop: " in found.verdict.why
    assert "exceeded quota: none" in found.verdict.why
    assert pods(lab) == []
    assert json.loads(lab.ports(plan).store.read(RECORD) or b"{}") == {"pods": []}


def test_where_one_namespace_refuses_the_next_one_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    selectors = [{"namespace": "payments"}, {"namespace": "shop"}]
    with proof_lab(tmp_path, monkeypatch, idle_world(selectors=selectors)) as lab:
        metadata = {"name": "none", "namespace": "payments"}
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": metadata,
            "spec": {"hard": {"pods": 0}},
        }
        lab.change("putObject", object=quota)
        plan, _ = lab.plan()
        assert Verified(lab, plan).verdict.verdict == "ok"
        assert {namespace for _, namespace in pod_writes(lab)} == {"shop"}


def test_a_pod_that_gets_no_machine_is_given_up_after_minutes_and_removed(lab: ProofLab) -> None:
    lab.change("fargateRoom", room=False)
    plan, _ = lab.plan()
    begun = lab.ports(plan).clock.now()
    found = Verified(lab, plan)
    assert (found.verdict.verdict, found.verdict.proof_class) == ("partial", "simulated")
    assert (
        "is on no node after 5 minutes: Pod provisioning timed out (will retry)"
        in found.verdict.why
    )
    assert (lab.ports(plan).clock.now() - begun).total_seconds() < 600
    assert pods(lab) == []


def test_a_verification_that_breaks_off_removes_its_pods_all_the_same(lab: ProofLab) -> None:
    plan, _ = lab.plan()
    lab.lab.world.faults.add(Fault("kubernetes:list leases", "error"))
    with pytest.raises(Failed) as raised:
        Verified(lab, plan)
    assert raised.value.code == "api-server-failed"
    assert pod_writes(lab) == [
        ("kubernetes:create pods", "shop"),
        ("kubernetes:delete pods", "shop"),
    ]


def test_a_pod_that_cannot_be_removed_is_said_and_stays_on_record_for_the_next_run(
    lab: ProofLab,
) -> None:
    plan, _ = lab.plan()
    broken = lab.lab.world.faults.add(Fault("kubernetes:delete pods", "error"))
    found = Verified(lab, plan)
    (left,) = pods(lab)
    name = left["metadata"]["name"]
    assert (
        f"canary pod shop/{name} is still there. By hand: kubectl delete pod {name} --namespace "
        f"shop" in found.said
    )
    assert found.verdict.verdict == "ok"
    broken.times = 0
    assert f"canary pod shop/{name} is removed" in Verified(lab, plan, allowed=False).said
    assert pods(lab) == []


def test_a_plan_of_another_cluster_makes_no_pod(lab: ProofLab) -> None:
    plan, _ = lab.plan()
    other = replace(
        plan,
        cluster=replace(
            plan.cluster, arn=plan.cluster.arn.replace(f"cluster/{CLUSTER}", "cluster/x")
        ),
    )
    with pytest.raises(Refused) as raised:
        Verified(lab, other)
    assert raised.value.code == "plan-for-other-cluster"
    assert pod_writes(lab) == []


def test_while_another_run_holds_the_lock_no_pod_is_made_and_none_of_its_pods_is_removed(
    lab: ProofLab,
) -> None:
    plan, _ = lab.plan()
    with lab.ports(plan).store.lock("somebody"):
        with pytest.raises(Refused) as raised:
            Verified(lab, plan)
        assert raised.value.code == "locked"
        lab.ports(plan).store.write(RECORD, pretty_bytes(record("theirs")))
        Verified(lab, plan, allowed=False)
    assert pod_writes(lab) == []
    assert json.loads(lab.ports(plan).store.read(RECORD) or b"{}") == record("theirs")


def test_fleet_verify_is_refused_while_another_run_holds_the_lock(
    lab: ProofLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, digest = lab.plan()
    ports = lab.ports(plan)
    connection = lab.connect()
    operator = operator_of(lab.settings, yes=True)
    part = Part(plan, digest, NO_DECISIONS, operator, replace(connection, store=ports.store))
    monkeypatch.setattr(jobs, "part_of", lambda *_given, **_more: part)
    request = JobRequest({"canary_image": CANARY_IMAGE})
    with lab.ports(plan).store.lock("another run"):
        ports.store.write(RECORD, pretty_bytes(record("theirs")))
        with pytest.raises(Refused) as raised:
            jobs.do("verify", cluster(CLUSTER), request, None)  # type: ignore[arg-type]
    assert raised.value.code == "locked"
    assert pod_writes(lab) == []
    assert json.loads(ports.store.read(RECORD) or b"{}") == record("theirs")


def record(name: str) -> dict[str, Any]:
    return {"pods": [{"role": FARGATE, "profile": "pods", "namespace": "shop", "name": name}]}


def test_a_pod_on_record_that_is_no_canary_is_left_alone(lab: ProofLab) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "till", "namespace": "shop"},
        "spec": {},
    }
    lab.change("putObject", object=pod)
    plan, _ = lab.plan()
    lab.ports(plan).store.write(RECORD, pretty_bytes(record("till")))
    found = Verified(lab, plan, allowed=False)
    assert "pod shop/till is on record as a canary and is none: it is left alone" in found.said
    assert [each["metadata"]["name"] for each in pods(lab)] == ["till"]


def test_the_profile_that_is_meant_gets_the_pod_where_several_select_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = idle_world()
    other = {
        "fargateProfileName": "a-first",
        "podExecutionRoleArn": role("other-pods"),
        "selectors": SELECTORS,
    }
    (cluster,) = document["clusters"]
    cluster["fargateProfiles"].append({**other, "status": "ACTIVE"})
    cluster["accessEntries"].append({"principalArn": role("other-pods"), "type": "FARGATE_LINUX"})
    document["accounts"][0]["roles"].append(
        {"name": "other-pods", "trust": {"services": ["eks-fargate-pods.amazonaws.com"]}}
    )
    with proof_lab(tmp_path, monkeypatch, document) as lab:
        plan, _ = lab.plan()
        found = Verified(lab, plan)
        assert found.verdict.verdict == "ok"
        assert "(Fargate profile pods)" in found.verdict.why


def test_the_cut_over_asks_canaries_before_the_gates_where_that_is_allowed(lab: ProofLab) -> None:
    plan, digest = lab.plan()
    for allowed, verdict in ((None, "partial"), (CANARY_IMAGE, "ok")):
        options = CutOverOptions(gates_only=True, canary_image=allowed)
        outcome = cut_over(plan, digest, lab.ports(plan), options)
        proofs = next(gate for gate in outcome.gates if gate.name == "proofs")
        assert (FARGATE in proofs.detail) == (verdict == "partial"), proofs.detail
    assert pod_writes(lab) == [
        ("kubernetes:create pods", "shop"),
        ("kubernetes:delete pods", "shop"),
    ]


def test_in_api_mode_nothing_but_the_entry_lets_a_canary_in(lab: ProofLab) -> None:
    lab.eks("create_access_entry", principalArn=OPERATOR, username="operator")
    admin, scope = f"{POLICY}AmazonEKSClusterAdminPolicy", {"type": "cluster"}
    lab.eks("associate_access_policy", principalArn=OPERATOR, policyArn=admin, accessScope=scope)
    lab.pass_time(60)
    plan, _ = lab.plan()
    lab.session.call(
        "eks", "update_cluster_config", name=CLUSTER, accessConfig={"authenticationMode": "API"}
    )
    lab.pass_time(60)
    found = Verified(lab, plan)
    assert (found.verdict.verdict, found.verdict.proof_class) == ("ok", "observed")
    assert found.verdict.why.endswith("tied to the entry: no row is asked in API mode")


def test_what_a_killed_run_leaves_is_removed_by_the_next(tmp_path: Path) -> None:
    """Killed right after the pod was made, and right before: the next run finds either on
    record.
    """
    with lab_session(tmp_path, build_world(idle_world())) as session:
        session.run("plan", CLUSTER, "--out", "plan.json")
        now = len(session.effects())
        kills: tuple[tuple[int, KillPoint], ...] = ((now, "before-next"), (now + 1, "answer-lost"))
        for kill in kills:
            done = session.migrate(
                "verify", "plan.json", "--only", FARGATE, "--canary-pods", kill=kill
            )
            assert done.returncode == KILLED, done.stderr
        left = [
            effect for effect in session.effects() if effect.operation == "kubernetes:create pods"
        ]
        assert len(left) == 1
        done = session.migrate("verify", "plan.json", "--only", FARGATE)
        assert f"canary pod shop/{left[0].detail['name']} is removed" in done.stderr
        assert session.effects()[-1].operation == "kubernetes:delete pods"
        assert ACCOUNT in done.stdout
