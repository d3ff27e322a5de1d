"""Differences of permissions against brute force: every class of requests that the vocabulary can
tell apart.
"""

from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.access.authorize import RbacIndex, authorize
from migrator.decide.access.compare_access import compare, permissions_of
from migrator.decide.access.match_rules import Grant, RuleSet
from migrator.decide.access.name_templates import ALPHABETS, parts, readings, render
from migrator.decide.access.permission_set import (
    EVERYTHING,
    NOTHING,
    PermissionSet,
    Unknown,
    difference,
    is_subset,
)
from migrator.model.access_entry import Identity
from migrator.model.rbac import AccessRequest, PolicyRule, RbacState, Witness
from tests.support import access


def _atoms(rule: PolicyRule) -> list[PolicyRule]:
    """The same rule, one verb, group, resource and name at a time."""
    names: list[tuple[str, ...]] = [(name,) for name in rule.resource_names] or [()]
    resource_rules = [
        PolicyRule((verb,), (group,), (resource,), name)
        for verb, group, resource, name in product(
            rule.verbs, rule.api_groups, rule.resources, names
        )
    ]
    return resource_rules + [
        PolicyRule((v,), non_resource_urls=(u,)) for v in rule.verbs for u in rule.non_resource_urls
    ]


def _rewritten(permissions: PermissionSet) -> PermissionSet:
    """The same set from other rules: one grant for each atom."""
    return PermissionSet(
        frozenset(
            Grant(grant.namespace, RuleSet((atom,)))
            for grant in permissions.grants
            for rule in grant.rules.rules
            for atom in _atoms(rule)
        ),
        permissions.unknown,
    )


_unknowns = st.frozensets(access.unknowns, max_size=2)


@given(access.permission_sets, access.permission_sets)
def test_difference_is_what_a_allows_and_b_does_not(a: PermissionSet, b: PermissionSet) -> None:
    rows = difference(a, b)
    in_a, in_b = a.asker(), b.asker()
    for request in access.EVERY_REQUEST:
        expected = in_a(request) is True and in_b(request) is False
        assert sum(access.row_allows(row, request) for row in rows) == int(expected), request


@given(access.permission_sets)
def test_difference_with_itself_is_empty(a: PermissionSet) -> None:
    assert difference(a, a) == ()


@given(access.permission_sets)
def test_the_same_permissions_written_otherwise_differ_in_nothing(a: PermissionSet) -> None:
    other = _rewritten(a)
    assert difference(a, other) == difference(other, a) == ()


@given(access.permission_sets, access.permission_sets)
def test_rows_depend_on_what_is_allowed_not_on_how_it_is_written(
    a: PermissionSet, b: PermissionSet
) -> None:
    assert difference(_rewritten(a), _rewritten(b)) == difference(a, b)


@given(access.permission_sets, access.permission_sets)
def test_subset_agrees_with_brute_force(a: PermissionSet, b: PermissionSet) -> None:
    in_a, in_b = a.asker(), b.asker()
    witness = any(in_a(request) and not in_b(request) for request in access.EVERY_REQUEST)
    assert is_subset(a, b) is not witness
    assert is_subset(a, a | b)
    assert is_subset(NOTHING, a)
    assert is_subset(a, EVERYTHING)


@given(access.permission_sets, access.permission_sets, _unknowns, _unknowns)
def test_what_is_unknown_never_reads_as_no_difference(
    a: PermissionSet, b: PermissionSet, in_a: frozenset[Unknown], in_b: frozenset[Unknown]
) -> None:
    known = difference(a, b)
    rows = difference(replace(a, unknown=in_a), replace(b, unknown=in_b))
    assert [row for row in rows if not row.unknown] == list(known)
    everything = next(iter(EVERYTHING.grants)).rules
    hidden = [
        unknown
        for unknown in in_a
        if all(unknown.what != other.what for other in in_b)
        and not is_subset(PermissionSet(frozenset({Grant(unknown.namespace, everything)})), b)
    ]
    if hidden or (known and in_b):
        assert any(row.unknown for row in rows)
    if in_a <= in_b and not known:
        assert rows == ()


@given(access.rbac_states, access.usernames, access.groups)
def test_index_answers_like_plain_rbac(
    state: RbacState, username: str, groups: tuple[str, ...]
) -> None:
    index = RbacIndex(state)
    for request in access.EVERY_REQUEST[::7]:
        expected = access.plain_rbac_allows(state, username, groups, request)
        allowed, reason = index.allows(username, groups, request)
        assert allowed is expected
        assert reason.startswith("RBAC: allowed by ") is expected


