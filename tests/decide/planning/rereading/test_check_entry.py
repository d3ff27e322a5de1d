"""The entry in a plan that was read, compared with what its row gives: each rule, broken by one
change.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migrator.model.access_entry import EntrySpec, EntryType, Identity
from migrator.model.plan import Plan
from migrator.model.snapshot import Creator
from migrator.model.step import BRIDGE_PREFIX
from tests.support.edited_plans import said, with_principal
from tests.support.worlds import (
    NODE_GROUPS,
    SESSION_NODE,
    VIEW_POLICY,
    WINDOWS,
    answers,
    bind,
    entry,
    group,
    iam,
    node_row,
    nodegroup,
    on_cluster,
    one,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV, NODES, MAKER = role("dev"), role("nodes"), role("maker")


def of_developer() -> Plan:
    return planned(world([row(DEV, "x", ("devs",))]))


def of_admin() -> Plan:
    return planned(world([row(DEV, "x", ("devs", "system:masters"))]))


def of_viewer() -> Plan:
    snapshot = world([row(DEV, "x", ("viewers",))], rbac=rbac(bind(group("viewers"))))
    return planned(snapshot, strategy="policies")


def of_nodes(*groups: str) -> Plan:
    return planned(world([node_row(NODES, *groups)]))


def of_creator() -> Plan:
    creator = Creator(MAKER, "CloudTrail")
    rows = [row(MAKER, "boss", ("system:masters", "unbound"))]
    return planned(world(rows, mode="CONFIG_MAP", creator=creator, principals=[iam(MAKER)]))


def changed(plan: Plan, arn: str = DEV, **fields: Any) -> Plan:  # noqa: ANN401 - any field
    """Other fields of a principal's entry."""
    found = one(plan, arn).entry
    assert found is not None
    return with_principal(plan, arn, entry=replace(found, **fields))


def typed(plan: Plan, to: EntryType) -> Plan:
    return changed(plan, NODES, type=to)


# The rule, a plan that breaks it, and what is said.
BROKEN: dict[str, tuple[Callable[[], Plan], str]] = {
    "EKS makes one entry for the creator": (
        lambda: with_principal(of_creator(), MAKER, entry=EntrySpec("STANDARD", "boss")),
        "EKS makes another entry for this principal.",
    ),
    "EKS makes no standard entry for others": (
        lambda: with_principal(of_developer(), DEV, action="await"),
        "EKS makes another entry for this principal.",
    ),
    "the username is the row's": (
        lambda: changed(of_developer(), username="other"),
        "Its username is not the one of its row: `other`.",
    ),
    "a username that is left out is the default": (
        lambda: changed(of_developer(), username=None),
        "Its username is not the one of its row: ``.",
    ),
    "no group is reserved": (
        lambda: changed(of_developer(), kubernetes_groups=("devs", "system:masters")),
        "An entry cannot be left with `system:masters`.",
    ),
    "no group is a run's": (
        lambda: changed(of_developer(), kubernetes_groups=("devs", f"{BRIDGE_PREFIX}1")),
        "An entry cannot be left with `migrator-bridge:1`.",
    ),
    "a group has a row or a finding": (
        lambda: changed(of_developer(), kubernetes_groups=("devs", "more")),
        "Neither its row nor a finding gives the groups `more`.",
    ),
    "a group of the row stays": (
        lambda: changed(of_developer(), kubernetes_groups=()),
        "Its row gives the groups `devs`, and no finding says that they go.",
    ),
    "a group is there once": (
        lambda: changed(of_developer(), kubernetes_groups=("devs", "devs")),
        "It holds a group twice.",
    ),
    "a policy has a row or a finding": (
        lambda: changed(of_developer(), access_policies=(on_cluster(VIEW_POLICY),)),
        "Neither its row nor a finding gives the access policies `AmazonEKSViewPolicy`.",
    ),
    "a policy of the row stays": (
        lambda: changed(of_admin(), access_policies=()),
        "Its row gives the access policies `AmazonEKSClusterAdminPolicy`, and the entry lacks "
        "them.",
    ),
    "a policy is there once": (
        lambda: changed(of_admin(), access_policies=(on_cluster(), on_cluster())),
        "It holds an access policy twice.",
    ),
    "an entry of nodes has nothing but its type": (
        lambda: changed(of_nodes(), NODES, kubernetes_groups=("more",)),
        "An entry of type EC2_LINUX has no username, groups or policies.",
    ),
    "only EKS makes entries for Fargate": (
        lambda: typed(of_nodes(), "FARGATE_LINUX"),
        "Only EKS makes entries for Fargate.",
    ),
    "an entry of nodes has a row that names nodes": (
        lambda: with_principal(of_developer(), DEV, entry=EntrySpec("EC2_LINUX")),
        "Its row names no node.",
    ),
    "an entry of nodes has a row with the group of nodes": (
        lambda: with_principal(
            of_nodes(), NODES, before=Identity("system:node:x", (), "config-map")
        ),
        "Its row names no node.",
    ),
    "nodes that are named by instance have a type of EC2": (
        lambda: typed(of_nodes(), "HYBRID_LINUX"),
        "Nodes of the username `system:node:{{EC2PrivateDNSName}}` need another type than "
        "HYBRID_LINUX.",
    ),
    "nodes that are named by session have another type": (
        lambda: with_principal(
            of_nodes(), NODES, before=Identity(SESSION_NODE, NODE_GROUPS, "config-map")
        ),
        "Nodes of the username `system:node:{{SessionName}}` need another type than EC2_LINUX.",
    ),
    "Linux nodes have the type of Linux": (
        lambda: typed(of_nodes(), "EC2_WINDOWS"),
        "Its row names nodes of another system than EC2_WINDOWS.",
    ),
    "Windows nodes have the type of Windows": (
        lambda: typed(of_nodes(WINDOWS), "EC2_LINUX"),
        "Its row names nodes of another system than EC2_LINUX.",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_entry_that_breaks_the_rule_is_refused(rule: str) -> None:
    broken, why = BROKEN[rule]
    assert [text for text in said(broken()) if text.endswith(why)], said(broken())


MADE: dict[str, Callable[[], Plan]] = {
    "a developer": of_developer,
    "an administrator": of_admin,
    "a group replaced by a policy": of_viewer,
    "Linux nodes": of_nodes,
    "Windows nodes": lambda: of_nodes(WINDOWS),
    "the creator": of_creator,
    "a managed node group": lambda: planned(
        world([node_row(NODES)], mode="CONFIG_MAP", nodegroups=(nodegroup(NODES),))
    ),
}


@pytest.mark.parametrize("made", MADE)
def test_entry_as_it_was_made_is_consistent(made: str) -> None:
    assert said(MADE[made]()) == []


def test_type_that_an_answer_gives_is_not_compared_with_the_row() -> None:
    snapshot = world([node_row(NODES, username=SESSION_NODE)], principals=[iam(NODES, "ec2")])
    plan = planned(snapshot, answers(NODES, type="EC2"))
    assert one(plan, NODES).entry == EntrySpec("EC2")
    assert said(plan) == []


def test_names_that_an_answer_gives_are_not_compared_with_the_row() -> None:
    plan = planned(
        world(
            [row(DEV, "x", ("devs",))],
            entries=[entry(DEV, "x", ("devs", "more"))],
            rbac=rbac(bind(group("devs"))),
        ),
        answers(DEV, groups=("devs",), accepted=True),
    )
    assert said(plan) == []
