"""RBAC objects and access reviews drawn from a seed: wildcards, subresources, names, paths,
aggregation, ServiceAccounts, nodes, roles that do not exist, and access policies by scope.

The same seed gives the same objects and reviews.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from migrator.model.access_entry import AccessScope
from tests.support.control_plane.bed import Bed, can, could, fresh_token
from tests.support.kubernetes_lab import ACCOUNT, Json

SEED, REVIEWS = 20_261_130, 2_000
GROUP = "rbac.authorization.k8s.io"
_BY_LOGIN = 3  # of so many reviews one is a SelfSubjectAccessReview of a login with an entry
_NAMESPACES = ("shop", "team-a", "team-b")
_LABEL, _DRAWN = "drawn.example.com/part-of", "drawn.example.com/drawn"
_OPERATORS = ("", "In", "NotIn", "Exists", "DoesNotExist")  # the first one: by matchLabels
# Of so many reviews one is about a node, and two about a ServiceAccount of one aggregated role.
_BY_NODE, _BY_ROBOT = 16, 8
_AGGREGATED = 10
_NODES, _NODE_GROUP = ("node-a", "node-b"), "system:nodes"
# Verb, API group, resource, namespace of what each node has one of. Left out is what an API server
# leaves to an admission plugin: writing another node, and a name in a request that creates.
_OF_NODES = (
    ("get", "", "nodes", ""),
    *(
        (verb, "coordination.k8s.io", "leases", "kube-node-lease")
        for verb in ("get", "update", "patch", "delete", "list")
    ),
    ("get", "coordination.k8s.io", "leases", "shop"),
)

_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "impersonate", "*")
_API_GROUPS = ("", "", "apps", "batch", "custom.example.com", "*")
_RESOURCES = (
    "pods",
    "pods/log",
    "pods/exec",
    "*/log",
    "*/scale",
    "deployments",
    "deployments/scale",
    "secrets",
    "configmaps",
    "widgets",
    "users",
    "*",
)
# API groups and resources that access policies differ in.
_BY_POLICY = (
    ("", "pods"),
    ("", "pods/log"),
    ("", "pods/exec"),
    ("", "pods/eviction"),
    ("", "secrets"),
    ("", "secrets"),
    ("", "configmaps"),
    ("", "nodes"),
    ("", "namespaces"),
    ("", "serviceaccounts"),
    ("", "serviceaccounts/token"),
    ("apps", "deployments/scale"),
    ("batch", "jobs"),
    ("coordination.k8s.io", "leases"),
    (GROUP, "rolebindings"),
    ("kro.run", "resourcegraphdefinitions"),
)
_NAMES = ("a", "b", "*", "aws-auth")
_NAMES_IN_PODS = ("a", "b", "c")
_URLS = ("/metrics", "/healthz", "/healthz/*", "/api*", "/apis/*", "/logs/a", "*")
_PATHS = ("/", "/metrics", "/metrics/", "/healthz", "/healthz/etcd", "/api", "/apis/apps", "/logs")
_USERS = ("alice", "Alice", "bob", "Zoë", "dev:x", "system:serviceaccount:shop:robot", "system:x")
_GROUPS = ("devs", "ops", "Devs", "devs ", "system:serviceaccounts:shop", "system:unauthenticated")
_POLICIES = ("ClusterAdmin", "Admin", "Edit", "View", "AdminView", "SecretReader", "KRO", "Event")
_SCOPES = (
    AccessScope(),
    AccessScope("namespace", ("team-*",)),
    AccessScope("namespace", ("shop",)),
    AccessScope("namespace", ("*",)),
    AccessScope("namespace", ("nowhere", "team-b")),
)


class Holder(NamedTuple):
    """A role with an access entry."""

    name: str
    groups: tuple[str, ...]
    policies: tuple[tuple[str, AccessScope], ...]

    @property
    def arn(self) -> str:
        """In the cluster's account."""
        return f"arn:aws:iam::{ACCOUNT}:role/{self.name}"


