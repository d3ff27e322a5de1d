"""Nodes proven on the lab, whose kubelets log in and renew leases as real ones do: by logs, by
leases, and not.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from migrator.model.decision import Acceptance
from migrator.model.evidence import Evidence, evidence_in
from migrator.model.plan import Plan
from migrator.model.step import Prove
from migrator.run.cut_over import CutOverOptions, cut_over
from tests.support.proof_lab import (
    FARGATE,
    NODE_NAMES,
    NODES,
    ProofLab,
    is_done_as_asked,
    proof_lab,
)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProofLab]:
    with proof_lab(tmp_path, monkeypatch) as found:
        yield found


def gate(lab: ProofLab, plan: Plan, digest: str) -> tuple[str, str]:
    outcome = cut_over(
        plan, digest, lab.ports(plan), CutOverOptions(gates_only=True, verify_first=False)
    )
    found = next(each for each in outcome.gates if each.name == "nodes")
    return found.state, found.detail


def taken(lab: ProofLab, plan: Plan) -> Evidence:
    found = evidence_in(lab.ports(plan).store.read("evidence.jsonl") or b"")
    return next(each for each in found if each.principal_arn == NODES)


def switch_off(lab: ProofLab, *types: str) -> None:
    setup = {"clusterLogging": [{"types": list(types), "enabled": False}]}
    lab.session.call("eks", "update_cluster_config", name="prod", logging=setup)
    lab.pass_time(5)


def test_all_nodes_of_a_role_are_seen_logging_in_through_the_entry(lab: ProofLab) -> None:
    plan, digest = lab.plan()
    outcome = lab.apply(plan, digest, NODES)
    assert is_done_as_asked(outcome), outcome
    evidence = taken(lab, plan)
    assert (evidence.proof_class, evidence.attribution, evidence.holds) == (
        "observed",
        "node",
        True,
    )
    assert evidence.how.startswith("3 of 3 nodes logged in through the entry")
    for arn in (NODES, FARGATE):
        found = lab.verdict(plan, arn)
        assert (found.verdict, found.proof_class) == ("ok", "observed")
    assert gate(lab, plan, digest) == ("pass", "they do")


def test_a_node_that_stopped_before_is_not_held_against_the_entry_but_closes_the_gate(
    lab: ProofLab,
) -> None:
    plan, digest = lab.plan()
    lab.verify(plan, NODES, baseline=True)
    lab.change("stopNode", node=NODE_NAMES[0])
    lab.pass_time(120)
    assert is_done_as_asked(lab.apply(plan, digest, NODES))
    found = lab.verdict(plan, NODES)
    assert (found.verdict, found.proof_class) == ("ok", "observed")
    assert f"was down before: {NODE_NAMES[0]}" in found.why
    state, detail = gate(lab, plan, digest)
    assert state == "fail"
    assert detail.startswith(f"{NODE_NAMES[0]} renewed its lease")


def test_a_node_that_stops_afterwards_leaves_the_role_short_of_one(lab: ProofLab) -> None:
    plan, digest = lab.plan()
    assert is_done_as_asked(lab.apply(plan, digest, NODES))
    lab.change("stopNode", node=NODE_NAMES[1])
    lab.pass_time(1500)
    found = lab.verdict(plan, NODES)
    assert found.verdict == "ok"  # what was seen within a day still counts
    assert "3 of 3" in found.why
    lab.pass_time(24 * 3600)
    found = lab.verdict(plan, NODES)
    assert (found.verdict, found.proof_class) == ("partial", "simulated")
    assert "2 of 3 nodes logged in through the entry" in found.why
    assert f"stopped renewing its lease: {NODE_NAMES[1]}" in found.why


def test_a_node_that_joins_is_seen_too(lab: ProofLab) -> None:
    plan, digest = lab.plan()
    assert is_done_as_asked(lab.apply(plan, digest, NODES))
    lab.pass_time(60)
    name = "ip-10-0-0-9.eu-central-1.compute.internal"
    joined = lab.change(
        "joinNode", node=name, instanceId="i-0123456789abcdef9", instanceProfile="workers"
    )
    assert joined == "joined"
    found = lab.verdict(plan, NODES)
    assert "4 of 4 nodes logged in through the entry" in found.why
    assert "1 joined since" in found.why


def test_without_logs_leases_show_life_after_a_quarter_of_an_hour_and_not_by_what(
    lab: ProofLab,
) -> None:
    switch_off(lab, "audit", "authenticator")
    plan, digest = lab.plan()
    begin = lab.ports(plan).clock.now()
    assert is_done_as_asked(lab.apply(plan, digest, NODES))
    assert lab.ports(plan).clock.now().timestamp() - begin.timestamp() >= 15 * 60
    found = lab.verdict(plan, NODES)
    assert (found.verdict, found.proof_class) == ("partial", "observed")
    assert "3 of 3 nodes renewed the lease with a token taken after it" in found.why
    assert "neither the authenticator's log nor the audit log is on" in found.why
    assert "--logging" in found.why


def test_the_audit_log_alone_is_enough(lab: ProofLab) -> None:
    switch_off(lab, "authenticator")
    plan, digest = lab.plan()
    assert is_done_as_asked(lab.apply(plan, digest, NODES))
    found = lab.verdict(plan, NODES)
    assert (found.verdict, found.proof_class) == ("ok", "observed")


def spoil(lab: ProofLab, **changes: str | tuple[str, ...]) -> None:
    """Every entry of the node role that is made from now on differs from what was asked for."""
    (cluster,) = lab.lab.world.clusters.values()

    def changed() -> None:
        versions = cluster.history.get(NODES, [])
        if versions and (entry := versions[-1].entry) is not None:
            versions[-1] = replace(versions[-1], entry=replace(entry, **changes))  # type: ignore[arg-type]

    cluster.listeners.append(changed)


def events(lab: ProofLab, plan: Plan) -> list[tuple[str, str]]:
    proof = next(
        s.id for s in plan.steps if isinstance(s.effect, Prove) and s.principal_arn == NODES
    )
    journal = lab.ports(plan).store.journal()
    return [
        (r.event, str(r.effect.get("message", "")))
        for r in journal
        if r.step is not None and r.step <= proof
    ]


def test_a_dead_entry_lets_nodes_fall_through_to_the_row_and_is_taken_back(lab: ProofLab) -> None:
    """Their leases are fresh all the time: only the groups of the logins tell."""
    spoil(lab, principal_id="AROAGONEGONEGONEGONE")
    plan, digest = lab.plan()
    outcome = lab.apply(plan, digest, NODES)
    assert outcome.exit_code == 6, outcome
    refused = [message for event, message in events(lab, plan) if event == "refused"]
    assert (
        "logged in through aws-auth, not through the entry: the entry does not match the role"
        in refused[0]
    )
    assert lab.ports(plan).entries.describe(NODES) is None
    lab.pass_time(60)
    assert lab.ports(plan).nodes.read().nodes[0].fresh(lab.ports(plan).clock.now())  # type: ignore[union-attr]


def test_an_entry_that_locks_nodes_out_is_taken_back_within_minutes(lab: ProofLab) -> None:
    spoil(lab, username="nodes:{{SessionName}}", kubernetes_groups=("nobody",))
    plan, digest = lab.plan()
    begin = lab.ports(plan).clock.now()
    outcome = lab.apply(plan, digest, NODES)
    assert outcome.exit_code == 6, outcome
    refused = [message for event, message in events(lab, plan) if event == "refused"]
    assert "stopped renewing the lease after the entry came" in refused[0]
    assert (lab.ports(plan).clock.now() - begin).total_seconds() < 4 * 60
    lab.pass_time(60)
    now = lab.ports(plan)
    assert all(node.fresh(now.clock.now()) for node in now.nodes.read().nodes)  # type: ignore[union-attr]


def test_somebody_may_answer_for_nodes_instead_of_waiting(lab: ProofLab) -> None:
    switch_off(lab, "audit", "authenticator")
    plan, digest = lab.plan()
    begin = lab.ports(plan).clock.now()
    waived = {NODES: Acceptance("Jo", "looked at them")}
    assert is_done_as_asked(lab.apply(plan, digest, NODES, waive_verification=waived))
    assert (lab.ports(plan).clock.now() - begin).total_seconds() < 60
    evidence = taken(lab, plan)
    assert (evidence.proof_class, evidence.how) == ("attested", "attested by Jo: looked at them")


def test_where_leases_may_not_be_read_nodes_are_not_known(lab: ProofLab) -> None:
    plan, digest = lab.plan()
    ports = replace(lab.ports(plan), nodes=None)
    outcome = cut_over(plan, digest, ports, CutOverOptions(gates_only=True, verify_first=False))
    assert next(each for each in outcome.gates if each.name == "nodes").state == "unknown"
