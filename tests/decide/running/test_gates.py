"""Each gate of the cut-over: pass, fail, unknown; unknown does not pass; waivers are named and
end.
"""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.findings.node_join import NodeJoin, WayOut
from migrator.decide.reading.aws_auth_owners import AwsAuthWriters
from migrator.decide.reading.entry_owners import EntryReconcilers
from migrator.decide.running.gates import (
    NOT_WAIVABLE,
    GateFacts,
    cut_over_gates,
    end_state_changes,
    in_force,
    unknown_waivers,
)
from migrator.decide.running.progress import Progress
from migrator.model.cluster_updates import ClusterUpdates, RunningUpdate, UpdatesUnread
from migrator.model.decision import Acceptance
from migrator.model.evidence import PrincipalVerdict, Verdict
from migrator.model.finding import Finding
from migrator.model.gate import Gate, all_pass
from migrator.model.plan import Plan
from migrator.model.step import ProofClass
from tests.support.memory_ports import OPERATOR, snapshot_of
from tests.support.memory_runs import ALICE, CREATOR, DEVS, NODES, company

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
PLAN = company()[1]
EVERYBODY = (CREATOR, DEVS, ALICE, NODES, OPERATOR)


def verdict(arn: str, found: Verdict = "ok", proof: ProofClass = "live") -> PrincipalVerdict:
    return PrincipalVerdict(arn, found, proof, "live", "why")


ROLLBACK = RunningUpdate("the cluster", "VersionRollback", "update-1")
GOOD = GateFacts(
    now=NOW,
    mode="API_AND_CONFIG_MAP",
    cluster_status="ACTIVE",
    updates=ClusterUpdates(),
    left=(),
    changes=(),
    verdicts=tuple(verdict(arn) for arn in EVERYBODY),
    callers=frozenset({OPERATOR}),
    rehearsed=NOW - timedelta(days=1),
    writers=AwsAuthWriters(),
    reconcilers=EntryReconcilers(),
    nodes_unhealthy=(),
)


def states(facts: GateFacts, plan: Plan = PLAN) -> dict[str, str]:
    """The gates that do not pass."""
    return {gate.name: gate.state for gate in cut_over_gates(plan, facts) if not gate.passes}


def test_all_gates_open_where_everything_is_right() -> None:
    gates = cut_over_gates(PLAN, GOOD)
    assert all_pass(gates)
    assert [gate.number for gate in gates] == list(range(1, 10))


def test_nothing_known_opens_no_gate_but_the_plans_own() -> None:
    gates = cut_over_gates(PLAN, GateFacts(now=NOW))
    assert [gate.name for gate in gates if gate.passes] == ["plan"]
    assert {gate.state for gate in gates if not gate.passes} == {"unknown"}