class Review(NamedTuple):
    """Who may do what: a user by name and groups, or, with ``holder``, that login by itself."""

    user: str
    groups: tuple[str, ...]
    holder: Holder | None
    attributes: dict[str, str]

    @property
    def is_of_node(self) -> bool:
        """Whether the node authorizer is asked as well."""
        return _NODE_GROUP in self.groups


@dataclass
class Questions:
    """Objects of a cluster, entries, and reviews about them."""

    objects: list[Json] = field(default_factory=list)
    holders: list[Holder] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)


def questions(seed: int = SEED, reviews: int = REVIEWS) -> Questions:
    """One cluster, and so many reviews."""
    draw = random.Random(f"reviews {seed}")
    made = Questions(objects=[_namespace(name) for name in _NAMESPACES])
    made.objects += [_cluster_role(draw, number) for number in range(24)]
    made.objects += [_aggregated(draw, number) for number in range(_AGGREGATED)]
    made.objects += [_role(draw, number) for number in range(12)]
    made.objects += [_binding(draw, number) for number in range(80)]
    made.objects += [_binding_of_robot(number) for number in range(_AGGREGATED)]
    made.objects += [_pod(draw, node, place) for node in _NODES for place in _NAMESPACES]
    made.holders = [_holder(draw, number) for number in range(16)]
    made.reviews = [_review(draw, made.holders, number) for number in range(reviews)]
    return made


def _namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _object(kind: str, name: str, namespace: str = "", **fields: object) -> Json:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, **fields}


def _some(draw: random.Random, pool: tuple[str, ...], most: int = 3) -> list[str]:
    return sorted(set(draw.choices(pool, k=draw.randint(1, most))))


def _rule(draw: random.Random, *, urls: bool) -> Json:
    if urls and draw.random() < 0.3:
        return {"verbs": _some(draw, ("get", "post", "*")), "nonResourceURLs": _some(draw, _URLS)}
    rule: Json = {
        "verbs": _some(draw, _VERBS),
        "apiGroups": _some(draw, _API_GROUPS),
        "resources": _some(draw, _RESOURCES),
    }
    if draw.random() < 0.25:
        rule["resourceNames"] = _some(draw, _NAMES)
    return rule


def _rules(draw: random.Random, *, urls: bool) -> list[Json]:
    return [_rule(draw, urls=urls) for _ in range(draw.randint(1, 3))]


def _cluster_role(draw: random.Random, number: int) -> Json:
    made = _object("ClusterRole", f"drawn-{number}", rules=_rules(draw, urls=True))
    made["metadata"]["labels"] = {_DRAWN: "yes"}
    if draw.random() < 0.5:
        made["metadata"]["labels"][_LABEL] = draw.choice(("a", "b", "c"))
    return made


def _aggregated(draw: random.Random, number: int) -> Json:
    """A ClusterRole that others flow into; some of them are aggregated themselves."""
    selector = _selector(draw, _OPERATORS[number % len(_OPERATORS)])
    made = _object("ClusterRole", f"aggregated-{number}", rules=[])
    made["aggregationRule"] = {"clusterRoleSelectors": [selector]}
    if draw.random() < 0.5:
        made["metadata"]["labels"] = {_LABEL: draw.choice(("a", "b"))}
    return made


def _selector(draw: random.Random, operator: str) -> Json:
    if not operator:
        return {"matchLabels": {_LABEL: draw.choice(("a", "b", "c", "none"))}}
    wanted: Json = {"key": _LABEL, "operator": operator}
    if operator in ("In", "NotIn"):
        wanted["values"] = _some(draw, ("a", "b", "c"), 2)
    # The cluster's own roles, cluster-admin among them, do not have the label either.
    return {"matchLabels": {_DRAWN: "yes"}, "matchExpressions": [wanted]}


