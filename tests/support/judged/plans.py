"""What a plan promises, judged: every principal may do after its steps what it may do today, but
for what the document announces.

The snapshot's facts are read raw, and the plan as its document: what the steps make of the cluster
is carried out here once more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from migrator.model.rbac import Binding, PolicyRule, RbacState, Role
from migrator.model.snapshot import Snapshot
from tests.support.judge.aws_auth import read
from tests.support.judge.logins import Caller, Cluster, Login, logins
from tests.support.judge.reviews import Judge, Objects, Request, User, completed
from tests.support.judged.lab import policies_of

INSTANCE = "i-0123456789abcdef0"
_DELETED = "deleted"
# What EKS makes of each node type (EKS user guide, "Create access entries").
_NODES = {
    "EC2_LINUX": ("system:node:{{EC2PrivateDNSName}}", ["system:nodes"]),
    "EC2_WINDOWS": (
        "system:node:{{EC2PrivateDNSName}}",
        ["system:nodes", "eks:kube-proxy-windows"],
    ),
    "FARGATE_LINUX": (
        "system:node:{{SessionName}}",
        ["system:bootstrappers", "system:nodes", "system:node-proxier"],
    ),
    "EC2": ("system:node:{{SessionName}}", ["system:nodes"]),
    "HYBRID_LINUX": ("system:node:{{SessionName}}", ["system:nodes"]),
}
REQUESTS = (
    *(Request(verb, "", "pods", "", place) for verb in ("get", "update") for place in ("", "shop")),
    *(Request("get", "", "secrets", "", place) for place in ("", "shop", "blog")),
    Request("update", "", "secrets", "", "shop"),
    Request("delete", "apps", "deployments", "", "shop"),
    Request("create", "", "pods", "eviction", "shop"),
    Request("impersonate", "", "groups", name="eks:team"),
    Request("impersonate", "", "groups", name="system:masters"),
    Request("*", "*", "*"),
    Request("get", path="/metrics"),
    Request("post", path="/anything"),
)


class Access(NamedTuple):
    """What one kind of login of a principal may do: an answer for each of :data:`REQUESTS`, all of
    them no where the login is refused. None: only a policy without published rules would say.
    """

    logs_in: bool
    answers: tuple[bool | None, ...]


class Difference(NamedTuple):
    """A principal's login that may do something else after the plan."""

    principal_arn: str
    session: str
    before: Access
    after: Access

    @property
    def lost(self) -> bool:
        """Something that was allowed is denied."""
        pairs = zip(self.before.answers, self.after.answers, strict=True)
        return self.before.logs_in > self.after.logs_in or any(
            was is True and now is False for was, now in pairs
        )

    @property
    def gained(self) -> bool:
        """Something that was denied is allowed."""
        pairs = zip(self.before.answers, self.after.answers, strict=True)
        return self.before.logs_in < self.after.logs_in or any(
            was is False and now is True for was, now in pairs
        )


class JudgedPlan:
    """One snapshot and the plan that was made of it."""

    def __init__(self, snapshot: Snapshot, document: Mapping[str, Any]) -> None:
        self._snapshot, self.document = snapshot, document
        objects = _objects(snapshot.rbac or RbacState((), ()))
        entries = [self._observed(entry) for entry in snapshot.access_entries or ()]
        rows = read(snapshot.aws_auth_data)
        self.open = bool(rows.unjudged)
        creator = snapshot.creator.arn if snapshot.creator is not None else ""
        self._before = Cluster(snapshot.cluster.authentication_mode, entries, rows, creator)
        self._judge = Judge(objects)
        entries_after, bindings = _after(entries, self.document["steps"])
        self._after = Cluster("API", entries_after)
        self._judge_after = Judge(
            objects._replace(
                cluster_role_bindings=(
                    *objects.cluster_role_bindings,
                    *(found for found in bindings if "namespace" not in found["metadata"]),
                ),
                role_bindings=(
                    *objects.role_bindings,
                    *(found for found in bindings if "namespace" in found["metadata"]),
                ),
            )
        )

    def _observed(self, entry: Any) -> dict[str, Any]:  # noqa: ANN401 - AccessEntry
        """An entry older than its principal is pinned to one that was deleted."""
        arn = entry.principal_arn
        born = {each.arn: each.create_date for each in self._snapshot.iam_principals}.get(arn)
        is_dead = born is not None and entry.created_at is not None and entry.created_at < born
        return {
            "principalArn": arn,
            "principalId": _DELETED if is_dead else arn,
            "username": entry.username,
            "kubernetesGroups": list(entry.kubernetes_groups),
            "policies": [
                (each.policy_arn, each.scope.namespaces) for each in entry.access_policies
            ],
        }

    def differences(self, arn: str) -> Iterator[Difference]:
        """Each kind of login of a principal that may do something else afterwards. A login that is
        drawn by lot is left out; STS verifies none of another partition.
        """
        if arn.split(":")[1] != self._snapshot.cluster.arn.split(":")[1]:
            return
        sessions = ("alice", INSTANCE) if ":role/" in arn else ("",)
        for session in sessions:
            caller = _caller(arn, session)
            found = logins(caller, self._before)
            if len(found) > 1:
                continue
            (after,) = logins(caller, self._after)
            pair = (
                _access(found[0], caller, self._before, self._judge),
                _access(after, caller, self._after, self._judge_after),
            )
            if pair[0] != pair[1]:
                yield Difference(arn, session, *pair)

    def by_account(self, difference: Difference) -> bool:
        """Whether mapAccounts alone admits the login today."""
        rows = replace(self._before.aws_auth, accounts=[])
        caller = _caller(difference.principal_arn, difference.session)
        return logins(caller, replace(self._before, aws_auth=rows)) == (None,)


