"""A run dies after it associated a principal's access policy, another administrator withdraws that
policy, and the operator rolls back.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from migrator.lab.worlds.lab_cluster import LabEntry
from tests.support.aws_command import run_script
from tests.support.crash_runs import APPLY, prepared, session_of
from tests.support.crash_worlds import OPERATOR, REGION, role
from tests.support.edit_rows import edit_rows
from tests.support.lab_session import KILLED, LabSession

ONCALL = role("oncall")
ROLL_BACK = ("rollback", "plan.json", "--yes")
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
OWN_ROW = re.compile(r"- \{rolearn: '[^']*role/oncall'.*\}\n")
ABOUT_ENTRY = f"--cluster-name prod --principal-arn {ONCALL}"


@pytest.fixture(params=["masters", "no-bridge"])
def withdrawn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LabSession]:
    """The roll-back was refused: the row would give again what was withdrawn."""
    with _killed_after_the_policy(request.param, tmp_path) as session:
        _aws(session, f"disassociate-access-policy {ABOUT_ENTRY} --policy-arn {POLICY}")
        session.world.clock.advance(timedelta(minutes=5))
        ended = session.migrate(*ROLL_BACK)
        assert ended.returncode == 5, ended.stdout + ended.stderr
        assert "[policy-withdrawn]" in ended.stderr
        # A new plan would give the policy again.
        assert "migrate plan" not in ended.stdout + ended.stderr
        assert f"The entry of {ONCALL} lacks AmazonEKSClusterAdminPolicy" in ended.stderr
        assert ONCALL in _entries(session)
        yield session


@contextmanager
def _killed_after_the_policy(name: str, folder: Path) -> Iterator[LabSession]:
    world = prepared(name)
    (associated,) = (
        effect.n
        for effect in world.effects
        if effect.operation == "eks:AssociateAccessPolicy"
        and effect.detail["principalArn"] == ONCALL
    )
    with session_of(world.world, folder, world.files) as session:
        killed = session.migrate(*APPLY, kill=(associated, "before-next"))
        assert killed.returncode == KILLED, killed.stderr
        assert _entries(session)[ONCALL].policies
        session.world.clock.advance(timedelta(minutes=5))
        yield session


def _entries(session: LabSession) -> Mapping[str, LabEntry]:
    (cluster,) = session.world.clusters.values()
    return cluster.entries(session.world.now())


def _aws(session: LabSession, call: str) -> None:
    """A call of another administrator."""
    command = f"aws eks {call} --region {REGION}"
    done = run_script(session.lab, session.folder / "aws", command, role("admin", "/team/"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("row", ["as it was", "deleted"])
def test_status_ends_as_the_roll_back_and_says_what_it_says(
    withdrawn: LabSession, row: str
) -> None:
    if row == "deleted":
        edit_rows(withdrawn, lambda rows: OWN_ROW.sub("", rows))
    status = withdrawn.migrate("status", "plan.json")
    said = " ".join((status.stdout + status.stderr).split())
    assert status.returncode == 5, said
    assert f"The entry of {ONCALL} lacks AmazonEKSClusterAdminPolicy" in said
    assert "delete its row in aws-auth, and then the entry" in said
    assert "migrate rollback plan.json" in said
    # A new plan would give the policy again.
    assert "migrate plan" not in said
    assert "plan again" not in said
    assert withdrawn.migrate(*ROLL_BACK).returncode == 5


def test_roll_back_goes_on_where_the_policy_is_associated_again(withdrawn: LabSession) -> None:
    options = f"--policy-arn {POLICY} --access-scope type=cluster"
    _aws(withdrawn, f"associate-access-policy {ABOUT_ENTRY} {options}")
    withdrawn.world.clock.advance(timedelta(minutes=5))
    withdrawn.run(*ROLL_BACK)
    assert ONCALL not in _entries(withdrawn)


def test_roll_back_goes_on_where_row_and_entry_are_deleted(withdrawn: LabSession) -> None:
    edit_rows(withdrawn, lambda rows: OWN_ROW.sub("", rows))
    _aws(withdrawn, f"delete-access-entry {ABOUT_ENTRY}")
    withdrawn.world.clock.advance(timedelta(minutes=5))
    withdrawn.run(*ROLL_BACK)
    assert not {ONCALL, OPERATOR} & _entries(withdrawn).keys()


def test_without_the_journal_the_entry_is_named_and_stays(tmp_path: Path) -> None:
    """A second operator has the plan, and not the state of the run."""
    world = prepared("masters")
    with session_of(world.world, tmp_path, world.files) as session:
        session.run(*APPLY)
        _aws(session, f"disassociate-access-policy {ABOUT_ENTRY} --policy-arn {POLICY}")
        session.world.clock.advance(timedelta(minutes=5))
        elsewhere = ("--state-dir", "other")
        ended = session.migrate(*elsewhere, *ROLL_BACK)
        assert ended.returncode == 5, ended.stdout + ended.stderr
        assert f"The entry of {ONCALL} is not as the plan has it. [entry-changed]" in ended.stderr
        assert ONCALL in _entries(session)
        status = session.migrate(*elsewhere, "status", "plan.json")
        assert status.returncode == 5, status.stdout
        assert f"Changed    {ONCALL}: another writer changed it" in status.stdout
