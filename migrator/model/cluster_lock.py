"""The lock on one cluster, as it is written down in the cluster: who holds it, since when, until
when.
"""

from dataclasses import dataclass
from datetime import timedelta

from migrator.model.moments import moment_of_text

LEASE_NAME = "eks-access-migrator"  # of the Lease in kube-system: one lock a cluster
LOCK_NAMESPACE = "kube-system"
LOCK_TAG = "eks-access-migrator/lock"  # of the cluster, where no Lease may be written


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who holds the lock. ``identity`` is one word for people and for ``--break-lock``:
    ``CALLER@HOST/PROCESS-ID``.

    ``token`` is random and names one hold. ``process`` tells on the same machine whether the
    process still runs. ``state`` is where the journal of the run is. An empty text means: not
    known.
    """

    identity: str
    token: str = ""
    caller: str = ""
    host: str = ""
    command: str = ""
    plan_digest: str = ""
    run: str = ""
    since: str = ""
    state: str = ""
    process: str = ""


@dataclass(frozen=True, slots=True)
class LockRecord:
    """The lock with its last renewal (``renewed``, RFC 3339) and how many seconds it outlives
    that.
    """

    holder: LockHolder
    renewed: str
    seconds: int


@dataclass(frozen=True, slots=True)
class LockSeen:
    """What one read found. ``record`` is None where the lock was let go. ``version`` changes with
    every write; ``place`` says for people where it is.
    """

    record: LockRecord | None
    version: str
    place: str


def expires(record: LockRecord) -> str | None:
    """When the lock is over unless it is renewed, by the clock of its holder; None where that is
    not known.
    """
    try:
        renewed = moment_of_text(record.renewed)
    except ValueError:
        return None
    return (renewed + timedelta(seconds=record.seconds)).isoformat().replace("+00:00", "Z")


def describe_lock(seen: LockSeen) -> str:
    """One line for people about a lock that is held."""
    if seen.record is None:
        return f"free ({seen.place})"
    holder, record = seen.record.holder, seen.record
    known = (
        ("", holder.command),
        ("since ", holder.since),
        ("renewed ", record.renewed),
        ("expires ", expires(record) or ""),
        ("plan ", holder.plan_digest.removeprefix("sha256:")[:16]),
        ("state ", holder.state),
    )
    facts = ", ".join(f"{word}{value}" for word, value in known if value)
    return f"{holder.identity} ({'; '.join(part for part in (facts, seen.place) if part)})"
