"""Read whether entries that EKS made give more than the rows gave, and no person has answered for
it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.running.automatic_entries import may_be_wider, wider_entries
from migrator.errors import Failed, MigratorError
from migrator.model.access_entry import AccessEntry, EntrySpec
from migrator.model.decision import CreatorAnswer
from migrator.model.outcome import RunOutcome, StepOutcome
from migrator.model.plan import Plan
from migrator.model.rbac import RbacState
from migrator.model.step import EnableEntries
from migrator.ports import Rbac
from migrator.run.begin_run import RunPorts, all_entries


def entries_beyond_rows(
    plan: Plan,
    automatic: Mapping[str, EntrySpec],
    entries: Iterable[AccessEntry],
    rbac: Rbac,
    answer: CreatorAnswer | None,
) -> tuple[StepOutcome, ...]:
    """What is left because EKS's own entries give more than the rows, by principal. RBAC is read
    only where such an entry is there. ``automatic``: entries that EKS made and that runs took over,
    as EKS made them. Raises what keeps RBAC from being read.
    """
    found = {entry.principal_arn: entry for entry in entries}
    if not may_be_wider(plan, automatic, found):
        return ()
    raw = rbac.read_rbac()
    if raw.get("unread"):
        raise Failed("rbac-unread", f"RBAC was read in part: {', '.join(sorted(raw['unread']))}.")
    index = RbacIndex(RbacState.from_raw(raw))
    steps = {step.principal_arn: step for step in plan.steps if step.principal_arn is not None}
    mode_step = next((s for s in plan.steps if isinstance(s.effect, EnableEntries)), None)
    wider = wider_entries(plan, automatic, found, index, answer)
    return tuple(
        StepOutcome(step.id, step.effect.kind, arn, why)
        for arn, why in wider.items()
        if (step := steps.get(arn, mode_step)) is not None
    )


def with_entries_beyond_rows(
    plan: Plan,
    outcome: RunOutcome,
    ports: RunPorts,
    automatic: Mapping[str, EntrySpec],
    answer: CreatorAnswer | None,
) -> RunOutcome:
    """The outcome of apply: not 0 while an entry of EKS's own gives more than the row did and no
    person has answered for it, as verify and the proofs gate have it.
    """
    if outcome.error is not None or outcome.exit_code not in (0, 7):
        return outcome
    if not _may_have_any(plan, automatic):
        return outcome
    try:
        left = entries_beyond_rows(plan, automatic, all_entries(ports.reader), ports.rbac, answer)
    except MigratorError as error:  # an unknown is not 0
        why = f"not known: whether EKS's own entries give more than the rows ({error.message})"
        return replace(outcome, exit_code=1, leftovers=(why,))
    if not left:
        return outcome
    return replace(outcome, exit_code=7, left=(*outcome.left, *left))


def _may_have_any(plan: Plan, automatic: Mapping[str, EntrySpec]) -> bool:
    """Whether an entry of EKS's own was taken over, or may shadow a row that the plan leaves out:
    else no entry has to be read for this question.
    """
    left_out = any(p.action == "skip" and p.before.via == "config-map" for p in plan.principals)
    return left_out or bool(automatic)
