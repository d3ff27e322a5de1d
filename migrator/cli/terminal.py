"""The terminal: questions, progress, and data on stdout.

Talk goes to stderr, so that stdout can be piped. A question needs a terminal: without one, and
without an answer, nothing is done. ``--yes`` answers questions, but never the one for a name typed
again.
"""

import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TextIO

from migrator.app.settings import Settings
from migrator.cli.log_lines import THIS, json_line
from migrator.cli.streams import erase_status, keep_status, let_go_of, show_status, talk, talk_later
from migrator.errors import Failed, Refused, WrongUse
from migrator.model.proposal import Proposal
from migrator.render.escape import json_for_log, terminal
from migrator.render.widths import MAX_WIDTH, WIDEST

# Talk goes to the log file too; without one no other handler may print it a second time.
_TALK = logging.getLogger("migrator.talk")
logging.getLogger("migrator").addHandler(logging.NullHandler())
_COLUMNS = re.compile(r"0*([1-9][0-9]{0,5})[0-9]*")
_MARKS = {"info": "", "step": "- ", "done": "+ ", "warn": "! "}
_STYLES = {"info": "", "step": "", "done": "32", "warn": "33"}
# Without a terminal, what is being done is said when nothing else was for so many seconds: the log
# of a pipeline shows that a long command lives, and a short one adds nothing to it.
_SILENCE = 10.0
# And one thing that takes longer than this is said while it is done, so that the log names what a
# command waits for.
_SLOW = 1.0