def _role(draw: random.Random, number: int) -> Json:
    name, namespace = f"drawn-{number % 4}", _NAMESPACES[number % 3]
    return _object("Role", name, namespace, rules=_rules(draw, urls=False))


def _binding(draw: random.Random, number: int) -> Json:
    namespace = draw.choice(("", *_NAMESPACES))
    kind = draw.choice(("Role", "ClusterRole")) if namespace else "ClusterRole"
    name = f"drawn-{draw.randint(0, 25)}" if kind == "ClusterRole" else f"drawn-{number % 5}"
    if kind == "ClusterRole" and draw.random() < 0.3:
        name = draw.choice(("view", "edit", f"aggregated-{number % _AGGREGATED}"))
    return _object(
        "RoleBinding" if namespace else "ClusterRoleBinding",
        f"drawn-{number}",
        namespace,
        roleRef={"apiGroup": GROUP, "kind": kind, "name": name},
        subjects=[_subject(draw, namespace) for _ in range(draw.randint(1, 3))],
    )


def _binding_of_robot(number: int) -> Json:
    """One ServiceAccount for each aggregated role, named without its namespace."""
    return _object(
        "RoleBinding",
        f"robot-{number}",
        _NAMESPACES[number % len(_NAMESPACES)],
        roleRef={"apiGroup": GROUP, "kind": "ClusterRole", "name": f"aggregated-{number}"},
        subjects=[{"kind": "ServiceAccount", "name": f"robot-{number}"}],
    )


def _subject(draw: random.Random, namespace: str) -> Json:
    kind = draw.choice(("User", "Group", "Group", "ServiceAccount"))
    if kind == "ServiceAccount":
        found = {"kind": kind, "name": "robot"}
        # It may be left out in a RoleBinding only.
        if not namespace or draw.random() < 0.5:
            found["namespace"] = draw.choice(_NAMESPACES)
        return found
    return {
        "apiGroup": GROUP,
        "kind": kind,
        "name": draw.choice(_GROUPS if kind == "Group" else _USERS),
    }


def _pod(draw: random.Random, node: str, namespace: str) -> Json:
    """A pod on a node, which may read what the pod names."""
    whole, key, volume, mounted = (draw.choice(_NAMES_IN_PODS) for _ in range(4))
    variable = {"secretKeyRef": {"name": key, "key": "k"}}
    container = {
        "name": "c",
        "image": "example.com/c",
        "envFrom": [{"configMapRef": {"name": whole}}],
        "env": [{"name": "K", "valueFrom": variable}],
    }
    volumes = [
        {"name": "v", "configMap": {"name": volume}},
        {"name": "s", "secret": {"secretName": mounted}},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"drawn-{node}", "namespace": namespace},
        "spec": {"nodeName": node, "containers": [container], "volumes": volumes},
    }


