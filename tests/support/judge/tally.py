"""How much was judged: answers compared, by kind, left open, and different."""

from collections import Counter
from dataclasses import dataclass, field

SHOWN = 20


@dataclass
class Tally:
    """Counts of answers. Kinds are plural, as ``logins``."""

    compared: Counter[str] = field(default_factory=Counter)
    left_open: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def compare(self, kind: str, judged: object, answered: object, about: object) -> bool:
        """Count one answer, and keep it where it is another than the evaluator's."""
        self.compared[kind] += 1
        if judged == answered:
            return True
        self.differences.append(f"{kind}: judged {judged!r}, answered {answered!r}: {about!r}")
        return False

    def leave_open(self, kind: str) -> None:
        """Count an answer that the evaluator has none to compare with."""
        self.left_open[kind] += 1

    def add(self, other: "Tally") -> None:
        """Count what another one counted."""
        self.compared.update(other.compared)
        self.left_open.update(other.left_open)
        self.differences += other.differences

    def all(self) -> Counter[str]:
        """Every count by its name in words."""
        found = Counter(self.compared)
        for kind, number in self.left_open.items():
            found[f"{kind} left open"] = number
        found["differences"] = len(self.differences)
        return found

    def check(self) -> None:
        """Raise AssertionError where an answer differs."""
        shown = "\n".join(self.differences[:SHOWN])
        assert not self.differences, f"{len(self.differences)} differences\n{shown}"


TALLY = Tally()  # of this process
