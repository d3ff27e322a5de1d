"""One thing wrong with a cluster that is ready: its gate closes, nothing is switched, and only its
own waiver helps.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from migrator.decide.running.gates import NOT_WAIVABLE
from migrator.decide.running.rehearsal import PASSED
from migrator.errors import Failed, WrongUse
from migrator.model.aws_auth import FIELD_MANAGER
from migrator.model.cluster_updates import ClusterUpdates
from migrator.model.decision import Acceptance
from migrator.model.outcome import CutOverOutcome
from migrator.model.plan import Plan
from migrator.run.apply_plan import apply_plan
from migrator.run.begin_run import RunPorts
from migrator.run.cut_over import CutOverOptions, cut_over
from migrator.run.rehearse import rehearse
from tests.support.memory_ports import (
    OPERATOR,
    MemoryNodes,
    MemoryObjects,
    MemoryPermissions,
    MemoryReader,
)
from tests.support.memory_runs import ALICE, CREATOR, DEVS, DIGEST, World, company

GLASS = OPERATOR.replace("operator", "break-glass")
ATTESTED = {arn: Acceptance("Jo", "asked by telephone") for arn in (ALICE, CREATOR)}


@dataclass
class Ready:
    """A migrated and rehearsed cluster: all gates pass, and the name would be typed."""

    world: World
    plan: Plan
    nodes: MemoryNodes
    options: CutOverOptions = field(default_factory=CutOverOptions)
    permissions: MemoryPermissions | None = None

    def ports(self) -> RunPorts:
        return replace(self.world.ports(), nodes=self.nodes, permissions=self.permissions)

    def cut_over(self, waivers: Mapping[str, Acceptance] | None = None) -> CutOverOutcome:
        options = replace(self.options, waive_gates=waivers or {})
        return cut_over(self.plan, DIGEST, self.ports(), options)

    def only_the_operator_is_proven(self) -> None:
        """The other administrators cannot be logged in as; a person attests for them."""
        self.world.cluster.unassumable |= {ALICE, CREATOR}
        self.options = replace(self.options, waive_verification=ATTESTED)
        lines = self.world.store.files["evidence.jsonl"].splitlines(keepends=True)
        left = [line for line in lines if json.loads(line)["principal_arn"] not in ATTESTED]
        self.world.store.files["evidence.jsonl"] = b"".join(left)


@pytest.fixture
def ready() -> Ready:
    cluster, plan = company()
    cluster.unassumable.clear()
    world, nodes = World(cluster), MemoryNodes(cluster)
    world.approver.typed = "prod"
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0
    found = Ready(world, plan, nodes)
    assert rehearse(plan, DIGEST, found.ports(), MemoryObjects(cluster)).evidence
    world.approver.asked.clear()
    cluster.effects.clear()
    return found


def _dual(ready: Ready) -> None:
    ready.plan = replace(ready.plan, target="API_AND_CONFIG_MAP")


def _update(ready: Ready) -> None:
    ready.world.cluster.status = "UPDATING"


def _row_changed(ready: Ready) -> None:
    ready.world.cluster.data = {
        **(ready.world.cluster.data or {}),
        "mapUsers": "- userarn: somebody\n",
    }


def _unproven(ready: Ready) -> None:
    ready.world.cluster.unassumable.add(DEVS)
    lines = ready.world.store.files["evidence.jsonl"].splitlines(keepends=True)
    left = [line for line in lines if json.loads(line)["principal_arn"] != DEVS]
    ready.world.store.files["evidence.jsonl"] = b"".join(left)


def _no_long_rehearsal(ready: Ready) -> None:
    """The journal as it would be had the rehearsal been too short to count."""
    store = ready.world.store
    records = [record for record in store.journal() if record.step != PASSED]
    del store.files["journal.jsonl"]
    for record in records:
        store.append_record(
            record.step, record.event, record.effect, datetime.fromisoformat(record.at)
        )


def _terraform(ready: Ready) -> None:
    ready.world.cluster.managers = ["Terraform"]


def _node_lost(ready: Ready) -> None:
    ready.nodes.dies_at = ready.world.cluster.now - timedelta(minutes=2)


WRONG: Mapping[str, Callable[[Ready], None]] = {
    "plan": _dual,
    "no-update-running": _update,
    "end-state": _row_changed,
    "proofs": _unproven,
    "second-admin": Ready.only_the_operator_is_proven,
    "rehearsal": _no_long_rehearsal,
    "code": _terraform,
    "nodes": _node_lost,
}
WAIVABLE = sorted(set(WRONG) - NOT_WAIVABLE)


def test_a_cluster_that_is_ready_is_switched_without_any_waiver(ready: Ready) -> None:
    outcome = ready.cut_over()
    assert outcome.exit_code == 0, outcome
    assert ready.world.cluster.effects == ["switch API"]


@pytest.mark.parametrize("name", WRONG)
def test_one_thing_wrong_refuses_the_cut_over_before_the_name_is_asked(
    ready: Ready, name: str
) -> None:
    WRONG[name](ready)
    outcome = ready.cut_over()
    assert {gate.name for gate in outcome.gates if not gate.passes} == {name}
    assert (outcome.exit_code, ready.world.cluster.effects, ready.world.approver.asked) == (
        4,
        [],
        [],
    )
    assert outcome.error is not None
    assert name in outcome.error.why


@dataclass
class Unlisted(MemoryReader):
    """EKS does not list updates to this caller."""

    code: str = ""
    advice: str = ""

    def updates_now(self) -> ClusterUpdates:
        raise Failed(self.code, "EKS does not answer ListAddons.", remedy=self.advice)


@pytest.mark.parametrize(
    ("code", "advice", "remedy"),
    [
        ("iam-denied", "", "Allow eks:ListUpdates"),
        ("iam-denied", "Give the caller eks:ListAddons.", "Allow eks:ListUpdates"),
        # What limits the caller, whatever it is given.
        ("iam-denied", "Allow it in the permissions boundary.", "Allow it in the permissions"),
        ("throttled", "Wait.", "Run the same command again in some minutes."),
        ("aws-server-error", "", "Run the same command again in some minutes."),
    ],
)
def test_updates_that_eks_does_not_list_leave_gate_3_unknown_and_the_others_judged(
    ready: Ready, code: str, advice: str, remedy: str
) -> None:
    reader = Unlisted(ready.world.cluster, OPERATOR, code=code, advice=advice)
    outcome = cut_over(ready.plan, DIGEST, replace(ready.ports(), reader=reader), ready.options)
    (gate,) = (each for each in outcome.gates if not each.passes)
    assert (gate.number, gate.state) == (3, "unknown")
    assert gate.detail.endswith("could not be listed: EKS does not answer ListAddons")
    assert gate.remedy.startswith(remedy)
    assert (outcome.exit_code, ready.world.cluster.effects) == (4, [])


def _gate_8(ready: Ready) -> tuple[str, str]:
    looking = replace(ready.options, gates_only=True)
    outcome = cut_over(ready.plan, DIGEST, ready.ports(), looking)
    (gate,) = (each for each in outcome.gates if each.name == "code")
    return gate.state, gate.detail


def test_writer_that_no_list_knows_closes_gate_8_by_its_name(ready: Ready) -> None:
    ready.world.cluster.managers = ["team-sync"]
    assert ready.cut_over().exit_code == 4
    assert _gate_8(ready) == ("unknown", "aws-auth: unknown (field manager team-sync)")


def test_writer_from_before_the_rehearsal_closes_gate_8(ready: Ready) -> None:
    """A rehearsal writes every row, and the field managers from before are in its backup only."""
    ready.world.cluster.managers = [FIELD_MANAGER]
    assert _gate_8(ready) == ("pass", "no sign of any")
    files = ready.world.store.files
    backups = [each for each in files if each.endswith("aws-auth.json")]
    for each in backups:
        files[each] = files[each].replace(b"vpcLambda", b"Terraform")
    assert _gate_8(ready)[0] == "fail"
    for content in (b"{torn", b'["no", "object"]'):
        for each in backups:
            files[each] = content
        assert _gate_8(ready)[0] == "unknown"  # a damaged backup shows nothing
    for each in backups:
        del files[each]
    assert _gate_8(ready)[0] == "unknown"  # only the tool's own write is seen


def test_every_gate_but_the_mode_has_its_test_and_the_mode_closes_too(ready: Ready) -> None:
    ready.world.cluster.mode = "CONFIG_MAP"
    outcome = ready.cut_over()
    assert outcome.exit_code == 4
    assert "mode" in {gate.name for gate in outcome.gates if not gate.passes}
    assert {gate.name for gate in outcome.gates} == {"mode", *WRONG}


@pytest.mark.parametrize("name", WAIVABLE)
def test_only_its_own_waiver_opens_a_gate_and_the_journal_says_whose(
    ready: Ready, name: str
) -> None:
    WRONG[name](ready)
    others = {each: Acceptance("Eve", "in a hurry") for each in WAIVABLE if each != name}
    assert ready.cut_over(others).exit_code == 4
    ended = {name: Acceptance("Eve", "in a hurry", until="2020-01-01")}
    assert ready.cut_over(ended).exit_code == 4
    assert ready.world.cluster.effects == []
    # A waiver of gate 8 names the writers that it covers.
    (gate,) = (each for each in ready.cut_over({}).gates if each.name == name)
    waiver = Acceptance("Jo", "known", covers=gate.writers or None)
    switched = ready.cut_over({name: waiver})
    assert switched.exit_code == (
        6 if name == "proofs" else 0
    )  # who was not proven before is not after either
    assert ready.world.cluster.mode == "API"
    waived = [record.effect for record in ready.world.store.journal() if record.event == "waived"]
    assert [(effect["gate"], effect["by"]) for effect in waived] == [(name, "Jo: known")]
    assert waived[0]["covers"], "what the waiver covered is on record"


@pytest.mark.parametrize("name", sorted(NOT_WAIVABLE))
def test_three_gates_know_no_waiver(ready: Ready, name: str) -> None:
    with pytest.raises(WrongUse):
        ready.cut_over({name: Acceptance("Jo", "known")})
    assert ready.world.cluster.effects == []


def with_glass(
    ready: Ready, refuses: Mapping[str, tuple[str, ...]] | None, arn: str = GLASS
) -> dict[str, str]:
    """Only the operator is proven, and the plan names a break-glass principal: the gates that stay
    closed, and why.
    """
    ready.only_the_operator_is_proven()
    ready.plan = replace(ready.plan, break_glass=arn)
    ready.permissions = MemoryPermissions(refuses)
    return {gate.name: gate.detail for gate in ready.cut_over().gates if not gate.passes}


def test_a_break_glass_principal_that_iam_lets_in_stands_for_the_second_admin(ready: Ready) -> None:
    assert with_glass(ready, {GLASS: ()}) == {}
    assert ready.world.cluster.mode == "API"
    gates = [
        record.effect["gates"] for record in ready.world.store.journal() if "gates" in record.effect
    ][-1]
    assert any(GLASS in gate["detail"] and "break-glass" in gate["detail"] for gate in gates)


@pytest.mark.parametrize("action", ["eks:CreateAccessEntry", "eks:AssociateAccessPolicy"])
def test_a_break_glass_principal_needs_both_actions(ready: Ready, action: str) -> None:
    closed = with_glass(ready, {GLASS: (action,)})
    assert closed.keys() == {"second-admin"}
    assert action in closed["second-admin"]


def test_a_break_glass_principal_that_nobody_may_ask_about_or_knows_is_not_shown(
    ready: Ready,
) -> None:
    assert "may not simulate" in with_glass(ready, None)["second-admin"]
    assert "no such principal" in with_glass(ready, {})["second-admin"]


@pytest.mark.parametrize("arn", [OPERATOR, "arn:aws:iam::999988887777:role/glass"])
def test_the_operator_itself_and_foreign_accounts_are_no_break_glass(
    ready: Ready, arn: str
) -> None:
    assert with_glass(ready, {arn: ()}, arn).keys() == {"second-admin"}


def test_with_break_glass_shown_the_operator_goes_last_without_a_second_admin() -> None:
    for refuses, made in (({GLASS: ("eks:CreateAccessEntry",)}, False), ({GLASS: ()}, True)):
        cluster, plan = company()
        cluster.unassumable |= {ALICE, CREATOR}
        ports = replace(World(cluster).ports(), permissions=MemoryPermissions(refuses))
        outcome = apply_plan(replace(plan, break_glass=GLASS), DIGEST, ports)
        assert (OPERATOR in cluster.entries) == made, outcome
        assert outcome.exit_code == (7 if made else 6)  # alice, who is not proven, keeps the bridge