_policies = st.lists(
    st.builds(
        access.policy,
        st.sampled_from(
            ["AmazonEKSViewPolicy", "AmazonEKSClusterAdminPolicy", "AmazonEKSNetworkingPolicy"]
        ),
    )
    | st.builds(
        access.policy,
        st.just("AmazonEKSAdminViewPolicy"),
        st.sampled_from(["dev", "dev-*", "*", "d*-a", ""]),
    ),
    max_size=2,
).map(tuple)
_logins = st.builds(
    Identity,
    access.usernames,
    access.groups | st.just(("system:masters",)),
    st.just("config-map"),
    _policies,
)


@given(access.rbac_states, _logins)
def test_permissions_are_what_the_authorizers_allow(state: RbacState, identity: Identity) -> None:
    index = RbacIndex(state)
    permitted = permissions_of(identity, index).asker()
    for request in access.EVERY_REQUEST[::7]:
        answer, _ = authorize(index, identity.username, identity.groups, identity.policies, request)
        assert permitted(request) is answer, request


@given(access.rbac_states, _logins, _logins)
def test_each_row_has_a_witness_that_the_authorizers_confirm(
    state: RbacState, before: Identity, after: Identity
) -> None:
    index = RbacIndex(state)
    change = compare(before, after, index, namespaces=("dev", "dev-b", "kube-system"))
    for rows, had, has in ((change.lost, before, after), (change.gained, after, before)):
        for row in rows:
            if row.witness is None:
                assert row.unknown or any(
                    "NetworkingPolicy" in policy.policy_arn for policy in has.policies
                )
                continue
            request = row.witness.request
            assert access.row_allows(row, request)
            assert authorize(index, had.username, had.groups, had.policies, request)[0] is True
            assert authorize(index, has.username, has.groups, has.policies, request)[0] is False


_TEMPLATES = (
    "dev:{{SessionName}}",
    "ops-{{SessionName}}-b",
    "{{SessionNameRaw}}",
    "u1",
    "dev:alice",
)
_GROUP_TEMPLATES = ("team-{{SessionName}}", "g1", "system:{{SessionName}}")
_templated = st.builds(
    Identity,
    st.sampled_from(_TEMPLATES),
    st.lists(st.sampled_from(_GROUP_TEMPLATES), max_size=2, unique=True).map(tuple),
    st.just("config-map"),
)
_SESSIONS = ("alice", "a-b", "a@b", "ab", "ops-ab-b", "masters", "somebody", "u1", "authenticated")


@given(access.rbac_states, _templated, _templated)
def test_each_session_is_compared_by_itself(
    state: RbacState, before: Identity, after: Identity
) -> None:
    index = RbacIndex(state)
    change = compare(before, after, index, namespaces=())
    for rows, had, has in ((change.lost, before, after), (change.gained, after, before)):
        for row in rows:
            assert row.witness is not None
            assert _answer(index, had, _session(row.witness), row.witness.request)
            assert not _answer(index, has, _session(row.witness), row.witness.request)
    sessions = [
        {"SessionName": session.replace("@", "-"), "SessionNameRaw": session}
        for session in _SESSIONS
    ]
    for request in access.EVERY_REQUEST[::11]:
        answers = [
            (_answer(index, before, s, request), _answer(index, after, s, request))
            for s in sessions
        ]
        assert any(access.row_allows(row, request) for row in change.lost) is any(
            b and not a for b, a in answers
        )
        assert any(access.row_allows(row, request) for row in change.gained) is any(
            a and not b for b, a in answers
        )


def _session(witness: Witness) -> dict[str, str]:
    """A session that the witness is about: any other where it names none."""
    values = dict(each.split("=", 1) for each in witness.login)
    session = values.get("SessionName", "zz-another")
    return {"SessionName": session, "SessionNameRaw": values.get("SessionNameRaw", session)}


def _answer(
    index: RbacIndex, identity: Identity, values: dict[str, str], request: AccessRequest
) -> bool:
    groups = tuple(render(group, values) for group in identity.groups)
    return authorize(index, render(identity.username, values), groups, (), request)[0] is True


_variables = st.sampled_from(sorted(ALPHABETS))
_pieces = st.lists(
    _variables.map("{{{{{}}}}}".format) | st.text("ab:-", min_size=1, max_size=4), max_size=4
)


@given(_pieces.map("".join), st.data())
def test_readings_hold_the_values_that_were_rendered(template: str, data: st.DataObject) -> None:
    values = {
        "SessionName": data.draw(st.text("ab-", min_size=2, max_size=6)),
        "SessionNameRaw": data.draw(st.text("ab@", min_size=2, max_size=6)),
        "EC2PrivateDNSName": data.draw(st.text("ab.", min_size=1, max_size=6)),
        "AccountID": data.draw(st.text("01", min_size=12, max_size=12)),
        "AccessKeyID": data.draw(st.text("AB1", min_size=16, max_size=20)),
    }
    name = render(template, values)
    used = {part.name for part in parts(template) if not isinstance(part, str)}
    found = readings(template, name)
    assert found is None or {key: values[key] for key in used} in found
    assert found is None or all(render(template, reading) == name for reading in found)
