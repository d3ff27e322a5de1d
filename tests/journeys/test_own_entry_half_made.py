"""Without a bridge: a run dies between the operator's own entry and its policy, and the operator
comes back when that entry is in force, so that the API server refuses it everything.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.worlds.effects import KillPoint
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.principals import Permissions
from migrator.lab.worlds.world_files import build_world
from tests.support.aws_command import run_script
from tests.support.crash_runs import APPLY, forked, lasting, planned
from tests.support.crash_worlds import MASTERS, OPERATOR, REGION, CrashWorld, binding, role, world
from tests.support.edit_rows import edit_rows
from tests.support.lab_session import KILLED, LabSession, lab_session

ALONE = world("alone", {}, plan_options=("--accept-gap",), gap=True)
VIEWING = world(
    "viewing",
    {role("operator"): ("operator", [MASTERS, "viewers"])},
    objects=[binding("viewers", "view", "Group:viewers")],
    plan_options=("--accept-gap",),
    gap=True,
)
DECISIONS = ("--decisions", "decisions.yaml")
ROLL_BACK = ("rollback", "plan.json", "--yes")
ABOUT_POLICY = (
    f"--cluster-name prod --principal-arn {OPERATOR} "
    "--policy-arn arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
)
CREATED, ASSOCIATED = "eks:CreateAccessEntry", "eks:AssociateAccessPolicy"


@contextmanager
def fresh(folder: Path, files: Mapping[str, str], of: CrashWorld = ALONE) -> Iterator[LabSession]:
    """The world, with a plan in the operator's folder."""
    with lab_session(folder, build_world(of.document), forked(), alone=True) as session:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        yield session


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    with fresh(tmp_path_factory.mktemp("planned"), {}) as session:
        return planned(session, ALONE)


@pytest.fixture
def half_made(tmp_path: Path, files: Mapping[str, str]) -> Iterator[LabSession]:
    with fresh(tmp_path / "work", files) as session:
        killed = session.migrate(*APPLY, kill=(_own_creation(files), "answer-lost"))
        assert killed.returncode == KILLED, killed.stderr
        last = session.effects()[-1]
        assert (last.operation, last.detail["principalArn"]) == (CREATED, OPERATOR)
        session.world.clock.advance(timedelta(minutes=5))
        yield session


def _own_creation(files: Mapping[str, str]) -> int:
    """The number of the effect that makes the operator's entry: proofs change nothing."""
    writes = [step for step in json.loads(files["plan.json"])["steps"] if step["kind"] != "prove"]
    kinds = [(step["kind"], step.get("principalArn")) for step in writes]
    return kinds.index(("create-entry", OPERATOR)) + 1


def _cluster(session: LabSession) -> LabCluster:
    """The only cluster of the world."""
    (cluster,) = session.world.clusters.values()
    return cluster


def _of_operator(session: LabSession) -> list[str]:
    """What was changed of the operator's entry, in order."""
    return [
        e.operation.removeprefix("eks:")
        for e in session.effects()
        if e.detail.get("principalArn") == OPERATOR
    ]


def _policies(session: LabSession) -> list[Any]:
    """The policies of the operator's entry; fails where there is no entry."""
    return list(_cluster(session).entries(session.world.now())[OPERATOR].policies)


def _edit_row(session: LabSession, groups: list[str] | None) -> str:
    """A second administrator thins the operator's row, or deletes it. The rows from before."""
    own = re.compile(r"- \{rolearn: '[^']*role/operator'.*\}\n")
    thinned = f"- {{rolearn: '{role('operator')}', username: 'operator', groups: {groups}}}\n"
    return edit_rows(session, lambda rows: own.sub("" if groups is None else thinned, rows))


def test_apply_deletes_the_own_entry_over_eks_and_goes_on(half_made: LabSession) -> None:
    out = half_made.run(*APPLY)
    total = len(json.loads((half_made.folder / "plan.json").read_text())["steps"])
    assert f"{total} of {total} steps done" in out
    assert _of_operator(half_made) == [
        "CreateAccessEntry",
        "DeleteAccessEntry",
        "CreateAccessEntry",
        "AssociateAccessPolicy",
        "UpdateAccessEntry",
    ]


