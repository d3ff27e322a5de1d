"""Which entries carry a group on their way to the plan's end."""

from migrator.decide.steps.entry_states import sequence_states
from migrator.model.step import Sequence


def carries(sequence: Sequence, run: str, group: str) -> bool:
    """Whether the entry of a sequence has the group before, between or after its steps.

    ``run`` replaces ``{run}`` in the names of groups; with ``"{run}"`` itself, ``group`` is as the
    plan has it.
    """
    for state in sequence_states(sequence, run):
        # There is no entry, or its groups are not known.
        if state is None or state.groups is None:
            continue
        if group in state.groups:
            return True
    return False
