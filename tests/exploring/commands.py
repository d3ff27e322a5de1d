"""What an operator can start: the real workflows, each from a plan that the operator has."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from migrator.decide.planning.make_plan import make_plan
from migrator.errors import MigratorError
from migrator.model.decision import Decisions
from migrator.model.files.plan import encode_plan, plan_digest, plan_to_document
from migrator.model.plan import Plan
from migrator.model.snapshot import BeforeModeStep, Snapshot
from migrator.ports import StateStore
from migrator.run import apply_plan as apply_module
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.read_history import with_history
from migrator.run.roll_back import RollBackOptions, roll_back
from tests.exploring.ports import EPOCH, Wire, run_ports
from tests.exploring.process import Exit


@contextmanager
def plans_encoded_once() -> Iterator[None]:
    """Writing the plan into the state takes most of the time of a process: the same plan is encoded
    once.
    """
    known: dict[int, tuple[Plan, bytes]] = {}

    def encode(plan: Plan) -> bytes:
        if id(plan) not in known:
            known[id(plan)] = (plan, encode_plan(plan))
        return known[id(plan)][1]

    kept = apply_module.__dict__["encode_plan"]
    apply_module.__dict__["encode_plan"] = encode
    try:
        yield
    finally:
        apply_module.__dict__["encode_plan"] = kept


@dataclass(frozen=True, slots=True)
class Made:
    """A plan and its digest; ``key`` is the digest."""

    plan: Plan
    digest: str


def planned(snapshot: Snapshot, decisions: Decisions, *, accept_gap: bool = False) -> Made:
    """The real plan of a snapshot."""
    plan = make_plan(snapshot, decisions, now=EPOCH, accept_gap=accept_gap)
    return Made(plan, plan_digest(plan_to_document(plan)))


@dataclass(frozen=True, slots=True)
class Command:
    """A command line. ``verb``: apply, rollback, or plan-apply, which plans again and applies
    that.
    """

    verb: str
    only: tuple[str, ...] = ()
    abandon: bool = False  # a roll-back that was begun

    @property
    def text(self) -> str:
        """As a person types it."""
        only = "".join(f" --only {arn.rpartition('/')[2]}" for arn in self.only)
        return f"{self.verb}{only}{' --abandon-rollback' * self.abandon}"


ABANDON = Command("apply", abandon=True)
APPLY, ROLL_BACK, PLAN_APPLY = Command("apply"), Command("rollback"), Command("plan-apply")


def _read_cluster(snapshot: Snapshot, store: StateStore) -> Snapshot:
    """What ``migrate plan`` reads: the cluster, with what its state says of the time before our own
    mode step.
    """
    mode = snapshot.cluster.authentication_mode
    known = {"cluster": {"accessConfig": {"authenticationMode": mode}}, "creator": snapshot.creator}
    history = with_history(known, store).get("beforeModeStep")
    if history is None:
        return snapshot
    before = BeforeModeStep(
        run=history["run"],
        at=datetime.fromisoformat(history["at"]),
        data=history["configMap"]["data"],
        automatic=frozenset(history["automaticEntries"]),
    )
    return replace(snapshot, before_mode_step=before)


def workflow(
    command: Command, made: Made, decisions: Decisions, keep: Callable[[Made], None]
) -> Callable[[Wire, int], Exit]:
    """The workflow of a command; ``keep`` is told of a plan that it makes."""

    def run(wire: Wire, seed: int) -> Exit:
        ports = run_ports(wire, seed)
        try:
            mine = made
            if command.verb == "plan-apply":
                mine = planned(_read_cluster(wire.call("read all"), ports.store), decisions)
                keep(mine)
                wire.call("planned", mine.digest)
            if command.verb == "rollback":
                outcome = roll_back(
                    mine.plan, mine.digest, ports, RollBackOptions(only=command.only)
                )
            else:
                outcome = apply_plan(
                    mine.plan,
                    mine.digest,
                    ports,
                    ApplyOptions(only=command.only, abandon_rollback=command.abandon),
                )
        except MigratorError as error:
            return Exit(error.exit_code, error.code)
        code = (
            outcome.error.code
            if outcome.error
            else "; ".join(left.why for left in outcome.left[:1])
        )
        return Exit(
            outcome.exit_code, code, left=any(left.why != "not asked for" for left in outcome.left)
        )

    return run
