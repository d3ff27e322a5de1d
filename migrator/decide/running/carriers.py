"""Which entries carry a group on their way to the plan's end."""

from migrator.decide.steps.entry_states import sequence_states
from migrator.model.step import Sequence


def carries(sequence: Sequence, run: str, group: str) -> bool:
    """Whether the entry of a sequence has the group before, between or after its steps."""
    for state in sequence_states(sequence, run):
        if state is not None and group in (state.groups or ()):
            return True
    return False