def test_rollback_deletes_it_too_and_takes_everything_back(
    half_made: LabSession, tmp_path: Path, files: Mapping[str, str]
) -> None:
    half_made.run(*ROLL_BACK)
    with fresh(tmp_path / "before", files) as untouched:
        assert lasting(half_made) == lasting(untouched)
    assert _of_operator(half_made) == ["CreateAccessEntry", "DeleteAccessEntry"]


@pytest.mark.parametrize("command", [APPLY, ROLL_BACK])
def test_the_journal_may_have_lost_its_last_record(
    half_made: LabSession, command: tuple[str, ...]
) -> None:
    path = next((half_made.folder / ".migrate").rglob("journal.jsonl"))
    *lines, last = path.read_bytes().splitlines(keepends=True)
    assert OPERATOR.encode() in last
    path.write_bytes(b"".join(lines) + last[: len(last) // 2])
    half_made.run(*command)
    assert _of_operator(half_made)[1] == "DeleteAccessEntry"


@pytest.mark.parametrize("pause", [timedelta(0), timedelta(minutes=5)])
@pytest.mark.parametrize("point", ["answer-lost", "before-next"])
@pytest.mark.parametrize("command", [APPLY, ROLL_BACK])
def test_the_deletion_itself_may_be_killed(
    half_made: LabSession, command: tuple[str, ...], point: KillPoint, pause: timedelta
) -> None:
    # The first effect is the lock, a tag.
    after = len(half_made.effects()) + (2 if point == "answer-lost" else 1)
    ended = half_made.migrate(*command, kill=(after, point))
    assert ended.returncode == KILLED, ended.stderr
    assert _of_operator(half_made).count("DeleteAccessEntry") == (point == "answer-lost")
    half_made.world.clock.advance(pause)
    half_made.run(*command)
    assert _of_operator(half_made).count("DeleteAccessEntry") == 1


def test_both_ask_first(half_made: LabSession) -> None:
    for command in (APPLY, ROLL_BACK):
        asked = half_made.migrate(*(word for word in command if word != "--yes"))
        assert asked.returncode == 4
        assert "111122223333:role/ops/operator" in asked.stderr
        assert "Delete your own access entry on prod?" in asked.stderr
    assert _policies(half_made) == []


@pytest.mark.parametrize("command", [APPLY, ROLL_BACK])
@pytest.mark.parametrize("groups", [None, ["viewers"]])
def test_what_a_second_administrator_took_away_meanwhile_is_not_given_back(
    half_made: LabSession, command: tuple[str, ...], groups: list[str] | None
) -> None:
    rows = _edit_row(half_made, groups)
    ended = half_made.migrate(*command)
    said = " ".join(ended.stderr.split())
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "is deleted, and your row in aws-auth does not permit this" in said
    assert _of_operator(half_made) == ["CreateAccessEntry", "DeleteAccessEntry"]
    again = half_made.migrate(*command)
    assert again.returncode == 1, again.stdout + again.stderr
    assert _of_operator(half_made) == ["CreateAccessEntry", "DeleteAccessEntry"]
    # The row is as it was again, and the same command continues.
    edit_rows(half_made, lambda _: rows)
    half_made.world.clock.advance(timedelta(minutes=1))
    half_made.run(*command)


def _aws(session: LabSession, home: Path, call: str) -> None:
    """A call of another administrator."""
    done = run_script(session.lab, home, f"aws eks {call} --region {REGION}", role("second"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("of", [ALONE, VIEWING], ids=lambda of: of.name)
@pytest.mark.parametrize("command", [APPLY, ROLL_BACK])
def test_a_policy_that_another_administrator_withdrew_is_not_given_back(
    tmp_path: Path,
    files: Mapping[str, str],
    viewing_files: Mapping[str, str],
    command: tuple[str, ...],
    of: CrashWorld,
) -> None:
    prepared = files if of is ALONE else viewing_files
    with fresh(tmp_path / "work", prepared, of) as session:
        after = _own_creation(prepared) + 1
        assert session.migrate(*APPLY, kill=(after, "before-next")).returncode == KILLED
        assert _of_operator(session) == ["CreateAccessEntry", "AssociateAccessPolicy"]
        session.world.clock.advance(timedelta(minutes=5))
        _aws(session, tmp_path, f"disassociate-access-policy {ABOUT_POLICY}")
        session.world.clock.advance(timedelta(minutes=5))
        ended = session.migrate(*command)
        assert ended.returncode == 5, ended.stdout + ended.stderr
        assert "[entry-changed]" in ended.stderr
        assert _of_operator(session)[2:] == ["DisassociateAccessPolicy"]
        # The other administrator did not mean it: from now on the cluster can be read again.
        _aws(
            session,
            tmp_path,
            f"associate-access-policy {ABOUT_POLICY} --access-scope type=cluster",
        )
        session.world.clock.advance(timedelta(minutes=5))
        session.run("plan", "prod", "--out", "again.json", *DECISIONS, *of.plan_options)


@pytest.fixture(scope="module")
def viewing_files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    with fresh(tmp_path_factory.mktemp("viewing"), {}, VIEWING) as session:
        return planned(session, VIEWING)


@pytest.fixture
def viewing(tmp_path: Path, viewing_files: Mapping[str, str]) -> Iterator[LabSession]:
    """The same, and the groups of the entry permit to read aws-auth, and no RBAC."""
    with fresh(tmp_path / "work", viewing_files, VIEWING) as session:
        killed = session.migrate(*APPLY, kill=(_own_creation(viewing_files), "answer-lost"))
        assert killed.returncode == KILLED
        session.world.clock.advance(timedelta(minutes=5))
        yield session


@pytest.mark.parametrize("command", [APPLY, ROLL_BACK])
def test_groups_that_may_read_aws_auth_are_not_all_of_the_access(
    viewing: LabSession, command: tuple[str, ...]
) -> None:
    viewing.run(*command)
    assert _of_operator(viewing)[:2] == ["CreateAccessEntry", "DeleteAccessEntry"]


@pytest.mark.parametrize("command", [APPLY, ROLL_BACK])
def test_what_the_entry_gives_stays_where_the_row_was_deleted(
    viewing: LabSession, command: tuple[str, ...]
) -> None:
    _edit_row(viewing, None)
    ended = viewing.migrate(*command)
    assert ended.returncode == 5, ended.stdout + ended.stderr
    assert "[row-changed]" in ended.stderr
    assert _of_operator(viewing) == ["CreateAccessEntry"]


@pytest.mark.parametrize("command", [APPLY, ROLL_BACK])
def test_a_deletion_that_was_killed_is_waited_for_where_aws_auth_can_be_read(
    viewing: LabSession, command: tuple[str, ...]
) -> None:
    # The first effect is the lock, a tag.
    killed = viewing.migrate(*command, kill=(len(viewing.effects()) + 2, "answer-lost"))
    assert killed.returncode == KILLED, killed.stderr
    assert _of_operator(viewing)[-1] == "DeleteAccessEntry"
    viewing.run(*command)
    assert _of_operator(viewing).count("DeleteAccessEntry") == 1


def test_a_switch_of_the_mode_is_named_where_aws_auth_can_be_read(
    viewing: LabSession, tmp_path: Path
) -> None:
    _aws(
        viewing,
        tmp_path,
        "update-cluster-config --name prod --access-config authenticationMode=API",
    )
    ended = viewing.migrate(*APPLY)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "[update-in-progress]" in ended.stderr


def test_while_the_mode_is_switched_nothing_is_deleted(
    half_made: LabSession, tmp_path: Path
) -> None:
    switch = "update-cluster-config --name prod --access-config authenticationMode=API"
    _aws(half_made, tmp_path, switch)
    ended = half_made.migrate(*APPLY)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "[update-in-progress]" in ended.stderr
    # A roll-back waits for the end of the update; then the API server refuses the caller.
    ended = half_made.migrate(*ROLL_BACK)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert _of_operator(half_made) == ["CreateAccessEntry"]


def test_a_roll_back_of_this_entry_alone_is_over(half_made: LabSession) -> None:
    half_made.run("rollback", "plan.json", "--yes", "--only", OPERATOR)
    path = next((half_made.folder / ".migrate").rglob("journal.jsonl"))
    *_, last = path.read_text("utf-8").splitlines()
    assert json.loads(last)["event"] == "run-ended"
    assert json.loads(last)["effect"] == {"exit": 0}
    half_made.run(*ROLL_BACK)
    shown = half_made.run("status", "plan.json")
    assert "rolled back" in shown


def test_apply_after_a_roll_back_that_was_killed_names_the_roll_back(
    half_made: LabSession,
) -> None:
    # The first effect is the lock, a tag.
    killed = half_made.migrate(*ROLL_BACK, kill=(len(half_made.effects()) + 1, "before-next"))
    assert killed.returncode == KILLED
    half_made.world.clock.advance(timedelta(minutes=10))
    refused = half_made.migrate(*APPLY)
    assert refused.returncode == 4, refused.stderr
    assert "migrate rollback" in refused.stderr
    half_made.run(*APPLY, "--abandon-rollback")


def test_an_error_after_the_deletion_is_in_the_outcome(half_made: LabSession) -> None:
    _edit_row(half_made, ["viewers"])
    ended = half_made.migrate(*APPLY, "--output", "json")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["error"]["code"] == "kubernetes-denied"


def test_in_api_mode_nothing_is_deleted_and_the_policy_is_named(
    half_made: LabSession, tmp_path: Path
) -> None:
    switch = "update-cluster-config --name prod --access-config authenticationMode=API"
    _aws(half_made, tmp_path, switch)
    half_made.world.clock.advance(timedelta(hours=1))
    ended = half_made.migrate(*APPLY)
    said = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == 1, said
    assert "The cluster is in API mode, so aws-auth gives nothing any more" in said
    assert _of_operator(half_made) == ["CreateAccessEntry"]
    (call,) = re.findall(r"`(aws eks associate-access-policy [^`]*)`", said)
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert "AmazonEKSClusterAdminPolicy" in half_made.migrate("show", "plan.json").stdout
    done = run_script(half_made.lab, tmp_path, call.replace("POLICY_ARN", policy), OPERATOR)
    assert done.returncode == 0, done.stderr
    half_made.world.clock.advance(timedelta(minutes=1))
    half_made.run("snapshot", "prod", "--out", "again.json")


@pytest.mark.parametrize(
    "command",
    [
        ("verify", "plan.json"),
        ("cutover", "plan.json", "--confirm", "prod"),
        ("snapshot", "prod", "--out", "again.json"),
        ("plan", "prod", "--out", "again.json"),
        ("doctor", "prod"),
    ],
)
def test_other_commands_name_the_cause(half_made: LabSession, command: tuple[str, ...]) -> None:
    ended = half_made.migrate(*command)
    said = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == 1
    assert f"between your own access entry, {OPERATOR}, and its access policy" in said
    assert "Run `migrate apply PLAN` or `migrate rollback PLAN`" in said
    assert "Give the caller get on configmaps" not in said
    assert _policies(half_made) == []


@pytest.mark.parametrize(
    "action",
    ["eks:ListAccessEntries", "eks:DescribeAccessEntry", "eks:ListAssociatedAccessPolicies"],
)
def test_an_action_without_which_the_cause_is_not_known_is_named(
    half_made: LabSession, action: str
) -> None:
    principal = half_made.world.principal(OPERATOR)
    assert principal is not None
    principal.permissions = Permissions((action,))
    for command in (
        ("doctor", "prod"),
        ("plan", "prod", "--out", "again.json"),
        ("verify", "plan.json"),
        APPLY,
        ROLL_BACK,
    ):
        ended = half_made.migrate(*command)
        said = " ".join((ended.stdout + ended.stderr).split())
        assert ended.returncode == 1, said
        assert f"IAM does not allow {action}" in said
        # It would help only where no run is the cause.
        assert "do: Give the caller get on configmaps" not in said
    principal.permissions = Permissions()
    half_made.run(*APPLY)


def test_without_the_state_the_entry_is_deleted_as_the_remedy_says(
    half_made: LabSession, tmp_path: Path
) -> None:
    elsewhere = ("--state-dir", str(tmp_path / "elsewhere"))
    ended = half_made.migrate(*APPLY, *elsewhere)
    assert ended.returncode == 1
    assert _policies(half_made) == []
    (deletion,) = re.findall(
        r"`(aws eks delete-access-entry [^`]*)`", " ".join(ended.stderr.split())
    )
    done = run_script(half_made.lab, tmp_path, deletion, OPERATOR)
    assert done.returncode == 0, done.stderr
    half_made.world.clock.advance(timedelta(minutes=1))
    options = ("--decisions", "decisions.yaml", *ALONE.plan_options, *elsewhere)
    half_made.run("plan", "prod", "--out", "plan.json", *options)
    half_made.run(*APPLY, *elsewhere)
    assert len(_policies(half_made)) == 1
