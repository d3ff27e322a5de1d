"""Everything that a plan needs to know of a cluster, in one document."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from migrator.app.connect import Connection, read_cluster
from migrator.app.operator import Operator


def snapshot(
    cluster: str,
    operator: Operator,
    connection: Connection | None = None,
    *,
    moment: datetime | None = None,
) -> dict[str, Any]:
    """The snapshot document (``migrator/snapshot/v1``) of a live cluster, over ``connection`` where
    there is one; nothing is changed. ``moment``: when it is taken, None: now. What may not be read
    is named under ``unread``.

    Raises ``no-credentials``, ``cluster-not-found``, ``iam-denied``, ``api-server-unreachable``,
    ``kubernetes-denied``.
    """
    return read_cluster(operator, cluster, connection, moment=moment)


def snapshot_of_manifest(content: bytes, cluster_arn: str, *, now: datetime) -> dict[str, Any]:
    """A snapshot document that knows nothing but the ConfigMap in a manifest. Raises
    ``cluster-arn-malformed``, and what :func:`read_manifest` raises.
    """
    from migrator.decide.reading.read_manifest import read_manifest
    from migrator.run.write_plan import snapshot_of_config_map

    config_map: Mapping[str, Any] = read_manifest(content)
    taken_at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return snapshot_of_config_map(config_map, cluster_arn, taken_at=taken_at)