BY_ADDRESS = NodeJoin(
    ways=(WayOut("subnet-a", (), "NAT gateway nat-1", ("198.51.100.4/32",), False),),
    failing=(),
    unknown="",
    private_access="aws eks update-cluster-config --name prod",
    addresses="",
)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mode", replace(GOOD, mode="CONFIG_MAP")),
        ("mode", replace(GOOD, mode="API")),
        ("no-update-running", replace(GOOD, cluster_status="UPDATING")),
        ("no-update-running", replace(GOOD, updates=ClusterUpdates((ROLLBACK,)))),
        ("no-update-running", replace(GOOD, updates=ClusterUpdates((), 2))),
        ("end-state", replace(GOOD, left=("s01 create-entry",))),
        ("end-state", replace(GOOD, changes=("something",))),
        (
            "proofs",
            replace(
                GOOD, verdicts=(*(verdict(a) for a in EVERYBODY[:-1]), verdict(OPERATOR, "partial"))
            ),
        ),
        (
            "second-admin",
            replace(GOOD, verdicts=tuple(verdict(a, proof="attested") for a in EVERYBODY)),
        ),
        ("second-admin", replace(GOOD, callers=frozenset({ALICE, OPERATOR, CREATOR}))),
        ("rehearsal", replace(GOOD, rehearsed=NOW - timedelta(days=8))),
        ("code", replace(GOOD, writers=AwsAuthWriters(("Terraform",)))),
        ("code", replace(GOOD, reconcilers=EntryReconcilers(("the entry of x: ACK",)))),
        ("nodes", replace(GOOD, nodes_unhealthy=("ip-10-0-0-1",))),
        ("nodes", replace(GOOD, node_join=replace(BY_ADDRESS, failing=("workers",)))),
    ],
)
def test_one_thing_wrong_closes_its_gate_and_no_other(name: str, changed: GateFacts) -> None:
    assert states(changed) == {name: "fail"}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mode", replace(GOOD, mode=None)),
        ("no-update-running", replace(GOOD, cluster_status=None)),
        ("no-update-running", replace(GOOD, updates=None)),
        ("no-update-running", replace(GOOD, updates=UpdatesUnread("denied", "Allow it."))),
        ("no-update-running", replace(GOOD, updates=ClusterUpdates((), 0))),
        ("end-state", replace(GOOD, left=None)),
        ("end-state", replace(GOOD, changes=None)),
        ("rehearsal", replace(GOOD, rehearsed=None)),
        ("code", replace(GOOD, writers=None)),
        ("code", replace(GOOD, writers=AwsAuthWriters((), ("field manager sync",)))),
        ("code", replace(GOOD, writers=AwsAuthWriters(tells=False))),
        ("code", replace(GOOD, reconcilers=None)),
        ("code", replace(GOOD, reconcilers=EntryReconcilers((), ("the entry of x: unknown",)))),
        ("nodes", replace(GOOD, nodes_unhealthy=None)),
    ],
)
def test_one_thing_unknown_closes_its_gate(name: str, changed: GateFacts) -> None:
    assert states(changed) == {name: "unknown"}


def test_a_principal_nobody_judged_is_unknown() -> None:
    assert states(
        replace(GOOD, verdicts=tuple(verdict(arn) for arn in EVERYBODY if arn != DEVS))
    ) == {"proofs": "unknown"}


def test_a_plan_with_open_findings_or_another_target_is_not_cut_over() -> None:
    blocked = replace(PLAN, findings=(Finding("x", "block", "m", "r", "https://x"),))
    assert states(GOOD, blocked) == {"plan": "fail"}
    assert states(GOOD, replace(PLAN, target="API_AND_CONFIG_MAP")) == {"plan": "fail"}


@given(st.sets(st.sampled_from([gate.name for gate in cut_over_gates(PLAN, GOOD)])))
def test_a_waiver_opens_its_own_gate_and_is_shown_by_name(names: set[str]) -> None:
    waivers = {name: Acceptance("Jo", "known") for name in names}
    gates = cut_over_gates(
        replace(PLAN, target="API_AND_CONFIG_MAP"), GateFacts(now=NOW, waivers=waivers)
    )
    for gate in gates:
        assert gate.passes == (gate.name in names - NOT_WAIVABLE)
        assert (gate.waived_by == "Jo: known") == gate.passes


@pytest.mark.parametrize(
    ("until", "holds"),
    [
        ("2026-11-22", True),
        ("2026-11-21", False),
        ("2026-11-22T13:00:00Z", True),
        ("2026-11-22T11:00:00Z", False),
        ("soon", False),
        (None, True),
    ],
)
def test_a_waiver_ends_with_its_date(until: str | None, holds: bool) -> None:
    facts = replace(GOOD, rehearsed=None, waivers={"rehearsal": Acceptance("Jo", "x", until)})
    assert all_pass(cut_over_gates(PLAN, facts)) == holds


def test_a_waiver_of_no_gate_or_of_what_cannot_be_waived_is_named() -> None:
    waivers = {
        name: Acceptance("Jo", "x")
        for name in ("rehearsal", "mode", "plan", "no-update-running", "everything")
    }
    assert unknown_waivers(PLAN, waivers) == ("everything", "mode", "no-update-running", "plan")


def test_no_gates_at_all_is_no_pass() -> None:
    assert not all_pass(())


def test_only_a_pass_or_a_waiver_passes() -> None:
    assert not Gate(1, "n", "q", "unknown").passes
    assert not Gate(1, "n", "q", "fail").passes


def words(facts: GateFacts, plan: Plan = PLAN) -> dict[str, tuple[str, str, str]]:
    """Question, what was found, and what to do, as a person reads them."""
    return {
        gate.name: (gate.question, gate.detail, gate.remedy) for gate in cut_over_gates(plan, facts)
    }


