"""Gates of the irreversible step. An unevaluated gate is a failed gate; no gates at all is a refusal."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

GateState: TypeAlias = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One numbered condition with its answer. ``waived_by`` is set when a named person let it pass."""

    number: int
    name: str
    question: str
    state: GateState
    detail: str = ""
    remedy: str = ""
    waived_by: str | None = None

    @property
    def passes(self) -> bool:
        """Only a pass, or a named waiver, passes; unknown is a fail."""
        return self.state == "pass" or self.waived_by is not None


def all_pass(gates: tuple[Gate, ...]) -> bool:
    """True when there are gates and every one passes."""
    return bool(gates) and all(gate.passes for gate in gates)
