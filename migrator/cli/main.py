"""The ``migrate`` command: the only place that turns errors into words and exit codes.

Loads click and nothing else of weight; commands are imported when they are called.
"""

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NoReturn, TextIO

import click

from migrator.app.settings import Settings
from migrator.cli import exit_codes
from migrator.cli.completed import COMPLETION_VARIABLE
from migrator.cli.examples import EXAMPLES
from migrator.cli.help_pages import write_global_options
from migrator.cli.lazy import LazyGroup
from migrator.cli.log_lines import THIS, json_line
from migrator.cli.program_name import ORDINARY, program_name, renamed
from migrator.cli.settings import global_options
from migrator.cli.streams import erase_status, let_go_of, talk
from migrator.cli.usage_words import usage_words
from migrator.cli.version import show_version
from migrator.errors import Failed, MigratorError

_COLLECT_AFTER = (50_000, 20, 20)  # objects, and collections of the younger generation
_FOREIGN_LIMIT = 400  # characters of a foreign error message; more hides what matters

COMMANDS = {
    "snapshot": ("migrator.cli.snapshot", "Read a cluster into one file."),
    "observe": ("migrator.cli.observe", "Who really uses the cluster, from its logs."),
    "plan": ("migrator.cli.plan", "Decide what becomes of every principal: the dry run."),
    "show": ("migrator.cli.show", "Show a saved plan again."),
    "explain": (
        "migrator.cli.explain",
        "One principal of a plan, or what a code means and what to do.",
    ),
    "apply": ("migrator.cli.apply", "Make the access entries of a plan; the same command resumes."),
    "verify": ("migrator.cli.verify", "Prove access as each principal."),
    "rehearse": (
        "migrator.cli.rehearse",
        "Try API mode, reversibly: aws-auth blanked and put back.",
    ),
    "cutover": ("migrator.cli.cutover", "Switch to access entries only. One-way."),
    "retire": ("migrator.cli.retire", "Delete the inert aws-auth after the cut-over."),
    "rollback": ("migrator.cli.rollback", "Until the cut-over: back to what was there."),
    "status": ("migrator.cli.status", "Where the migration stands."),
    "report": ("migrator.cli.report", "The report for the change ticket."),
    "access": ("migrator.cli.access", "Who can log in now, and by what."),
    "drift": ("migrator.cli.drift", "What changed since the migration."),
    "generate": ("migrator.cli.generate", "Write a plan's entries as code."),
    "doctor": ("migrator.cli.doctor", "Can this machine and this caller do the job?"),
    "timer": (
        "migrator.cli.timer",
        "In the cluster: put aws-auth back unless a rehearsal runs.",
    ),
    "fleet": ("migrator.fleet.cli.group", "The same over accounts, Regions and clusters."),
    "token": ("migrator.cli.token", "Print an ExecCredential for kubectl."),
    "lab": ("migrator.lab.cli.group", "An EKS on this machine, to learn and rehearse on."),
    "completion": ("migrator.cli.completion", "Print the completion script for a shell."),
    "help": ("migrator.cli.help", "The help page of a command."),
    "version": ("migrator.cli.version", "Print the version."),
}
HIDDEN = ("timer",)  # started by a rehearsal's Job, of no use to a person

_START = """\
migrate moves EKS clusters from the aws-auth ConfigMap to access entries, with proof.

  migrate lab demo                            see a whole migration here, without AWS
  migrate doctor CLUSTER                      can this machine and this caller do the job?
  migrate plan CLUSTER --out plan.json        the dry run: it changes nothing
  migrate explain plan.json PRINCIPAL         one principal: what it is, what it will be, why
  migrate status plan.json                    where it stands, and the command to run next

All commands: migrate --help    One of them, with examples: migrate help plan
"""


class _Root(LazyGroup):
    """``migrate`` itself: its options are the global ones, shown by what they are about."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands first: they are what a reader looks for."""
        self.format_commands(ctx, formatter)
        write_global_options(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        """Run the command. Click writes an empty line when one is interrupted, which is for a
        terminal's ^C: a line of the JSON log is an object.
        """
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, EOFError) as error:
            if THIS.is_json:
                raise click.Abort from error
            raise


