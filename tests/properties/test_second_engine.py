"""The difference of two permission sets, judged by z3 over all strings. Semantics:
``tests/support/smt_access.py``.
"""

import random
from collections.abc import Iterator
from itertools import product

import pytest

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.compare_access import compare
from migrator.model.access_entry import Identity
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.rbac import Binding, PolicyRule, RbacState, Role, Subject
from tests.support import smt_access
from tests.support.access import bind, policy, role, rule, user

_VERBS = ("get", "list", "create", "deletecollection", "impersonate", "*")
_GROUPS = ("", "apps", "batch", "*")
_RESOURCES = (
    "pods",
    "pods/log",
    "pods/*",
    "*/log",
    "*/*",
    "deployments/scale",
    "*/scale",
    "secrets",
    "*",
    "*/",
    "a/b/c",
)
_NAMES = ("a", "b", "", "*", "star*")
_URLS = ("/api", "/api/*", "/api/v1*", "/healthz", "/x**", "*", "/", "")
_PLACES = (None, None, "dev", "dev-a", "prod")
_SCOPES = ("dev", "dev-*", "dev-a*", "prod", "*", "")
_EXACT = sorted(name for name, table in ACCESS_POLICIES.items() if table.exact)
# A table with few rules is decided in a fraction of a second.
_SMALL = [name for name in _EXACT if len(ACCESS_POLICIES[name].rules) <= 2]
_USERNAMES = ("u1", "u2", "system:serviceaccount:dev:sa")
_GROUP_NAMES = ("g1", "g2", "g3")
_SUBJECTS = (
    *(Subject("User", name) for name in _USERNAMES),
    *(Subject("Group", name) for name in (*_GROUP_NAMES, *_GROUP_NAMES, "system:authenticated")),
    Subject("ServiceAccount", "sa", "dev"),
    Subject("ServiceAccount", "sa"),
)


def _some(chance: random.Random, values: tuple[str, ...], most: int = 2) -> tuple[str, ...]:
    return tuple(chance.sample(values, chance.randint(1, most)))


def _rule(chance: random.Random) -> PolicyRule:
    verbs = _some(chance, _VERBS)
    if chance.random() < 0.25:
        return PolicyRule(verbs, non_resource_urls=_some(chance, _URLS))
    names = _some(chance, _NAMES) if chance.random() < 0.35 else ()
    urls = _some(chance, _URLS) if chance.random() < 0.1 else ()
    return PolicyRule(verbs, _some(chance, _GROUPS), _some(chance, _RESOURCES, 3), names, urls)


def _state(chance: random.Random) -> RbacState:
    names = ("r1", "r2", "r3")
    roles = {
        (name, place): None
        for name, place in product(names, (None, "dev", "prod"))
        if chance.random() < 0.7
    }
    return RbacState(
        tuple(
            Role(name, place, tuple(_rule(chance) for _ in range(chance.randint(1, 3))), {})
            for name, place in roles
        ),
        tuple(
            Binding(
                f"b{number}",
                place := chance.choice(_PLACES),
                "ClusterRole" if place is None or chance.random() < 0.6 else "Role",
                chance.choice(names),
                tuple(chance.sample(_SUBJECTS, chance.randint(1, 2))),
                {},
            )
            for number in range(chance.randint(2, 6))
        ),
    )


def _identity(chance: random.Random) -> Identity:
    groups = _some(chance, _GROUP_NAMES)
    if chance.random() < 0.05:
        groups = (*groups, "system:masters")
    policies = []
    if chance.random() < 0.5:
        name = chance.choice(_SMALL)
        policies.append(policy(name, *(_some(chance, _SCOPES) if chance.random() < 0.8 else ())))
    return Identity(chance.choice(_USERNAMES), groups, "config-map", tuple(policies))


def _judged(state: RbacState, before: Identity, after: Identity) -> Iterator[str]:
    change = compare(
        before, after, RbacIndex(state), namespaces=("dev", "dev-abc", "kube-system", "shop")
    )
    old, new = (smt_access.allowed(smt_access.grants_of(state, each)) for each in (before, after))
    yield from smt_access.complaints(old, new, change.lost)
    yield from smt_access.complaints(new, old, change.gained)
    yield from smt_access.wrong_witnesses(old, new, change.lost)
    yield from smt_access.wrong_witnesses(new, old, change.gained)


