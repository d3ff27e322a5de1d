"""What a command is about to do: shown above the question that permits it."""

from dataclasses import dataclass

from migrator.model.evidence import PrincipalVerdict
from migrator.model.gate import Gate
from migrator.model.plan import ClusterRef


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of change: what it is, and the names of everything that it concerns. ``whole``: all
    names are shown, however many: a person answers for each.
    """

    what: str
    names: tuple[str, ...]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """``title``: one sentence. ``parts``: the changes, in the order of the run. ``gates`` and
    ``verdicts``: what the command was judged by. ``one_way``: what cannot be undone, empty where
    everything can. ``cluster``: None for a fleet.
    """

    title: str
    cluster: ClusterRef | None = None
    parts: tuple[Part, ...] = ()
    gates: tuple[Gate, ...] = ()
    verdicts: tuple[PrincipalVerdict, ...] = ()
    one_way: str = ""
