"""How the nodes of a cluster are doing: leases and nodes from the API server, roles from EC2,
Fargate from EKS.

Sources: Kubernetes documentation, "Leases"; EKS user guide, "AWS Fargate" (one pod a node; pods
carry the label ``eks.amazonaws.com/fargate-profile``); EKS API reference, FargateProfileHealth.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from migrator.adapters.kubernetes_client import KubernetesClient
from migrator.errors import MigratorError
from migrator.model.moments import moment_of_text
from migrator.model.node_health import NodesNow, NodeState, ProfileHealth
from migrator.ports import Principals, Raw, TaskRunner

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
COMPUTE_LABEL = "eks.amazonaws.com/compute-type"
SYSTEM_LABEL = "kubernetes.io/os"
PROFILE_LABEL = "eks.amazonaws.com/fargate-profile"
_NOT_ALLOWED = frozenset(
    {"iam-denied", "kubernetes-denied", "account-unreadable", "region-disabled"}
)


class KubernetesNodeHealth:
    """:class:`migrator.ports.NodeHealth`. ``fargate_profiles`` lists DescribeFargateProfile's
    answers.

    The role of an instance never changes its name here: what was resolved once is kept.
    """

    def __init__(
        self,
        client: KubernetesClient,
        principals: Principals,
        fargate_profiles: Callable[[], Iterable[Raw]],
        tasks: TaskRunner,
    ) -> None:
        self._client = client
        self._principals = principals
        self._fargate_profiles = fargate_profiles
        self._tasks = tasks
        self._lock = threading.Lock()
        self._roles: dict[str, str] = {}

    def read(self) -> NodesNow:
        """Nodes with leases and roles. Raises ``kubernetes-denied`` where nodes or leases may not
        be listed; roles and profiles that may not be read are unknown.
        """
        reads: list[Callable[[], Any]] = [
            lambda: self._client.list(LEASES, "leases"),
            lambda: self._client.list("/api/v1/nodes", "nodes"),
            self._profiles,
        ]
        leases, nodes, profiles = self._tasks.map(lambda read: read(), reads)
        renewed = {
            lease["metadata"]["name"]: _moment((lease.get("spec") or {}).get("renewTime"))
            for lease in leases
        }
        roles = self._roles_of(nodes, profiles)
        return NodesNow(tuple(_state(node, roles, renewed) for node in nodes), tuple(profiles))

    def _profiles(self) -> list[ProfileHealth]:
        try:
            return [_profile(raw) for raw in self._fargate_profiles()]
        except MigratorError as error:
            if error.code in _NOT_ALLOWED:
                return []
            raise

    def _roles_of(
        self, nodes: Iterable[Raw], profiles: Iterable[ProfileHealth]
    ) -> Mapping[str, str]:
        """Node name -> role ARN."""
        instances = {node["metadata"]["name"]: _last_of_provider_id(node) for node in nodes}
        with self._lock:
            missing = sorted(
                {i for i in instances.values() if i.startswith("i-")} - self._roles.keys()
            )
            if missing:
                self._roles.update(self._resolved(missing))
            known = dict(self._roles)
        found = {name: known[instance] for name, instance in instances.items() if instance in known}
        fargate = [node["metadata"]["name"] for node in nodes if _compute(node) == "fargate"]
        return found | self._fargate_roles(
            fargate, {profile.name: profile.role_arn for profile in profiles}
        )

    def _resolved(self, instances: list[str]) -> Mapping[str, str]:
        try:
            return self._principals.roles_of_instances(instances)
        except MigratorError as error:
            if error.code in _NOT_ALLOWED:
                return {}
            raise

    def _fargate_roles(self, names: list[str], profiles: Mapping[str, str]) -> dict[str, str]:
        """One role for all profiles needs no look at pods; else the pod on the node names its
        profile.
        """
        roles = set(profiles.values())
        if not names or not roles:
            return {}
        if len(roles) == 1:
            return dict.fromkeys(names, roles.pop())
        try:
            pods = self._client.list("/api/v1/pods", "pods", labelSelector=PROFILE_LABEL)
        except MigratorError as error:
            if error.code in _NOT_ALLOWED:
                return {}
            raise
        placed = {
            (pod.get("spec") or {}).get("nodeName"): pod["metadata"]["labels"][PROFILE_LABEL]
            for pod in pods
        }
        return {name: profiles[placed[name]] for name in names if placed.get(name) in profiles}


def _state(
    node: Raw, roles: Mapping[str, str], renewed: Mapping[str, datetime | None]
) -> NodeState:
    metadata, spec = node["metadata"], node.get("spec") or {}
    name = metadata["name"]
    return NodeState(
        name=name,
        role_arn=roles.get(name),
        renewed=renewed.get(name),
        created=_moment(metadata.get("creationTimestamp")),
        compute=_compute(node),
        leaving=bool(spec.get("unschedulable")) or bool(metadata.get("deletionTimestamp")),
        system=str((metadata.get("labels") or {}).get(SYSTEM_LABEL, "")),
    )


def _profile(raw: Raw) -> ProfileHealth:
    issues = (raw.get("health") or {}).get("issues") or ()
    return ProfileHealth(
        name=str(raw.get("fargateProfileName", "")),
        role_arn=str(raw.get("podExecutionRoleArn", "")),
        status=str(raw.get("status", "")),
        issues=tuple(f"{issue.get('code', '')}: {issue.get('message', '')}" for issue in issues),
    )


def _compute(node: Raw) -> str:
    return str((node["metadata"].get("labels") or {}).get(COMPUTE_LABEL, ""))


def _last_of_provider_id(node: Raw) -> str:
    """``aws:///zone/i-…`` -> ``i-…``."""
    return str((node.get("spec") or {}).get("providerID") or "").rpartition("/")[2]


def _moment(text: Any) -> datetime | None:
    """A time of the Kubernetes API (RFC 3339, microseconds for leases)."""
    if not isinstance(text, str):
        return None
    try:
        return moment_of_text(text)
    except ValueError:
        return None
