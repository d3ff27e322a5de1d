"""Finish the caller's own access entry where a run stopped between the entry and its access policy.

From then on the entry decides and not the row (EKS user guide, "Access entries"), and it gives
nothing yet: the API server refuses the caller every read with which a command begins. EKS does
not, so the policy is associated over EKS alone. What cannot be read before that write, the
caller's row in aws-auth, is read directly after it, and the entry is undone where the row is
no longer as the plan has it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeGuard

from migrator.decide.running.actions import (
    Action,
    Adopt,
    Do,
    GiveUp,
    Observed,
    ReadFirst,
    RunRequest,
    Wait,
)
from migrator.decide.running.next_action import sequence_action
from migrator.decide.running.progress import APPLY, SETTLED, Progress, sequences_of
from migrator.decide.running.proposals import own_entry_proposal
from migrator.decide.running.source_differences import Difference
from migrator.decide.running.waiting import LONG_AGO, SPREAD, moment
from migrator.errors import MigratorError
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from migrator.model.step import AssociatePolicy, CreateEntry, Sequence, Step
from migrator.run.begin_run import callers_in, progress_in, refuse_other_arn
from migrator.run.denied_caller import DENIED
from migrator.run.drive import POLL, along, one_action
from migrator.run.hold_cluster import HeldCluster
from migrator.run.look_again import SourceReader, changed_since
from migrator.run.one_run import OneRun, RunSettings


def read_with_own_entry(plan: Plan, plan_digest: str, held: HeldCluster) -> Snapshot:
    """The cluster, read afresh. Where the API server refuses that because a run of this plan left
    the caller's own entry without its policy, the entry is finished first.

    Raises what keeps the cluster from being read, ``Changed`` where the caller's row is no longer
    as the plan has it, ``Refused`` without a yes.
    """
    try:
        return held.ports.read_snapshot()
    except MigratorError as error:
        if error.code != DENIED:
            raise
        if not _own_entry_finished(plan, plan_digest, held):
            raise
    return held.ports.read_snapshot()


def _own_entry_finished(plan: Plan, plan_digest: str, held: HeldCluster) -> bool:
    """Whether the policies of the caller's entry are in force by now, and were not before."""
    progress = progress_in(held.ports.store.journal(), plan, plan_digest)
    # The principals that the caller arrived through are not asked by the API server.
    for arn in callers_in(plan, (held.caller,)):
        sequence = sequences_of(plan, progress).get(arn, ())
        if not _may_be_half_made(sequence, progress):
            continue
        refuse_other_arn(plan.cluster.arn, str(held.ports.reader.describe_cluster()["arn"]))
        run, sources = _run_on(plan, plan_digest, held, progress, arn)
        wrote = _associated(run, arn, held.caller)
        if not _can_read(run, _in_force_by(sequence, run.progress)):
            return False
        if wrote:
            _take_back_where_changed(run, arn, sources)
        return True
    return False


def _may_be_half_made(sequence: Sequence, progress: Progress) -> bool:
    """Whether runs of this plan go on with an entry that they make and that gives by its policies.
    The entry, as it is read, says how far they came: the journal may have lost its end.
    """
    if progress.going_back or progress.run is None:
        return False
    is_made = any(isinstance(step.effect, CreateEntry) for step in sequence)
    return is_made and any(isinstance(step.effect, AssociatePolicy) for step in sequence)


def _run_on(
    plan: Plan, plan_digest: str, held: HeldCluster, progress: Progress, arn: str
) -> tuple[OneRun, SourceReader]:
    """A run about this principal alone. What comes before its entry was done when that was made, a
    second administrator too.
    """
    ports = held.ports
    mode, status = ports.mode.read()
    sources = SourceReader(plan, ports)
    observed = Observed(
        now=ports.clock.now(),
        mode=mode,
        cluster_status=status,
        entries={arn: ports.entries.describe(arn)},
        callers=frozenset({arn}),
        second_admin="shown before the entry was made",
    )
    settings = RunSettings(
        difference_of=_as_far_as_readable(sources),
        row_gives_before=lambda each: sources.difference(each) is None,
    )
    request = RunRequest(plan_digest, only=frozenset({arn}))
    return OneRun(plan, ports, request, progress, observed, settings), sources


