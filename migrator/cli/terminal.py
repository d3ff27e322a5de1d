"""The terminal: questions, progress, and data on stdout.

Talk goes to stderr, so that stdout can be piped. A question needs a terminal: without one, and
without an answer, nothing is done. ``--yes`` answers questions, but never the one for a name typed
again.
"""

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TextIO

from migrator.app.settings import Settings
from migrator.cli.streams import let_go_of, talk
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
    """:class:`migrator.ports.Events` on stderr: a bar on a terminal, plain lines elsewhere."""

    stream: TextIO
    quiet: bool = False
    color: bool = False
    _bar: bool = field(default=False, repr=False)
    _last: str | None = field(default=None, repr=False)

    def say(self, kind: Literal["info", "step", "done", "warn"], message: str) -> None:
        """One line about what happens. ``--quiet`` leaves warnings; the log file has everything.
        What was just said (waiting, mostly) is not said again.
        """
        _TALK.log(logging.WARNING if kind == "warn" else logging.INFO, "%s", message)
        if (self.quiet and kind != "warn") or message == self._last:
            return
        self._last = message
        text = _MARKS[kind] + terminal(message)
        style = _STYLES[kind]
        talk(
            self.stream,
            self._bar_ended()
            + (f"\x1b[{style}m{text}\x1b[0m\n" if self.color and style else f"{text}\n"),
        )

    def progress(self, label: str, done: int, total: int) -> None:
        """How far a long thing is: redrawn on a terminal; elsewhere a line at each quarter."""
        if self.quiet or total <= 0:
            return
        if self.stream.isatty():
            filled = 24 * done // total
            talk(
                self.stream,
                f"\r\x1b[K{terminal(label)} [{'#' * filled}{'.' * (24 - filled)}] {done}/{total}",
            )
            self._bar = True
            if done >= total:
                talk(self.stream, self._bar_ended())
        elif done == total or 4 * done // total > 4 * (done - 1) // total:
            talk(self.stream, f"{terminal(label)} {done}/{total}\n")

    def _bar_ended(self) -> str:
        """What ends the bar's line, where there is one."""
        ended, self._bar = "\n" if self._bar else "", False
        return ended


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

    def show(self, proposal: Proposal) -> None:
        """The whole of it, above the question."""
        from migrator.render.proposal import proposal_text

        talk(
            self.stderr,
            proposal_text(proposal, width=width_of(self.stderr, os.environ), color=self.color),
        )

    def confirm(self, question: str) -> None:
        """A yes. Raises ``no-terminal``, ``not-confirmed``."""
        if self.yes:
            talk(self.stderr, f"{terminal(question)} yes (--yes)\n")
            return
        self._needs_terminal(question, "Answer it beforehand with --yes.")
        answer = self._ask(f"{terminal(question)} [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            raise Refused(
                "not-confirmed", "Nothing was done.", why="The question was not answered with yes."
            )

    def type_again(self, what: str, expected: str) -> None:
        """The name, typed again. Raises ``no-terminal``, ``name-mismatch``."""
        if self.typed is None:
            self._needs_terminal(what, "Give the name on the command line with --confirm NAME.")
            given = self._ask(f"{terminal(what)}: ").strip()
        else:
            given = self.typed
        if given != expected:
            raise Refused(
                "name-mismatch",
                "Nothing was done.",
                why=f"The name typed is {given!r}, not {expected!r}.",
                remedy="Check that this is the cluster you mean, then try again.",
            )

    def _ask(self, prompt: str) -> str:
        self.stderr.write(prompt)
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
    talk(
        sys.stderr,
        f"! The result was not written to {terminal(place)}: {terminal(why)} The exit code is "
        "that of the command; `migrate status` shows what it did.\n",
    )


def output_of(settings: Settings) -> Output:
    """Output to this process's stdout."""
    return Output(settings, sys.stdout, os.environ)


def events_of(settings: Settings) -> TerminalEvents:
    """Talk on this process's stderr."""
    color = use_color(settings, sys.stderr, os.environ)
    return TerminalEvents(sys.stderr, quiet=settings.quiet, color=color)
