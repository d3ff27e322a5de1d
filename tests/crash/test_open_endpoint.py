"""Real processes that open the endpoint for themselves, killed at every effect: resumed from the
same folder, from another one, or by two commands at once, the list of ranges ends as it began, and
until then status, doctor and later commands name the debt.
"""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

import pytest

from migrator.lab.worlds.effects import KillPoint
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.world_files import build_world
from tests.support.crash_runs import kill_points
from tests.support.crash_worlds import CLUSTER, role, world
from tests.support.lab_session import KILLED, LabSession, lab_session

BEFORE = ["198.51.100.0/24", "192.0.2.44/32"]
MINE = "203.0.113.10"  # where the lab sees its clients
BLOCK = f"{MINE}/32"
OPEN = ("--open-endpoint-for-me", "--source-address", MINE, "--yes", "--quiet")
ELSEWHERE = ("--state-dir", "elsewhere")
CLOSE = ("doctor", CLUSTER, "--close-endpoint", "--yes")
TO_CLOSE = f"migrate doctor {CLUSTER} --close-endpoint"
WORLD = world(
    "narrow",
    {role("dev"): ("dev", ["devs"])},
    roles=[{"name": "dev"}],
    resourcesVpcConfig={
        "endpointPublicAccess": True,
        "endpointPrivateAccess": True,
        "publicAccessCidrs": BEFORE,
    },
)
Point = tuple[int, KillPoint]


@dataclass(frozen=True)
class Operator:
    """Commands on a lab whose endpoint admits this machine only where a command opens it."""

    session: LabSession

    def snapshot(self, *options: str, kill: Point | None = None) -> "CompletedProcess[str]":
        """A short command that needs the API server."""
        return self.session.migrate(
            *options, "snapshot", CLUSTER, "--out", f"{len(options)}.json", *OPEN, kill=kill
        )

    @property
    def cluster(self) -> LabCluster:
        """The cluster as EKS has it."""
        return next(iter(self.session.world.clusters.values()))

    def cidrs(self) -> list[str]:
        """Who is admitted, once what EKS does has ended."""
        later = self.session.world.now() + timedelta(hours=1)
        return list(self.cluster.vpc_config_at(later)["publicAccessCidrs"])

    def debts(self) -> list[str]:
        """The values of the tags that name an opening."""
        return [text for key, text in self.cluster.tags.items() if "opened" in key]

    def later(self, **duration: int) -> None:
        """Let time pass in the lab."""
        clock = self.session.world.clock
        clock.advance_to(clock.now() + timedelta(**duration))

    def ends_as_it_began(self) -> None:
        assert (self.cidrs(), self.debts()) == (BEFORE, [])


@contextmanager
def operator_in(folder: Path, **settings: bool) -> Iterator[Operator]:
    """An operator on a lab of its own."""
    document = {**WORLD.document, "settings": {**WORLD.document["settings"], **settings}}
    with lab_session(folder, build_world(document)) as session:
        yield Operator(session)


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    with operator_in(tmp_path) as found:
        yield found


@pytest.fixture
def operator_in_vpc(tmp_path: Path) -> Iterator[Operator]:
    """One whose commands need not wait until the public endpoint does not answer."""
    with operator_in(tmp_path, callerInVpc=True) as found:
        yield found


def killed_at(operator: Operator, point: Point, *options: str) -> None:
    """The command dies there, and no address is open without a tag that names it."""
    ended = operator.snapshot(*options, kill=point)
    assert ended.returncode == KILLED, ended.stderr
    if BLOCK in operator.cidrs():
        assert any(BLOCK in text for text in operator.debts())


# Its tag, the list, its tag before it closes, the list, its tag.
EFFECTS = 5
IN_EVERY_RUN = {(0, "before-next"), (2, "answer-lost"), (4, "before-next")}
EVERYWHERE = [
    pytest.param(each, marks=() if each in IN_EVERY_RUN else pytest.mark.crash)
    for each in kill_points(EFFECTS)
]
CLOSING = [
    pytest.param(each, marks=() if each[0] == 2 else pytest.mark.crash) for each in kill_points(3)
]


def test_command_has_the_effects_that_are_killed(operator: Operator) -> None:
    assert operator.snapshot().returncode == 0
    assert len(operator.session.effects()) == EFFECTS
    operator.ends_as_it_began()


@pytest.mark.parametrize("place", [(), ELSEWHERE], ids=["same-folder", "another-folder"])
@pytest.mark.parametrize("point", EVERYWHERE)
def test_killed_and_resumed_the_list_ends_as_it_began(
    operator: Operator, point: Point, place: tuple[str, ...]
) -> None:
    killed_at(operator, point)
    ended = operator.snapshot(*place)
    assert ended.returncode == 0, ended.stderr
    operator.ends_as_it_began()


@pytest.mark.parametrize("point", EVERYWHERE)
def test_debt_of_a_killed_command_is_named_until_it_is_closed(
    operator_in_vpc: Operator, point: Point
) -> None:
    operator = operator_in_vpc
    killed_at(operator, point)
    named = [TO_CLOSE in text for text in said_by_commands(operator)]
    assert set(named) == {bool(operator.debts())}, named
    closed = operator.session.migrate(*ELSEWHERE, *CLOSE)
    assert closed.returncode == 0, closed.stderr
    operator.ends_as_it_began()
    assert not any(TO_CLOSE in text for text in said_by_commands(operator))


