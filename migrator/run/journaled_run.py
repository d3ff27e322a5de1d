"""The protocol of everything that changes a cluster: record the intention, carry it out, record it
as done.

An ``intended`` without a ``done`` means that the process died or an answer was lost. Nothing here
decides what it means: the pure functions of :mod:`migrator.decide.running` do, by what is seen now.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from migrator.errors import MigratorError
from migrator.model.journal import Event

T = TypeVar("T")
Document: TypeAlias = Mapping[str, Any]
Recorder: TypeAlias = Callable[[str | None, Event, Document], None]


def _never(_error: MigratorError) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class JournaledRun:
    """The records of a run. ``record`` writes one, and returns once it is on disk."""

    record: Recorder

    def start(
        self,
        command: str,
        *,
        run: str,
        plan_digest: str,
        caller: str,
        gates: Sequence[Document] = (),
        accepted: Sequence[str] = (),
        only: Sequence[str] = (),
        image: str = "",
    ) -> None:
        """The run begins. ``gates``: the gates of a cut-over as they were judged. ``accepted``:
        what is not known, and was accepted by the operator. ``only``: the principals that a
        roll-back was asked for. ``image``: that of a rehearsal's timer.
        """
        effect: dict[str, Any] = {
            "run": run,
            "command": command,
            "planDigest": plan_digest,
            "caller": caller,
        }
        if gates:
            effect["gates"] = list(gates)
        if accepted:
            effect["accepted"] = list(accepted)
        if only:
            effect["only"] = list(only)
        if image:
            effect["image"] = image
        self.record(None, "run-started", effect)

    def backed_up(self, files: Sequence[str]) -> None:
        """The files that hold the state from before the run."""
        self.record(None, "backed-up", {"files": list(files)})

    def end(self, exit_code: int) -> None:
        """The run ended with this exit code."""
        self.record(None, "run-ended", {"exit": exit_code})

    def carry_out(
        self,
        step: str,
        *,
        intended: Document,
        effect: Callable[[], T],
        done: Callable[[T], Document | None],
        over: Callable[[MigratorError], bool] = _never,
    ) -> MigratorError | None:
        """Record the intention, have the effect, record it as done.

        ``done`` makes the document from the effect's result; None where the effect is not seen yet:
        the intention stays. ``over`` says which errors end the attempt for certain: such an error
        is recorded as refused and returned. Every other error is raised, and the intention stays.
        """
        self.record(step, "intended", intended)
        try:
            result = effect()
        except MigratorError as error:
            if not over(error):
                raise
            self.refuse(step, error)
            return error
        document = done(result)
        if document is not None:
            self.record(step, "done", document)
        return None

    def take_back(
        self,
        step: str,
        *,
        undoing: Document,
        effect: Callable[[], T],
        undone: Callable[[T], Document | None],
    ) -> None:
        """Record that a step is about to be undone, do it, record it as undone.

        ``undone`` makes the document from the effect's result; None where the effect is not seen.
        """
        self.record(step, "undoing", undoing)
        document = undone(effect())
        if document is not None:
            self.record(step, "undone", document)

    def refuse(self, step: str, error: MigratorError, **more: Any) -> None:  # noqa: ANN401 - JSON values
        """An attempt is over, and a new one may be made."""
        self.record(step, "refused", {"code": error.code, "message": error.message, **more})


@dataclass(frozen=True, slots=True)
class OpenItems:
    """A recorder for effects that last as long as one command: the next command finds and removes
    what is recorded after this process was killed.

    ``read`` and ``write`` keep the items, by step, in a separate file.
    """

    read: Callable[[], Mapping[str, Document]]
    write: Callable[[Mapping[str, Document]], None]

    def record(
        self,
        step: str | None,
        event: Event,
        effect: Document,
    ) -> None:
        """An intention is an open item until it is refused or undone."""
        items = dict(self.read())
        key = step or ""
        if event == "intended":
            items[key] = effect
        elif event in ("refused", "undone"):
            items.pop(key, None)
        else:
            return
        self.write(items)
