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
from migrator.lab.worlds.principals import Account, IamRole, Instance
from migrator.lab.worlds.raw_parts import items_of, part_of
from migrator.lab.worlds.world import Caller, LabCluster, World
from migrator.model.principal import parse_arn
from migrator.model.rbac import AccessRequest

TICK = timedelta(seconds=10)
TOKEN_LIFE = timedelta(minutes=14)
GRACE = timedelta(seconds=40)  # leaseDurationSeconds, after which the node counts as lost
PROFILE_ANNOTATION = "lab/fargate-profile"  # which profile a Fargate node was made for
NODES, LEASES, NAMESPACE = ("", "nodes"), ("coordination.k8s.io", "leases"), "kube-node-lease"
_READY = {
    "status": "True",
    "reason": "KubeletReady",
    "message": "kubelet is posting ready status",
}
_LOST = {
    "status": "Unknown",
    "reason": "NodeStatusUnknown",
    "message": "Kubelet stopped posting node status.",
}


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
        """Let every kubelet live up to this moment of lab time, and show its lease and its node's
        readiness. A node whose principal is not known is left as the world made it.
        """
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
        """Under which principal the kubelet of a node logs in; None where the world does not know.

        A kubelet of EC2 has the role of its instance profile and the instance's id as session name,
        one of Fargate the profile's pod execution role (EKS user guide, "Amazon EKS Pod execution
        IAM role").
        """
        last = str(part_of(node, "spec").get("providerID") or "").rpartition("/")[2]
        account = self._world.accounts[self._cluster.account]
        role: IamRole | None = None
        if instance := account.instances.get(last):
            role = _role_of_instance(account, instance)
        elif last.startswith("fargate-"):
            annotations = part_of(node["metadata"], "annotations")
            role = self._fargate_role(annotations.get(PROFILE_ANNOTATION))
        if role is None:
            return None
        return Caller(
            arn=f"arn:{account.partition}:sts::{account.id}:assumed-role/{role.name}/{last}",
            account=account.id,
            user_id=f"{role.id}:{last}",
            principal_arn=role.arn,
            principal_id=role.id,
            session_name=last,
            access_key_id="ASIALABKUBELETXXXXXX",
        )

    def _fargate_role(self, profile_name: str | None) -> IamRole | None:
        """The pod execution role of a profile; without a known profile that of the first one, since
        a node of a world file does not say its profile.
        """
        known = self._cluster.fargate_profiles
        profiles = list(known.values())
        if profile_name in known:
            profiles = [known[profile_name]]
        for profile in profiles:
            arn = parse_arn(str(profile.get("podExecutionRoleArn") or ""))
            if arn is not None:
                return self._world.accounts[self._cluster.account].roles.get(arn.name.lower())
        return None

    # the past

    def _live(
        self,
        name: str,
        caller: Caller,
        kubelet: _Kubelet,
        now: datetime,
    ) -> None:
        """What the kubelet did since it was last looked at, up to ``now``: in each stretch it
        either renews its lease all the time or is refused all the time.
        """
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
        """The kubelet may not log in. One attempt of a stretch is logged: the real ones repeat
        it.
        """
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
        """The renewals of a stretch in which the kubelet may log in, ``begin`` to ``end`` in lab
        time.

        Ticks keep the kubelet's rhythm of 10 seconds. Logins are logged when the user changes and
        when the token ends; only the last renewal is kept.
        """
        first = begin
        if kubelet.renewed is not None:
            first = kubelet.renewed + TICK
            # The rhythm continues after a time in which the kubelet was refused.
            if first <= begin:
                first = begin + (kubelet.renewed - begin) % TICK
        if first > end:
            return
        kubelet.refused = False
        # The token is the old one; the next request maps it to a user again.
        if user != kubelet.user:
            self._log_in(name, caller, user, first)
            kubelet.token_at = kubelet.token_at or first
        kubelet.user = user
        while (taken := (kubelet.token_at or first) + TOKEN_LIFE) <= end:
            kubelet.token_at = max(taken, first)
            self._log_in(name, caller, user, kubelet.token_at)
        kubelet.renewed = first + (end - first) // TICK * TICK

    def _log_in(
        self,
        name: str,
        caller: Caller,
        user: User,
        moment: datetime,
    ) -> None:
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
            self._cluster,
            moment,
            request,
            asked,
            Response(200),
            user=user,
            decision=decision,
        )

    # what the API shows

    def _show(self, node: Json, kubelet: _Kubelet, now: datetime) -> None:
        """Write the lease and the node's Ready condition, each only where it changes: a write makes
        a new revision, which watches see.
        """
        alive = False
        if kubelet.renewed is not None:
            self._show_lease(node, kubelet.renewed)
            alive = now - kubelet.renewed <= GRACE
        shown = _with_readiness(node, now, alive=alive)
        if shown is not None:
            self._registry.store.put(NODES, "", node["metadata"]["name"], shown)

    def _show_lease(self, node: Json, moment: datetime) -> None:
        """Renew the node's lease at a moment; its first renewal makes it."""
        name, store = node["metadata"]["name"], self._registry.store
        stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        lease = store.get(LEASES, NAMESPACE, name)
        if lease is None:
            lease = _new_lease(node)
            lease["spec"]["renewTime"] = stamp
            self._registry.load(lease)
        elif lease["spec"].get("renewTime") != stamp:
            renewed = {**lease, "spec": {**lease["spec"], "renewTime": stamp}}
            store.put(LEASES, NAMESPACE, name, renewed)


def _role_of_instance(account: Account, instance: Instance) -> IamRole | None:
    """The role in the profile of an instance; None where profile or role does not exist."""
    profile = account.instance_profiles.get((instance.instance_profile or "").lower())
    if profile is None:
        return None
    return account.roles.get((profile.role_name or "").lower())


def _new_lease(node: Json) -> Json:
    """A lease that its node owns, as a kubelet makes it (Kubernetes documentation, "Leases")."""
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
    """The node with its Ready condition; None when that is what it says already.

    A node that is lost is ``Unknown``, as the node lifecycle controller sets it (kubernetes
    ``pkg/controller/nodelifecycle/node_lifecycle_controller.go``).
    """
    status = part_of(node, "status")
    wanted = _READY if alive else _LOST
    conditions = []
    for found in items_of(status, "conditions"):
        if found.get("type") != "Ready":
            conditions.append(found)
        elif found.get("status") == wanted["status"]:
            return None
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {"type": "Ready", **wanted, "lastHeartbeatTime": stamp, "lastTransitionTime": stamp}
    return {**node, "status": {**status, "conditions": [*conditions, ready]}}
