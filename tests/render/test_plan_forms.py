"""The plan as table, as Markdown and explained: wide enough for no more than 100 columns, and
hostile text is text.
"""

import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from migrator.decide.planning.explain import explain
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, EntrySpec, Identity
from migrator.model.files.plan import decode_plan, encode_plan
from migrator.model.finding import Finding
from migrator.model.plan import AccessChange, Plan, PlannedPrincipal
from migrator.model.rbac import Witness
from migrator.model.snapshot import ConfigMapOrigin
from migrator.model.step import (
    AssociatePolicy,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    DeleteEntry,
    DisassociatePolicy,
    EnableEntries,
    RemoveBridge,
    Step,
    UpdateEntry,
)
from migrator.render.entry_diff import differences, entry_diff
from migrator.render.explain import explain as explain_text
from migrator.render.markdown import plan_markdown
from migrator.render.plan_table import plan_table
from tests.support.plans import (
    CLUSTER_ADMIN,
    LOST,
    REFERENCE,
    company,
    plan,
    plans,
    principal,
    role,
)
from tests.support.worlds import planned, row, world

_FEW = settings(max_examples=60)


def told(value: Plan, principal_: PlannedPrincipal, lines: dict[str, int] | None = None) -> str:
    """The explanation of one principal as text."""
    return explain_text(value, explain(value, principal_.principal_arn, lines=lines))


def _flat(text: str) -> str:
    """Without the breaks that folding puts in."""
    return re.sub(r"\s+", "", text)


@_FEW
@given(plans(), st.integers(40, 200))
def test_the_table_is_as_wide_as_the_terminal_up_to_160_columns(value: Plan, width: int) -> None:
    for line in plan_table(value, width=width).splitlines():
        assert cell_len(line) <= min(width, 160)


@_FEW
@given(plans())
def test_hostile_text_reaches_no_form_raw(value: Plan) -> None:
    forms = [plan_table(value), plan_markdown(value)]
    forms += [told(value, each) for each in value.principals]
    for form in forms:
        assert all(char == "\n" or char.isprintable() for char in form)


def test_without_color_no_escape_sequence_is_written() -> None:
    assert "\x1b" not in plan_table(company())
    assert "\x1b[" in plan_table(company(), color=True)


def test_each_principal_has_its_action_rows_before_after_and_findings() -> None:
    text = plan_table(company(), lines={"mapRoles[0]": 1, "mapRoles[4]": 20})
    for each in company().principals:
        assert _flat(each.principal_arn.removeprefix("arn:aws:iam::")) in _flat(text)
        assert each.action in text
    for wanted in (
        "mapRoles[0] line 1, mapRoles[4] line 20",
        "! row-shadowed",
        "groups system:masters, platform",
        "without group system:masters",
        "type EC2_LINUX",
        "(same)",
    ):
        assert wanted in text


def test_findings_come_worst_first_with_place_and_remedy() -> None:
    text = plan_table(company())
    assert (
        text.index("block foreign-role-unverified")
        < text.index("warn  dead-role-path")
        < text.index("info  row-shadowed")
    )
    assert "mapRoles[6] line 31  444455556666:role/partner" in text
    assert (
        "do: Name a reader role for the account, or answer in decisions.yaml under principals."
        in text
    )


def test_findings_of_one_code_share_a_remedy_that_is_the_same() -> None:
    same = [Finding("x", "warn", f"number {n}", "do it", REFERENCE) for n in range(3)]
    other = [*same[:2], Finding("x", "warn", "number 2", "do that", REFERENCE)]
    text = plan_table(plan(findings=tuple(same)))
    assert text.count("warn  x") == text.count("do: do it") == 1
    text = plan_table(plan(findings=tuple(other)))
    assert (text.count("do: do it"), text.count("do: do that")) == (2, 1)