def _holder(draw: random.Random, number: int) -> Holder:
    names = draw.sample(_POLICIES, draw.choice((0, 0, 1)))
    policies = {f"AmazonEKS{name}Policy": draw.choice(_SCOPES) for name in names}
    # Each policy has a holder, and each scope.
    if number % 2 == 0:
        name = _POLICIES[number // 2 % len(_POLICIES)]
        policies[f"AmazonEKS{name}Policy"] = _SCOPES[number // 2 % len(_SCOPES)]
    groups = tuple(draw.sample(("devs", "ops", "Devs"), draw.choice((0, 0, 1))))
    return Holder(f"holder-{number}", groups, tuple(policies.items()))


def _review(draw: random.Random, holders: list[Holder], number: int) -> Review:
    if number % _BY_NODE == 1:
        return _review_of_node(draw)
    if number % _BY_ROBOT == 2:
        return _review_of_robot(draw, draw.randrange(_AGGREGATED))
    if number % _BY_LOGIN == 0:
        return Review("", (), draw.choice(holders), _of_policies(draw))
    attributes = _attributes(draw)
    groups = draw.sample((*_GROUPS, "system:authenticated"), draw.choice((0, 1, 1, 2, 3)))
    if draw.random() < 0.01:
        groups.append("system:masters")
    user = draw.choice((*_USERS, "system:serviceaccount:team-a:robot", "nobody"))
    return Review(user, tuple(groups), None, attributes)


def _review_of_node(draw: random.Random) -> Review:
    """Without its group the name means nothing."""
    own = draw.choices((_NODE_GROUP, "devs"), (0.9, 0.1))
    groups = (*own, "system:authenticated")
    return Review(f"system:node:{draw.choice(_NODES)}", groups, None, _of_nodes(draw))


def _review_of_robot(draw: random.Random, number: int) -> Review:
    place, attributes = _NAMESPACES[number % len(_NAMESPACES)], _attributes(draw)
    if "path" not in attributes:
        attributes["namespace"] = place
    return Review(f"system:serviceaccount:{place}:robot-{number}", (), None, attributes)


def _attributes(draw: random.Random) -> dict[str, str]:
    if draw.random() < 0.15:
        return {"verb": draw.choice(("get", "post", "*")), "path": draw.choice(_PATHS)}
    resource, _, subresource = draw.choice((*_RESOURCES[:-1], "gadgets", "*", "*/*")).partition("/")
    found = {
        "verb": draw.choice((*_VERBS, "use")),
        "group": draw.choice(_API_GROUPS),
        "resource": resource,
        "subresource": subresource,
        "namespace": draw.choice(("", "", *_NAMESPACES, "kube-system")),
        "name": draw.choice(("", "", *_NAMES)),
    }
    return {key: value for key, value in found.items() if value}


def _of_nodes(draw: random.Random) -> dict[str, str]:
    """What is a node's own or another one's, and what pods name."""
    verb, group, resource, namespace = draw.choice(_OF_NODES)
    name = draw.choice(_NODES)
    if draw.random() < 0.5:
        verb = draw.choice(("get", "list", "watch", "update"))
        group, resource = "", draw.choice(("configmaps", "secrets"))
        namespace, name = draw.choice(_NAMESPACES), draw.choice(_NAMES_IN_PODS)
    found = {
        "verb": verb,
        "group": group,
        "resource": resource,
        "namespace": namespace,
        "name": name,
    }
    return {key: value for key, value in found.items() if value}


def _of_policies(draw: random.Random) -> dict[str, str]:
    """What a login asks that has policies, or any other request."""
    if draw.random() < 0.3:
        return _attributes(draw)
    group, resource = draw.choice(_BY_POLICY)
    resource, _, subresource = resource.partition("/")
    found = {
        "verb": draw.choice(("get", "get", "list", "create", "delete", "deletecollection")),
        "group": group,
        "resource": resource,
        "subresource": subresource,
        "namespace": draw.choice(("", *_NAMESPACES)),
    }
    return {key: value for key, value in found.items() if value}


# asking


def answers(bed: Bed, made: Questions) -> Iterator[tuple[Review, bool]]:
    """What the cluster answers to each review."""
    for found in made.objects:
        bed.put(found)
    bed.aggregate()
    for holder in made.holders:
        bed.lab.add_role(holder.name)
        bed.lab.add_entry(holder.arn, holder.name, holder.groups, holder.policies)
    bed.lab.set_mode("API_AND_CONFIG_MAP")
    bed.put_aws_auth({})
    bed.settle()
    tokens = {holder.name: fresh_token(bed, holder.arn) for holder in made.holders}
    for review in made.reviews:
        if review.holder is not None:
            status = can(bed, tokens[review.holder.name], **review.attributes)
        else:
            user = {"user": review.user, "groups": list(review.groups)}
            status = could(bed, bed.admin(), user, **review.attributes)
        yield review, status.get("allowed", False)
