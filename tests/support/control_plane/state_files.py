"""What EKS tells its authenticator, in files: access entries and the authentication mode, from a
cluster of the lab.

Formats: aws-iam-authenticator ``pkg/mapper/dynamicfile`` (one bad item rejects the whole file, and
the old map stays) and ``pkg/server`` (backend modes, separated by spaces; the first that matches
decides).
"""

import json
import os
from datetime import datetime
from pathlib import Path

from migrator.lab.worlds.lab_cluster import LabCluster, LabEntry

BACKENDS = {
    "API": "DynamicFile",
    "CONFIG_MAP": "EKSConfigMap",
    "API_AND_CONFIG_MAP": "DynamicFile EKSConfigMap",
}


def dynamic_entries(cluster: LabCluster, moment: datetime) -> str:
    """The entries that are in force at a moment. Those of EKS's own roles are left out: nobody logs
    in as these.
    """
    roles, users = [], []
    for entry in cluster.effective_entries(moment):
        if entry.service_linked:
            continue
        if ":user/" in entry.principal_arn or entry.principal_arn.endswith(":root"):
            users.append({"userarn": entry.principal_arn, **_mapping(entry)})
        else:
            roles.append({"rolearn": entry.principal_arn, **_mapping(entry)})
    return _document(moment, mapRoles=roles, mapUsers=users, mapAccounts=[])


def backend_mode(cluster: LabCluster, moment: datetime) -> str:
    """The mode at a moment."""
    return _document(moment, backendMode=BACKENDS[cluster.mode(moment)])


def write_files(cluster: LabCluster, moment: datetime, entries: Path, mode: Path) -> None:
    """Replace both files, each at once: a file written in place is read half-written."""
    for path, text in (
        (entries, dynamic_entries(cluster, moment)),
        (mode, backend_mode(cluster, moment)),
    ):
        fresh = path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)  # noqa: PTH105 - what the authenticator's watch is known to notice


def _mapping(entry: LabEntry) -> dict[str, object]:
    return {
        "username": entry.username,
        "groups": list(entry.kubernetes_groups),
        "userid": entry.principal_id,
    }


def _document(moment: datetime, **content: object) -> str:
    return json.dumps(
        {"LastUpdatedDateTime": str(int(moment.timestamp())), "Version": "1", **content}
    )
