"""One cluster of a fleet read: who can log in, and what drifted. Nothing in the cluster is
changed; the documents go into its folder of the state.
"""

from collections.abc import Mapping
from typing import Any

from migrator.app.access import AccessRequest, access
from migrator.app.drift import DriftRequest, drift
from migrator.fleet.app.part import answers_of, operator_of
from migrator.fleet.app.worker import Worker
from migrator.fleet.model.fleet import Command, FleetCluster
from migrator.fleet.model.job import JobRequest
from migrator.fleet.model.outcome import ClusterResult
from migrator.model.access_document import Unknown
from migrator.model.files.access_document import access_to_document, drift_to_document
from migrator.model.files.wire import pretty

# The last reading of a cluster, by command; the one that is compared with is access.json.
LAST_FILES: Mapping[Command, str] = {"access": "last-access.json", "drift": "last-drift.json"}


def access_one(
    cluster: FleetCluster,
    request: JobRequest,
    worker: Worker,
) -> ClusterResult:
    """Who can log in to the cluster, as ``migrate access`` says it. Raises what that raises."""
    store = worker.store(cluster)
    asked = AccessRequest(
        cluster=cluster.name,
        answers=answers_of(store, request),
        save=bool(request.options.get("save")),
    )
    with worker.connected(cluster, request.described, store) as connection:
        found = access(asked, operator_of(worker, cluster), connection)
    store.write(LAST_FILES["access"], pretty(access_to_document(found)))
    detail = {
        "mode": found.cluster.ref.authentication_mode,
        "principals": len(found.principals),
        "unknown": len(found.unknown),
    }
    return _read(cluster, "access", found.unknown, detail)


def drift_one(
    cluster: FleetCluster,
    request: JobRequest,
    worker: Worker,
) -> ClusterResult:
    """What changed in the cluster, as ``migrate drift`` says it. Raises what that raises."""
    store = worker.store(cluster)
    asked = DriftRequest(of=cluster.name, answers=answers_of(store, request))
    with worker.connected(cluster, request.described, store) as connection:
        found = drift(asked, operator_of(worker, cluster), connection)
    store.write(LAST_FILES["drift"], pretty(drift_to_document(found, {})))
    detail = {
        "findings": len(found.findings),
        "codes": sorted({each.code for each in found.findings}),
        "unknown": len(found.unknown),
    }
    return _read(cluster, "drift", found.unknown, detail)


def _read(
    cluster: FleetCluster,
    command: Command,
    unknown: tuple[Unknown, ...],
    detail: Mapping[str, Any],
) -> ClusterResult:
    """The result of a reading: what is unknown keeps the cluster from being done."""
    message = ""
    if unknown:
        message = f"Not everything could be read: {unknown[0].what}."
    return ClusterResult(
        arn=cluster.arn,
        command=command,
        status="failed" if unknown else "done",
        exit_code=1 if unknown else 0,
        at="",
        message=message,
        why=unknown[0].why if unknown else "",
        detail=detail,
    )