def _pair(seed: int) -> tuple[RbacState, Identity, Identity]:
    chance = random.Random(seed)
    return _state(chance), _identity(chance), _identity(chance)


@pytest.mark.parametrize("seed", range(30))
def test_z3_agrees_with_the_difference_of_a_random_pair(seed: int) -> None:
    assert list(_judged(*_pair(seed))) == []


_SHARP = {
    "a subresource of every resource": (rule("get", "*/log */scale"), rule("get", "pods/log")),
    "one subresource under a wildcard": (
        rule("get", "pods/log deployments/scale"),
        rule("get", "*/log"),
    ),
    "a star behind the slash is no wildcard": (rule("get", "pods/*"), rule("get", "pods pods/log")),
    "names and requests without one": (rule("create list", names="a b"), rule("create", names="a")),
    "every name but some": (rule("create", "secrets"), rule("create", "secrets", names="a *")),
    "the name that is a star": (
        rule("get", "secrets", names="*"),
        rule("get", "secrets", names="a"),
    ),
    "all trailing stars of a URL": (rule(urls="/x** /api/*"), rule(urls="/xy /api")),
    "a URL prefix inside another": (rule(urls="/a* *"), rule(urls="/api/* /healthz")),
    "every verb and group but some": (
        rule("*", "pods", "*"),
        rule("get list", "pods", "core apps"),
    ),
}
_WHERE = {
    "the whole cluster and a namespace": (None, "dev"),
    "a namespace and the whole cluster": ("dev", None),
    "two namespaces": ("dev", "dev-a"),
}


@pytest.mark.parametrize("rules", _SHARP.values(), ids=_SHARP)
@pytest.mark.parametrize("places", _WHERE.values(), ids=_WHERE)
def test_z3_agrees_where_the_meaning_of_a_rule_is_easily_missed(
    rules: tuple[PolicyRule, PolicyRule], places: tuple[str | None, str | None]
) -> None:
    roles = [role(name, each) for name, each in zip(("r1", "r2"), rules, strict=True)]
    bindings = [
        bind(subject, name, user(subject), namespace=place)
        for subject, name, place in (
            ("u1", "r1", None),
            ("u2", "r2", None),
            ("p1", "r1", places[0]),
        )
    ]
    bindings.append(bind("p2", "r2", user("p2"), namespace=places[1]))
    state = RbacState(tuple(roles), tuple(bindings))
    for before, after in (("u1", "u2"), ("p1", "p2"), ("p1", "u2"), ("u1", "p1")):
        assert list(_judged(state, _user(before), _user(after))) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("dev-*",), ("dev-a*", "dev-b")),
        (("*",), ()),
        ((), ("*",)),
        (("dev", "prod"), ("d*",)),
        (("dev-*",), ("dev",)),
    ],
)
def test_z3_agrees_on_the_scopes_of_access_policies(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    for name in ("AmazonEKSClusterAdminPolicy", "AmazonEKSAdminViewPolicy"):
        before, after = (
            Identity("u", (), "access-entry", (policy(name, *scope),)) for scope in (one, other)
        )
        assert list(_judged(RbacState(), before, after)) == []


def _user(name: str) -> Identity:
    return Identity(name, (), "config-map")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_z3_agrees_with_the_differences_of_300_random_pairs(seed: int) -> None:
    assert list(_judged(*_pair(seed))) == []


@pytest.mark.long
@pytest.mark.parametrize(("one", "other"), list(product(_EXACT, _EXACT)))
def test_z3_agrees_with_the_difference_of_each_pair_of_policy_tables(one: str, other: str) -> None:
    before = Identity("u", (), "access-entry", (policy(one), policy(one, "dev-*")))
    after = Identity("u", (), "access-entry", (policy(other, "dev", "dev-a*"),))
    assert list(_judged(RbacState(), before, after)) == []
    whole = Identity("u", (), "access-entry", (policy(other),))
    assert list(_judged(RbacState(), before, whole)) == []
