"""Whether a user may make a request: system:masters, the node authorizer, RBAC, access policies.

Objects are those of ``rbac.authorization.k8s.io/v1`` as JSON. Sources: Kubernetes documentation
("Using RBAC Authorization", "Using Node Authorization"), EKS user guide ("Review access policy
permissions"). Every question goes over every binding and every rule.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

Json: TypeAlias = dict[str, Any]
Rule: TypeAlias = Mapping[str, Any]

POLICIES = Path(__file__).resolve().parents[2] / "data" / "access_policies.json"
MASTERS, AUTHENTICATED = "system:masters", "system:authenticated"
UNAUTHENTICATED, ANONYMOUS = "system:unauthenticated", "system:anonymous"


class Request(NamedTuple):
    """What is asked, in the terms of a SubjectAccessReview. ``path`` is of no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str | None = None


class Objects(NamedTuple):
    """The RBAC objects of a cluster, and the pods, for what nodes may read."""

    cluster_roles: Sequence[Json] = ()
    cluster_role_bindings: Sequence[Json] = ()
    roles: Sequence[Json] = ()
    role_bindings: Sequence[Json] = ()
    pods: Sequence[Json] = ()


class User(NamedTuple):
    """Who asks: complete groups, and the policies of the entry that is for the principal."""

    username: str
    groups: tuple[str, ...]
    policies: tuple[tuple[str, tuple[str, ...]], ...] = ()


def completed(username: str, groups: Sequence[str]) -> tuple[str, ...]:
    """The groups of a login as kube-apiserver completes them."""
    said = {AUTHENTICATED, UNAUTHENTICATED} & set(groups)
    if said or username == ANONYMOUS:
        return tuple(groups)
    return (*groups, AUTHENTICATED)


class Judge:
    """Answers for one state of the objects. What a user is bound to is found once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._rules: dict[tuple[str, str], list[Rule]] = {
            ("", _name(role)): _rules_of(role, objects.cluster_roles)
            for role in objects.cluster_roles
        }
        for role in objects.roles:
            self._rules[_namespace(role), _name(role)] = role.get("rules") or []
        self._held: dict[tuple[str, tuple[str, ...]], list[tuple[str, list[Rule]]]] = {}

    def may(self, user: User, request: Request) -> bool | None:
        """Whether the request is allowed; None where only a policy without published rules could
        allow it.
        """
        if MASTERS in user.groups:
            return True
        if self._may_as_node(user, request) or self.may_by_rbac(user, request):
            return True
        return by_policies(user.policies, request)

    def may_by_rbac(self, user: User, request: Request) -> bool:
        """RBAC alone: a binding of the cluster, or one of the request's namespace."""
        for place, rules in self._rules_held(user):
            if place and (request.path is not None or place != request.namespace):
                continue
            if any(allows(rule, request) for rule in rules):
                return True
        return False

    def _rules_held(self, user: User) -> list[tuple[str, list[Rule]]]:
        """Namespace (``""``: the cluster) and rules of each binding that has the user."""
        key = (user.username, user.groups)
        if key not in self._held:
            bindings = (*self._objects.cluster_role_bindings, *self._objects.role_bindings)
            self._held[key] = [
                (_namespace(binding), self._rules_bound(binding))
                for binding in bindings
                if any(_is(subject, binding, user) for subject in binding.get("subjects") or ())
            ]
        return self._held[key]

    def _rules_bound(self, binding: Json) -> list[Rule]:
        """The rules of the role; a role that does not exist gives none. A Role is one of the
        binding's namespace, so that a ClusterRoleBinding has none.
        """
        role = binding["roleRef"]
        if role["kind"] == "ClusterRole":
            return self._rules.get(("", role["name"]), [])
        place = _namespace(binding)
        return self._rules.get((place, role["name"]), []) if place else []

    # nodes

    def _may_as_node(self, user: User, request: Request) -> bool:
        """Its own node and lease, what its pods name, and what ClusterRole system:node gives."""
        head, mark, node = user.username.partition("system:node:")
        if head or not mark or "system:nodes" not in user.groups or request.path is not None:
            return False
        what = (request.group, request.resource)
        its_own = request.name in ("", node)
        if what == ("coordination.k8s.io", "leases"):
            verbs = ("get", "create", "update", "patch", "delete")
            return its_own and request.namespace == "kube-node-lease" and request.verb in verbs
        reads = request.verb in ("get", "list", "watch") and not request.subresource
        if request.group == "" and request.resource in _OF_PODS and reads:
            return bool(request.name) and self._pod_names(node, request)
        if what == ("", "nodes") and not its_own:
            return False
        return any(allows(rule, request) for rule in self._rules.get(("", "system:node"), ()))

    def _pod_names(self, node: str, request: Request) -> bool:
        """Whether a pod on the node names the object."""
        for pod in self._objects.pods:
            spec = pod.get("spec") or {}
            if _namespace(pod) == request.namespace and spec.get("nodeName") == node:
                found = _OF_PODS[request.resource]
                if any(request.name == name for key in found for name in _named(spec, *key)):
                    return True
        return False


