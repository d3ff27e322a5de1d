"""Everything that a plan needs to know of a cluster, in one document."""

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


def snapshot_of_file(
    content: bytes, cluster_arn: str, *, now: datetime
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A snapshot document that knows nothing but the ConfigMap in a file, and what a person has to
    know of the reading, a line each. Raises ``cluster-arn-malformed``, and what
    :func:`read_config_map_file` raises.
    """
    from migrator.decide.reading.config_map_file import read_config_map_file
    from migrator.model.principal import parse_cluster_arn
    from migrator.run.write_plan import snapshot_of_config_map

    found = read_config_map_file(content, parse_cluster_arn(cluster_arn))
    document = snapshot_of_config_map(
        found.config_map,
        cluster_arn,
        origin=found.origin,
        taken_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    return document, found.said
