"""What keeps a command from saying how it ended is known before it changes anything; what is known
only afterwards is a warning beside the exit code of what was done.
"""

import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from migrator.app.preflight import refuse_missing_extra
from migrator.cli.lazy import LazyGroup, MigrateCommand, OutputFile
from migrator.cli.main import cli
from migrator.cli.settings import ALL_FORMATS
from migrator.errors import WrongUse
from tests.support.cli_lab import WAIVERS, WORLD, CliLab, Ran, running
from tests.support.fleet_world import fleet_file, fleet_world
from tests.support.forked_programs import folder_of

POD_ROLE = "arn:aws:iam::111122223333:role/pods"
# A cluster with a Fargate profile for canary pods, and one whose endpoint lets this machine not in.
CLUSTERS = f"""\
  - name: pods
    account: "111122223333"
    region: eu-central-1
    creator: arn:aws:iam::111122223333:role/creator
    fargateProfiles:
      - {{fargateProfileName: pods, podExecutionRoleArn: "{POD_ROLE}", status: ACTIVE, selectors: [{{namespace: default}}]}}
    kubernetes:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {{name: aws-auth, namespace: kube-system}}
        data:
          mapRoles: |
            - {{rolearn: "arn:aws:iam::111122223333:role/operator", username: operator, groups: ["system:masters"]}}
            - {{rolearn: "{POD_ROLE}", username: "system:node:{{{{SessionName}}}}", groups: ["system:bootstrappers", "system:nodes", "system:node-proxier"]}}
  - name: narrow
    account: "111122223333"
    region: eu-central-1
    creator: arn:aws:iam::111122223333:role/operator
    resourcesVpcConfig:
      {{endpointPublicAccess: true, endpointPrivateAccess: true, publicAccessCidrs: ["198.51.100.0/24"]}}
"""  # noqa: E501
ROLE = '      - {name: pods, trust: {services: ["eks-fargate-pods.amazonaws.com"]}}\n'


@dataclass(frozen=True)
class Writes:
    """A command that changes a cluster. ``inputs``: the options that name files it reads;
    ``outputs``: those that name files it writes. ``code``: how it ends where it can say so.
    """

    arguments: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("table", "json", "yaml")
    code: int = 0

    @property
    def name(self) -> str:
        return " ".join(self.arguments[:2])


DECISIONS = ("--decisions",)
ANSWERS = ("--decisions", "decisions.yaml")
REHEARSAL = ("--for", "20m", "--image", "lab", "--yes")
# In the order of a migration: each is let run at its end, and is then the state of the next one.
SINGLE = (
    Writes(
        ("verify", "pods.json", "--baseline", "--canary-pods", "--yes"),
        ("--decisions", "--usage", "--probes"),
        ("--junit",),
        formats=ALL_FORMATS,
    ),
    Writes(
        ("doctor", "narrow", "--open-endpoint-for-me", "--source-address", "203.0.113.10", "--yes"),
    ),
    Writes(("apply", "plan.json", "--yes"), DECISIONS),
    Writes(("rollback", "plan.json", "--yes")),
    Writes(("rollback", "small", "--leftovers", "--yes")),
    Writes(("rehearse", "plan.json", *REHEARSAL), DECISIONS),
    Writes(("cutover", "plan.json", "--confirm", "small", *ANSWERS), DECISIONS),
    Writes(("retire", "plan.json", "--yes")),
)
FLEET = (
    # No cluster of it is applied: unknown is never 0.
    Writes(("fleet", "verify", "--canary-pods"), DECISIONS, code=8),
    Writes(("fleet", "apply", "--yes"), DECISIONS),
    Writes(("fleet", "rollback", "--yes")),
    Writes(("fleet", "rehearse", *REHEARSAL), DECISIONS),
    Writes(("fleet", "cutover", "--confirm", "test", *ANSWERS), DECISIONS),
    Writes(("fleet", "retire", "--yes")),
)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    world = WORLD.replace("clusters:\n", f"{ROLE}clusters:\n", 1) + CLUSTERS
    with running(tmp_path_factory.mktemp("single"), world) as lab:
        _files(lab)
        for cluster, plan in (("small", "plan.json"), ("pods", "pods.json")):
            assert lab.run("plan", cluster, "--out", plan, *ANSWERS).code == 0
        yield lab


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    world = json.dumps(fleet_world(1, 1, shapes=("plain",)))
    with running(tmp_path_factory.mktemp("fleet"), world) as lab:
        (lab.work / "fleet.yaml").write_text(json.dumps(fleet_file(1)))
        _files(lab)
        assert lab.run("fleet", "plan", *ANSWERS).code == 0
        yield lab


def _files(lab: CliLab) -> None:
    (lab.work / "decisions.yaml").write_text(WAIVERS)
    (lab.work / "malformed.yaml").write_text("princpals: {}\n")
    (lab.work / "folder").mkdir()


