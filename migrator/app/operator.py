"""The operator of a command: whose settings hold, who answers questions and hears what happens."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Literal

from migrator.app.settings import Settings
from migrator.errors import Refused
from migrator.model.proposal import Proposal
from migrator.ports import Approver, Events


@dataclass(frozen=True, slots=True)
class AnsweredBefore:
    """:class:`migrator.ports.Approver` of a program: what a command asks was answered beforehand.

    ``yes`` answers questions; the one-way mode step is such a question. ``typed`` is the name of
    the cluster for which it was typed, for a cut-over.
    """

    yes: bool = False
    typed: str | None = None

    def show(self, proposal: Proposal) -> None:
        """Nothing: the answer was given before."""

    def confirm(self, question: str) -> None:
        """Yes. Raises ``Refused`` ``not-confirmed`` without that consent."""
        if not self.yes:
            raise Refused(
                "not-confirmed",
                "Nothing was done.",
                why=f"The question was not answered beforehand: {question}",
                remedy="Give the operator AnsweredBefore(yes=True).",
            )

    def type_again(self, what: str, expected: str) -> None:
        """Only the name of the very cluster that this was made for."""
        if self.typed is None or self.typed != expected:
            raise Refused("not-confirmed", f"The operator did not type {what}.")


@dataclass(frozen=True, slots=True)
class NoEvents:
    """:class:`migrator.ports.Events` that are shown nowhere."""

    def say(
        self,
        kind: Literal["info", "step", "done", "warn"],
        message: str,
        **about: str,
    ) -> None:
        """Nothing."""

    def doing(self, what: str) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Operator:
    """What a command is given besides its request.

    Without an ``approver`` every question is refused, without ``events`` nothing is said.
    ``resources`` is closed when the command has ended: tunnels and opened endpoints are held by it.
    None where commands on many clusters end at different times, as in a fleet.
    """

    settings: Settings = field(default_factory=Settings)
    approver: Approver = field(default_factory=AnsweredBefore)
    events: Events = field(default_factory=NoEvents)
    resources: ExitStack | None = None