def _as_far_as_readable(sources: SourceReader) -> Callable[[str], Difference | None]:
    """How aws-auth or IAM differs from the plan; IAM alone while aws-auth is refused."""

    def difference(arn: str) -> Difference | None:
        try:
            return sources.difference(arn)
        except MigratorError as error:
            if error.code != DENIED:
                raise
            return sources.id_difference(arn)

    return difference


def _associated(run: OneRun, arn: str, caller: str) -> bool:
    """Adopt what is there, and associate the policies that are missing: by the same decisions as in
    any run, which compare the entry with what this plan's runs make. Whether any was missing.
    """
    asked = False
    while True:
        run.see_time()
        action = sequence_action(run.state, arn)
        if isinstance(action, Wait) and action.look is not None:
            run.pause(POLL)
            run.look(action.look)
            continue
        if not _leads_to_policies(action):
            return asked
        if isinstance(action, Do) and not asked:
            _ask(run, arn)
            run.journal.start(APPLY, run=run.run_id, plan_digest=run.digest, caller=caller)
            asked = True
        one_action(run, action)


def _ask(run: OneRun, arn: str) -> None:
    """Show the policies that are missing, and ask. Raises ``Refused`` without a yes."""
    missing: list[Step] = []
    for step in run.state.sequences[arn]:
        is_there = run.progress.of(step.id).status in SETTLED
        if isinstance(step.effect, AssociatePolicy) and not is_there:
            missing.append(step)
    run.ports.approver.show(own_entry_proposal(run.plan, missing))
    run.ports.approver.confirm(f"Finish your own access entry on {run.plan.cluster.name}?")


def _leads_to_policies(action: Action) -> TypeGuard[ReadFirst | Adopt | Do]:
    """Whether the action reads the entry, adopts it, or associates a policy: no other write is
    decided without the cluster.
    """
    match action:
        case ReadFirst(subject="entry"):
            return True
        case Adopt(step):
            return isinstance(step.effect, CreateEntry | AssociatePolicy)
        case Do(step):
            return isinstance(step.effect, AssociatePolicy)
        case _:
            return False


def _in_force_by(sequence: Sequence, progress: Progress) -> datetime:
    """When the policies of the entry are certainly in force; long ago where one is missing."""
    until = LONG_AGO
    for step in sequence:
        if not isinstance(step.effect, AssociatePolicy):
            continue
        state = progress.of(step.id)
        if state.status not in SETTLED:
            return LONG_AGO
        until = max(until, moment(state.at) or LONG_AGO)
    return until + SPREAD


def _can_read(run: OneRun, until: datetime) -> bool:
    """Whether the API server answers the caller again, by then at the latest."""
    while run.now() < until:
        try:
            run.ports.config_maps.read()
        except MigratorError as error:
            if error.code != DENIED:
                raise
            run.ports.events.say(
                "info",
                "waiting: the access policy of your own access entry is not in force yet",
                event="waiting",
            )
            run.pause(POLL)
            continue
        return True
    return False


def _take_back_where_changed(run: OneRun, arn: str, sources: SourceReader) -> None:
    """Raises ``Changed`` where the caller's row is no longer as the plan has it, once the entry is
    undone as in every run whose principal changed meanwhile.
    """
    # From now on everything can be read.
    run.settings = replace(run.settings, difference_of=sources.difference)
    run.look(ReadFirst("source", arn))
    difference = run.state.observed.sources[arn]
    changed = changed_since(run.plan, filter(None, (difference,)))
    if difference is None or changed is None:
        return
    one_action(run, GiveUp(run.state.sequences[arn][-1], difference))
    stopped = along(run, arn)
    run.journal.end(changed.exit_code)
    raise stopped or changed
