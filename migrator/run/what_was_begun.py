"""What commands of a plan began and did not bring to an end, read from the state, for the outcome
of every command: 0 only where nothing is left to do or to prove.
"""

from dataclasses import replace

from migrator.decide.running.progress import CUT_OVER, SETTLED, Progress, records_of
from migrator.decide.running.unfinished import (
    command_to_continue,
    image_of_rehearsals,
    rehearsal_to_repeat,
    verified_since_switch,
)
from migrator.model.evidence import evidence_in
from migrator.model.journal import Journal
from migrator.model.outcome import RunOutcome
from migrator.model.plan import Plan
from migrator.ports import StateStore
from migrator.run.begin_run import progress_in
from migrator.run.one_run import EVIDENCE_FILE


def is_verified(
    plan: Plan,
    plan_digest: str,
    progress: Progress,
    store: StateStore,
    journal: Journal,
) -> bool:
    """Whether a cut-over was verified; the evidence is read only after a switch."""
    if progress.of(f"{CUT_OVER}-switch").status not in SETTLED:
        return True
    evidence = evidence_in(store.read(EVIDENCE_FILE) or b"")
    return verified_since_switch(plan, progress, records_of(journal, plan_digest), evidence)


def with_what_was_begun(
    plan: Plan,
    plan_digest: str,
    outcome: RunOutcome,
    store: StateStore,
) -> RunOutcome:
    """The outcome of a run that has nothing left: not 0 while another command of the plan was begun
    and did not end, as a status has it.
    """
    if outcome.exit_code != 0 or outcome.error is not None:
        return outcome
    journal = store.journal()
    progress = progress_in(journal, plan, plan_digest)
    verified = is_verified(plan, plan_digest, progress, store, journal)
    records = records_of(journal, plan_digest)
    following = command_to_continue(plan, progress, is_verified=verified)
    following = following or rehearsal_to_repeat(progress, records)
    if not following:
        return outcome
    return replace(
        outcome,
        exit_code=7,
        next=following,
        going_back=progress.only if progress.going_back else (),
        image=image_of_rehearsals(records),
    )
