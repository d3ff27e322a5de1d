"""Small worlds of permissions, with a second, plain way to evaluate them: brute force against the
real code.

The vocabulary is small so that rules meet, and complete: for every wildcard it holds a value that
only the wildcard can mean, so a difference that exists shows up in ``every_request``.
"""

from itertools import product

from hypothesis import strategies as st

from migrator.decide.access.match_rules import Grant, RuleSet
from migrator.decide.access.permission_set import PermissionSet, Unknown
from migrator.model.access_entry import AccessScope, AssociatedPolicy
from migrator.model.rbac import (
    AccessRequest,
    Binding,
    PermissionRow,
    PolicyRule,
    RbacState,
    Role,
    Subject,
)

POLICY_ARN = "arn:aws:eks::aws:cluster-access-policy/"
NAMESPACES = ("dev", "dev-", "dev-a", "dev-ab", "dev-b", "prod")


def policy(name: str, *namespaces: str) -> AssociatedPolicy:
    """An access policy: cluster-wide without namespaces."""
    scope = AccessScope("namespace", namespaces) if namespaces else AccessScope()
    return AssociatedPolicy(POLICY_ARN + name, scope)


def rule(
    verbs: str = "get", resources: str = "pods", groups: str = "", names: str = "", urls: str = ""
) -> PolicyRule:
    """A rule from words: ``rule("get list", "pods pods/log", "core apps")``; ``core`` is the core
    group.
    """
    return PolicyRule(
        verbs=tuple(verbs.split()),
        api_groups=tuple("" if group == "core" else group for group in (groups or "core").split()),
        resources=tuple(resources.split()),
        resource_names=tuple(names.split()),
        non_resource_urls=tuple(urls.split()),
    )


def role(name: str, *rules: PolicyRule, namespace: str | None = None, **labels: str) -> Role:
    """A ClusterRole, or a Role where a namespace is given."""
    return Role(name, namespace, rules, labels)


def bind(
    name: str, role_name: str, *subjects: Subject, namespace: str | None = None, kind: str = ""
) -> Binding:
    """A ClusterRoleBinding, or a RoleBinding where a namespace is given; of a ClusterRole unless
    ``kind`` says Role.
    """
    return Binding(
        name, namespace, "Role" if kind == "Role" else "ClusterRole", role_name, subjects, {}
    )


def user(name: str) -> Subject:
    """A User subject."""
    return Subject("User", name)


def group(name: str) -> Subject:
    """A Group subject."""
    return Subject("Group", name)


def _some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True).map(tuple)


_RESOURCE_RULES = st.builds(
    PolicyRule,
    verbs=_some("get", "delete", "*"),
    api_groups=_some("", "apps", "*"),
    resources=_some("pods", "pods/log", "*/log", "deployments/scale", "*/scale", "*", "*/"),
    resource_names=st.just(()) | _some("a", "b", "*"),
)
_URL_RULES = st.builds(
    PolicyRule,
    verbs=_some("get", "delete", "*"),
    non_resource_urls=_some("/api", "/api/*", "/api/v1*", "/ap*", "/x**", "*"),
)
_MIXED_RULES = st.builds(
    PolicyRule,
    verbs=_some("get", "*"),
    api_groups=_some("apps", "*"),
    resources=_some("pods", "*"),
    non_resource_urls=_some("/api", "*"),
)
rules = st.one_of(_RESOURCE_RULES, _RESOURCE_RULES, _URL_RULES, _MIXED_RULES)
_scopes = st.sampled_from([None, "dev", "prod", "dev-a", "dev-*", "dev-a*", "*"])
_rule_sets = st.lists(rules, min_size=1, max_size=3).map(RuleSet)
grants = st.builds(Grant, _scopes, _rule_sets)
permission_sets = st.builds(PermissionSet, st.frozensets(grants, max_size=4))
unknowns = st.builds(Unknown, st.sampled_from(["policy X", "policy Y"]), _scopes)

_SUBJECTS = st.sampled_from(
    [
        *(
            Subject("User", name)
            for name in (
                "u1",
                "dev:alice",
                "dev:a-b",
                "a-b",
                "a@b",
                "ops-ab-b",
                "system:serviceaccount:dev:sa",
            )
        ),
        *(Subject("Group", name) for name in ("g1", "team-alice", "system:authenticated")),
        Subject("ServiceAccount", "sa", "dev"),
        Subject("ServiceAccount", "sa"),
    ]
)
_ROLE_NAMES = st.sampled_from(["r1", "r2", "r3"])
_PLACES = st.sampled_from([None, "dev", "prod"])
_roles = st.builds(Role, _ROLE_NAMES, _PLACES, st.lists(rules, max_size=3).map(tuple), st.just({}))
_bindings = st.builds(
    Binding,
    st.sampled_from(["b1", "b2", "b3"]),
    _PLACES,
    st.sampled_from(["Role", "ClusterRole"]),
    _ROLE_NAMES,
    st.lists(_SUBJECTS, max_size=3).map(tuple),
    st.just({}),
)
rbac_states = st.builds(
    RbacState,
    st.lists(_roles, max_size=5, unique_by=lambda r: (r.name, r.namespace)).map(tuple),
    st.lists(_bindings, max_size=6).map(tuple),
)
usernames = st.sampled_from(["u1", "dev:alice", "system:serviceaccount:dev:sa", "nobody", ""])
groups = st.lists(st.sampled_from(["g1", "g2", "team-alice"]), max_size=2, unique=True).map(tuple)


