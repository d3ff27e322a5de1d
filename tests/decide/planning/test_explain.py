"""One principal told in full, and the stubs that ask for a person's answer."""

import pytest

from migrator.decide.findings.findings_catalogue import CATALOGUE
from migrator.decide.planning.explain import ACTION_MEANS, explain, principals_meant, principals_of
from migrator.decide.planning.stubs import UNANSWERABLE, proposed_name, stubs_for
from migrator.errors import WrongUse
from migrator.model.access_entry import NOBODY
from migrator.model.plan import ACTIONS
from migrator.model.snapshot import Creator
from tests.support.plans import company, plan, principal
from tests.support.worlds import (
    ACCOUNT,
    LONG_AGO,
    NODE_GROUPS,
    OTHER,
    SESSION_NODE,
    bind,
    entry,
    group,
    iam,
    named,
    node_row,
    nodegroup,
    planned,
    rbac,
    role,
    row,
    user,
    world,
)

DEV = role("dev")


def test_explanation_names_rows_and_lines_before_after_reasons_and_steps() -> None:
    plan = planned(world([row(DEV, "a", ("devs",)), row(DEV, "b", ("system:masters",))]))
    told = explain(plan, DEV, lines={"mapRoles[1]": 7})
    assert [(r.source, r.line) for r in told.rows] == [("mapRoles[0]", 1), ("mapRoles[1]", 7)]
    assert told.before.username == "b"
    assert told.after is not None
    assert told.after.username == "b"
    assert told.entry is not None
    assert {"row-shadowed", "masters-becomes-policy"} <= {
        reason.finding.code for reason in told.reasons
    }
    assert all(reason.kind is CATALOGUE[reason.finding.code] for reason in told.reasons)
    assert [step.principal_arn for step in told.steps] == [DEV] * len(told.steps)


def test_principal_is_found_whatever_the_case() -> None:
    plan = planned(world([row(DEV, "a")]))
    assert explain(plan, DEV.replace("dev", "DEV")).principal_arn == DEV
    with pytest.raises(WrongUse) as error:
        explain(plan, role("typo"))
    assert error.value.code == "principal-unknown"


def test_principal_is_found_as_aws_auth_or_a_session_spells_it() -> None:
    full = role("aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Ops_0123456789abcdef")
    written = role("AWSReservedSSO_Ops_0123456789abcdef")
    plan = planned(world([row(written, "ops")], principals=[iam(full)]))
    session = (
        f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Ops_0123456789abcdef/ana@example.com"
    )
    for arn in (full, written, session):
        assert [each.principal_arn for each in principals_of(plan, arn)] == [full]
    assert principals_of(plan, role("typo")) == ()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/anna", [f"arn:aws:iam::{ACCOUNT}:user/anna"]),
        ("user/anna", [f"arn:aws:iam::{ACCOUNT}:user/anna"]),
        ("anna", [f"arn:aws:iam::{ACCOUNT}:user/anna"]),
        ("mapRoles[5]", [role("ci/runner")]),
        ("nna", []),
        ("", []),
    ],
)
def test_a_principal_is_found_by_arn_by_its_end_and_by_row(wanted: str, found: list[str]) -> None:
    assert [each.principal_arn for each in principals_meant(company(), wanted)] == found


def test_a_name_in_two_accounts_finds_both() -> None:
    value = plan(principal(role("admin")), principal(role("admin", "444455556666")))
    assert len(principals_meant(value, "admin")) == 2


def test_every_action_is_explained_with_what_the_principal_is_afterwards() -> None:
    nodes, maker = role("nodes"), role("maker")
    old = LONG_AGO.replace(year=2020)
    half = entry(role("half"), "h", ("migrator-probe:0",), tags={"eks-access-migrator/plan": "x"})
    dual = world(
        [
            row(DEV, "x"),
            row(role("team/dead")),
            row(role("t"), "t", ("{{SessionName}}",)),
            row(role("again"), "z"),
            row(role("half"), "h"),
            row(role("kept"), "k"),
        ],
        entries=[entry(role("kept"), "k"), entry(role("again"), created_at=old), half],
    )
    first = world(
        [node_row(nodes)],
        nodegroups=(nodegroup(nodes),),
        creator=Creator(maker, "x"),
        mode="CONFIG_MAP",
    )
    told = [
        explain(plan, p.principal_arn)
        for plan in (planned(dual), planned(first))
        for p in plan.principals
    ]
    assert {each.action for each in told} == set(ACTIONS)
    for each in told:
        assert each.means == ACTION_MEANS[each.action]
        assert each.reasons or each.action in ("create", "keep")
        assert (each.after == NOBODY) == (each.action == "skip")