def _redirected(lab: CliLab, redirection: str, *arguments: str) -> Ran:
    """The command from a shell that sends its standard output where ``redirection`` says."""
    if not redirection:
        return lab.run(*arguments)
    # A program that has no standard output at all has to be started without it.
    program: list[str | Path] = [sys.executable, "-m", "migrator"]
    if ">&-" not in redirection:
        program = [folder_of("migrate") / "migrate"]
    done = subprocess.run(
        [
            *("bash", "-c", f'exec "$@" {redirection}', "-"),
            *(*program, *arguments),
        ],
        cwd=lab.work,
        env=lab.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def _faults(writes: Writes) -> Iterator[tuple[str, str, tuple[str, ...], int]]:
    """Redirection, error code, arguments and exit code of each way in which the command cannot say
    how it ended, or cannot read what it was given.
    """
    arguments = writes.arguments
    wrong = next(each for each in (*ALL_FORMATS, "jsonl") if each not in writes.formats)
    yield "", "usage", (*arguments, "--output", wrong), 64
    yield "", "usage", ("--output", wrong, *arguments), 64
    yield ">&-", "stdout-unwritable", arguments, 1
    yield "> /dev/full", "stdout-unwritable", arguments, 1
    yield "1< /dev/null", "stdout-unwritable", arguments, 1
    for place in ("missing/file", "/dev/full"):
        yield "", "log-file-unwritable", (*arguments, "--log-file", place), 1
    for option in writes.outputs:
        for place in ("folder", "missing/file", "/proc/file", "/dev/full"):
            yield "", "file-unwritable", (*arguments, option, place), 1
    for option in writes.inputs:
        yield "", "file-not-found", (*arguments, option, "missing.yaml"), 1
    if "--decisions" in writes.inputs:
        yield "", "decisions-malformed", (*arguments, "--decisions", "malformed.yaml"), 1


def _check(lab: CliLab, writes: Writes) -> None:
    before = lab.effects()
    for redirection, code, arguments, exit_code in _faults(writes):
        ran = _redirected(lab, redirection, *arguments)
        assert (ran.error_code, ran.code) == (code, exit_code), f"{arguments}: {ran.err}"
        assert "Traceback" not in ran.err
        assert code == "usage" or "do:    " in ran.err, "an error says what to do"
        assert lab.effects() == before, arguments
    ran = lab.run(*writes.arguments)
    assert ran.code == writes.code, ran.err + ran.out


@pytest.mark.in_order
@pytest.mark.parametrize("writes", SINGLE, ids=lambda writes: writes.name)
def test_nothing_is_changed_by_a_command_that_could_not_say_how_it_ended(
    single: CliLab, writes: Writes
) -> None:
    before = len(single.effects())
    _check(single, writes)
    changed = single.effects()[before:]
    assert changed or "--leftovers" in writes.arguments, "the command changes something"
    if writes.arguments[0] == "rollback" and "--leftovers" not in writes.arguments:
        assert single.run("apply", "plan.json", "--yes").code == 0


@pytest.mark.in_order
@pytest.mark.parametrize("writes", FLEET, ids=lambda writes: writes.name)
def test_nothing_is_changed_by_a_fleet_command_that_could_not_say_how_it_ended(
    fleet: CliLab, writes: Writes
) -> None:
    before = len(fleet.effects())
    _check(fleet, writes)
    assert fleet.effects()[before:] or "verify" in writes.arguments
    if "rollback" in writes.arguments:
        assert fleet.run("fleet", "apply", "--yes").code == 0


@pytest.fixture
def planned(tmp_path: Path) -> Iterator[CliLab]:
    with running(tmp_path) as lab:
        _files(lab)
        assert lab.run("plan", "small", "--out", "plan.json", *ANSWERS).code == 0
        yield lab


_LIMIT = 64 * 1024 * 1024  # bytes of a file; more than any file of a run


def _ended_late(lab: CliLab, *arguments: str, stderr: str = "") -> Ran:
    """The command with a standard output that takes nothing although nothing is known against it
    before: a file that is as long as a file may be.
    """
    full = lab.work / "full"
    with full.open("wb") as file:
        file.truncate(_LIMIT)
    with full.open("ab") as out, open(stderr or lab.work / "err", "wb") as err:  # noqa: PTH123
        code = subprocess.run(
            [sys.executable, "-m", "migrator", *arguments],
            cwd=lab.work,
            env=lab.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT, _LIMIT)),
        ).returncode
    assert full.stat().st_size == _LIMIT, "something was written after all"
    full.unlink()
    return Ran(code, "", "" if stderr else (lab.work / "err").read_text())


def test_an_output_that_fails_after_the_effect_is_a_warning_beside_its_exit_code(
    planned: CliLab,
) -> None:
    for arguments in (
        ("apply", "plan.json", "--yes"),
        ("rollback", "plan.json", "--yes", "--output", "json"),
        ("apply", "plan.json", "--yes", "--output", "yaml"),
        ("verify", "plan.json"),
        ("cutover", "plan.json", "--confirm", "small", *ANSWERS),
        ("retire", "plan.json", "--yes"),
    ):
        before = planned.effects()
        ran = _ended_late(planned, *arguments)
        assert (ran.code, ran.error_code) == (0, ""), f"{arguments}: {ran.err}"
        assert "! The result was not written to standard output: File too large" in ran.err
        assert planned.effects() != before or "verify" in arguments
    switched = [each for each in planned.effects() if "UpdateClusterConfig" in each["operation"]]
    assert len(switched) == 2


