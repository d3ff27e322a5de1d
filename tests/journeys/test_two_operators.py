"""Two operators with state folders of their own, as processes, at the same moment: one goes on, the
other is told.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.adapters.aws_session import AwsSettings, open_session
from migrator.adapters.clock import machine_time
from migrator.adapters.eks import EksCluster
from migrator.adapters.eks_token import TokenMint
from migrator.adapters.kubernetes_client import KubernetesClient, MintedLogin
from migrator.adapters.kubernetes_wire import endpoint_of, open_wire
from migrator.adapters.lock_lease import LeaseRecords
from migrator.adapters.tasks_threads import Threads
from migrator.decide.running.lock_protocol import LEASE_SECONDS, MARGIN_SECONDS
from migrator.model.cluster_lock import LockHolder, LockRecord
from tests.support.cli_lab import ACCOUNT, WAIVERS, WORLD, CliLab, Ran, running
from tests.support.forked_cli import ALONE, SUSPENDED, Running
from tests.support.held_calls import HeldCalls, hold_calls

OPERATOR, SECOND = (
    f"arn:aws:iam::{ACCOUNT}:role/operator",
    f"arn:aws:iam::{ACCOUNT}:role/team/second-admin",
)
APPLY = ("apply", "plan.json", "--yes", "--decisions", "decisions.yaml")
IMAGE = ("--image", "example.com/migrate:1")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    with running(tmp_path, WORLD) as found:
        (found.work / "decisions.yaml").write_text(WAIVERS, encoding="utf-8")
        assert (
            found.run("plan", "small", "--decisions", "decisions.yaml", "--out", "plan.json").code
            == 0
        )
        yield found


def folder(name: str) -> tuple[str, ...]:
    return ("--state-dir", f"state-{name}")


def end(running: Running) -> Ran:
    done = running.wait(120)
    return Ran(done.returncode, done.stdout, done.stderr)


def hold_entries(lab: CliLab, *, made: int) -> HeldCalls:
    """A run has made as many entries, and is under way until the next one is let go."""
    return hold_calls(lab.world, "eks:CreateAccessEntry", passing=made)


PAIRS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "apply and apply": (APPLY, APPLY),
    "apply and rollback": (APPLY, ("rollback", "plan.json", "--yes")),
    "apply and rehearse": (APPLY, ("rehearse", "plan.json", "--for", "1m", *IMAGE)),
    "apply and cutover": (
        APPLY,
        ("cutover", "plan.json", "--confirm", "small", "--decisions", "decisions.yaml"),
    ),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_second_operator_with_its_own_folder_is_refused_by_name(lab: CliLab, pair: str) -> None:
    first, second = PAIRS[pair]
    held = hold_entries(lab, made=1)
    running_apply = lab.begin(*folder("a"), *first)
    held.arrive()
    other = lab.run(*folder("b"), *second, environment=lab.as_principal(SECOND))
    assert (other.code, other.error_code) == (4, "locked"), other.err
    assert "assumed-role/operator/" in other.err
    assert "apply since" in other.err
    held.go_on()
    done = end(running_apply)
    assert done.code == 0, done.err
    assert not any(
        "second-admin" in effect["who"]
        for effect in lab.effects()
        if "AccessEntry" in effect["operation"]
    )
    assert not any(effect["operation"] == "eks:DeleteAccessEntry" for effect in lab.effects())


def test_two_that_begin_at_the_same_moment_are_one_run_and_one_refusal(lab: CliLab) -> None:
    held = hold_entries(lab, made=0)
    both = [lab.begin(*folder(name), *APPLY) for name in "ab"]
    held.arrive()
    until = time.monotonic() + 60
    while all(each.poll() is None for each in both):
        assert time.monotonic() < until, "both go on"
        time.sleep(0.02)
    held.go_on()
    ended = [end(process) for process in both]
    assert sorted(each.code for each in ended) == [0, 4], [each.err for each in ended]
    created = [
        e["detail"]["principalArn"]
        for e in lab.effects()
        if e["operation"] == "eks:CreateAccessEntry"
    ]
    assert len(created) == len(set(created))
    assert lab.run(*folder("c"), "rollback", "plan.json", "--yes").code == 0


def test_lock_of_a_killed_run_is_taken_over_at_once_on_the_same_machine(lab: CliLab) -> None:
    held = hold_entries(lab, made=1)
    killed = lab.begin(*folder("a"), *APPLY)
    held.arrive()
    os.kill(killed.pid, signal.SIGKILL)
    end(killed)
    held.get_lost()
    again = lab.run(*folder("a"), *APPLY)
    assert again.code == 0, again.err
    assert "took over the lock of a run that ended" in again.err
    assert "waiting" not in again.err


def lease(lab: CliLab, monkeypatch: pytest.MonkeyPatch) -> LeaseRecords:
    for name, value in lab.environment().items():
        monkeypatch.setenv(name, value)
    session = open_session(AwsSettings(run="test"))
    described = EksCluster(session, "small", Threads(1)).describe_cluster()
    return LeaseRecords(
        KubernetesClient(
            open_wire(endpoint_of(described)), MintedLogin(TokenMint(session, "small"))
        )
    )


def now_text() -> str:
    return f"{machine_time():%Y-%m-%dT%H:%M:%S.%fZ}"


ELSEWHERE = LockHolder(
    "arn:aws:iam::111122223333:role/ci@pipeline/7", token="t", command="apply", host="pipeline"
)


def test_lock_of_a_run_elsewhere_is_waited_for_and_taken_over_when_it_is_not_renewed(
    lab: CliLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = lease(lab, monkeypatch)
    records.write(LockRecord(ELSEWHERE, "2026-11-22T00:00:00.000000Z", 4), over=None)
    done = lab.run(*folder("a"), *APPLY, environment=lab.environment(**{ALONE: "yes"}))
    assert done.code == 0, done.err
    assert (
        "waiting: the cluster is locked by arn:aws:iam::111122223333:role/ci@pipeline/7" in done.err
    )
    assert "this run takes the lock over at" in done.err
    assert records.read() is None


def test_lock_that_is_renewed_is_refused_and_broken_by_its_name_only(
    lab: CliLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = lease(lab, monkeypatch)
    records.write(LockRecord(ELSEWHERE, now_text(), 8), over=None)
    wrong = lab.run(*folder("a"), *APPLY, "--break-lock", "somebody-else")
    assert (wrong.code, wrong.error_code) == (4, "lock-owner-differs"), wrong.err
    unasked = lab.run(*folder("a"), "rollback", "plan.json", "--break-lock", ELSEWHERE.identity)
    assert (unasked.code, unasked.error_code) == (4, "no-terminal"), unasked.err
    assert f"to be taken away: the lock of {ELSEWHERE.identity} (apply" in unasked.err
    alone = lab.environment(**{ALONE: "yes"})
    done = lab.run(*folder("a"), *APPLY, "--break-lock", ELSEWHERE.identity, environment=alone)
    assert done.code == 0, done.err
    assert "was taken away" in done.err


def test_run_whose_lease_is_stolen_stops_before_its_next_write(
    lab: CliLab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    records = lease(lab, monkeypatch)
    suspended = tmp_path / "suspended"
    suspended.write_text("0", encoding="utf-8")
    held = hold_entries(lab, made=1)
    environment = lab.environment(**{SUSPENDED: str(suspended)})
    process = lab.begin(*folder("a"), *APPLY, environment=environment)
    held.arrive()
    os.kill(process.pid, signal.SIGSTOP)  # a machine that sleeps
    suspended.write_text(str(LEASE_SECONDS - MARGIN_SECONDS + 1), encoding="utf-8")
    stolen = records.write(
        LockRecord(ELSEWHERE, "2026-11-22T00:00:00.000000Z", 600), over=records_now(records)
    )
    before = lab.effects()
    os.kill(process.pid, signal.SIGCONT)
    held.go_on()
    done = end(process)
    assert (done.code, done.error_code) == (7, "cluster-lock-lost"), done.err
    assert ELSEWHERE.identity in done.err
    assert len(lab.effects()) - len(before) <= 1  # the one request that was on its way
    assert records_now(records) == stolen  # nothing is released that is another run's


def records_now(records: LeaseRecords) -> str:
    found = records.read()
    assert found is not None
    return found.version


def test_status_names_both_locks_and_the_leftovers_of_a_killed_run_are_removed_from_another_folder(
    lab: CliLab,
) -> None:
    held = hold_entries(lab, made=1)
    process = lab.begin(*folder("a"), *APPLY)
    held.arrive()
    assert "kubernetes:patch clusterrolebindings" in {each["operation"] for each in lab.effects()}
    here = json.loads(lab.run(*folder("a"), "--output", "json", "status", "plan.json").out)
    os.kill(process.pid, signal.SIGKILL)
    end(process)
    held.get_lost()
    (lock,) = here["locks"]
    assert (lock["place"], lock["command"]) == ("Lease kube-system/eks-access-migrator", "apply")
    assert "assumed-role/operator/" in lock["holder"]
    assert lock["expires"] > lock["renewed"] > ""
    assert lock["holder"] == here["stateLock"]
    found = lab.run(*folder("b"), "--output", "json", "status", "plan.json")
    document = json.loads(found.out)
    assert found.code == 1
    assert any("another state folder has this run" in line for line in document["unknown"])
    assert [each["kind"] for each in document["leftovers"]].count("bridge") == 1
    doctor = lab.run("doctor", "small")
    assert doctor.code == 1
    assert "cluster-admin binding migrator-bridge-" in " ".join(doctor.out.split())
    assert lab.run(*folder("a"), "rollback", "plan.json", "--yes").code == 0
    done = lab.run(*folder("b"), "rollback", "small", "--leftovers", "--yes")
    assert done.code == 0, done.err + done.out
    after = json.loads(lab.run(*folder("b"), "--output", "json", "status", "plan.json").out)
    # the plan of this folder was never applied: all its steps are left
    assert (after["leftovers"], after["locks"], after["exitCode"]) == ([], [], 7)
    assert after["steps"]["done"] == 0
