"""The lock of a cluster over the wire: a Lease; a tag where no Lease may be written; nothing where
neither may.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from migrator.adapters.clock import SteadyTime
from migrator.adapters.lock_lease import LeaseRecords
from migrator.adapters.lock_tag import TagRecords
from migrator.adapters.this_process import process_mark, still_runs, this_holder
from migrator.errors import Failed, Interrupted, Refused
from migrator.lab.worlds.principals import Permissions
from migrator.model.cluster_lock import LOCK_TAG, LockHolder, LockRecord
from migrator.ports import MachineTime
from migrator.run import lock_cluster
from migrator.run.lock_cluster import LeasedLock, LockPorts
from tests.support.memory_ports import MemoryEvents
from tests.support.small_lab import ACCOUNT, ALICE, CLUSTER, SmallLab, adapters

HOLDER = LockHolder(
    "arn:aws:iam::111122223333:role/a,b@host/1", token="t1", command="verify --canary-pods", run="r"
)
RECORD = LockRecord(HOLDER, "2026-11-22T00:00:00.000000Z", 30)


def tags(lab: SmallLab) -> dict[str, Any]:
    return dict(lab.cluster.describe_cluster()["tags"])


@dataclass
class Slept:
    """MachineTime that can be put forward."""

    inner: SteadyTime
    seconds_more: float = 0.0

    def seconds(self) -> float:
        return self.inner.seconds() + self.seconds_more

    def wait(self, seconds: float) -> None:
        self.inner.wait(seconds)

    def now(self) -> datetime:
        return self.inner.now()


def lock_of(
    lab: SmallLab, settle_seconds: float = 30.0, time: MachineTime | None = None
) -> tuple[LeasedLock, MemoryEvents]:
    arn = lab.cluster.describe_cluster()["arn"]
    events = MemoryEvents()
    ports = LockPorts(
        lease=LeaseRecords(lab.kubernetes),
        tag=TagRecords(lab.session, CLUSTER, arn, settle_seconds=settle_seconds),
        time=time or SteadyTime(),
        events=events,
        runs=still_runs,
        this_holder=this_holder,
    )
    return LeasedLock(ports), events


@pytest.fixture
def alice(lab: SmallLab) -> SmallLab:
    """A caller without any right in kube-system."""
    return adapters(lab.lab, lab.session.with_profile(lab.profile(ALICE)))


@pytest.mark.parametrize("kind", ["lease", "tag"])
def test_record_is_written_read_replaced_and_removed_by_its_version_only(
    lab: SmallLab, kind: str
) -> None:
    arn = lab.cluster.describe_cluster()["arn"]
    records = (
        LeaseRecords(lab.kubernetes)
        if kind == "lease"
        else TagRecords(lab.session, CLUSTER, arn, settle_seconds=1)
    )
    assert records.read() is None
    first = records.write(RECORD, over=None)
    found = records.read()
    assert found is not None
    assert found.record is not None
    assert (found.record.holder.token, found.record.holder.command) == (
        "t1",
        "verify --canary-pods",
    )
    assert (found.record.seconds, found.version) == (30, first)
    later = replace(RECORD, renewed="2026-11-22T00:00:05.000000Z")
    with pytest.raises(Failed) as caught:
        records.write(later, over=None)
    assert caught.value.code == "lock-changed"
    second = records.write(later, over=first)
    for stale in (lambda: records.write(RECORD, over=first), lambda: records.clear(version=first)):
        with pytest.raises(Failed) as caught:
            stale()
        assert caught.value.code == "lock-changed"
    records.clear(version=second)
    assert records.read() is None
    with pytest.raises(
        Failed
    ) as caught:  # a renewal of the old holder does not bring a removed lock back
        records.write(RECORD, over=second)
    assert caught.value.code == "lock-changed"
    assert records.read() is None


def test_lease_is_held_by_the_process_that_runs_and_refuses_another(lab: SmallLab) -> None:
    lock, _ = lock_of(lab)
    other, _ = lock_of(lab)
    with lock.hold(replace(lock.holder("arn:me"), command="apply")) as held:
        held.check()
        (seen,) = other.current()
        assert seen.place == "Lease kube-system/eks-access-migrator"
        with pytest.raises(Refused) as caught, other.hold(other.holder("arn:you")):
            pass
        assert caught.value.code == "locked"
        assert "arn:me@" in caught.value.message
    assert other.current() == ()
    with other.hold(other.holder("arn:you")) as held:
        held.check()


@pytest.mark.parametrize("theirs", ["held", "over"])
def test_lock_that_another_run_took_before_the_end_is_told_at_the_end(
    lab: SmallLab, theirs: str
) -> None:
    """A machine that slept longer than the lock lasts: another run may be at work, or be done."""
    slept = Slept(SteadyTime())
    lock, _ = lock_of(lab, time=slept)
    records = LeaseRecords(lab.kubernetes)
    with pytest.raises(Interrupted) as caught, lock.hold(lock.holder("arn:me")):
        found = records.read()
        assert found is not None
        taken = records.write(RECORD, over=found.version)
        if theirs == "over":
            records.clear(version=taken)
            slept.seconds_more = 3600
    assert caught.value.code == "cluster-lock-lost"
    assert caught.value.remedy.startswith("Once the other run has ended, run the same command")
    left = records.read()
    assert (left is not None) == (theirs == "held")


def test_lock_whose_removal_got_no_answer_is_not_told_as_lost(lab: SmallLab) -> None:
    lock, _ = lock_of(lab)
    records = LeaseRecords(lab.kubernetes)
    with lock.hold(lock.holder("arn:me")):
        found = records.read()
        assert found is not None
        records.clear(version=found.version)
    assert records.read() is None


def test_error_of_the_run_is_told_before_a_lost_lock(lab: SmallLab) -> None:
    lock, _ = lock_of(lab)
    records = LeaseRecords(lab.kubernetes)
    with pytest.raises(Refused, match="its own"), lock.hold(lock.holder("arn:me")):
        found = records.read()
        assert found is not None
        records.write(RECORD, over=found.version)
        raise Refused("blocked", "its own")


def test_caller_who_may_write_no_lease_locks_by_a_tag(
    alice: SmallLab, lab: SmallLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who meets the tag waits until it is renewed.
    monkeypatch.setattr(lock_cluster, "TAG_RENEW_SECONDS", 0.1)
    monkeypatch.setattr(lock_cluster, "_LOOK", 0.1)
    lock, events = lock_of(alice, settle_seconds=0.3)
    with lock.hold(replace(lock.holder("arn:alice"), command="apply")) as held:
        held.check()
        assert "by=arn:alice@" in tags(lab)[LOCK_TAG]
        assert any("The lock is a tag of the cluster" in line for _, line in events.lines)
        other, _ = lock_of(lab)  # who may write the Lease sees the tag before its first write
        with other.hold(other.holder("arn:you")) as theirs, pytest.raises(Refused) as caught:
            theirs.check()
        assert caught.value.code == "locked"
        held.check()
    assert LOCK_TAG not in tags(lab)


def test_caller_who_may_write_neither_lease_nor_tag_is_refused(
    alice: SmallLab, lab: SmallLab
) -> None:
    lab.lab.world.accounts[ACCOUNT].users["alice"].permissions = Permissions(
        ("eks:TagResource",), None
    )
    lock, _ = lock_of(alice, settle_seconds=0.3)
    with pytest.raises(Refused) as caught, lock.hold(lock.holder("arn:alice")):
        pass
    assert caught.value.code == "lock-not-possible"
    assert "eks:TagResource" in caught.value.remedy
    assert "leases in namespace kube-system" in caught.value.remedy
    assert LOCK_TAG not in tags(lab)


RULE = Failed(
    "kubernetes-denied", "An admission rule of c refuses create leases.", remedy="Have it admit it."
)
RBAC = Failed(
    "kubernetes-denied", "c does not allow it.", remedy="Give the caller create on leases"
)
NO_WAY = Failed("api-server-no-answer", "c did not answer.", remedy="Look at the endpoint.")
SCP = Failed("iam-denied", "IAM does not allow it.", remedy="Have the policy p-1 changed.")
PLAIN = Failed("iam-denied", "IAM does not allow it.")


class Unwritable:
    """Records that nobody may write."""

    settle_seconds = 0.0

    def __init__(self, place: str, error: Failed) -> None:
        self.place, self._error = place, error

    def read(self) -> None:
        if self._error is NO_WAY:
            raise self._error

    def write(self, record: LockRecord, *, over: str | None) -> str:
        raise self._error

    def clear(self, *, version: str) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("lease", "of_lease"),
    [(RULE, RULE.remedy), (RBAC, "create, update and delete on leases"), (NO_WAY, NO_WAY.remedy)],
)
@pytest.mark.parametrize(
    ("tag", "of_tag"), [(SCP, SCP.remedy), (PLAIN, "Allow eks:TagResource and eks:UntagResource")]
)
def test_remedy_of_a_lock_is_that_of_what_refuses_it(
    lab: SmallLab, lease: Failed, of_lease: str, tag: Failed, of_tag: str
) -> None:
    """A permission does not help where an admission rule or a service control policy refuses."""
    _, events = lock_of(lab)
    ports = LockPorts(
        lease=Unwritable("lease", lease),
        tag=Unwritable("tag", tag),
        time=SteadyTime(),
        events=events,
        runs=still_runs,
        this_holder=this_holder,
    )
    lock = LeasedLock(ports)
    with pytest.raises(Refused) as caught, lock.hold(lock.holder("arn:alice")):
        pass
    assert caught.value.code == "lock-not-possible"
    (said,) = [line for _, line in events.lines if "The lock is a tag" in line]
    for text in (said, caught.value.remedy):
        assert of_lease in text
        assert ("on leases in namespace" in text) == (lease is RBAC)
    assert of_tag in caught.value.remedy


def test_process_mark_tells_a_process_that_runs_from_one_that_does_not() -> None:
    mark = process_mark()
    assert still_runs(mark) is True
    boot, space, pid, _ = mark.rsplit("/", 3)
    assert still_runs(f"{boot}/{space}/{pid}/1") is False  # another process with the same id
    assert still_runs(f"another-boot/{space}/{pid}/1") is None
    assert still_runs("") is None