def test_the_summary_counts_and_says_what_blocks() -> None:
    text = plan_table(company())
    assert (
        "Principals: 8 (2 create, 1 update, 1 recreate, 1 keep, 1 await, 1 skip, 1 block)" in text
    )
    assert "1 finding blocks this plan" in text
    assert "Steps: 3 (1 enable-entries, 2 create-entry)" in text


def test_every_write_of_every_step_is_shown_in_table_and_markdown() -> None:
    group = 'evil", groups "none\n\x1b[2J`|'
    spec = EntrySpec("STANDARD", "dev", ("devs", group))
    steps = (
        Step("s01", EnableEntries()),
        Step("s02", CreateBridge("migrator-bridge-{run}", "migrator-bridge:{run}")),
        Step("s03", CreateBinding("migrator-x", "shop", "ClusterRole", "edit", "team")),
        Step("s04", CreateEntry(role("dev"), spec)),
        Step("s05", AssociatePolicy(role("dev"), AssociatedPolicy(CLUSTER_ADMIN))),
        Step("s06", UpdateEntry(role("dev"), EntrySpec("STANDARD", None), spec)),
        Step("s07", DeleteEntry(role("old"), AccessEntry(role("old"), "STANDARD", "old"))),
        Step("s08", DisassociatePolicy(role("dev"), AssociatedPolicy(CLUSTER_ADMIN))),
        Step("s09", RemoveBridge("migrator-bridge-{run}", "migrator-bridge:{run}")),
    )
    value = plan(principal(role("dev")), steps=steps)
    table, text = plan_table(value), plan_markdown(value)
    for shown in (" ".join(table.split()), " ".join(text.split())):
        for wanted in (
            "s01 switch the authentication mode from CONFIG_MAP to API_AND_CONFIG_MAP: one-way",
            's02 bind the group "migrator-bridge:{run}" to ClusterRole cluster-admin, '
            'by ClusterRoleBinding "migrator-bridge-{run}"',
            's03 bind the group "team" to ClusterRole "edit", by RoleBinding "migrator-x" in '
            'namespace "shop"',
            's04 create the access entry: type STANDARD, username "dev", groups "devs", "evil',
            "s05 associate AmazonEKSClusterAdminPolicy in the whole cluster",
            "s06 update the access entry: type STANDARD, the username that EKS gives, groups none",
            's07 delete the access entry: username "old"',
            "s08 disassociate AmazonEKSClusterAdminPolicy in the whole cluster",
            's09 delete ClusterRoleBinding "migrator-bridge-{run}" of the group '
            '"migrator-bridge:{run}"',
        ):
            assert wanted in shown, (wanted, shown)
        assert "\x1b" not in shown
        assert (
            'groups "devs", "evil", groups "none' not in shown
        )  # a name cannot end its own quotation
    assert all(
        line.startswith("  - ") for line in text.splitlines() if " s04 " in line or "`s04 " in line
    )


def test_an_empty_plan_says_that_there_is_nothing_to_migrate() -> None:
    text = plan_table(plan(steps=()))
    assert "nothing to migrate" in text
    assert "Steps: none, nothing to do" in text
    assert "nothing to migrate" in plan_markdown(plan(steps=()))


def test_gained_and_lost_access_is_shown_and_capped_in_the_table() -> None:
    value = plan(principal(role("dev"), access=AccessChange(gained=(LOST,) * 5, lost=(LOST,))))
    text = _flat(plan_table(value))
    assert "losesget,listdeployments.appsinnamespaceshop" in text
    assert "gains2more:migrateexplain" in text
    assert plan_markdown(value).count("gains ") == 6  # with the line at its head


