"""Gates of the irreversible step. An unevaluated gate is a failed gate; no gates at all is a
refusal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

GateState: TypeAlias = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One numbered condition with its answer. ``waived_by`` is set when a named person let it
    pass. ``writers``: what its waiver has to name, one text each. ``unproven``: whose
    proof would open it.
    """

    number: int
    name: str
    question: str
    state: GateState
    detail: str = ""
    remedy: str = ""
    waived_by: str | None = None
    writers: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()

    @property
    def is_waived(self) -> bool:
        """A named person let it pass, and it would not pass by itself."""
        return self.waived_by is not None and self.state != "pass"

    @property
    def waiver(self) -> str:
        """Who waived it, and everything that the waiver covers: it opens the gate as a whole."""
        return f"{self.name}, by {self.waived_by}; it covers: {self.detail}"

    @property
    def passes(self) -> bool:
        """Only a pass, or a named waiver, passes; unknown is a fail."""
        if self.state == "pass":
            return True
        return self.waived_by is not None


def all_pass(gates: tuple[Gate, ...]) -> bool:
    """True when there are gates and every one passes."""
    # No gate was evaluated: nothing is known.
    if not gates:
        return False
    return all(gate.passes for gate in gates)


def gates_to_documents(gates: Iterable[Gate]) -> list[dict[str, Any]]:
    """The gates as JSON, as commands show them and the journal of a cut-over keeps them."""
    return [
        {
            "number": gate.number,
            "name": gate.name,
            "question": gate.question,
            "state": gate.state,
            "detail": gate.detail,
            "remedy": gate.remedy,
            "waivedBy": gate.waived_by,
            "passes": gate.passes,
        }
        for gate in gates
    ]


def gates_from_documents(documents: object) -> tuple[Gate, ...]:
    """The gates that a journal keeps; none where it holds something else: a journal can be of an
    earlier version.
    """
    if not isinstance(documents, list):
        return ()
    items = [each for each in documents if isinstance(each, Mapping)]
    return tuple(_gate(each) for each in items if each.get("state") in get_args(GateState))


def _gate(item: Mapping[str, Any]) -> Gate:
    waived_by = item.get("waivedBy")
    if waived_by is not None:
        waived_by = str(waived_by)
    return Gate(
        number=int(item.get("number", 0)),
        name=str(item.get("name", "")),
        question=str(item.get("question", "")),
        state=item["state"],
        detail=str(item.get("detail", "")),
        remedy=str(item.get("remedy", "")),
        waived_by=waived_by,
    )