def test_every_gate_asks_in_plain_words_and_says_what_it_found() -> None:
    assert words(GOOD) == {
        "plan": (
            "Is the plan decided, and does it end in API mode?",
            "no open finding; its target is API",
            "",
        ),
        "mode": ("Is the cluster in API_AND_CONFIG_MAP mode?", "it is in API_AND_CONFIG_MAP", ""),
        "no-update-running": (
            "Is no update of the cluster running, and no rotation of its CA?",
            "the cluster is ACTIVE; no update is in progress",
            "",
        ),
        "end-state": (
            "Is the cluster, read afresh, what the plan ends in?",
            "every step is done and nothing differs",
            "",
        ),
        "proofs": ("Is every principal's access proven as its policy demands?", "all 5 are", ""),
        "second-admin": (
            "Are two administrators proven, one of them not the operator, or one and a break-glass "
            "principal?",
            f"proven: {CREATOR}; {ALICE}; {OPERATOR}",
            "",
        ),
        "rehearsal": ("Did a rehearsal pass within 7 days?", "at 2026-11-21T12:00:00+00:00", ""),
        "code": (
            "Does no infrastructure code own aws-auth, or an entry that the plan changed?",
            "no sign of any",
            "",
        ),
        "nodes": ("Do all nodes renew their leases?", "they do", ""),
    }


def test_gate_four_never_says_that_every_step_is_done_while_a_proof_is_open() -> None:
    found = words(replace(GOOD, proofs_left=(f"s14 prove {ALICE}",)))["end-state"][1]
    assert "every step" not in found
    assert found.endswith(f"not proven by an apply yet: s14 prove {ALICE}")


def test_every_gate_that_is_unknown_says_what_was_not_read_and_what_to_do() -> None:
    read = "Check access to EKS."
    verify = (
        "Verify as a second administrator (verify_as in decisions.yaml), or plan with a "
        "break_glass principal."
    )
    found = {name: each[1:] for name, each in words(GateFacts(now=NOW)).items() if name != "plan"}
    assert found == {
        "mode": ("the mode was not read", read),
        "no-update-running": ("the status was not read", read),
        "end-state": (
            "it was not compared",
            "Run `migrate apply` until nothing is left; plan again if another writer changed the "
            "cluster.",
        ),
        "proofs": (
            "no verdicts were made",
            "Run `migrate verify`. For a principal that migrate cannot log in as, use "
            "waive_verification in decisions.yaml.",
        ),
        "second-admin": ("no verdicts were made", verify),
        "rehearsal": (
            "there is no record of one",
            "Run `migrate rehearse PLAN --image IMAGE`, or waive the gate by name in "
            "decisions.yaml.",
        ),
        "code": (
            "aws-auth does not tell who writes it; the entries were not read",
            "See who wrote aws-auth: kubectl -n kube-system get configmap aws-auth -o yaml "
            "--show-managed-fields. Allow eks:ListAccessEntries and eks:DescribeAccessEntry, so "
            "that the entries are read: `migrate doctor CLUSTER --policy cutover` prints the whole "
            "policy. Then waive the gate by name in decisions.yaml: the waiver covers everything "
            "that is named here.",
        ),
        "nodes": (
            "the leases were not read",
            "Look at `kubectl get nodes` and the leases in kube-node-lease.",
        ),
    }


