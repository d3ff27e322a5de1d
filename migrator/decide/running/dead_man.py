"""The objects of a rehearsal's dead-man timer: a Job that puts aws-auth back unless a Lease keeps
being renewed.

Its service account may write the aws-auth ConfigMap and one Lease, and nothing else (Kubernetes
documentation, "Using RBAC Authorization", "Referring to resources": ``create`` by name is possible
with server-side apply only). The Job runs before the map is blanked, and needs neither the operator
nor aws-auth to put it back.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from migrator.decide.steps.rehearsal_objects import REHEARSAL_LABEL
from migrator.errors import Failed
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL

NAME = "migrator-rehearsal"
NAMESPACE = "kube-system"
AWS_AUTH = "aws-auth"
ORIGINAL_KEY = "original.json"
TIMER = "eks-access-migrator/timer"  # annotation of the Lease: armed, fired
FOREIGN = "eks-access-migrator/foreign-data"  # what another writer had written when the timer fired
BLANKED = (
    "eks-access-migrator/blanked"  # annotation by the operator, directly before the map is blanked
)
OVER = "eks-access-migrator/over"  # annotation by the operator: the map is back, the timer may go
RENEW_WITHIN = timedelta(seconds=120)
ACCOUNT_FILES = "/var/run/secrets/kubernetes.io/serviceaccount"
KINDS = (
    "Job",
    "Lease",
    "ConfigMap",
    "RoleBinding",
    "Role",
    "ServiceAccount",
)  # in the order of removal
# for people
REMOVE = (
    f"kubectl -n {NAMESPACE} delete job,lease,configmap,rolebinding,role,serviceaccount "
    f"-l {REHEARSAL_LABEL}"
)
_CORE, _RBAC, _LEASES = "v1", "rbac.authorization.k8s.io/v1", "coordination.k8s.io/v1"


def timer_objects(
    config_map: Mapping[str, Any],
    *,
    run: str,
    image: str,
    length: timedelta,
    now: datetime,
) -> tuple[dict[str, Any], ...]:
    """Everything that the timer needs, in the order of creation. ``config_map`` is aws-auth as it
    was read.
    """
    labels = {MANAGED_BY_LABEL: MANAGED_BY, REHEARSAL_LABEL: run}
    return (
        _object(_CORE, "ServiceAccount", labels),
        _object(_RBAC, "Role", labels, rules=_rules()),
        _object(
            _RBAC,
            "RoleBinding",
            labels,
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
            subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        ),
        _object(
            _CORE,
            "ConfigMap",
            labels,
            data={ORIGINAL_KEY: json.dumps(original_of(config_map), sort_keys=True)},
        ),
        _object(
            _LEASES,
            "Lease",
            labels,
            spec={
                "holderIdentity": "operator",
                "leaseDurationSeconds": int(RENEW_WITHIN.total_seconds()),
                "renewTime": lease_time(now),
            },
        ),
        _object("batch/v1", "Job", labels, spec=_job(labels, image, length)),
    )


def _object(
    api_version: str, kind: str, labels: Mapping[str, str], **rest: object
) -> dict[str, Any]:
    """An object of the timer, under the one name that all of them have."""
    metadata = {"name": NAME, "namespace": NAMESPACE, "labels": dict(labels)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def _rules() -> list[dict[str, Any]]:
    """What the timer may do: read and write aws-auth, read the aws-auth that was saved, and report
    in its Lease. Nothing else in the cluster.
    """
    return [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": [AWS_AUTH],
            "verbs": ["get", "update", "patch", "create"],
        },
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [NAME], "verbs": ["get"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [NAME],
            "verbs": ["get", "update", "patch"],
        },
    ]


def _job(labels: Mapping[str, str], image: str, length: timedelta) -> dict[str, Any]:
    """The Job: one pod without privileges that waits for the Lease to expire."""
    container = {
        "name": "timer",
        "image": image,
        "command": ["migrate"],
        "args": ["timer", "--service-account", ACCOUNT_FILES],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "serviceAccountName": NAME,
        "restartPolicy": "Never",
        "priorityClassName": "system-cluster-critical",
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    return {
        "backoffLimit": 50,
        "activeDeadlineSeconds": int((length + timedelta(hours=6)).total_seconds()),
        "ttlSecondsAfterFinished": 86_400,
        "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
    }


def original_of(config_map: Mapping[str, Any]) -> dict[str, Any]:
    """What is put back: the data exactly, and the fields that a new object needs if another writer
    deleted the map.
    """
    metadata = config_map.get("metadata") or {}
    kept = {key: dict(metadata[key]) for key in ("labels", "annotations") if metadata.get(key)}
    return {"data": dict(config_map.get("data") or {}), **kept}


def read_original(timer_config_map: Mapping[str, Any]) -> dict[str, Any]:
    """The original out of the timer's own ConfigMap. Raises ``Failed("timer-damaged")``."""
    try:
        document = json.loads((timer_config_map.get("data") or {})[ORIGINAL_KEY])
        data = {str(key): str(value) for key, value in document["data"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Failed(
            "timer-damaged", "The saved aws-auth of the rehearsal cannot be read.", remedy=REMOVE
        ) from error
    return {**document, "data": data}


def recreated(original: Mapping[str, Any]) -> dict[str, Any]:
    """The aws-auth ConfigMap to apply where it was deleted."""
    kept = {key: original[key] for key in ("labels", "annotations") if original.get(key)}
    metadata = {"name": AWS_AUTH, "namespace": NAMESPACE, **kept}
    return {
        "apiVersion": _CORE,
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": dict(original["data"]),
    }


def blanked(data: Mapping[str, str]) -> dict[str, str]:
    """The map with every value empty: logins are those of API mode, and no object is deleted."""
    return dict.fromkeys(data, "")


def lease_time(now: datetime) -> str:
    """MicroTime, as Leases spell it."""
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