def _caller(arn: str, session: str) -> Caller:
    """A principal's ARN serves as its unique id."""
    name = "ip-10-0-0-1.ec2.internal" if session == INSTANCE else None
    return Caller(arn, arn, session, "AKIAIOSFODNN7EXAMPLE", name)


def _access(login: Login | None, caller: Caller, cluster: Cluster, judge: Judge) -> Access:
    if login is None:
        return Access(False, (False,) * len(REQUESTS))
    held = policies_of(caller.id, cluster)
    user = User(login.username, completed(*login), held)
    return Access(True, tuple(judge.may(user, request) for request in REQUESTS))


def _after(
    entries: Sequence[dict[str, Any]], steps: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Entries after the steps of a document, and the bindings that they add."""
    found = {entry["principalArn"]: dict(entry) for entry in entries}
    bindings: dict[str, dict[str, Any]] = {}
    for step in steps:
        arn, payload = step["principalArn"], step["payload"]
        match step["kind"]:
            case "await-entry":
                found[arn] = _made(arn, payload["expected"])
            case "create-entry":
                found[arn] = _made(arn, payload["entry"]) | {"policies": []}
            case "update-entry":
                made = _made(arn, payload["entry"])
                found[arn] |= {key: made[key] for key in ("username", "kubernetesGroups")}
            case "delete-entry":
                found.pop(arn)
            case "associate-policy" | "disassociate-policy":
                _set_policy(found[arn], step["kind"], payload["policy"])
            case "create-binding":
                bindings[payload["bindingName"]] = _bound(payload)
            case "create-bridge":
                bridge = {**payload, "roleKind": "ClusterRole", "roleName": "cluster-admin"}
                bindings[payload["bindingName"]] = _bound(bridge)
            case "remove-bridge":
                bindings.pop(payload["bindingName"], None)
            # The mode, and proofs.
            case _:
                pass
    return list(found.values()), list(bindings.values())


def _made(arn: str, spec: dict[str, Any]) -> dict[str, Any]:
    """An entry as EKS makes it, for the principal of today."""
    username, groups = spec["username"], spec["kubernetesGroups"]
    if spec["type"] in _NODES:
        username, groups = _NODES[spec["type"]]
    account, _, rest = arn.partition(":role/")
    if username is None:
        username = arn
        if rest:
            session = f"{rest.rpartition('/')[2]}/{{{{SessionName}}}}"
            username = f"{account.replace(':iam:', ':sts:')}:assumed-role/{session}"
    return {
        "principalArn": arn,
        "principalId": arn,
        "username": username,
        "kubernetesGroups": list(groups),
        "policies": [_policy(policy) for policy in spec["accessPolicies"]],
    }


def _policy(policy: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    return policy["policyArn"], tuple(policy["accessScope"]["namespaces"])


def _set_policy(entry: dict[str, Any], kind: str, policy: dict[str, Any]) -> None:
    arn = policy["policyArn"]
    entry["policies"] = [held for held in entry["policies"] if held[0] != arn]
    if kind == "associate-policy":
        entry["policies"].append(_policy(policy))


def _bound(payload: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": payload["bindingName"]}
    if payload.get("namespace"):
        metadata["namespace"] = payload["namespace"]
    return {
        "metadata": metadata,
        "roleRef": {"kind": payload["roleKind"], "name": payload["roleName"]},
        "subjects": [{"kind": "Group", "name": payload["group"]}],
    }


# the snapshot's RBAC as JSON


def _objects(rbac: RbacState) -> Objects:
    roles = [(role.namespace, _role(role)) for role in rbac.roles]
    bindings = [(binding.namespace, _binding(binding)) for binding in rbac.bindings]
    return Objects(
        cluster_roles=[found for namespace, found in roles if namespace is None],
        cluster_role_bindings=[found for namespace, found in bindings if namespace is None],
        roles=[found for namespace, found in roles if namespace is not None],
        role_bindings=[found for namespace, found in bindings if namespace is not None],
    )


def _metadata(name: str, namespace: str | None) -> dict[str, Any]:
    return {"name": name} if namespace is None else {"name": name, "namespace": namespace}


def _role(role: Role) -> dict[str, Any]:
    found: dict[str, Any] = {
        "metadata": {**_metadata(role.name, role.namespace), "labels": dict(role.labels)},
        "rules": [_rule(rule) for rule in role.rules],
    }
    if role.aggregation is not None:
        selectors = [_selector(selector) for selector in role.aggregation]
        found["aggregationRule"] = {"clusterRoleSelectors": selectors}
    return found


def _selector(selector: Any) -> dict[str, Any]:  # noqa: ANN401 - LabelSelector
    return {
        "matchLabels": dict(selector.match_labels),
        "matchExpressions": [
            {"key": key, "operator": operator, "values": list(values)}
            for key, operator, values in selector.match_expressions
        ],
    }


def _rule(rule: PolicyRule) -> dict[str, Any]:
    return {
        "verbs": rule.verbs,
        "apiGroups": rule.api_groups,
        "resources": rule.resources,
        "resourceNames": rule.resource_names,
        "nonResourceURLs": rule.non_resource_urls,
    }


def _binding(binding: Binding) -> dict[str, Any]:
    return {
        "metadata": _metadata(binding.name, binding.namespace),
        "roleRef": {"kind": binding.role_kind, "name": binding.role_name},
        "subjects": [
            {"kind": each.kind, "name": each.name, "namespace": each.namespace}
            for each in binding.subjects
        ],
    }