def test_every_gate_that_is_closed_says_why_and_what_to_do() -> None:
    closed = replace(
        GOOD,
        mode="CONFIG_MAP",
        cluster_status="UPDATING",
        left=("s01 create-entry",),
        changes=("something",),
        verdicts=(
            verdict(ALICE, "failed"),
            *(verdict(a) for a in EVERYBODY if a not in (ALICE, NODES)),
        ),
        writers=AwsAuthWriters(("Terraform", "Argo CD"), ("field manager sync",)),
        nodes_unhealthy=tuple(f"node-{n}" for n in range(7)),
    )
    blocked = replace(PLAN, findings=(Finding("x", "block", "m", "r", "https://x"),))
    found = {name: each[1] for name, each in words(closed, blocked).items()}
    assert found == {
        "plan": "the plan has findings that a person must decide",
        "mode": "it is in CONFIG_MAP",
        "no-update-running": "the cluster is UPDATING",
        "end-state": "not done: s01 create-entry; something",
        "proofs": f"{ALICE}: failed (why); {NODES}: unknown (no verdict)",
        "second-admin": f"proven: {CREATOR}; {OPERATOR}",
        "rehearsal": "at 2026-11-21T12:00:00+00:00",
        "code": "Terraform; Argo CD; aws-auth: unknown (field manager sync)",
        "nodes": "node-0; node-1; node-2; node-3; node-4, and 2 more",
    }
    remedies = {name: each[2] for name, each in words(closed, blocked).items()}
    assert remedies["plan"] == "Plan again."
    assert remedies["mode"] == "Apply the plan first."
    assert remedies["code"] == (
        "Remove aws-auth from that code first (`migrate generate terraform PLAN --out DIR` writes "
        "the removed blocks); the object keeps the sign of its writer. Find out what wrote "
        "aws-auth and is unknown: if it writes it again, remove aws-auth from it; a person or a "
        "script that has run once does not. Then waive the gate by name in decisions.yaml: the "
        "waiver covers everything that is named here, its writers by covers: "
        '["Terraform", "Argo CD", "aws-auth: unknown (field manager sync)"].'
    )
    assert remedies["no-update-running"] == "Wait for ACTIVE."
    assert (
        words(GOOD, replace(PLAN, target="API_AND_CONFIG_MAP"))["plan"][1]
        == "the plan ends at API_AND_CONFIG_MAP"
    )


def test_nodes_that_join_by_address_are_named_and_close_no_gate() -> None:
    by_address = replace(GOOD, node_join=BY_ADDRESS)
    assert states(by_address) == {}
    assert words(by_address)["nodes"][1] == (
        "they do; nodes join only from listed addresses: subnet-a leaves by NAT gateway nat-1 with "
        "198.51.100.4/32: not listed."
    )


def test_five_are_named_before_the_rest_is_counted() -> None:
    five = tuple(f"node-{n}" for n in range(5))
    assert (
        words(replace(GOOD, nodes_unhealthy=five))["nodes"][1]
        == "node-0; node-1; node-2; node-3; node-4"
    )


def test_a_gate_that_passes_needs_no_waiver_and_shows_none() -> None:
    gates = cut_over_gates(PLAN, replace(GOOD, waivers={"rehearsal": Acceptance("Jo", "x")}))
    assert [gate.waived_by for gate in gates] == [None] * 9


def test_a_waiver_that_ended_is_told_with_its_owner_and_its_date() -> None:
    facts = replace(
        GOOD, rehearsed=None, waivers={"rehearsal": Acceptance("Jo", "x", "2026-11-21")}
    )
    found = {gate.name: gate for gate in cut_over_gates(PLAN, facts)}["rehearsal"]
    assert found.waived_by is None
    assert found.detail == "there is no record of one; the waiver of Jo ended 2026-11-21"


@pytest.mark.parametrize(
    ("until", "holds"),
    [
        ("2026-11-22T12:00:00Z", False),  # it ends at this very moment
        ("2026-11-22T12:00:01Z", True),
        ("2026-11-22T13:30:00+02:00", False),  # an offset of its own counts
        ("2026-11-22T10:30:00-02:00", True),
        ("2026-11-22T12:30:00", True),  # without an offset it is UTC
        ("2026-11-22T11:30:00", False),
    ],
)
def test_a_waiver_with_a_time_ends_at_that_moment(until: str, holds: bool) -> None:
    waivers = {"rehearsal": Acceptance("Jo", "x", until)}
    assert all_pass(cut_over_gates(PLAN, replace(GOOD, rehearsed=None, waivers=waivers))) == holds
    assert in_force(waivers, NOW) == (waivers if holds else {})


def test_a_plan_with_nobody_to_prove_passes_the_gate_of_proofs() -> None:
    empty = replace(PLAN, principals=(), steps=())
    assert "proofs" not in states(replace(GOOD, verdicts=()), empty)


def test_everybody_that_the_plan_leaves_out_is_left_out_of_its_end() -> None:
    cluster, plan = company()
    snapshot = snapshot_of(cluster)
    left_out = replace(
        plan,
        principals=tuple(replace(p, action="skip", entry=None) for p in plan.principals),
        steps=(),
    )
    assert end_state_changes(left_out, Progress(), snapshot, "sha256:0", plan.basis) == ()