def test_a_difference_is_shown_with_the_command_that_asks_for_it() -> None:
    witness = Witness("get", "apps", "deployments", "", "it's|x", "shop")
    value = plan(
        principal(role("dev"), access=AccessChange(lost=(replace(LOST, witness=witness), LOST)))
    )
    command = "kubectl auth can-i get 'deployments.apps/it'\"'\"'s|x' -n shop"
    shown = _flat(told(value, value.principals[0]))
    assert shown.count("kubectlauthcan-i") == 1
    assert _flat(command) in shown
    assert "Theanswersareyestoday,noafter.Askwiththecredentialsoftheprincipalitself" in shown
    assert command.replace("|", "\\|") in plan_markdown(value)
    assert plan_markdown(value).count("Ask with the credentials of the principal itself") == 1
    assert "can-i" not in plan_markdown(
        plan(principal(role("dev"), access=AccessChange(lost=(LOST,))))
    )


def test_markdown_keeps_one_line_for_each_principal() -> None:
    evil = Identity("a|b\n| x | <b>", ("`", "@team"), "config-map")
    value = plan(principal(role("dev"), before=evil))
    rows = [line for line in plan_markdown(value).splitlines() if line.startswith("| **")]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 6
    assert "<b>" not in re.sub(r"`[^`]*`", "", rows[0])


def test_markdown_links_nothing_but_https() -> None:
    evil = Finding("x", "warn", "m", "r", "javascript:alert(1)")
    assert "javascript" not in plan_markdown(plan(findings=(evil,)))
    fine = Finding("x", "warn", "m", "r", REFERENCE)
    assert f"]({REFERENCE})" in plan_markdown(plan(findings=(fine,)))


def test_explain_tells_action_rows_today_after_why_and_steps() -> None:
    value = company()
    sso = value.principals[0]
    text = told(value, sso, {"mapRoles[0]": 1})
    for wanted in (
        "create: A new access entry.",
        "mapRoles[0] line 1",
        "+ accessPolicies.AmazonEKSClusterAdminPolicy: cluster",
        "- kubernetesGroups: system:masters",
        "info row-shadowed",
        "s02 create-entry after s01",
        "cut-over wants it live",
    ):
        assert wanted in text


@_FEW
@given(plans())
def test_explain_covers_every_action(value: Plan) -> None:
    for each in value.principals:
        assert f"{each.action}: " in told(value, each)


def test_equal_entries_do_not_differ() -> None:
    assert entry_diff(principal(role("dev"))) == ()


def test_node_entries_show_the_groups_that_eks_gives() -> None:
    before = Identity(
        "system:node:{{EC2PrivateDNSName}}", ("system:bootstrappers", "system:nodes"), "config-map"
    )
    node = principal(role("nodes"), before=before, entry=EntrySpec("EC2_LINUX"))
    assert entry_diff(node) == ("- kubernetesGroups: system:bootstrappers",)


def test_policies_are_told_with_their_scope() -> None:
    before = Identity("dev", ("devs",), "access-entry", (AssociatedPolicy(CLUSTER_ADMIN),))
    entry = EntrySpec("STANDARD", "developer", ("devs",))
    assert entry_diff(principal(role("dev"), before=before, entry=entry)) == (
        "- accessPolicies.AmazonEKSClusterAdminPolicy: cluster",
        "~ username: dev -> developer",
    )


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=2))
    )
)
def test_nothing_differs_from_itself(value: dict[str, Any]) -> None:
    assert differences(value, value) == ()


@pytest.mark.parametrize("origin", [None, *get_args(ConfigMapOrigin)])
def test_header_says_where_the_mode_was_not_read(origin: str | None) -> None:
    """A ConfigMap in a file does not tell the mode: in the header too, not in a finding alone."""
    unknown = (f"configMap.{origin}",) if origin else ()
    made = planned(world([row(role("dev"), "dev")], unknown=unknown))
    table, text = plan_table(made), plan_markdown(made)
    mode = made.cluster.authentication_mode
    assert (f"Mode {mode} (taken, not read), target API" in table) == bool(origin)
    assert (f"- Mode: `{mode}` (taken, not read), target `API`" in text) == bool(origin)
    # The plan's file keeps it.
    assert header_of(decode_plan(encode_plan(made))) == header_of(made)


def header_of(made: Plan) -> list[str]:
    return plan_table(made).splitlines()[:2]