def use_color(settings: Settings, stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Colours on a terminal, unless ``--no-color``, NO_COLOR or a dumb terminal says otherwise;
    with FORCE_COLOR elsewhere, too. A variable counts where it is not empty: no-color.org,
    force-color.org.
    """
    if settings.no_color or environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return environment.get("TERM") != "dumb" and stream.isatty()


def width_of(stream: TextIO, environment: Mapping[str, str]) -> int:
    """Columns for tables, 40 to 160: COLUMNS, else the terminal's, else 100. POSIX gives COLUMNS
    the preference over the terminal.
    """
    said = _COLUMNS.fullmatch(environment.get("COLUMNS", ""))
    if said is not None:
        return _readable(int(said[1]))
    columns = 0
    if stream.isatty():
        with suppress(OSError):
            columns = os.get_terminal_size(stream.fileno()).columns
    # A terminal that does not know its width says 0.
    return _readable(columns or MAX_WIDTH)


def _readable(columns: int) -> int:
    """A width in columns, kept between one that holds a table and one that an eye can follow:
    40 and 160.
    """
    return max(40, min(WIDEST, columns))


@dataclass(eq=False)
class TerminalEvents:
    """:class:`migrator.ports.Events` on stderr: a line that is written again on a terminal, plain
    lines elsewhere, and with ``as_json`` one JSON object a line.

    ``redraws``: whether a line can be written again; None where the stream is to say it.
    """

    stream: TextIO
    quiet: bool = False
    color: bool = False
    as_json: bool = False
    redraws: bool | None = None
    _last: str | None = field(default=None, repr=False)
    _spoke: float = field(default_factory=time.monotonic, repr=False)

    def say(
        self,
        kind: Literal["info", "step", "done", "warn"],
        message: str,
        **about: str,
    ) -> None:
        """One line about what happens. ``--quiet`` leaves warnings; the log file has everything.
        What was just said (waiting, mostly) is not said again.
        """
        level = logging.WARNING if kind == "warn" else logging.INFO
        _TALK.log(level, "%s", message, extra={"about": about})
        if (self.quiet and kind != "warn") or message == self._last:
            return
        self._last = message
        if self.as_json:
            fields: dict[str, Any] = dict(about)
            self._write(json_line("warning" if kind == "warn" else "info", message, **fields))
            return
        text = _MARKS[kind] + terminal(message)
        style = _STYLES[kind]
        self._write(f"\x1b[{style}m{text}\x1b[0m\n" if self.color and style else f"{text}\n")

    def doing(self, what: str) -> None:
        """What is done from now on: on a terminal a line that the next output takes the place of;
        elsewhere a line, after a silence or where it takes longer than a second.
        """
        _TALK.log(logging.INFO, "%s", what, extra={"about": {"event": "doing"}})
        if self.quiet:
            return
        if self.as_json:
            self._write(json_line("info", what, event="doing"))
        elif self._redrawn():
            show_status(self.stream, f"{terminal(what)} …")
        elif time.monotonic() - self._spoke >= _SILENCE:
            self._write(f"{terminal(what)}\n")
        else:
            talk_later(self.stream, f"{terminal(what)}\n", _SLOW)

    def progress(self, label: str, done: int, total: int) -> None:
        """How far a long thing is: redrawn on a terminal; elsewhere a line at each quarter."""
        if self.quiet or total <= 0:
            return
        if self._redrawn() and not self.as_json:
            filled = 24 * done // total
            bar = f"[{'#' * filled}{'.' * (24 - filled)}]"
            show_status(self.stream, f"{terminal(label)} {bar} {done}/{total}")
            if done >= total:
                keep_status(self.stream)
        elif done == total or 4 * done // total > 4 * (done - 1) // total:
            self._write(self._quarter(label, done, total))

    def _quarter(self, label: str, done: int, total: int) -> str:
        """A line about a quarter of a long thing."""
        text = f"{label} {done}/{total}"
        if self.as_json:
            return json_line("info", text, event="progress", label=label, done=done, total=total)
        return f"{terminal(text)}\n"

    def _redrawn(self) -> bool:
        return self.stream.isatty() if self.redraws is None else self.redraws

    def _write(self, text: str) -> None:
        self._spoke = time.monotonic()
        talk(self.stream, text)


@dataclass(frozen=True, slots=True)
class TerminalApprover:
    """:class:`migrator.ports.Approver` on a terminal. ``typed`` is the name given on the command
    line, if any.
    """

    stdin: TextIO
    stderr: TextIO
    yes: bool = False
    typed: str | None = None
    color: bool = False
    as_json: bool = False

    def show(self, proposal: Proposal) -> None:
        """The whole of it, above the question."""
        from migrator.render.proposal import proposal_text

        width = width_of(self.stderr, os.environ)
        text = proposal_text(proposal, width=width, color=self.color and not self.as_json)
        talk(self.stderr, json_line("info", text, event="proposal") if self.as_json else text)

    def confirm(self, question: str) -> None:
        """A yes. Raises ``no-terminal``, ``not-confirmed``."""
        if self.yes:
            talk(self.stderr, self._line(f"{question} yes (--yes)", event="answered", end="\n"))
            return
        self._needs_terminal(question, "Answer it beforehand with --yes.")
        answer = self._ask(f"{question} [y/N]")
        if answer.strip().lower() not in ("y", "yes"):
            raise Refused(
                "not-confirmed", "Nothing was done.", why="The question was not answered with yes."
            )

    def type_again(self, what: str, expected: str) -> None:
        """The name, typed again. Raises ``no-terminal``, ``name-mismatch``."""
        if self.typed is None:
            self._needs_terminal(what, "Give the name on the command line with --confirm NAME.")
            given = self._ask(f"{what}:").strip()
        else:
            given = self.typed
        if given != expected:
            raise Refused(
                "name-mismatch",
                "Nothing was done.",
                why=f"The name typed is {given!r}, not {expected!r}.",
                remedy="Check that this is the cluster you mean, then try again.",
            )

    def _line(self, text: str, *, event: str, end: str) -> str:
        """A text as one line of the log, or as it is with ``end`` behind it."""
        if self.as_json:
            return json_line("info", text, event=event)
        return f"{terminal(text)}{end}"

    def _ask(self, prompt: str) -> str:
        erase_status()
        self.stderr.write(self._line(prompt, event="question", end=" "))
        self.stderr.flush()
        answer = self.stdin.readline()
        if not answer:
            raise Refused("no-answer", "Nothing was done.", why="The input ended before an answer.")
        return answer

    def _needs_terminal(self, question: str, remedy: str) -> None:
        if not self.stdin.isatty():
            raise Refused(
                "no-terminal",
                f"A question needs an answer: {question}",
                why="No terminal.",
                remedy=remedy,
            )


@dataclass(frozen=True, slots=True)
class Output:
    """Data on stdout, in the format that ``--output`` names. Built once per command."""

    settings: Settings
    stdout: TextIO
    environment: Mapping[str, str]

    @property
    def color(self) -> bool:
        """Whether tables may have colours."""
        return use_color(self.settings, self.stdout, self.environment)

    @property
    def width(self) -> int:
        """Columns for tables on stdout."""
        return width_of(self.stdout, self.environment)

    def show(
        self,
        *,
        document: Callable[[], Any],
        table: Callable[[], str],
        markdown: Callable[[], str] | None = None,
    ) -> None:
        """Write one document. Only the form that is asked for is made."""
        match self.settings.output:
            case "json":
                from migrator.model.files.wire import pretty

                text = json_for_log(pretty(document()).decode("ascii"))
            case "yaml":
                from migrator.model.files.yaml_text import yaml_text

                text = yaml_text(document())
            case "markdown":
                if markdown is None:
                    raise WrongUse(
                        "no-markdown",
                        "This command has no Markdown output.",
                        remedy="Use table, json or yaml.",
                    )
                text = markdown()
            case _:
                text = table()
        erase_status()
        try:
            self.stdout.write(text if text.endswith("\n") else text + "\n")
            self.stdout.flush()
        except OSError as error:
            let_go_of(self.stdout)
            if isinstance(error, BrokenPipeError):  # `| head` has read what it wanted
                raise
            raise Failed(
                "stdout-unwritable",
                "The result could not be written on standard output.",
                why=error.strerror or type(error).__name__,
                remedy="Run the command again with its output in a file that has room.",
            ) from error

    def show_effect(
        self,
        *,
        document: Callable[[], Any],
        table: Callable[[], str],
        markdown: Callable[[], str] | None = None,
    ) -> None:
        """Write what became of a command that may have changed something: where that fails, a
        warning says so, and the exit code stays the one of the effect.
        """
        try:
            self.show(document=document, table=table, markdown=markdown)
        except Exception as error:  # whatever fails here, the effect is there
            warn_of_output("standard output", error)


def warn_of_output(place: str, error: Exception) -> None:
    """Say on stderr that a result was not written, after the effect that it describes."""
    why = getattr(error, "why", "") or str(error) or type(error).__name__
    warn(
        f"The result was not written to {place}: {why} The exit code is that of the command; "
        "`migrate status` shows what it did.",
        event="output-failed",
    )


def warn(message: str, *, event: str) -> None:
    """A warning on stderr of a part that has no events."""
    line = json_line("warning", message, event=event) if THIS.is_json else ""
    talk(sys.stderr, line or f"! {terminal(message)}\n")


def output_of(settings: Settings) -> Output:
    """Output to this process's stdout."""
    return Output(settings, sys.stdout, os.environ)


def events_of(settings: Settings) -> TerminalEvents:
    """Talk on this process's stderr."""
    return TerminalEvents(
        sys.stderr,
        quiet=settings.quiet,
        color=use_color(settings, sys.stderr, os.environ),
        as_json=settings.log_format == "json",
        redraws=sys.stderr.isatty() and os.environ.get("TERM") != "dumb",
    )