def test_a_gate_keeps_its_number_and_its_question_whatever_it_finds() -> None:
    def asked(facts: GateFacts) -> list[tuple[int, str, str]]:
        return [(gate.number, gate.name, gate.question) for gate in cut_over_gates(PLAN, facts)]

    assert asked(GateFacts(now=NOW)) == asked(GOOD)
    assert asked(replace(GOOD, verdicts=())) == asked(GOOD)


def test_what_to_do_about_a_gate_is_the_same_whether_it_is_closed_or_unknown() -> None:
    closed = replace(
        GOOD, left=("s01",), verdicts=(), rehearsed=NOW - timedelta(days=8), nodes_unhealthy=("n",)
    )
    names = ("end-state", "proofs", "second-admin", "rehearsal", "nodes")
    unknown = words(GateFacts(now=NOW))
    assert {name: words(closed)[name][2] for name in names} == {
        name: unknown[name][2] for name in names
    }


def test_a_plan_with_nobody_to_prove_needs_no_proof() -> None:
    nobody = replace(PLAN, principals=())
    (gate,) = [
        gate for gate in cut_over_gates(nobody, replace(GOOD, verdicts=())) if gate.name == "proofs"
    ]
    assert (gate.number, gate.state, gate.detail, gate.remedy) == (
        5,
        "pass",
        "the plan has no principal to prove",
        "",
    )
    assert gate.question == words(GOOD)["proofs"][0]


def test_whoever_is_skipped_needs_no_verdict() -> None:
    left_out = replace(
        PLAN.principals[0], principal_arn="arn:aws:iam::111122223333:role/gone", action="skip"
    )
    assert states(GOOD, replace(PLAN, principals=(*PLAN.principals, left_out))) == {}


def test_a_verdict_that_is_unknown_leaves_the_gate_unknown() -> None:
    verdicts = (verdict(DEVS, "unknown"), *(verdict(arn) for arn in EVERYBODY if arn != DEVS))
    assert states(replace(GOOD, verdicts=verdicts)) == {"proofs": "unknown"}


def test_an_administrator_whose_logins_were_observed_counts() -> None:
    watched = tuple(verdict(arn, proof="observed") for arn in EVERYBODY)
    assert states(replace(GOOD, verdicts=watched)) == {}
    told = words(
        replace(GOOD, verdicts=tuple(verdict(arn, proof="simulated") for arn in EVERYBODY))
    )
    assert told["second-admin"][1] == "proven: no principal"


def test_gate_of_the_second_administrator_names_whose_login_would_open_it() -> None:
    """The operator's own login never does."""
    callers = frozenset({OPERATOR})
    shown = tuple(verdict(arn, proof="simulated") for arn in EVERYBODY)
    facts = replace(GOOD, verdicts=shown, callers=callers)
    (gate,) = [each for each in cut_over_gates(PLAN, facts) if each.name == "second-admin"]
    assert set(gate.unproven) == {ALICE, CREATOR}
    shown = tuple(verdict(arn) for arn in EVERYBODY)
    (gate,) = [
        each
        for each in cut_over_gates(PLAN, replace(facts, verdicts=shown))
        if each.name == "second-admin"
    ]
    assert (gate.state, gate.unproven) == ("pass", ())


def test_a_rehearsal_counts_to_the_end_of_its_seventh_day() -> None:
    assert states(replace(GOOD, rehearsed=NOW - timedelta(days=7))) == {}
    assert states(replace(GOOD, rehearsed=NOW - timedelta(days=7, seconds=1))) == {
        "rehearsal": "fail"
    }


def test_whoever_is_proven_by_rules_alone_is_named_where_the_gate_passes() -> None:
    others = tuple(verdict(arn) for arn in EVERYBODY if arn != CREATOR)
    facts = replace(GOOD, verdicts=(*others, verdict(CREATOR, proof="simulated")))
    state, detail, _ = words(facts)["proofs"]
    assert detail == f"all 5 are; by the rules or a person's word alone: {CREATOR}"
    assert state == words(GOOD)["proofs"][0]
