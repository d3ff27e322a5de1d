"""The lock of a cluster as a tag of it, for callers who may not write a Lease (EKS API reference,
TagResource).

A tag has no compare-and-set: what was written counts once it was read back after a pause. A value
holds 256 letters, digits, spaces and ``_ . : / = + - @`` (EKS user guide, "Organize Amazon EKS
resources with tags").
"""

import re
from typing import Any

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.foreign_text import foreign
from migrator.errors import Failed
from migrator.model.cluster_lock import LOCK_TAG, LockHolder, LockRecord, LockSeen

_OUTSIDE = re.compile(r"[^\w .:/=+@-]", re.ASCII)
_LONGEST = 256
_FIELD = re.compile(r"([a-z]+)=(\S*)")


class TagRecords:
    """:class:`migrator.ports.LockRecords`. The version is the whole value."""

    def __init__(
        self,
        session: AwsSession,
        name: str,
        arn: str,
        *,
        settle_seconds: float,
    ) -> None:
        self._session, self._name, self._arn = session, name, arn
        self._subject = f"cluster {name}"
        self.settle_seconds = settle_seconds

    @property
    def place(self) -> str:
        """The tag's key."""
        return f"tag {LOCK_TAG} of the cluster"

    def read(self) -> LockSeen | None:
        """The tag, None when absent."""
        answer = self._session.call(
            "eks", "describe_cluster", subject=self._subject, name=self._name
        )
        value = str((answer["cluster"].get("tags") or {}).get(LOCK_TAG, ""))
        return LockSeen(_record_of(value), value, self.place) if value else None

    def write(self, record: LockRecord, *, over: str | None) -> str:
        """Write it, after a look whether ``over`` is what is there. Raises ``lock-changed``."""
        self._expect(over)
        value = _value(record)
        self._call("tag_resource", tags={LOCK_TAG: value})
        return value

    def clear(self, *, version: str) -> None:
        """Remove it, after a look whether it is the one with that version. Raises
        ``lock-changed``.
        """
        self._expect(version)
        self._call("untag_resource", tagKeys=[LOCK_TAG])

    def _expect(self, version: str | None) -> None:
        found = self.read()
        if (found.version if found else None) != version:
            raise Failed(
                "lock-changed",
                "Another run wrote the lock of the cluster.",
                why=f"It is {self.place}.",
            )

    def _call(self, method: str, **parameters: Any) -> None:
        self._session.call(
            "eks", method, subject=self._subject, resourceArn=self._arn, **parameters
        )


def _value(record: LockRecord) -> str:
    holder = record.holder
    fields = {
        "id": holder.token,
        "seconds": str(record.seconds),
        "renewed": record.renewed,
        "since": holder.since,
        "command": holder.command.replace(" ", "_"),
        "run": holder.run,
        "by": holder.identity,
    }
    text = " ".join(f"{name}={value}" for name, value in fields.items() if value)
    return _OUTSIDE.sub("_", text)[:_LONGEST]


def _record_of(value: str) -> LockRecord:
    """A value that cannot be read is a lock whose holder is not known."""
    fields = {name: foreign(text) for name, text in _FIELD.findall(value)}
    seconds = fields.get("seconds", "")
    holder = LockHolder(
        fields.get("by") or "its owner is not known",
        token=fields.get("id", ""),
        command=fields.get("command", "").replace("_", " "),
        run=fields.get("run", ""),
        since=fields.get("since", ""),
    )
    return LockRecord(holder, fields.get("renewed", ""), int(seconds) if seconds.isdecimal() else 0)
