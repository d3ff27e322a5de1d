"""One cluster of a lab as the evaluator needs it: entries and mode from their histories, aws-auth
and RBAC from the stored objects, principals from the accounts.
"""

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes.store import Change
from migrator.lab.worlds.lab_cluster import LabEntry
from migrator.lab.worlds.world import World
from tests.support.judge.aws_auth import AwsAuth, read
from tests.support.judge.logins import Caller, Cluster
from tests.support.judge.reviews import Judge, Objects

RBAC = "rbac.authorization.k8s.io"
_AWS_AUTH = (("", "configmaps"), "kube-system", "aws-auth")
_BEGINNING = datetime(1970, 1, 1, tzinfo=timezone.utc)


class LabFacts:
    """What is in force in a cluster at a moment. The caller holds the world's lock."""

    def __init__(self, world: World, api: KubernetesApi) -> None:
        self._world, self._api = world, api
        self._rows: list[tuple[datetime, AwsAuth]] = [(_BEGINNING, self._read_rows())]
        self._judges: dict[tuple[int, ...], Judge] = {}
        api.registry.store.on_change(self._notice)

    def cluster_at(self, moment: datetime) -> Cluster:
        """Mode, entries and rows."""
        mode = self.mode_at(moment)
        entries = [] if mode == "CONFIG_MAP" else [_shown(found) for found in self._entries(moment)]
        rows = next(rows for since, rows in reversed(self._rows) if since <= moment)
        return Cluster(mode, entries, rows, self._api.cluster.creator_arn or "")

    def mode_at(self, moment: datetime) -> str:
        """The mode that the last update before the moment brought."""
        found: str = self._api.cluster.initial_mode
        for update in self._api.cluster.updates:
            if update.mode and update.outcome == "Successful" and update.done_at <= moment:
                found = update.mode
        return found

    def _entries(self, moment: datetime) -> Iterator[LabEntry]:
        for versions in self._api.cluster.history.values():
            arrived = [each for each in versions if each.effective_from <= moment]
            if arrived and arrived[-1].entry is not None:
                yield arrived[-1].entry

    def caller(self, arn: str, id: str, session: str, access_key: str) -> Caller:
        """A principal with a session, and the node that the session is named after."""
        instances = self._world.accounts[self._api.cluster.account].instances
        instance = instances.get(session)
        running = instance is not None and instance.state == "running"
        name = instance.private_dns_name if instance is not None and running else None
        return Caller(arn, id, session, access_key, name)

    def judge(self) -> Judge:
        """Of the RBAC objects and pods as they are now."""
        store = self._api.registry.store
        state = (store.generation(*((RBAC, plural) for plural in _PLURALS), ("", "pods")),)
        if state not in self._judges:
            self._judges = {state: Judge(self._objects())}
        return self._judges[state]

    def _objects(self) -> Objects:
        def found(group: str, plural: str) -> list[dict[str, Any]]:
            return self._api.registry.store.items((group, plural))[0]

        return Objects(
            cluster_roles=found(RBAC, "clusterroles"),
            cluster_role_bindings=found(RBAC, "clusterrolebindings"),
            roles=found(RBAC, "roles"),
            role_bindings=found(RBAC, "rolebindings"),
            pods=found("", "pods"),
        )

    def _read_rows(self) -> AwsAuth:
        found = self._api.registry.store.get(*_AWS_AUTH) or {}
        return read(found.get("data"))

    def _notice(self, change: Change) -> None:
        """The time is the authenticator's, which saw the change a moment before."""
        if (change.key, *change.place) == _AWS_AUTH:
            since = self._api.authenticator.changes_of_rows(_BEGINNING)[-1]
            self._rows.append((since, self._read_rows()))


_PLURALS = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")


def _shown(entry: LabEntry) -> dict[str, Any]:
    """An entry as the evaluator reads it."""
    return {
        "principalArn": entry.principal_arn,
        "principalId": entry.principal_id,
        "username": entry.username,
        "kubernetesGroups": list(entry.kubernetes_groups),
        "policies": [(each.policy_arn, each.scope.namespaces) for each in entry.policies],
    }


def policies_of(principal_id: str, cluster: Cluster) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The policies of the entry that is pinned to a principal's id."""
    for entry in cluster.entries:
        if principal_id and entry["principalId"] == principal_id:
            return tuple(entry["policies"])
    return ()
