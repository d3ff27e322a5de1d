"""The lock of a cluster as a Lease in kube-system (Kubernetes documentation, "Leases", "Leader
election").
"""

import re
from typing import Any

from migrator.adapters.foreign_text import foreign
from migrator.adapters.kubernetes_client import KubernetesClient
from migrator.errors import Failed, MigratorError
from migrator.model.cluster_lock import LEASE_NAME, LOCK_NAMESPACE, LockHolder, LockRecord, LockSeen
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL
from migrator.ports import Raw

_LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{LOCK_NAMESPACE}/leases"
_PATH = f"{_LEASES}/{LEASE_NAME}"
_RESOURCE = "leases"
_ANNOTATION = "eks-access-migrator/lock-"
_KEPT = ("token", "caller", "host", "command", "run", "since", "state", "process")
_SECONDS = re.compile(r"\d{1,6}")


class LeaseRecords:
    """:class:`migrator.ports.LockRecords`. The version is uid and resourceVersion: a Lease that was
    deleted is not created again by a renewal of its old holder.
    """

    settle_seconds = 0.0

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    @property
    def place(self) -> str:
        """Namespace and name."""
        return f"Lease {LOCK_NAMESPACE}/{LEASE_NAME}"

    def read(self) -> LockSeen | None:
        """The Lease, None when absent."""
        found = self._client.find(_PATH, f"{_RESOURCE} {LEASE_NAME}")
        return None if found is None else LockSeen(_record_of(found), _version(found), self.place)

    def write(self, record: LockRecord, *, over: str | None) -> str:
        """Create it, or replace the version ``over``. Raises ``lock-changed``."""
        about = f"{_RESOURCE} {LEASE_NAME}"
        try:
            if over is None:
                written = self._client.write("create", "POST", _LEASES, about, _lease(record))
            else:
                written = self._client.write("update", "PUT", _PATH, about, _lease(record, over))
        except MigratorError as error:
            raise _changed(error) from error
        return _version(written)

    def clear(self, *, version: str) -> None:
        """Delete it; where that is not allowed, leave it without a holder. Raises
        ``lock-changed``.
        """
        uid, _, resource_version = version.partition("/")
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
        }
        about = f"{_RESOURCE} {LEASE_NAME}"
        try:
            try:
                self._client.send("delete", "DELETE", _PATH, about, body=body)
            except Failed as error:
                if error.code != "kubernetes-denied":
                    raise
                self._client.write("update", "PUT", _PATH, about, _lease(None, version))
        except MigratorError as error:
            raise _changed(error) from error


def _lease(record: LockRecord | None, over: str | None = None) -> dict[str, Any]:
    """The object; without a holder where ``record`` is None."""
    metadata: dict[str, Any] = {
        "name": LEASE_NAME,
        "namespace": LOCK_NAMESPACE,
        "labels": {MANAGED_BY_LABEL: MANAGED_BY},
    }
    if over is not None:
        metadata["uid"], _, metadata["resourceVersion"] = over.partition("/")
    spec: dict[str, Any] = {}
    if record is not None:
        holder = record.holder
        noted = {name: getattr(holder, name) for name in _KEPT} | {"plan": holder.plan_digest}
        metadata["annotations"] = {
            f"{_ANNOTATION}{name}": text for name, text in noted.items() if text
        }
        spec = {
            "holderIdentity": holder.identity,
            "leaseDurationSeconds": record.seconds,
            "acquireTime": holder.since,
            "renewTime": record.renewed,
        }
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": spec,
    }


def _record_of(lease: Raw) -> LockRecord | None:
    spec = lease.get("spec") or {}
    identity = str(spec.get("holderIdentity") or "")
    if not identity:
        return None
    annotations = (lease.get("metadata") or {}).get("annotations") or {}
    noted = {
        name: foreign(annotations.get(f"{_ANNOTATION}{name}", "")) for name in (*_KEPT, "plan")
    }
    plan = noted.pop("plan")
    seconds = str(spec.get("leaseDurationSeconds", ""))
    return LockRecord(
        LockHolder(foreign(identity), plan_digest=plan, **noted),
        foreign(spec.get("renewTime", "")),
        int(seconds) if _SECONDS.fullmatch(seconds) else 0,
    )


def _version(lease: Raw) -> str:
    metadata = lease.get("metadata") or {}
    return f"{metadata.get('uid', '')}/{metadata.get('resourceVersion', '')}"


def _changed(error: MigratorError) -> MigratorError:
    """A guarded write that met another writer: the Lease is there already, was changed, or was
    deleted.
    """
    if error.code not in ("kubernetes-conflict", "not-found"):
        return error
    return Failed("lock-changed", "Another run wrote the lock of the cluster.", why=error.why)
