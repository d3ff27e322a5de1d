"""What decisions depend on: two reads of an unchanged cluster agree, and nothing that matters is
left out.
"""

from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.planning.proof.basis import basis_of, digest_of, same_basis
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.model.canonical import canonical_bytes
from migrator.model.rbac import LabelSelector, PolicyRule, Role
from migrator.model.snapshot import Creator, Snapshot
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL
from tests.support.worlds import (
    LONG_AGO,
    NOW,
    OTHER,
    bind,
    entry,
    group,
    iam,
    node,
    nodegroup,
    on_cluster,
    planned,
    profile,
    rbac,
    reference,
    role,
    row,
    world,
)

DEV = role("dev")
BASE = world(
    [row(DEV, "x", ("a", "b"))],
    entries=[entry(role("e"), "e", ("g",), access_policies=(on_cluster(),))],
    nodegroups=(nodegroup(role("n")),),
    fargate_profiles=(profile(role("f")),),
    rbac=rbac(bind(group("a")), roles=[Role("agg", None, (), {}, (LabelSelector((("x", "y"),)),))]),
    group_references=(reference("a"),),
    identity_provider_configs=({"oidc": {"groupsPrefix": "x"}},),
    creator=Creator(role("maker"), "tags"),
)


@pytest.mark.parametrize(
    "changes",
    [
        {"taken_at": "2027-01-01T00:00:00Z"},
        {"nodes": (node(role("n")),)},
        {"nodegroups": (replace(nodegroup(role("n")), status="UPDATING"),)},
        {"cluster_raw": {"status": "UPDATING", "version": "9"}},
        {"config_map": {**(BASE.config_map or {}), "metadata": {"resourceVersion": "99"}}},
        {"iam_principals": (*BASE.iam_principals, iam(role("stranger")))},
        {"rbac": replace(BASE.rbac, bindings=tuple(reversed(BASE.rbac.bindings)))},  # type: ignore[type-var, union-attr]
        {"access_policies": tuple(reversed(BASE.access_policies or ()))},
    ],
)
def test_what_decisions_do_not_depend_on_changes_nothing(changes: dict[str, Any]) -> None:
    assert same_basis(basis_of(BASE), basis_of(replace(BASE, **changes)))


def test_layout_of_the_config_map_changes_nothing() -> None:
    one = world(data={"mapRoles": f"- rolearn: {DEV}\n  username: x\n"})
    other = world(data={"mapRoles": f"# a comment\n- {{username: x, rolearn: {DEV}}}\n"})
    assert basis_of(one) == basis_of(other)


def test_bindings_of_ours_and_times_of_entries_change_nothing() -> None:
    ours = bind(group("z"), name="ours", labels={MANAGED_BY_LABEL: MANAGED_BY})
    assert BASE.rbac is not None
    changed = replace(BASE, rbac=replace(BASE.rbac, bindings=(*BASE.rbac.bindings, ours)))
    touched = replace(
        BASE, access_entries=(replace((BASE.access_entries or ())[0], modified_at=LONG_AGO),)
    )
    assert same_basis(basis_of(BASE), basis_of(changed))
    assert same_basis(basis_of(BASE), basis_of(touched))


@pytest.mark.parametrize(
    "changes",
    [
        {"cluster": replace(BASE.cluster, authentication_mode="API")},
        {"config_map": {"data": {"mapRoles": "- rolearn: x"}}},
        {"config_map": None},
        {"access_entries": ()},
        {"access_entries": None},
        {"access_entries": (replace((BASE.access_entries or ())[0], created_at=LONG_AGO),)},
        {"nodegroups": None},
        {"nodegroups": (nodegroup(role("n"), status="DELETING"),)},
        {"nodegroups": (nodegroup(role("n"), "WINDOWS_CORE_2022_x86_64"),)},
        {"fargate_profiles": ()},
        {"iam_principals": (iam(DEV, "ec2"),)},
        {"iam_principals": (iam(DEV, created=NOW),)},
        {"accounts_read": ()},
        {"rbac": None},
        {"rbac": rbac(bind(group("b")))},
        {"rbac": rbac(bind(group("a")), roles=[Role("agg", None, (PolicyRule(("get",)),), {})])},
        {"group_references": ()},
        {"identity_provider_configs": None},
        {"access_policies": None},
    ],
)
def test_what_decisions_depend_on_changes_the_digest(changes: dict[str, Any]) -> None:
    assert not same_basis(basis_of(BASE), basis_of(replace(BASE, **changes)))


def test_reads_of_accounts_that_nothing_names_change_nothing() -> None:
    from migrator.model.principal import AccountRead

    more = (*BASE.accounts_read, AccountRead(OTHER, roles=True, users=True))
    assert same_basis(basis_of(BASE), basis_of(replace(BASE, accounts_read=more)))


def test_basis_is_plain_json_and_its_digest_is_the_plans() -> None:
    basis = basis_of(BASE)
    canonical_bytes(basis)
    plan = planned(BASE)
    assert plan.basis == basis
    assert plan.snapshot_digest == digest_of(basis)


def test_config_map_that_was_read_already_is_not_read_again() -> None:
    snapshot: Snapshot = BASE
    assert basis_of(snapshot, read_aws_auth(snapshot.aws_auth_data)) == basis_of(snapshot)


def test_node_group_without_a_role_names_no_principal() -> None:
    known = world([row(role("dev"))], principals=[iam(role("dev")), iam(role("nodes"))])
    group = nodegroup(role("nodes"))
    named = basis_of(replace(known, nodegroups=(group,)))
    unnamed = basis_of(replace(known, nodegroups=(replace(group, node_role=None),)))
    assert set(named["iamPrincipals"]) == {role("dev"), role("nodes")}
    assert set(unnamed["iamPrincipals"]) == {role("dev")}