def every_request() -> list[AccessRequest]:
    """One request for every class that the vocabulary can tell apart, and a few more."""
    resources = [
        ("*/", ""),
        ("pods", ""),
        ("pods", "log"),
        ("x", "log"),
        ("deployments", "scale"),
        ("x", "scale"),
        ("x", ""),
    ]
    asked = [
        AccessRequest(verb, api_group, resource, sub, namespace, name)
        for verb, api_group, (resource, sub), namespace, name in product(
            ("get", "delete", "watch"),
            ("", "apps", "batch"),
            resources,
            (None, "dev", "dev-b", "dev-a", "dev-ab", "prod", "other"),
            ("", "a", "b", "*"),
        )
    ]
    paths = ("/api", "/api/", "/api/v1", "/api/v1/x", "/ap", "/apx", "/x", "/xy", "/", "/other")
    return asked + [
        AccessRequest(verb, path=path) for verb in ("get", "delete", "watch") for path in paths
    ]


EVERY_REQUEST = every_request()


def row_allows(row: PermissionRow, request: AccessRequest) -> bool:
    """What a row means, read from the words of its documentation."""
    if row.unknown:
        return False
    if request.path is not None:
        return (
            row.scope == "non-resource"
            and _holds(row.verbs, request.verb)
            and _holds(row.non_resource_urls, request.path, prefixes=True)
        )
    resource = (
        f"{request.resource}/{request.subresource}" if request.subresource else request.resource
    )
    return (
        _scope_holds(row.scope, request.namespace or "")
        and _holds(row.api_groups, request.api_group)
        and _holds(row.resources, resource, subresources=True)
        and _holds(row.verbs, request.verb)
        and _name_holds(row.resource_names, request.name)
    )


def _scope_holds(scope: str, namespace: str) -> bool:
    if scope == "cluster":
        return True
    if scope == "cluster outside namespaces":
        return not namespace
    what, _, without = scope.partition(" except ")
    outside = without.removeprefix("namespace ").split(", ") if without else []
    if any(_one(pattern, namespace, prefixes=True) for pattern in outside) and namespace:
        return False
    if what == "cluster":
        return True
    return (
        bool(namespace)
        and what.startswith("namespace ")
        and _one(what.split()[1], namespace, prefixes=True)
    )


def _name_holds(names: tuple[str, ...], name: str) -> bool:
    without = [token[1:] for token in names if token.startswith("!")]
    return name not in without if without else not names or name in names


def _holds(
    tokens: tuple[str, ...], value: str, *, prefixes: bool = False, subresources: bool = False
) -> bool:
    def meets(token: str) -> bool:
        return _one(token, value, prefixes=prefixes, subresources=subresources)

    without = [token[1:] for token in tokens if token.startswith("!")]
    return any(meets(t) for t in tokens if not t.startswith("!")) and not any(
        meets(t) for t in without
    )


def _one(token: str, value: str, *, prefixes: bool = False, subresources: bool = False) -> bool:
    if token in ("*", value):
        return True
    if subresources and token.startswith("*/") and token != "*/":
        return value.partition("/")[2] == token[2:]
    return prefixes and token.endswith("*") and value.startswith(token[:-1])


def plain_rbac_allows(
    state: RbacState, username: str, names: tuple[str, ...], request: AccessRequest
) -> bool:
    """RBAC evaluated without any index, straight from the words of the Kubernetes documentation."""
    for binding in state.bindings:
        if binding.namespace is not None and (
            request.path is not None or request.namespace != binding.namespace
        ):
            continue
        if not any(_is_subject(subject, binding, username, names) for subject in binding.subjects):
            continue
        home = (
            None if binding.role_kind == "ClusterRole" else binding.namespace or "no such namespace"
        )
        found = [r for r in state.roles if (r.name, r.namespace) == (binding.role_name, home)]
        if any(_rule_allows(each, request) for r in found for each in r.rules):
            return True
    return False


def _is_subject(subject: Subject, binding: Binding, username: str, names: tuple[str, ...]) -> bool:
    if subject.kind == "Group":
        return subject.name in names
    if subject.kind == "User":
        return subject.name == username
    home = subject.namespace or binding.namespace
    return home is not None and username == f"system:serviceaccount:{home}:{subject.name}"


def _rule_allows(each: PolicyRule, request: AccessRequest) -> bool:
    if request.verb not in each.verbs and "*" not in each.verbs:
        return False
    if request.path is not None:
        return any(
            url in ("*", request.path)
            or (url[-1:] == "*" and request.path.startswith(url.rstrip("*")))
            for url in each.non_resource_urls
        )
    resource = (
        f"{request.resource}/{request.subresource}" if request.subresource else request.resource
    )
    wanted = {"*", resource} | ({f"*/{request.subresource}"} if request.subresource else set())
    return (
        not {"*", request.api_group}.isdisjoint(each.api_groups)
        and not wanted.isdisjoint(each.resources)
        and (not each.resource_names or request.name in each.resource_names)
    )
