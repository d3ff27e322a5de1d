"""The content of a fleet's decisions.yaml: answers for all clusters, and answers for those that a
selector means.
"""

from dataclasses import dataclass

from migrator.fleet.model.fleet import Selector
from migrator.model.decision import NO_DECISIONS, Decisions


@dataclass(frozen=True, slots=True)
class SelectedAnswers:
    """Answers for the clusters that a selector means."""

    where: Selector
    answers: Decisions


@dataclass(frozen=True, slots=True)
class FleetAnswers:
    """Answers for all clusters, then those for some, in the order of the file."""

    everywhere: Decisions = NO_DECISIONS
    selected: tuple[SelectedAnswers, ...] = ()


NO_ANSWERS = FleetAnswers()