def test_a_refusal_keeps_its_exit_code_when_its_output_and_its_error_cannot_be_written(
    planned: CliLab,
) -> None:
    arguments = ("cutover", "plan.json", "--confirm", "small", *ANSWERS)
    refused = _ended_late(planned, *arguments)
    assert (refused.code, refused.error_code) == (4, "gates-closed")
    assert _ended_late(planned, *arguments, stderr="/dev/full").code == 4


def test_an_answer_that_cannot_be_written_is_a_failure_of_a_command_that_only_reads(
    planned: CliLab,
) -> None:
    shown = _ended_late(planned, "show", "plan.json")
    assert (shown.code, shown.error_code) == (1, "stdout-unwritable")


def test_a_log_that_fills_up_is_a_warning_and_the_command_continues(planned: CliLab) -> None:
    log = planned.work / "log"
    with log.open("wb") as file:
        file.truncate(_LIMIT)
    ran = subprocess.run(
        [sys.executable, "-m", "migrator", "apply", "plan.json", "--yes", "--log-file", "log"],
        cwd=planned.work,
        env=planned.environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT, _LIMIT)),
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("! The log file ends here: ") == 1
    assert "Traceback" not in ran.stderr


def test_help_with_a_standard_output_that_takes_nothing_is_no_traceback(planned: CliLab) -> None:
    for redirection in (">&-", "> /dev/full", ">&- 2>&-"):
        ran = _redirected(planned, redirection, "--help")
        assert ran.code in (0, 1)
        assert "Traceback" not in ran.err
        assert "Exception ignored" not in ran.err


def _leaves(group: LazyGroup) -> Iterator[MigrateCommand]:
    for name in group.table:
        command = group.get_command(click.Context(group), name)
        if isinstance(command, LazyGroup):
            yield from _leaves(command)
        else:
            assert isinstance(command, MigrateCommand)
            yield command


def _commands() -> Iterator[MigrateCommand]:
    assert isinstance(cli, LazyGroup)
    yield from _leaves(cli)


_READ = {
    "--against",
    *("--decisions", "--probes", "--usage", "--snapshot", "--config-map", "--kubeconfig"),
    *("--world", "--from", "--stop-file", "--tls-ca", "--tls-cert", "--tls-key"),
}


def test_every_option_that_names_a_file_is_one_that_is_read_or_is_opened_before() -> None:
    for command in _commands():
        for param in command.params:
            if getattr(param, "metavar", None) != "FILE":
                continue
            read = bool(_READ & set(param.opts))
            assert read != isinstance(param.type, OutputFile), f"{command.name} {param.opts}"


# These ask or take a lock and change no cluster: observe asks for the price of a scan, the others
# for opening the endpoint, of which doctor has a row.
_CHANGE_NOTHING = {"access", "drift", "observe", "plan", "report", "snapshot", "status"}


def test_every_command_that_asks_or_locks_is_in_the_tables_of_this_test() -> None:
    asks = {
        command.name
        for command in _commands()
        if {"--yes", "--confirm", "--break-lock"} & {o for p in command.params for o in p.opts}
    }
    assert asks - _CHANGE_NOTHING == {
        *(writes.arguments[0] for writes in SINGLE),
        *(writes.arguments[1] for writes in FLEET),
    }


def test_a_command_offers_the_formats_that_it_can_give() -> None:
    for command in _commands():
        offered = [
            tuple(param.type.choices)
            for param in command.get_params(click.Context(command))
            if "--output" in param.opts and isinstance(param.type, click.Choice)
        ]
        assert offered == [command.formats] or command.name == "plan" or not command.formats


@pytest.mark.parametrize("arguments", [("lab", "up"), ("fleet", "plan", "--executor", "dask")])
def test_an_extra_that_is_missing_is_known_before_anything_begins(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    script = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "away = ('cryptography', 'distributed')\n"
        "importlib.util.find_spec = lambda name: None if name in away else find(name)\n"
        "from migrator.cli.main import main\n"
        f"main({[*arguments]!r})\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 64, ran.stderr
    assert "[extra-missing]" in ran.stderr
    # The name alone would ask an index that may have it from somebody else.
    (command,) = re.findall(r"pip install '?([^'\n,]+\[(?:fleet|lab)\])", ran.stderr)
    assert Path(command.partition("[")[0]).exists()
    assert [*tmp_path.iterdir()] == []


def test_an_extra_that_is_there_is_no_reason_to_refuse() -> None:
    refuse_missing_extra("lab", ("cryptography",), "The lab")
    with pytest.raises(WrongUse, match="The lab needs the extra lab"):
        refuse_missing_extra("lab", ("no_such_package",), "The lab")
