"""Prove a node role within a run: watch its nodes, while the run continues with others as long as
kubelets keep old tokens.
"""

from datetime import datetime

from migrator.decide.proving.verdicts import state_digest, still_shown_by_nodes
from migrator.decide.running.waiting import moment
from migrator.model.access_entry import AccessEntry
from migrator.model.evidence import Evidence, evidence_in
from migrator.model.node_health import NodesUnread
from migrator.model.step import Prove, Step
from migrator.run.node_evidence import LOOK_AGAIN, evidence_of_nodes, look_at_nodes, progress_line
from migrator.run.one_run import EVIDENCE_FILE, OneRun


class Waiting:
    """No result yet: the step is asked for again later."""


def nodes_evidence(
    run: OneRun,
    step: Step,
    effect: Prove,
    entry: AccessEntry | None,
) -> Evidence | Waiting | NodesUnread:
    """What leases and logs show of the role's nodes."""
    mode = run.state.observed.mode or "API_AND_CONFIG_MAP"
    arn = effect.principal_arn
    looked = look_at_nodes(
        run.ports, arn, since=shaped_at(run, step, entry), api_mode=mode == "API"
    )
    if isinstance(looked, NodesUnread):
        return looked
    if looked.judgement.waits and arn not in run.settings.waived_proofs:
        run.wait_for(step.id, run.now() + LOOK_AGAIN, progress_line(arn, looked))
        return Waiting()
    state = state_digest(entry, mode)
    found = evidence_of_nodes(looked, arn, entry=entry, state=state)
    # A canary pod of `verify` showed the entry, and is gone: what it showed still holds.
    if found.proof_class != "observed" and found.holds:
        kept = evidence_in(run.ports.store.read(EVIDENCE_FILE) or b"")
        return still_shown_by_nodes(kept, arn, state, run.now()) or found
    return found


def shaped_at(run: OneRun, step: Step, entry: AccessEntry | None) -> datetime:
    """When the entry got the shape that is to be proven: as EKS says, else when the last step on it
    was done.
    """
    if entry is not None and (shown := entry.modified_at or entry.created_at) is not None:
        return shown
    state = run.state
    sequence = state.sequences[state.sequence_of[step.id]]
    done = (moment(state.progress.of(each.id).at) for each in sequence[: sequence.index(step)])
    return max((each for each in done if each is not None), default=run.now())
