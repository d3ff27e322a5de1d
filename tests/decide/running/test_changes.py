"""What changed since the plan, told apart from what merely cannot be seen this time."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.decide.findings.findings_catalogue import make_finding
from migrator.decide.running.changes import (
    describe_changes,
    kept_entries_astray,
    not_read_again,
    surprising_entries,
    without_unread,
)
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import AccessEntry, Identity
from migrator.model.plan import Plan
from migrator.model.snapshot import UnreadPart
from tests.support.memory_ports import ACCOUNT
from tests.support.memory_runs import DIGEST, company
from tests.support.worlds import entry as world_entry
from tests.support.worlds import on_cluster, planned, role, row, world

ROLE = "arn:aws:iam::444455556666:role/agent"
USER = "arn:aws:iam::444455556666:user/ana"
BEFORE = {
    "iamPrincipals": {ROLE: {"id": "AROA1"}, USER: {"id": "AIDA1"}},
    "accountsRead": {"444455556666": [True, True]},
}


def test_a_principal_of_an_account_not_read_this_time_is_not_gone() -> None:
    assert not_read_again(BEFORE, {"iamPrincipals": {}, "accountsRead": {}}) == (ROLE, USER)


def test_a_principal_missing_from_a_complete_listing_is_gone() -> None:
    now = {"iamPrincipals": {}, "accountsRead": {"444455556666": [True, False]}}
    assert not_read_again(BEFORE, now) == (USER,)


def test_a_principal_that_was_read_again_is_compared() -> None:
    now = BEFORE | {"iamPrincipals": {ROLE: {"id": "AROA2"}, USER: {"id": "AIDA1"}}}
    assert not_read_again(BEFORE, now) == ()
    assert describe_changes(BEFORE, now) == (f"principal {ROLE}: id is `AROA2`, was `AROA1`",)


KINDS = {
    "rbac.roles": "Role apps/x",
    "rbac.roleBindings": "RoleBinding apps/x",
    "rbac.clusterRoles": "ClusterRole x",
    "rbac.clusterRoleBindings": "ClusterRoleBinding x",
}


@pytest.mark.parametrize("changed", [None, *KINDS])
@pytest.mark.parametrize("unread", KINDS)
def test_a_change_of_what_was_read_is_seen_beside_what_was_not(
    unread: str, changed: str | None
) -> None:
    plan = {"rbac": dict.fromkeys(KINDS.values(), "as planned")}
    now = {name: "as planned" for kind, name in KINDS.items() if kind != unread}
    if changed not in (None, unread):
        now[KINDS[changed]] = "other"
    part = UnreadPart(unread, "kubernetes-denied", "", "")
    snapshot = replace(world(), unread=(part,))
    known, why = without_unread(plan, {"rbac": now}, snapshot)
    assert why == (part,)
    seen = describe_changes(plan, known)
    assert len(seen) == (changed not in (None, unread))
    assert all(KINDS[str(changed)] in line for line in seen)


def test_what_could_not_be_read_at_all_is_no_change() -> None:
    plan = {"rbac": dict.fromkeys(KINDS.values(), "as planned")}
    snapshot = replace(world(), unread=(UnreadPart("rbac", "kubernetes-denied", "", ""),))
    known, why = without_unread(plan, {"rbac": None}, snapshot)
    assert (known, why) == (plan, snapshot.unread)


def test_equal_values_have_no_changes_and_many_are_cut() -> None:
    assert describe_changes(BEFORE, BEFORE) == ()
    lines = describe_changes({}, {str(number): number for number in range(50)})
    assert len(lines) == 41
    assert lines[-1] == "and 10 more differences"


ROW = ["mapRoles[0]", ROLE, "dev", ["devs"], False]


def rows(*found: list[object]) -> dict[str, object]:
    return {"awsAuth": {"rows": list(found), "accounts": [], "problems": []}}


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (
            rows(ROW),
            rows([*ROW[:2], "dev", ["devs", "ops"], False]),
            f"the row for {ROLE} gives username `dev`, groups `devs`, `ops`; before: username "
            "`dev`, groups `devs`",
        ),
        (rows(ROW), rows(), f"aws-auth no longer has a row for {ROLE}, which gave username `dev`"),
        (rows(), rows(ROW), f"aws-auth has a new row for {ROLE}: username `dev`, groups `devs`"),
        (
            {"accessEntries": {ROLE: {"username": "a", "groups": ["g" * 200]}}},
            {"accessEntries": {ROLE: {"username": "b", "groups": ["g" * 200]}}},
            f"access entry {ROLE}: username is `b`, was `a`",
        ),
        (
            {"accessEntries": None},
            {"accessEntries": {}},
            "access entry: was not read for the plan, and is read now",
        ),
        (
            {"groupReferences": []},
            {"groupReferences": [["FlowSchema", "", "rule", "spec", "devs"]]},
            "FlowSchema rule names `devs` now",
        ),
        (
            {"nodegroups": {"a": {"role": ROLE, "counts": True}}},
            {"nodegroups": {}},
            "node group a is no longer there",
        ),
        ({"rbac": {"Role x": "1"}}, {"rbac": {"Role x": "2"}}, "RBAC Role x: it was changed"),
        (
            {"authenticationMode": "CONFIG_MAP"},
            {"authenticationMode": "API"},
            "the authentication mode is API; when the plan was made: CONFIG_MAP",
        ),
    ],
)
def test_change_is_said_in_words_with_the_whole_name(
    before: dict[str, object], now: dict[str, object], said: str
) -> None:
    (line,) = describe_changes(before, now)
    assert line.startswith(said)
    assert not {"{", "[", "'"} & set(line)


def test_row_that_changed_comes_before_what_else_changed() -> None:
    before = {"accessPolicies": ["a"], "rbac": {}, **rows(ROW)}
    now = {"accessPolicies": ["b"], "rbac": {"Role x": "1"}, **rows()}
    first, *others = describe_changes(before, now)
    assert first.startswith("aws-auth no longer has a row")
    assert len(others) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from("xyz"), part),
    max_leaves=6,
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["mapRoles[0]", "mapRoles[1]"]),
        st.sampled_from([ROLE, USER]),
        st.sampled_from(["a", "b"]),
        st.none() | st.lists(st.sampled_from(["g", "h"]), max_size=2),
        st.booleans(),
    ),
    max_size=3,
)
OBJECTS = st.none() | st.dictionaries(st.sampled_from([ROLE, USER]), JSON, max_size=2)
REFERENCE = st.tuples(*(st.sampled_from(["", "a"]) for _ in range(5)))
BASES = st.fixed_dictionaries(
    {},
    optional={
        "authenticationMode": st.sampled_from(["API", "CONFIG_MAP"]),
        "awsAuth": st.fixed_dictionaries(
            {"rows": ROWS, "accounts": st.just([]), "problems": st.just([])}
        ),
        "accessEntries": OBJECTS,
        "iamPrincipals": OBJECTS,
        "nodegroups": OBJECTS,
        "rbac": OBJECTS,
        "groupReferences": st.none() | st.lists(REFERENCE, max_size=3),
        "other": JSON,
    },
)


@pytest.mark.parametrize("odd", [1, "x", [], {}, {"rows": [[]]}, {"rows": {}, "accounts": 1}])
def test_basis_of_another_shape_is_a_change_and_no_crash(odd: object) -> None:
    (line,) = describe_changes(rows(ROW), {"awsAuth": odd})
    assert line == "awsAuth was changed"


@given(BASES, BASES)
@settings(max_examples=300, deadline=None)
def test_bases_have_changes_exactly_where_they_differ(
    before: dict[str, Any], now: dict[str, Any]
) -> None:
    """Whatever the words are, a difference that is not seen would let a run continue."""
    same = json.loads(json.dumps(before)) == json.loads(json.dumps(now))
    assert (describe_changes(before, now) == ()) == same


def test_a_principal_whose_arn_cannot_be_read_is_not_gone() -> None:
    before = BEFORE | {"iamPrincipals": {"agent": {"id": "AROA1"}}}
    assert not_read_again(before, {"iamPrincipals": {}, "accountsRead": {}}) == ("agent",)


def test_entry_of_a_service_linked_role_is_no_surprise() -> None:
    linked = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForEKS"
    made = AccessEntry(linked, "STANDARD", "eks:service")
    assert surprising_entries(company()[1], [made], DIGEST) == ()
    assert len(surprising_entries(company()[1], [replace(made, principal_arn=ROLE)], DIGEST)) == 1


def of_kept(**changes: Any) -> Plan:  # noqa: ANN401 - any field
    there = world_entry(role("dev"), "x", ("devs",))
    snapshot = world([row(role("dev"), "x", ("devs",))], entries=[there], **changes)
    return planned(snapshot)


KEPT = world_entry(role("dev"), "x", ("devs",))


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([KEPT], None),
        ([], "it was deleted; the plan keeps it"),
        ([replace(KEPT, username="y")], "it was changed; the plan keeps it as it was"),
    ],
)
def test_entry_that_the_plan_keeps_is_as_it_was(
    entries: list[AccessEntry], why: str | None
) -> None:
    found = kept_entries_astray(of_kept(), entries, DIGEST)
    assert found == (() if why is None else ((role("dev"), why),))


def test_kept_principal_without_an_entry_has_nothing_to_compare() -> None:
    plan = of_kept()
    without = replace(plan, principals=(replace(plan.principals[0], entry=None),))
    assert kept_entries_astray(without, [], DIGEST) == ()


def of_left_out(name: str = "dev") -> Plan:
    snapshot = world([row(role(name), "x", ("devs",))], principals=[])
    return planned(snapshot)


def test_entry_for_a_principal_that_the_plan_leaves_out_is_named() -> None:
    ((arn, why),) = kept_entries_astray(of_left_out(), [KEPT], DIGEST)
    assert (arn, why) == (role("dev"), "it has an access entry; the plan leaves it without one")


def test_entry_of_a_service_that_the_plan_leaves_out_is_eks_own() -> None:
    linked = role("aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS")
    first = replace(of_left_out().principals[0], principal_arn=linked)
    plan = replace(of_left_out(), principals=(first,))
    assert kept_entries_astray(plan, [world_entry(linked)], DIGEST) == ()


def test_dead_entry_that_was_there_is_no_surprise() -> None:
    dead = world_entry(role("dev"))
    plan = planned(world(entries=[dead], principals=[]))
    assert kept_entries_astray(plan, [dead], DIGEST) == ()


def test_entry_of_eks_for_a_creator_that_the_plan_does_not_know_is_no_surprise() -> None:
    made = world_entry(role("dev"), default_username(role("dev")), access_policies=(on_cluster(),))
    plan = of_left_out()
    assert plan.principals[0].before.via == "none"
    unknown = replace(plan, findings=(*plan.findings, make_finding("creator-unknown", "")))
    assert kept_entries_astray(unknown, [made], DIGEST) == ()
    by_row = replace(plan.principals[0], before=Identity("x", (), "config-map"))
    assert kept_entries_astray(replace(unknown, principals=(by_row,)), [made], DIGEST) != ()