def said_by_commands(operator: Operator) -> list[str]:
    """What status, doctor and a later command say, from a folder that knows nothing."""
    said = []
    for command in (("status", CLUSTER), ("doctor", CLUSTER), ("plan", CLUSTER)):
        done = operator.session.migrate(*ELSEWHERE, *command)
        said.append(" ".join((done.stdout + done.stderr).split()))
    return said


def test_debt_of_another_machine_is_closed_when_it_is_overdue(operator_in_vpc: Operator) -> None:
    operator = operator_in_vpc
    killed_at(operator, (2, "before-next"))
    cluster = operator.cluster
    cluster.tags = {
        key: re.sub(r"process=[0-9a-f]+", "process=0000", text)
        for key, text in cluster.tags.items()
    }
    early = operator.session.migrate(*CLOSE)
    assert early.returncode == 7, early.stderr
    assert BLOCK in operator.cidrs()
    operator.later(hours=4, minutes=1)
    assert all(TO_CLOSE in text for text in said_by_commands(operator))
    assert operator.session.migrate(*CLOSE).returncode == 0
    operator.ends_as_it_began()


@pytest.mark.parametrize("point", CLOSING)
def test_closing_is_killed_and_done_again(operator: Operator, point: Point) -> None:
    killed_at(operator, (2, "before-next"))
    before = len(operator.session.effects())
    kill: Point = (before + point[0], point[1])
    assert operator.session.migrate(*CLOSE, kill=kill).returncode == KILLED
    assert operator.session.migrate(*ELSEWHERE, *CLOSE).returncode == 0
    operator.ends_as_it_began()


def told_to_end(operator: Operator, *signals: tuple[int, int]) -> "CompletedProcess[str]":
    """A command that is sent signals at its effects, with those numbers."""
    return operator.session.migrate(
        "snapshot", CLUSTER, "--out", "s.json", *OPEN, signals=dict(signals)
    )


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_during_the_closing_changes_neither_its_end_nor_the_exit_code(
    operator: Operator, told: signal.Signals
) -> None:
    done = told_to_end(operator, (3, told))
    assert done.returncode == 0, done.stderr
    assert "The closing continues." in done.stderr
    operator.ends_as_it_began()


def test_signal_while_the_opening_s_update_runs_leaves_the_list_as_it_began(
    operator: Operator,
) -> None:
    done = told_to_end(operator, (2, signal.SIGINT))
    assert (done.returncode, "[interrupted]" in done.stderr) == (7, True), done.stderr
    operator.ends_as_it_began()


def test_second_signal_during_the_closing_is_exit_7_and_names_what_is_open(
    operator: Operator,
) -> None:
    done = told_to_end(operator, (3, signal.SIGTERM), (4, signal.SIGINT))
    assert (done.returncode, "[endpoint-left-open]" in done.stderr) == (7, True), done.stderr
    assert f"do:    {TO_CLOSE}" in done.stderr
    assert any(BLOCK in text for text in operator.debts())
    assert operator.session.migrate(*CLOSE).returncode == 0
    operator.ends_as_it_began()


def at_once(operator: Operator, kill: Point | None) -> "list[CompletedProcess[str]]":
    """Two commands that need the same address; the first one may be killed."""
    ended: dict[int, CompletedProcess[str]] = {}

    def work(me: int) -> None:
        place = ELSEWHERE if me else ()
        ended[me] = operator.snapshot(*place, kill=None if me else kill)

    threads = [threading.Thread(target=work, args=(me,)) for me in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [ended[me] for me in (0, 1)]


def test_two_commands_at_once_leave_the_list_as_it_was(operator: Operator) -> None:
    for done in at_once(operator, None):
        assert done.returncode == 0, done.stderr
    operator.ends_as_it_began()


@pytest.mark.crash
@pytest.mark.parametrize("point", kill_points(2 * EFFECTS))
def test_one_of_two_commands_is_killed_and_resumed(operator: Operator, point: Point) -> None:
    first, _ = at_once(operator, point)
    if first.returncode == KILLED:
        assert operator.snapshot(*ELSEWHERE).returncode == 0
    operator.ends_as_it_began()


APPLY = ("apply", "plan.json", *OPEN)


@cache
def plan() -> str:
    """The plan of the world, made through the opened endpoint."""
    with TemporaryDirectory() as folder, operator_in(Path(folder)) as operator:
        operator.session.run("plan", CLUSTER, "--out", "plan.json", *OPEN)
        operator.ends_as_it_began()
        return (Path(folder) / "plan.json").read_text()


@cache
def effects_of_apply() -> tuple[str, ...]:
    """What an apply that nobody disturbs changes."""
    with TemporaryDirectory() as folder, operator_in(Path(folder)) as operator:
        return tuple(effect.operation for effect in applied(operator, None).effects())


def applied(operator: Operator, point: Point | None) -> LabSession:
    """Apply the plan, killed at a point and resumed."""
    (operator.session.folder / "plan.json").write_text(plan())
    if point is not None:
        assert operator.session.migrate(*APPLY, kill=point).returncode == KILLED
    done = operator.session.migrate(*APPLY)
    assert done.returncode in (0, 7), done.stderr
    operator.ends_as_it_began()
    return operator.session


def test_apply_is_killed_between_its_writes_and_resumed(operator: Operator) -> None:
    written = effects_of_apply().index("eks:CreateAccessEntry") + 1
    applied(operator, (written, "answer-lost"))


@pytest.mark.crash
@pytest.mark.parametrize("part", range(8))
def test_apply_is_killed_at_every_effect_and_resumed(part: int, tmp_path: Path) -> None:
    for number, point in enumerate(kill_points(len(effects_of_apply()))[part::8]):
        with operator_in(tmp_path / str(number)) as operator:
            applied(operator, point)
