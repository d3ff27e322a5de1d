"""``migrate lab shell``: a separate shell that uses the lab."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import events_of
from migrator.errors import Failed
from migrator.lab.cli.place import export_lines, lab_directory_option, resolved


@click.command(
    "shell", cls=MigrateCommand, formats=(), short_help="A separate shell that uses the lab."
)
@lab_directory_option
@click.pass_context
def command(ctx: click.Context, /, lab_dir: str) -> int:
    """Start $SHELL as the lab's operator; its prompt begins with "(lab NAME)". Leave it with exit:
    the shell from which it was started has never changed, and the lab runs on.

    Where standard input is no terminal, the shell runs what comes from there, and its exit code is
    the exit code.
    """
    from migrator.lab.lab_client import entered_lab, lab_state, refuse_dead_lab

    directory, events = resolved(lab_dir), events_of(settings_of(ctx))
    refuse_dead_lab(directory)
    program = os.environ.get("SHELL") or "/bin/sh"
    environment = entered_lab(directory, os.environ)
    if not sys.stdin.isatty():
        return _wait(Call([program], environment))
    name = str(lab_state(directory)["world"])
    events.say("info", f"a shell that uses the lab {name}; leave it with: exit", event="lab")
    folder = Path(tempfile.mkdtemp(prefix="shell-", dir=directory))
    try:
        kind = Path(program).name
        start = _STARTS.get(kind, _posix)
        _wait(start(program, folder, _Lab(_mark(name), environment)))
    finally:
        # It has the keys of the lab's operator.
        shutil.rmtree(folder, ignore_errors=True)
    events.say(
        "done",
        "left the shell of the lab, which runs on; stop it with: migrate lab down",
        event="lab",
    )
    return 0


@dataclass(frozen=True)
class Call:
    """A program to start: its words, and its whole environment."""

    words: list[str]
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class _Lab:
    """What a shell reads last: the mark of its prompt, and the lab's variables once more, because
    a start-up file of the person may have set AWS_PROFILE.
    """

    mark: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def variables(self) -> dict[str, str]:
        """What the lab sets."""
        from migrator.lab.lab_client import LAB_VARIABLES

        wanted = (*LAB_VARIABLES, "PATH")
        return {key: self.environment[key] for key in wanted if key in self.environment}

    @property
    def lines(self) -> str:
        """The lines for a POSIX shell."""
        return f'{export_lines(self.variables)}PS1="{self.mark} ${{PS1:-$ }}"\n'


def _mark(name: str) -> str:
    """The name of the lab's world for a prompt, in which most other characters mean something."""
    plain = "".join(each for each in name if each.isalnum() or each in "-_.")
    return f"(lab {plain})"


def _bash(program: str, folder: Path, lab: _Lab) -> Call:
    """Bash reads the file of ``--rcfile`` instead of the person's, which ours reads first."""
    file = _write(folder / "bashrc", f"[ ! -r ~/.bashrc ] || . ~/.bashrc\n{lab.lines}")
    return Call([program, "--rcfile", str(file), "-i"], lab.environment)


def _zsh(program: str, folder: Path, lab: _Lab) -> Call:
    """Zsh reads .zshrc in ZDOTDIR (zsh(1), "Startup/Shutdown Files")."""
    home = lab.environment.get("ZDOTDIR") or lab.environment.get("HOME") or "/"
    back = f"ZDOTDIR={shlex.quote(home)}\n[ ! -r $ZDOTDIR/.zshrc ] || . $ZDOTDIR/.zshrc\n"
    _write(folder / ".zshrc", back + lab.lines)
    return Call([program, "-i"], {**lab.environment, "ZDOTDIR": str(folder)})


def _fish(program: str, folder: Path, lab: _Lab) -> Call:
    """Fish runs ``--init-command`` after the person's configuration (fish(1)); its quotes are
    those of POSIX but for the backslash.
    """
    from migrator.lab.lab_client import UNSET_VARIABLES

    gone = [f"set -e {name}" for name in UNSET_VARIABLES if name not in lab.variables]
    kept = [f"set -gx {name} {_fish_words(name, text)}" for name, text in lab.variables.items()]
    prompt = (
        "functions --copy fish_prompt lab_before_prompt; "
        f"function fish_prompt; echo -n {shlex.quote(lab.mark + ' ')}; lab_before_prompt; end"
    )
    file = _write(folder / "config.fish", "\n".join([*gone, *kept, prompt, ""]))
    return Call([program, "--init-command", f"source {shlex.quote(str(file))}"], lab.environment)


def _fish_words(name: str, text: str) -> str:
    """A value in single quotes; PATH is a list in fish."""
    parts = text.split(os.pathsep) if name == "PATH" else [text]
    escaped = (part.replace("\\", "\\\\").replace("'", "\\'") for part in parts)
    return " ".join(f"'{part}'" for part in escaped)


def _posix(program: str, folder: Path, lab: _Lab) -> Call:
    """An interactive POSIX shell reads the file that ENV names (POSIX, sh, "ENV")."""
    file = _write(folder / "shrc", lab.lines)
    return Call([program, "-i"], {**lab.environment, "ENV": str(file)})


_STARTS: Mapping[str, Callable[[str, Path, _Lab], Call]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}


def _write(file: Path, text: str) -> Path:
    """A file that only its owner can read."""
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")
    return file


def _wait(call: Call) -> int:
    """Run the shell to its end; its exit code. Raises ``lab-failed`` for a program that cannot be
    started.
    """
    # Ctrl-C is for what runs in the shell. A handler, unlike SIG_IGN, is not inherited.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        done = subprocess.run(call.words, env=call.environment, check=False)  # noqa: S603 - $SHELL
    except OSError as error:
        raise Failed(
            "lab-failed",
            f"The shell {call.words[0]} cannot be started.",
            why=str(error),
            remedy="Set SHELL to a program, as /bin/sh.",
        ) from error
    # A shell that a signal ended has a negative number.
    return done.returncode if done.returncode >= 0 else 128 - done.returncode
