"""The cut-over: gates, the typed name, the switch, and verification after it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from migrator.errors import Blocked, Failed, WrongUse
from migrator.model.access_entry import AuthenticationMode
from migrator.model.decision import Acceptance
from migrator.model.finding import Finding
from migrator.model.outcome import CutOverOutcome
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from migrator.render.commands_to_settle import commands_of_cut_over
from migrator.render.cut_over import cut_over_text
from migrator.run.apply_plan import apply_plan
from migrator.run.cut_over import CutOverOptions, cut_over
from tests.support.memory_ports import Crash, MemoryApprover, MemoryMode, MemoryReader
from tests.support.memory_runs import BOB, DEVS, DIGEST, NODES, World, company

WAIVED = {
    "rehearsal": Acceptance("Jo", "a test cluster"),
    "nodes": Acceptance("Jo", "looked at by hand"),
}
OPTIONS = CutOverOptions(
    waive_gates=WAIVED, waive_verification={NODES: Acceptance("Jo", "seen in the logs")}
)


def applied() -> tuple[World, Plan]:
    cluster, plan = company()
    world = World(cluster)
    world.approver.typed = "prod"
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 7
    cluster.effects.clear()
    return world, plan


def states(world: World, plan: Plan, options: CutOverOptions = OPTIONS) -> dict[str, str]:
    outcome = cut_over(plan, DIGEST, world.ports(), options)
    assert world.cluster.mode == "API_AND_CONFIG_MAP"
    assert outcome.exit_code == 4
    return {gate.name: gate.state for gate in outcome.gates if not gate.passes}


def test_with_all_gates_open_and_the_name_typed_the_cluster_is_switched_and_verified() -> None:
    world, plan = applied()
    outcome = cut_over(plan, DIGEST, world.ports(), OPTIONS)
    assert outcome.exit_code == 0, outcome
    assert world.cluster.mode == "API"
    assert world.cluster.effects == ["switch API"]
    assert outcome.verification is not None
    assert outcome.verification.verdict == "ok"
    assert all(e.attribution == "api-mode" for e in outcome.verification.evidence)


def test_gates_are_judged_by_one_reading_of_the_cluster() -> None:
    world, plan = applied()
    asked: list[str] = []

    class Reader(MemoryReader):
        def describe_cluster(self) -> Mapping[str, Any]:
            asked.append("described")
            return super().describe_cluster()

    ports = replace(world.ports(), reader=Reader(world.cluster))
    assert cut_over(plan, DIGEST, ports, replace(OPTIONS, gates_only=True)).exit_code == 0
    assert asked == ["described"]


def test_a_waiver_is_journaled_with_its_name() -> None:
    world, plan = applied()
    cut_over(plan, DIGEST, world.ports(), OPTIONS)
    waived = [record.effect for record in world.store.journal() if record.event == "waived"]
    assert {effect["gate"] for effect in waived} == {"rehearsal", "nodes"}
    assert all("Jo" in effect["by"] for effect in waived)


@pytest.mark.parametrize("tags", [{}, {"managed-by": "terraform"}])
def test_entry_that_another_writer_has_now_with_the_same_content_closes_no_gate(
    tags: dict[str, str],
) -> None:
    world, plan = applied()
    gates = replace(OPTIONS, gates_only=True)
    for arn, entry in list(world.cluster.entries.items()):
        world.cluster.entries[arn] = replace(entry, tags=tags)
    assert cut_over(plan, DIGEST, world.ports(), gates).exit_code == 0
    # With other content it is another entry.
    thinner = replace(world.cluster.entries[DEVS], kubernetes_groups=("others",))
    world.cluster.entries[DEVS] = thinner
    assert "end-state" in states(world, plan)


def test_unknown_is_a_fail() -> None:
    world, plan = applied()
    closed = states(world, plan, replace(OPTIONS, waive_gates={}))
    assert closed == {"rehearsal": "unknown", "nodes": "unknown"}


def test_the_name_must_be_typed_again() -> None:
    world, plan = applied()
    world.approver.typed = "staging"
    outcome = cut_over(plan, DIGEST, world.ports(), OPTIONS)
    assert (outcome.exit_code, world.cluster.effects) == (4, [])


def test_a_step_that_is_not_done_closes_the_gate() -> None:
    cluster, plan = company()
    cluster.invalid.add(DEVS)
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    assert "end-state" in states(world, plan)


def test_an_entry_changed_since_closes_the_gate() -> None:
    world, plan = applied()
    entry = world.cluster.entries[DEVS]
    world.cluster.entries[DEVS] = replace(entry, kubernetes_groups=())
    assert {"end-state", "proofs"} <= states(world, plan).keys()


def test_a_row_changed_since_closes_the_gate() -> None:
    world, plan = applied()
    world.cluster.data = {"mapRoles": "- rolearn: z\n"}
    assert "end-state" in states(world, plan)


def test_a_dead_entry_that_the_row_covers_for_is_not_proven() -> None:
    """Every probe passes, by the row: only attribution shows that API mode would lock the principal
    out.
    """
    world, plan = applied()
    world.store.files.pop("evidence.jsonl")
    assert "proofs" in states(
        world, plan
    )  # developers: right name and groups, attributable to nothing


def test_a_principal_without_proof_closes_the_gate() -> None:
    world, plan = applied()
    closed = states(world, plan, replace(OPTIONS, waive_verification={}))
    assert "proofs" in closed


def test_one_proven_admin_is_not_two() -> None:
    world, plan = applied()
    world.cluster.unassumable |= set(world.cluster.entries)
    world.store.files.pop("evidence.jsonl")
    assert "second-admin" in states(world, plan)


def test_an_update_that_runs_closes_the_gate_and_cannot_be_waived() -> None:
    world, plan = applied()
    world.cluster.status = "UPDATING"
    assert "no-update-running" in states(world, plan)
    with pytest.raises(WrongUse):
        cut_over(
            plan,
            DIGEST,
            world.ports(),
            replace(OPTIONS, waive_gates={"mode": Acceptance("Jo", "x")}),
        )


def test_infrastructure_code_that_owns_aws_auth_closes_the_gate() -> None:
    world, plan = applied()
    world.cluster.managers = ["Terraform"]
    assert states(world, plan).keys() == {"code"}


def test_a_cluster_in_config_map_mode_is_refused() -> None:
    cluster, plan = company()
    world = World(cluster)
    world.approver.typed = "prod"
    outcome = cut_over(plan, DIGEST, world.ports(), OPTIONS)
    assert outcome.exit_code == 4
    assert {"mode", "end-state"} <= {gate.name for gate in outcome.gates if not gate.passes}


def test_a_plan_that_ends_dual_is_not_cut_over() -> None:
    world, plan = applied()
    assert "plan" in states(world, replace(plan, target="API_AND_CONFIG_MAP"))


def test_a_blocked_plan_is_refused() -> None:
    world, plan = applied()
    with pytest.raises(Blocked):
        cut_over(
            replace(plan, findings=(Finding("x", "block", "m", "r", "https://x"),)),
            DIGEST,
            world.ports(),
        )


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_the_switch_is_settled_by_looking(when: str) -> None:
    world, plan = applied()
    world.cluster.crash_at = (1, when)
    with pytest.raises(Crash):
        cut_over(plan, DIGEST, world.ports(), OPTIONS)
    world.cluster.crash_at = None
    outcome = cut_over(plan, DIGEST, world.ports(), OPTIONS)
    assert outcome.exit_code == 0, outcome
    assert world.cluster.effects == ["switch API"]


def test_a_failed_switch_is_told_and_may_be_tried_again() -> None:
    world, plan = applied()
    world.cluster.update_ends = "Failed"
    outcome = cut_over(plan, DIGEST, world.ports(), OPTIONS)
    assert outcome.error is not None
    assert (outcome.exit_code, outcome.error.code, outcome.mode) == (
        1,
        "update-failed",
        "API_AND_CONFIG_MAP",
    )
    world.cluster.update_ends = "Successful"
    assert cut_over(plan, DIGEST, world.ports(), OPTIONS).exit_code == 0


def test_a_second_cut_over_only_verifies() -> None:
    world, plan = applied()
    cut_over(plan, DIGEST, world.ports(), OPTIONS)
    outcome = cut_over(plan, DIGEST, world.ports(), OPTIONS)
    assert (outcome.exit_code, world.cluster.effects) == (0, ["switch API"])


def test_whoever_lost_access_by_the_switch_is_exit_6() -> None:
    world, plan = applied()

    def kill(effect: str) -> None:
        if effect == "switch API":
            world.cluster.dead.add(DEVS)

    world.cluster.watch = kill
    outcome = cut_over(plan, DIGEST, world.ports(), OPTIONS)
    assert outcome.exit_code == 6
    assert outcome.verification is not None
    assert outcome.verification.verdict == "failed"


def test_an_expired_waiver_waives_nothing() -> None:
    world, plan = applied()
    old = {name: replace(waiver, until="2026-11-01") for name, waiver in WAIVED.items()}
    assert states(world, plan, replace(OPTIONS, waive_gates=old)).keys() == {"rehearsal", "nodes"}


def add_row(world: World) -> None:
    """An administrator adds a row for a principal that the plan does not know."""
    assert world.cluster.data is not None
    rows = json.loads(world.cluster.data["mapRoles"])
    rows.append({"rolearn": BOB, "username": "bob", "groups": ["devs"]})
    world.cluster.data = {"mapRoles": json.dumps(rows)}


def thin_entry(world: World) -> None:
    world.cluster.entries[DEVS] = replace(world.cluster.entries[DEVS], kubernetes_groups=())


@pytest.mark.parametrize(("act", "named"), [(add_row, BOB), (thin_entry, DEVS)])
def test_change_while_the_name_is_typed_keeps_the_cluster_from_being_switched(
    act: Callable[[World], None], named: str
) -> None:
    world, plan = applied()

    class Slow(MemoryApprover):
        def type_again(self, what: str, expected: str) -> None:
            act(world)

    ports = replace(world.ports(), approver=Slow())
    outcome = cut_over(plan, DIGEST, ports, OPTIONS)
    assert (outcome.exit_code, world.cluster.mode) == (5, "API_AND_CONFIG_MAP")
    assert outcome.error is not None
    assert named in outcome.error.message


_DENIED = Failed("iam-denied", "IAM does not allow s3:PutObject")


def deny(world: World, event: str) -> None:
    """The journal takes no record of this event, and none after it."""
    denied = False

    def watch(line: bytes) -> None:
        nonlocal denied
        denied = denied or json.loads(line)["event"] == event
        if denied:
            raise _DENIED

    world.store.watch = watch


def last_words(plan: Plan, outcome: CutOverOutcome) -> str:
    return cut_over_text(plan, outcome).strip().splitlines()[-1]


_NOTHING = "The cluster is in API_AND_CONFIG_MAP mode: nothing was switched."
_SWITCHED = "The cluster is in API mode: aws-auth is not asked any more."


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("run-started", _NOTHING),
        ("waived", _NOTHING),
        ("intended", _NOTHING),
        ("sent", _SWITCHED),
        ("adopted", _SWITCHED),
        ("run-ended", _SWITCHED),
    ],
)
def test_journal_that_is_denied_after_the_question_leaves_the_mode_said(
    event: str, said: str
) -> None:
    world, plan = applied()
    deny(world, event)
    outcome = cut_over(plan, DIGEST, world.ports(), OPTIONS)
    assert (outcome.exit_code, outcome.error) == (1, _DENIED)
    assert last_words(plan, outcome) == said
    assert commands_of_cut_over(outcome, "prod")[-1] == ("cutover", "PLAN")
    world.store.watch = None
    again = cut_over(plan, DIGEST, world.ports(), OPTIONS)
    assert (again.exit_code, world.cluster.effects) == (0, ["switch API"])


class LateMode(MemoryMode):
    """EKS takes minutes: the mode is read as it was before the switch."""

    def read(self) -> tuple[AuthenticationMode, str]:
        return "API_AND_CONFIG_MAP", "UPDATING" if self.cluster.effects else "ACTIVE"


class LostMode(MemoryMode):
    """The mode cannot be read once the switch was sent."""

    def read(self) -> tuple[AuthenticationMode, str]:
        if self.cluster.effects:
            raise Failed("aws-no-answer", "No answer.")
        return super().read()


class RefusingMode(MemoryMode):
    """EKS refuses the switch."""

    def switch(self, to: AuthenticationMode, *, token: str) -> str:
        raise Failed("iam-denied", "IAM does not allow eks:UpdateClusterConfig")


_UNDER_WAY = "the switch was sent to EKS and may be under way."


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (LateMode, f"The cluster is in API_AND_CONFIG_MAP mode: {_UNDER_WAY}"),
        (LostMode, f"The mode of the cluster is unknown: {_UNDER_WAY}"),
        (RefusingMode, _NOTHING),
    ],
)
def test_a_switch_that_may_arrive_is_not_called_nothing(mode: type[MemoryMode], said: str) -> None:
    world, plan = applied()
    deny(world, "sent")
    ports = replace(world.ports(), mode=mode(world.cluster))
    outcome = cut_over(plan, DIGEST, ports, OPTIONS)
    assert (outcome.exit_code, last_words(plan, outcome)) == (1, said)
    assert commands_of_cut_over(outcome, "prod")[-1] == ("cutover", "PLAN")


def test_a_cluster_that_cannot_be_read_after_the_question_is_not_switched() -> None:
    world, plan = applied()
    ports = world.ports()

    def read() -> Snapshot:
        if world.approver.asked:
            raise Failed("aws-no-answer", "No answer.")
        return ports.read_snapshot()

    world.approver.asked.clear()
    outcome = cut_over(plan, DIGEST, replace(ports, read_snapshot=read), OPTIONS)
    assert (outcome.exit_code, last_words(plan, outcome)) == (1, _NOTHING)
    assert world.cluster.effects == []


class Failing:
    """A port of which one call fails, the others are those of the port."""

    def __init__(self, port: Any, name: str) -> None:  # noqa: ANN401 - any port
        self._port, self._name = port, name

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method
        return _no_answer if name == self._name else getattr(self._port, name)


def _no_answer(*_: Any, **__: Any) -> Any:  # noqa: ANN401 - any call
    raise Failed("aws-no-answer", "No answer.")


@pytest.mark.parametrize(
    ("port", "name"),
    [
        ("reader", "describe_cluster"),
        ("reader", "caller_identity"),
        ("config_maps", "read"),
        ("reviewers", "as_principal"),
        ("store", "journal"),
        ("store", "append_line"),
        ("lock", "hold"),
    ],
)
def test_whatever_fails_before_the_question_leaves_the_mode_said(port: str, name: str) -> None:
    world, plan = applied()
    world.approver.asked.clear()
    ports = world.ports()
    assert callable(getattr(getattr(ports, port), name)), name
    changed: dict[str, Any] = {port: Failing(getattr(ports, port), name)}
    failing = replace(ports, **changed)
    outcome = cut_over(plan, DIGEST, failing, OPTIONS)
    assert outcome.error is not None
    assert outcome.error.code == "aws-no-answer"
    assert last_words(plan, outcome) == _NOTHING
    assert world.approver.asked == []
    assert world.cluster.effects == []


def test_cluster_that_cannot_be_read_while_a_switch_is_under_way_is_not_called_unswitched() -> None:
    world, plan = applied()
    deny(world, "sent")
    cut_over(plan, DIGEST, replace(world.ports(), mode=LateMode(world.cluster)), OPTIONS)
    world.store.watch = None
    ports = replace(world.ports(), mode=LateMode(world.cluster))
    outcome = cut_over(plan, DIGEST, replace(ports, read_snapshot=_no_answer), OPTIONS)
    assert last_words(plan, outcome).endswith(_UNDER_WAY)