def test_awaited_entry_that_is_updated_is_explained_as_it_will_be() -> None:
    maker = role("maker")
    snapshot = world([row(maker, "boss", ("own",))], creator=Creator(maker, "x"), mode="CONFIG_MAP")
    after = explain(planned(snapshot), maker).after
    assert after is not None
    assert after.username == "boss"


def test_row_that_stays_in_config_map_is_explained_as_unchanged() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:root"
    told = explain(planned(world([row(arn, "r")]), target="API_AND_CONFIG_MAP"), arn)
    assert told.after == told.before


def test_block_without_a_best_answer_has_no_after() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:root"
    assert explain(planned(world([row(arn, "r")])), arn).after is None


def sections(snapshot: object, **options: object) -> list[tuple[str, str | None]]:
    return [(s.section, s.key) for s in stubs_for(planned(snapshot, **options))]  # type: ignore[arg-type]


def test_stub_for_a_lost_section() -> None:
    assert sections(world(data={"mapRoles": "a: [\n"})) == [("accept_lost_sections", None)]


def test_stubs_for_a_mapped_account() -> None:
    assert sections(world(accounts=[OTHER])) == [("expand_accounts", OTHER), ("accounts", OTHER)]


def test_stub_for_a_reserved_group_proposes_a_name() -> None:
    snapshot = world(
        [row(DEV, "x", ("eks:developer", "devs", *NODE_GROUPS, "system:masters"))],
        rbac=rbac(bind(group("eks:developer"))),
    )
    (stub,) = stubs_for(planned(snapshot))
    assert (stub.section, stub.key, stub.answer) == (
        "groups",
        "eks:developer",
        {"rename_to": "migrated-eks-developer"},
    )
    assert proposed_name("aws:{{x}}/y ") == "migrated-aws-x-y"


def test_stub_for_an_unverified_role_asks_for_its_full_arn() -> None:
    (stub,) = stubs_for(planned(world([row(role("dev", OTHER), "x")])))
    assert stub.answer["principal_arn"] == f"arn:aws:iam::{OTHER}:role/<path>/dev"


def test_stub_for_a_node_type() -> None:
    instance = world(
        [row(role("n"), SESSION_NODE, NODE_GROUPS)], principals=[iam(role("n"), "ec2")]
    )
    unread = world(
        [row(role("n"), SESSION_NODE, NODE_GROUPS)], principals=[iam(role("n"), trust_read=False)]
    )
    assert [s.answer["type"] for s in stubs_for(planned(instance))] == ["EC2"]
    assert [s.answer["type"] for s in stubs_for(planned(unread))] == ["<type>"]


def test_stub_for_a_username_and_for_groups() -> None:
    bound, loss = stubs_for(
        planned(world([row(DEV, "{{SessionName}}")], rbac=rbac(bind(named("al")))))
    )
    assert bound.answer["username"] == "<username>"
    assert (bound.choices, loss.section, loss.choices) == ((1, 2), "accept_loss", (2,))
    template, _ = stubs_for(planned(world([row(DEV, "x", ("a", "t:{{SessionName}}"))])))
    assert template.answer["groups"] == ["a"]
    ambiguous = world(users=[row(user("a"), "1"), row(user("A"), "2")], principals=[iam(user("a"))])
    assert stubs_for(planned(ambiguous))[0].answer["username"] == "2"


def test_stubs_for_what_can_only_be_left_out() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:root"
    assert sections(world([row(arn, "r")])) == [("principals", arn), ("accept_loss", arn)]


def test_stub_for_a_loss_asks_for_a_name() -> None:
    nodes = role("nodes")
    (stub,) = stubs_for(planned(world([node_row(nodes, "g")], rbac=rbac(bind(group("g"))))))
    assert (stub.section, stub.key) == ("accept_loss", nodes)
    assert stub.answer == {"by": "<your name>", "reason": "<why>"}
    assert "node-row-extra-groups" in stub.about[0]


def test_stub_for_nodes_without_a_row() -> None:
    nodes = role("nodes")
    assert sections(world(nodegroups=(nodegroup(nodes),), principals=[iam(nodes, "ec2")])) == [
        ("principals", nodes)
    ]


def test_what_no_answer_solves_has_no_stub() -> None:
    assert sections(world([row(DEV, "x", ("migrator-probe:x",))])) == []
    assert CATALOGUE.keys() >= UNANSWERABLE
    # A warning of the catalogue that blocks where nodes already fail to join.
    raised = {"nodes-join-by-address"}
    blocking = {code for code in UNANSWERABLE if CATALOGUE[code].severity == "block"}
    assert blocking | raised == UNANSWERABLE


def test_plan_without_blockers_has_no_stubs() -> None:
    assert sections(world([row(DEV, "x")])) == []


def test_new_entry_is_not_said_to_give_the_same_where_rbac_was_not_read() -> None:
    plan = planned(world([row(DEV, "a")], rbac=None))
    assert "RBAC was not read" in explain(plan, DEV).means