@click.group(
    cls=_Root,
    table=COMMANDS,
    examples=EXAMPLES,
    hidden=HIDDEN,
    invoke_without_command=True,
    context_settings={"max_content_width": 100},
    epilog=exit_codes.epilog(),
    params=[*global_options()],
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401 - the global options
    """Move EKS clusters from the aws-auth ConfigMap to access entries, with proof.

    Data goes to stdout, talk to stderr. Global options may stand before or after the command.
    """
    refuse_unsupported_system()
    ctx.obj = Settings().with_given(given)
    if ctx.invoked_subcommand is not None:
        return
    # Options alone are the beginning of a command line whose command was forgotten.
    if ctx.obj != Settings():
        raise click.UsageError("Missing command.", ctx)
    click.echo(renamed(_START, ctx), nl=False)


def refuse_unsupported_system() -> None:
    """Raises ``system-unsupported`` where files cannot be locked as the state needs it: without
    fcntl(2), which Windows does not have.
    """
    if find_spec("fcntl") is None:
        raise Failed(
            "system-unsupported",
            f"migrate does not run on this system ({sys.platform}).",
            why="It needs the file locks of POSIX, which Windows does not have.",
            remedy="Run it on Linux or macOS: on Windows in WSL 2 or in a container.",
        )


def run(arguments: Sequence[str], *, stderr: TextIO, name: str = ORDINARY) -> int:
    """Run the command line; returns the exit code and never raises. ``name`` is the program's as
    its help shows it.
    """
    traceback = "--traceback" in arguments
    THIS.begin(arguments, os.environ)
    if COMPLETION_VARIABLE in os.environ:
        from migrator.cli.completion import use_own_completion

        use_own_completion()
    try:
        result = cli.main(args=list(arguments), prog_name=name, standalone_mode=False)
        return result if isinstance(result, int) else exit_codes.DONE
    except MigratorError as error:
        _say(
            stderr,
            error.code,
            error.message,
            error.why,
            error.remedy,
            exit_code=error.exit_code,
            traceback=traceback,
        )
        return error.exit_code
    except click.UsageError as error:
        return _usage(error, stderr)
    except (KeyboardInterrupt, click.Abort):
        why = "It was interrupted."
        _say(
            stderr,
            "interrupted",
            "Stopped.",
            why,
            "The same command continues from here.",
            exit_code=exit_codes.INTERRUPTED,
            traceback=traceback,
        )
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        let_go_of(sys.stdout)
        return exit_codes.FAILED
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        remedy = "Run it again with --traceback, and report what that shows."
        _say(
            stderr,
            "unexpected",
            "Something went wrong that should not.",
            why,
            remedy,
            exit_code=exit_codes.FAILED,
            traceback=traceback,
        )
        return exit_codes.FAILED
    finally:
        erase_status()


def _usage(error: click.UsageError, stderr: TextIO) -> int:
    from migrator.cli.given_elsewhere import set_elsewhere

    command = error.ctx.command_path if error.ctx is not None else ORDINARY
    help_asked = isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ()))  # click 8.2
    if help_asked and not THIS.is_json:
        talk(stderr, error.format_message() + "\n")
        return exit_codes.USAGE
    _say(
        stderr,
        "usage",
        usage_words(error),
        set_elsewhere(error),
        f"{command} --help shows how it is called.",
        exit_code=exit_codes.USAGE,
        traceback=False,
    )
    return exit_codes.USAGE


def _say(
    stderr: TextIO,
    code: str,
    message: str,
    why: str,
    remedy: str,
    *,
    exit_code: int,
    traceback: bool,
) -> None:
    """What, why, what to do: three lines, or one of JSON. Foreign text cannot leave its line."""
    import traceback as tracebacks

    from migrator.render.escape import terminal

    trace = tracebacks.format_exc().splitlines() if traceback else []
    if THIS.is_json:
        fields: dict[str, Any] = {"code": code, "why": why, "remedy": remedy}
        if traceback:
            fields["traceback"] = trace
        talk(stderr, json_line("error", message, event="error", exitCode=exit_code, **fields))
        return
    lines = [f"error: {_clip(terminal(message))} [{terminal(code)}]"]
    if why:
        lines.append(f"why:   {_clip(terminal(why))}")
    if remedy:
        lines.append(f"do:    {_clip(terminal(remedy))}")
    lines = [*map(terminal, trace), *lines]
    talk(stderr, "".join(f"{line}\n" for line in lines))


def _clip(text: str) -> str:
    return text if len(text) <= _FOREIGN_LIMIT else text[:_FOREIGN_LIMIT] + " …"


def _end_in_order() -> None:
    """A signal to end (SIGTERM of a pipeline or a pod, SIGHUP of a closed terminal) is as good as
    Ctrl-C: a map that is blank goes back, a lock is let go, the journal says so. What ``nohup``
    ignores stays ignored.
    """
    import signal

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def collect_seldom() -> None:
    """Look for garbage less often than by default.

    Next to nothing that a command makes is a cycle. Looking through a plan of 10,000 rows at every
    700 objects is a quarter of its CPU time.
    """
    gc.set_threshold(*_COLLECT_AFTER)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the ``migrate`` script."""
    collect_seldom()
    _end_in_order()
    _hold_standard_descriptors()
    # Memory goes with the process: to look for garbage in the SDKs' models first takes a tenth of
    # the CPU of a command over a fleet.
    atexit.register(gc.freeze)
    try:
        given = sys.argv[1:] if arguments is None else arguments
        code = run(given, stderr=sys.stderr, name=program_name(sys.argv))
    except KeyboardInterrupt:  # one more signal, while it is said how the command ended
        code = exit_codes.INTERRUPTED
    # What was shown of an effect is flushed by now, so that its exit code is not changed here.
    if not _flushed(sys.stdout):
        code = code or exit_codes.FAILED
    _flushed(sys.stderr)
    _forget_interrupts()
    sys.exit(code)


def _forget_interrupts() -> None:
    """Let ``python -m migrator`` end with its own exit code.

    CPython notes every KeyboardInterrupt that leaves a text which ``exec`` runs (dataclasses and
    named tuples are made by it, while modules are imported), also where it is caught later, and
    ``Py_RunMain`` then ends the process by SIGINT. The note is deleted when the next text begins.
    """
    exec("")  # noqa: S102 - an empty text


def _hold_standard_descriptors() -> None:
    """A descriptor of 0, 1 and 2 that is closed would be given to the next file or socket that is
    opened (open(2): the lowest one), and what is printed would go there.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the end
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - until the end


def _flushed(stream: TextIO | None) -> bool:
    """Whether everything was written; what could not be is dropped."""
    if stream is None:
        return True
    try:
        stream.flush()
    except OSError:
        let_go_of(stream)
        return False
    return True
