"""The type of a node's entry, by operating system, node name and trust: what agrees is proposed."""

from dataclasses import replace

import pytest

from migrator.decide.planning.principals.plan_facts import NameForm, name_form
from migrator.decide.planning.stubs import stubs_for
from migrator.errors import Failed
from migrator.model.access_entry import AuthenticationMode, EntryType
from migrator.model.snapshot import Snapshot
from tests.support.worlds import (
    LONG_AGO,
    NODE_USERNAME,
    NOW,
    SESSION_NODE,
    answers,
    config_map,
    entry,
    finding,
    findings,
    iam,
    node,
    node_row,
    nodegroup,
    only,
    planned,
    role,
    row,
    world,
)

NODES = role("nodes")
INSTANCE, MANAGED, HOST = "i-0123456789abcdef0", "mi-0123456789abcdef0", "ip-10-0-0-1.ec2.internal"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (INSTANCE, "instance-id"),
        (f"{INSTANCE}.eu-west-1.compute.internal", "host"),
        (MANAGED, "managed-instance"),
        (HOST, "host"),
        ("i-am-a-host", "host"),
    ],
)
def test_name_of_a_node_shows_what_it_is_named_by(name: str, form: NameForm) -> None:
    assert name_form(name) == form


@pytest.mark.parametrize(
    ("name", "system", "trust", "kind"),
    [
        (HOST, "linux", "ec2", "EC2_LINUX"),
        (HOST, "windows", "ec2", "EC2_WINDOWS"),
        (INSTANCE, "linux", "ec2", "EC2"),
        (MANAGED, "linux", "ssm", "HYBRID_LINUX"),
    ],
)
def test_entry_of_a_wrong_type_gets_the_type_that_the_nodes_show(
    name: str, system: str, trust: str, kind: EntryType
) -> None:
    snapshot = world(
        principals=[iam(NODES, trust)],
        entries=[entry(NODES, "", ("admin",))],
        nodes=(node(NODES, system, name=name),),
    )
    principal = only(planned(snapshot))
    assert principal.findings == ("entry-wrong-type",)
    assert principal.proposed is not None
    assert principal.proposed.type == kind


def test_row_decides_where_no_node_is_live() -> None:
    """After the entry is deleted, the row makes one of the type that was proposed."""
    rows, groups = [node_row(NODES)], (nodegroup(NODES),)
    snapshot = world(rows, nodegroups=groups, entries=[entry(NODES, "", ("admin",))])
    told = finding(planned(snapshot), "entry-wrong-type")
    assert "the plan has an entry of type EC2_LINUX" in told.remedy
    after = only(planned(world(rows, nodegroups=groups)))
    assert after.entry is not None
    assert (after.action, after.entry.type) == ("create", "EC2_LINUX")


def test_evidence_that_contradicts_itself_proposes_nothing() -> None:
    """Nodes with names of both kinds: no type is right for all."""
    snapshot = world(
        principals=[iam(NODES, "ec2")],
        entries=[entry(NODES, "", ("admin",))],
        nodes=(node(NODES, name=HOST), node(NODES, name=INSTANCE)),
    )
    plan = planned(snapshot)
    assert only(plan).proposed is None
    assert "EC2 or EC2_LINUX" in finding(plan, "entry-wrong-type").message


@pytest.mark.parametrize(("kind", "name"), [("EC2_LINUX", INSTANCE), ("EC2", HOST)])
def test_entry_that_gives_another_name_than_the_nodes_have_is_of_the_wrong_type(
    kind: EntryType, name: str
) -> None:
    snapshot = world(
        principals=[iam(NODES, "ec2")],
        entries=[entry(NODES, "", type=kind)],
        nodes=(node(NODES, name=name),),
    )
    assert only(planned(snapshot)).findings == ("entry-wrong-type",)


def test_dead_entry_under_nodes_named_by_instance_is_made_again_for_them() -> None:
    dead = entry(NODES, "", type="EC2_LINUX", created_at=LONG_AGO.replace(year=2020))
    snapshot = world(
        principals=[iam(NODES, "ec2")], entries=[dead], nodes=(node(NODES, name=INSTANCE),)
    )
    (stub,) = stubs_for(planned(snapshot))
    assert stub.answer["type"] == "EC2"
    answered = only(planned(snapshot, answers(NODES, type="EC2")))
    assert answered.entry is not None
    assert (answered.action, answered.entry.type) == ("recreate", "EC2")