# Where a pod names an object: keys whose value is an object, and the member with the name.
_OF_PODS = {
    "configmaps": (
        ("configMap", "name"),
        ("configMapRef", "name"),
        ("configMapKeyRef", "name"),
    ),
    "secrets": (
        ("secret", "secretName"),
        ("secretRef", "name"),
        ("secretKeyRef", "name"),
        ("imagePullSecrets", "name"),
    ),
    "persistentvolumeclaims": (("persistentVolumeClaim", "claimName"),),
    "persistentvolumes": (),
}


def _named(found: Any, key: str, member: str) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """The names under a key, at any depth."""
    if isinstance(found, list):
        for item in found:
            yield from _named(item, key, member)
    if not isinstance(found, dict):
        return
    for name, value in found.items():
        if name == key:
            yield from (each.get(member) for each in _as_list(value))
        yield from _named(value, key, member)


def _as_list(value: Any) -> list[Json]:  # noqa: ANN401 - JSON
    return [each for each in (value if isinstance(value, list) else [value]) if each]


# RBAC


def allows(rule: Rule, request: Request) -> bool:
    """Whether one rule allows the request, wherever it holds."""
    if not _has(rule, "verbs", request.verb):
        return False
    if request.path is not None:
        return any(_url(url, request.path) for url in rule.get("nonResourceURLs") or ())
    resource = request.resource
    wanted = {"*", resource}
    if request.subresource:
        wanted = {"*", f"{resource}/{request.subresource}", f"*/{request.subresource}"}
    names = rule.get("resourceNames") or ()
    return (
        _has(rule, "apiGroups", request.group)
        and not wanted.isdisjoint(rule.get("resources") or ())
        and (not names or request.name in names)
    )


def _has(rule: Rule, key: str, value: str) -> bool:
    return not {"*", value}.isdisjoint(rule.get(key) or ())


def _url(url: str, path: str) -> bool:
    """A star at the end is any text."""
    return url == path or (url.endswith("*") and path.startswith(url.rstrip("*")))


def _is(subject: Json, binding: Json, user: User) -> bool:
    if subject["kind"] == "Group":
        return subject["name"] in user.groups
    if subject["kind"] == "User":
        return bool(subject["name"] == user.username)
    place = subject.get("namespace") or _namespace(binding)
    return bool(place) and user.username == f"system:serviceaccount:{place}:{subject['name']}"


def _rules_of(role: Json, others: Sequence[Json]) -> list[Rule]:
    """A ClusterRole's rules; those of an aggregated one are the rules of all that it selects."""
    found: dict[str, Json] = {}
    waiting = [role]
    for each in waiting:
        for other in others:
            if _selects(each, other) and _name(other) not in found and _name(other) != _name(role):
                found[_name(other)] = other
                waiting.append(other)
    if not role.get("aggregationRule"):
        return role.get("rules") or []
    return [
        rule
        for each in found.values()
        for rule in each.get("rules") or ()
        if not each.get("aggregationRule")
    ]


def _selects(role: Json, other: Json) -> bool:
    selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    labels = other["metadata"].get("labels") or {}
    return any(matches(selector, labels) for selector in selectors)


def matches(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches: all that it names must hold."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_holds(each, labels) for each in selector.get("matchExpressions") or ())


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    label, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return label in values
        case "NotIn":
            return bool(values) and label not in values
        case "Exists":
            return label is not None and not values
        case _:
            return label is None and not values


def _name(found: Json) -> str:
    return str(found["metadata"]["name"])


def _namespace(found: Json) -> str:
    return str(found["metadata"].get("namespace") or "")


# access policies


def by_policies(policies: Sequence[tuple[str, Sequence[str]]], request: Request) -> bool | None:
    """Whether one of the policies (ARN, and namespaces or none for the cluster) allows it."""
    answers = {_by_policy(arn, namespaces, request) for arn, namespaces in policies}
    if True in answers:
        return True
    return None if None in answers else False


def _by_policy(arn: str, namespaces: Sequence[str], request: Request) -> bool | None:
    covered = _covered(namespaces, request)
    policy = published().get(arn.rpartition("/")[2])
    if covered is False:
        return False
    # Nothing is published of it.
    if policy is None or not (policy["complete"] or policy.get("upper_bound")):
        return None
    if not any(allows(rule, request) for rule in policy["rules"]):
        return False
    return True if covered and policy["complete"] else None


def _covered(namespaces: Sequence[str], request: Request) -> bool | None:
    """Whether a scope covers the request. A star is documented at the end of a name only."""
    if not namespaces:
        return True
    if request.path is not None or not request.namespace:
        return False
    answers = {_namespace_covers(pattern, request.namespace) for pattern in namespaces}
    if True in answers:
        return True
    return None if None in answers else False


def _namespace_covers(pattern: str, namespace: str) -> bool | None:
    star = pattern.find("*")
    if star < 0:
        return pattern == namespace
    if star == len(pattern) - 1:
        return namespace.startswith(pattern[:-1])
    return None if namespace.startswith(pattern[:star]) else False


@cache
def published() -> dict[str, Json]:
    """The access policies by name, as AWS publishes them."""
    found = json.loads(POLICIES.read_text(encoding="utf-8"))["policies"]
    return {policy["name"]: policy for policy in found}
