"""What the kubelets of a cluster do: logins, lease renewals, Ready conditions. It is computed when
a request reads them.

A kubelet renews its lease every 10 seconds (Kubernetes documentation, "Leases", "Node heartbeats")
with a token that it renews every 14 minutes, under the role of its instance and with the instance
id as session name. It is not a thread here. Between two reads only entries and aws-auth can change
what it may do. Both record when they changed, so the kubelet's past is computed from them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from migrator.decide.reading.effective_identity import LoggedIn
from migrator.lab.http_wire import Request, Response
from migrator.lab.kubernetes import audit
from migrator.lab.kubernetes.authenticator import Authenticator
from migrator.lab.kubernetes.authorizer import Authorizer
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.registry import Registry
from migrator.lab.kubernetes.request_info import request_info
from migrator.lab.kubernetes.user import User
from migrator.lab.worlds.principals import IamRole
from migrator.lab.worlds.world import Caller, LabCluster, World
from migrator.model.principal import parse_arn
from migrator.model.rbac import AccessRequest

TICK = timedelta(seconds=10)
TOKEN_LIFE = timedelta(minutes=14)
GRACE = timedelta(seconds=40)  # leaseDurationSeconds, after which the node counts as lost
PROFILE_ANNOTATION = "lab/fargate-profile"  # which profile a Fargate node was made for
NODES, LEASES, NAMESPACE = ("", "nodes"), ("coordination.k8s.io", "leases"), "kube-node-lease"


@dataclass(slots=True)
class _Kubelet:
    """One kubelet, computed up to ``until``. ``user`` is the user of its last login, None when that
    was refused.
    """

    until: datetime
    renewed: datetime | None = None
    token_at: datetime | None = None
    user: User | None = None
    refused: bool = False
    stopped: bool = False


class Kubelets:
    """The kubelets of one cluster. :meth:`catch_up` takes the world's lock, then the store's."""

    def __init__(
        self,
        world: World,
        cluster: LabCluster,
        registry: Registry,
        authenticator: Authenticator,
        authorizer: Authorizer,
    ) -> None:
        self._world, self._cluster, self._registry = world, cluster, registry
        self._authenticator, self._authorizer = authenticator, authorizer
        self._known: dict[str, _Kubelet] = {}

    def catch_up(self) -> None:
        """Let every kubelet live up to this moment of lab time."""
        with self._world.lock, self._registry.store.lock:
            now = self._world.now()
            for node in self._registry.store.items(NODES)[0]:
                name = node["metadata"]["name"]
                caller = self.caller_of(node)
                if caller is None:
                    continue
                kubelet = self._known.get(name)
                if kubelet is None:
                    kubelet = self._known[name] = _Kubelet(now)
                if not kubelet.stopped:
                    self._live(name, caller, kubelet, now)
                self._show(node, kubelet, now)

    def stop(self, node: str) -> None:
        """The machine hangs: its kubelet renews nothing any more."""
        self.catch_up()
        self._known.setdefault(node, _Kubelet(self._world.now())).stopped = True

    def start(self, node: str) -> None:
        """The machine is back; its kubelet logs in with a fresh token."""
        self.catch_up()
        self._known[node] = _Kubelet(self._world.now())

    def may_register(self, node: Json) -> bool:
        """Whether the kubelet of a new machine may log in as this node. The attempt is logged."""
        caller = self.caller_of(node)
        if caller is None:
            return False
        now = self._world.now()
        self._authenticator.log_login(caller, now)
        return self._user_at(node["metadata"]["name"], caller, now) is not None

    def caller_of(self, node: Json) -> Caller | None:
        """Under which principal the kubelet of a node logs in; None where the world does not
        know.
        """
        last = str((node.get("spec") or {}).get("providerID") or "").rpartition("/")[2]
        account = self._world.accounts[self._cluster.account]
        role: IamRole | None = None
        if instance := account.instances.get(last):
            profile = account.instance_profiles.get((instance.instance_profile or "").lower())
            role = (
                account.roles.get((profile.role_name or "").lower())
                if profile is not None
                else None
            )
        elif last.startswith("fargate-"):
            role = self._fargate_role(
                (node["metadata"].get("annotations") or {}).get(PROFILE_ANNOTATION)
            )
        if role is None:
            return None
        arn = f"arn:{account.partition}:sts::{account.id}:assumed-role/{role.name}/{last}"
        return Caller(
            arn, account.id, f"{role.id}:{last}", role.arn, role.id, last, "ASIALABKUBELETXXXXXX"
        )

    def _fargate_role(self, profile_name: str | None) -> IamRole | None:
        profiles = self._cluster.fargate_profiles
        for profile in [profiles[profile_name]] if profile_name in profiles else profiles.values():
            arn = parse_arn(str(profile.get("podExecutionRoleArn") or ""))
            if arn is not None:
                return self._world.accounts[self._cluster.account].roles.get(arn.name.lower())
        return None

    # the past

    def _live(self, name: str, caller: Caller, kubelet: _Kubelet, now: datetime) -> None:
        for begin, end in self._stretches(kubelet.until, now):
            user = self._user_at(name, caller, begin)
            if user is None:
                self._be_refused(caller, kubelet, begin)
            else:
                self._renew(name, caller, kubelet, user, begin, end)
        kubelet.until = now

    def _stretches(self, since: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Stretches of time without a change of access. The end belongs to the stretch."""
        changes = {moment for moment in self._cluster.upcoming(since) if moment < now}
        changes |= {moment for moment in self._authenticator.changes_of_rows(since) if moment < now}
        begin = since
        for end in (*sorted(changes), now):
            yield begin, end
            begin = end

    def _user_at(self, name: str, caller: Caller, moment: datetime) -> User | None:
        """Who the kubelet is at a moment, if that may renew the node's own lease."""
        outcome = self._authenticator.outcome_at(self._authenticator.asker_of(caller), moment)
        if not isinstance(outcome, LoggedIn):
            return None
        user = self._authenticator.as_user(caller, outcome)
        asked = AccessRequest("update", LEASES[0], LEASES[1], "", NAMESPACE, name)
        return user if self._authorizer.decide(user, asked).allowed else None

    def _be_refused(self, caller: Caller, kubelet: _Kubelet, moment: datetime) -> None:
        if not kubelet.refused:
            self._authenticator.log_login(caller, moment)
        kubelet.refused, kubelet.user, kubelet.token_at = True, None, None

    def _renew(
        self,
        name: str,
        caller: Caller,
        kubelet: _Kubelet,
        user: User,
        begin: datetime,
        end: datetime,
    ) -> None:
        before = kubelet.renewed or begin
        first = before + TICK if before + TICK > begin else begin + (before - begin) % TICK
        if kubelet.renewed is None:
            first = begin
        if first > end:
            return
        kubelet.refused = False
        if (
            user != kubelet.user
        ):  # the token is the old one; the next request maps it to a user again
            self._log_in(name, caller, user, first)
            kubelet.token_at = kubelet.token_at or first
        kubelet.user = user
        while (taken := (kubelet.token_at or first) + TOKEN_LIFE) <= end:
            kubelet.token_at = max(taken, first)
            self._log_in(name, caller, user, kubelet.token_at)
        kubelet.renewed = first + (end - first) // TICK * TICK

    def _log_in(self, name: str, caller: Caller, user: User, moment: datetime) -> None:
        """What a login and the renewal after it leave in the logs."""
        self._authenticator.log_login(caller, moment)
        path = f"/apis/{LEASES[0]}/v1/namespaces/{NAMESPACE}/{LEASES[1]}/{name}"
        headers = {
            "user-agent": [f"kubelet/v{self._cluster.version}.1 (linux/amd64) kubernetes/0000000"]
        }
        request = Request("PUT", path, "timeout=10s", headers, b"", "10.0.0.1:10250")
        asked = request_info(request)
        decision = self._authorizer.decide(user, asked.access_request())
        audit.log_request(
            self._cluster, moment, request, asked, Response(200), user=user, decision=decision
        )

    # what the API shows

    def _show(self, node: Json, kubelet: _Kubelet, now: datetime) -> None:
        name, store = node["metadata"]["name"], self._registry.store
        if kubelet.renewed is not None:
            stamp = kubelet.renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            lease = store.get(LEASES, NAMESPACE, name) or _new_lease(node)
            if lease["spec"].get("renewTime") != stamp:
                renewed = {**lease, "spec": {**lease["spec"], "renewTime": stamp}}
                if "uid" in lease["metadata"]:
                    store.put(LEASES, NAMESPACE, name, renewed)
                else:
                    self._registry.load(renewed)
        alive = kubelet.renewed is not None and now - kubelet.renewed <= GRACE
        shown = _with_readiness(node, now, alive=alive)
        if shown is not None:
            store.put(NODES, "", name, shown)


def _new_lease(node: Json) -> Json:
    metadata = node["metadata"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": metadata["name"], "namespace": NAMESPACE, "ownerReferences": [owner]},
        "spec": {
            "holderIdentity": metadata["name"],
            "leaseDurationSeconds": int(GRACE.total_seconds()),
        },
    }


def _with_readiness(node: Json, now: datetime, *, alive: bool) -> Json | None:
    """The node with its Ready condition; None when that is what it says already."""
    status = node.get("status") or {}
    conditions = [found for found in status.get("conditions") or () if found.get("type") != "Ready"]
    before = next(
        (found for found in status.get("conditions") or () if found.get("type") == "Ready"), None
    )
    wanted = "True" if alive else "Unknown"
    if before is not None and before.get("status") == wanted:
        return None
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {
        "type": "Ready",
        "status": wanted,
        "reason": "KubeletReady" if alive else "NodeStatusUnknown",
        "message": "kubelet is posting ready status"
        if alive
        else "Kubelet stopped posting node status.",
        "lastHeartbeatTime": stamp,
        "lastTransitionTime": stamp,
    }
    return {**node, "status": {**status, "conditions": [*conditions, ready]}}