@pytest.mark.parametrize(
    ("username", "name"),
    [("system:node:{{EC2PrivateDNSName}}", INSTANCE), (SESSION_NODE, HOST)],
)
def test_row_that_gives_no_node_its_name_blocks(username: str, name: str) -> None:
    snapshot = world(
        [node_row(NODES, username=username)],
        principals=[iam(NODES, "ec2")],
        nodes=(node(NODES, name=name),),
    )
    plan = planned(snapshot)
    assert only(plan).findings == ("node-names-contradict",)
    assert f"`{username}`" in finding(plan, "node-names-contradict").message
    (stub,) = stubs_for(plan)
    assert stub.answer["type"] == "<type>"
    # Where the row is right, the type gives what the row gives; else the row is corrected.
    kind = "EC2_LINUX" if name == INSTANCE else "EC2"
    assert not planned(snapshot, answers(NODES, type=kind)).blocked
    right = SESSION_NODE if name == INSTANCE else NODE_USERNAME
    corrected = replace(snapshot, config_map=config_map([node_row(NODES, username=right)]))
    assert findings(planned(corrected), "node-names-contradict") == ()


@pytest.mark.parametrize("live", [True, False])
def test_instance_ids_in_a_managed_group_block_with_two_ways_and_no_stub(live: bool) -> None:
    def group(mode: AuthenticationMode) -> Snapshot:
        return world(
            [node_row(NODES, username=SESSION_NODE)],
            principals=[iam(NODES, "ec2")],
            nodegroups=(nodegroup(NODES),),
            nodes=(node(NODES, name=INSTANCE),) if live else (),
            mode=mode,
        )

    plan = planned(group("CONFIG_MAP"))
    told = finding(plan, "automatic-entry-differs")
    assert only(plan).findings == ("automatic-entry-differs",)
    assert "EC2_LINUX" in told.message
    assert "self-managed" in told.remedy
    assert f"delete-access-entry --cluster-name prod --principal-arn {NODES}" in told.remedy
    assert stubs_for(plan) == ()
    # The first way: a group of one's own. The second: the mode was switched, the entry deleted.
    after = planned(group("API_AND_CONFIG_MAP"), answers(NODES, type="EC2"))
    assert not after.blocked
    with pytest.raises(Failed, match="decision"):
        planned(group("CONFIG_MAP"), answers(NODES, type="EC2"))


def test_entry_of_a_wrong_type_in_api_mode_is_not_deleted_for_a_row_that_is_not_read() -> None:
    entries = [entry(NODES, "system:node:x", type="EC2_LINUX")]
    nodes = (node(NODES, name=INSTANCE),)
    rows = [node_row(NODES, username=SESSION_NODE)]
    remedies = {}
    modes: tuple[AuthenticationMode, ...] = ("API", "API_AND_CONFIG_MAP")
    for mode in modes:
        snapshot = world(
            rows, entries=entries, principals=[iam(NODES, "ec2")], nodes=nodes, mode=mode
        )
        remedies[mode] = finding(planned(snapshot), "entry-wrong-type").remedy
    assert "in force again" in remedies["API_AND_CONFIG_MAP"]
    assert "in force again" not in remedies["API"]
    assert "make one of type EC2" in remedies["API"]


def test_row_of_people_says_nothing_about_the_type_of_the_nodes() -> None:
    dead = entry(NODES, "x", type="STANDARD", created_at=LONG_AGO)
    for username in ("dev:{{SessionName}}", "alice"):
        snapshot = world(
            [row(NODES, username)],
            entries=[dead],
            principals=[iam(NODES, "ec2", created=NOW)],
            nodes=(node(NODES, "windows", name=HOST),),
            mode="API",
        )
        proposed = only(planned(snapshot)).proposed
        assert proposed is not None
        assert proposed.type == "EC2_WINDOWS"
