"""What is said in a run, with the run and its cluster: programs that read a log tell runs apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from migrator.ports import Events


@dataclass(frozen=True, slots=True)
class RunEvents:
    """:class:`migrator.ports.Events` of one run. ``about`` is asked each time: the run has no id
    before its first record.
    """

    events: Events
    about: Callable[[], Mapping[str, str]]

    def say(
        self,
        kind: Literal["info", "step", "done", "warn"],
        message: str,
        **about: str,
    ) -> None:
        """Pass it on; what is said of this line itself comes first."""
        self.events.say(kind, message, **{**self.about(), **about})

    def doing(self, what: str) -> None:
        """Pass it on."""
        self.events.doing(what)

    def progress(
        self,
        label: str,
        done: int,
        total: int,
    ) -> None:
        """Pass it on."""
        self.events.progress(label, done, total)
