"""A difference of access is explained by the finding that tells of its cause, and by no other
one.
"""

from dataclasses import replace

import pytest

from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.findings.findings_catalogue import CATALOGUE
from migrator.decide.planning.entries.decide_principal import decide_principal
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.principals.candidate_principals import candidates_of
from migrator.decide.planning.principals.plan_facts import PlanFacts, gather
from migrator.decide.planning.proof.explained_access import (
    EXPLAINED_CODES,
    access_change,
    unexplained,
)
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.model.access_entry import NOBODY, Identity
from migrator.model.decision import Decisions
from migrator.model.plan import AccessChange, Action
from migrator.model.snapshot import Snapshot
from tests.support.worlds import (
    NODE_GROUPS,
    SESSION_NODE,
    WINDOWS,
    bind,
    group,
    iam,
    node,
    node_row,
    on_cluster,
    one,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV, NODES = role("dev"), role("nodes")
NOTHING = AccessChange()
EDIT_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"
BOUND = rbac(
    bind(group("system:bootstrappers"), name="a"),
    bind(group("secret-readers"), role_name="edit", name="b"),
    bind(group(WINDOWS), name="c"),
)


def judged(
    snapshot: Snapshot,
    before: Identity,
    after: Identity,
    *notes: DraftFinding,
    action: Action | None = None,
) -> AccessChange:
    """What is left unexplained of a change from one identity to another, with these findings
    alone.
    """
    facts, decided = _settled(snapshot)
    changed = replace(
        decided, action=action or decided.action, before=before, after=after, notes=notes
    )
    return unexplained(
        replace(changed, access=access_change(changed, facts, facts.index)), facts, facts.index
    )


def _settled(snapshot: Snapshot) -> tuple[PlanFacts, PrincipalDecision]:
    facts = gather(
        snapshot,
        Decisions(),
        read_aws_auth(snapshot.aws_auth_data),
        strategy="preserve",
        target="API",
    )
    return facts, decide_principal(candidates_of(facts)[0], facts)


def by_row(*groups: str, username: str = "x") -> Identity:
    return Identity(username, groups, "config-map")


def by_entry(*groups: str, username: str = "x") -> Identity:
    return Identity(username, groups, "access-entry")


SNAPSHOT = world([row(DEV, "x", ("devs",))], rbac=BOUND)
DROPPED = DraftFinding("node-groups-dropped", "-", groups=("system:bootstrappers",))
ADDED = DraftFinding("windows-group-added", "-", groups=(WINDOWS,))


def test_dropped_group_explains_what_that_group_gave_and_no_other_loss() -> None:
    before = by_row("system:bootstrappers", "secret-readers")
    assert judged(SNAPSHOT, before, by_entry("secret-readers"), DROPPED) == NOTHING
    left = judged(SNAPSHOT, before, by_entry(), DROPPED)
    assert left.lost
    assert left == judged(SNAPSHOT, by_row("secret-readers"), by_entry())


def test_added_group_explains_what_that_group_gives_and_no_other_gain() -> None:
    assert judged(SNAPSHOT, by_row("devs"), by_entry("devs", WINDOWS), ADDED) == NOTHING
    assert judged(
        SNAPSHOT, by_row("devs"), by_entry("devs", WINDOWS, "secret-readers"), ADDED
    ).gained
    assert judged(SNAPSHOT, NOBODY, by_entry(WINDOWS), ADDED).gained


def test_unused_fargate_row_explains_its_own_end_only() -> None:
    snapshot = world(
        [row(DEV, SESSION_NODE, (*NODE_GROUPS, "system:node-proxier"))],
        principals=[iam(DEV, "eks-fargate-pods")],
    )
    plan = planned(snapshot)
    assert (one(plan, DEV).action, one(plan, DEV).findings) == ("skip", ("fargate-unused",))
    assert one(plan, DEV).access.lost
    assert judged(
        SNAPSHOT, by_row("secret-readers"), by_entry(), DraftFinding("fargate-unused", "-")
    ).lost


def test_unused_fargate_row_explains_no_end_of_an_entry() -> None:
    unused = DraftFinding("fargate-unused", "-")
    left_out = judged(SNAPSHOT, by_row("secret-readers"), NOBODY, unused, action="skip")
    assert left_out == NOTHING
    assert judged(SNAPSHOT, by_entry("secret-readers"), NOBODY, unused, action="skip").lost


def test_wider_entry_of_the_creator_explains_the_policy_that_eks_gives_and_no_other() -> None:
    wider = DraftFinding("creator-entry-wider", "-")
    admin = replace(by_entry("devs"), policies=(on_cluster(),))
    editor = replace(by_entry("devs"), policies=(on_cluster(EDIT_POLICY),))
    assert judged(SNAPSHOT, by_row("devs"), admin, wider) == NOTHING
    assert judged(SNAPSHOT, by_row("devs"), editor, wider).gained


def test_half_made_entry_is_held_against_the_rows_that_its_run_set_out_from() -> None:
    half_made = DraftFinding("entry-half-made", "-")
    assert judged(SNAPSHOT, by_entry(), by_entry("devs"), half_made) == NOTHING
    assert judged(SNAPSHOT, by_entry("secret-readers"), by_entry("devs"), half_made) == NOTHING
    assert judged(SNAPSHOT, by_entry("devs"), by_entry("devs", "secret-readers"), half_made).gained


def test_new_grant_explains_gains_of_those_alone_who_have_nothing() -> None:
    new_grant = DraftFinding("new-grant", "-")
    assert judged(SNAPSHOT, NOBODY, by_entry("secret-readers"), new_grant) == NOTHING
    assert judged(SNAPSHOT, by_row("devs"), by_entry("devs", "secret-readers"), new_grant).gained


def test_accepted_loss_explains_no_gain() -> None:
    accepted = DraftFinding("loss-accepted", "-")
    assert judged(SNAPSHOT, by_row("secret-readers"), by_entry(), accepted) == NOTHING
    assert judged(SNAPSHOT, by_row(), by_entry("secret-readers"), accepted).gained


@pytest.mark.parametrize("code", sorted(CATALOGUE.keys() - EXPLAINED_CODES))
def test_no_other_finding_explains_anything(code: str) -> None:
    note = DraftFinding(code, "-", groups=("secret-readers",))
    assert judged(SNAPSHOT, by_row("secret-readers"), by_entry(), note).lost
    assert judged(SNAPSHOT, by_row(), by_entry("secret-readers"), note).gained


def test_codes_that_name_a_difference_of_a_principal_are_those_with_a_cause() -> None:
    of_accounts = {
        "account-skipped",
        "account-expanded",
    }  # of principals that no row names, so that no plan lists them
    assert {code for code, kind in CATALOGUE.items() if kind.names} == EXPLAINED_CODES | of_accounts


def test_what_a_node_loses_by_dropped_groups_and_gains_by_windows_is_explained_together() -> None:
    bound = rbac(bind(group("system:bootstrappers")), bind(group(WINDOWS), role_name="edit"))
    snapshot = world(
        [node_row(NODES)],
        principals=[iam(NODES, "ec2")],
        nodes=(node(NODES, "windows"),),
        rbac=bound,
    )
    principal = one(planned(snapshot), NODES)
    assert principal.access.gained
    assert principal.findings == ("node-groups-dropped", "windows-group-added")
