"""What holds for every plan, whatever the cluster."""

import json
import re
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.findings.findings_catalogue import accounts_for
from migrator.decide.planning.explain import ACTION_MEANS, explain
from migrator.decide.planning.make_plan import make_plan
from migrator.decide.planning.proof.basis import basis_of
from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.planning.stubs import UNANSWERABLE, stubs_for
from migrator.decide.reading.effective_identity import Ambiguous, LoggedIn
from migrator.decide.reading.row_keys import principal_key
from migrator.errors import MigratorError
from migrator.model.access_entry import NOBODY
from migrator.model.decision import Acceptance, Decisions
from migrator.model.plan import AccessChange, Plan, Strategy
from migrator.model.snapshot import Snapshot
from migrator.model.step import AwaitEntry, CreateEntry, Step
from tests.support.random_worlds import (
    PEOPLE,
    REQUESTS,
    access_of,
    answered,
    node_worlds,
    sections_of,
    worlds,
)
from tests.support.worlds import NOW

NO_ANSWERS = Decisions()
strategies: st.SearchStrategy[Strategy] = st.sampled_from(("preserve", "preserve", "policies"))


def plan_of(
    snapshot: Snapshot, decisions: Decisions = NO_ANSWERS, strategy: Strategy = "preserve"
) -> Plan:
    return make_plan(snapshot, decisions, strategy=strategy, now=NOW)


@given(worlds(modes=("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")))
def test_every_row_is_in_exactly_one_principal_or_in_a_finding(snapshot: Snapshot) -> None:
    plan = plan_of(snapshot)
    sources = [source for principal in plan.principals for source in principal.sources]
    told = {finding.source for finding in plan.findings}
    assert len(sources) == len(set(sources))
    for section, items in sections_of(snapshot).items():
        for index in range(len(items)):
            assert f"{section}[{index}]" in sources or f"{section}[{index}]" in told
    arns = [principal.principal_arn for principal in plan.principals]
    assert len(arns) == len(set(arns))


@given(worlds(), strategies)
def test_plan_again_after_all_steps_is_empty(snapshot: Snapshot, strategy: Strategy) -> None:
    plan = plan_of(snapshot, strategy=strategy)
    undecided = {principal_key(p.principal_arn) for p in plan.principals if p.action == "block"}
    again = plan_of(simulate(snapshot, plan.steps), strategy=strategy)
    for principal in again.principals:
        assert principal_key(principal.principal_arn) in undecided or principal.action in (
            "keep",
            "skip",
            "block",
        )
    assert all(
        step.principal_arn is None or principal_key(step.principal_arn) in undecided
        for step in again.steps
    )
    assert undecided or again.steps == ()


@given(worlds(), strategies)
def test_nothing_is_gained_or_lost_silently(snapshot: Snapshot, strategy: Strategy) -> None:
    plan = plan_of(snapshot, strategy=strategy)
    later = simulate(snapshot, plan.steps)
    undecided = {principal_key(p.principal_arn) for p in plan.principals if p.action == "block"}
    for principal in plan.principals:
        if (
            principal_key(principal.principal_arn) in undecided
            or principal.principal_arn not in PEOPLE
        ):
            continue
        if {"entry-liveness-unknown", "user-unverified"} & set(principal.findings):
            continue  # what was not read cannot be judged, and says so
        arn = principal.principal_arn
        before, after = access_of(arn, snapshot), access_of(arn, later, "API")
        if isinstance(before.outcome, Ambiguous):
            assert principal.action in ("keep", "skip")
            continue
        hidden = (
            principal.before.via == "automatic"
        )  # the hidden creator is an admin, whatever the rows say
        was = hidden or _is(before.outcome)
        pairs = [
            (hidden or old, new) for old, new in zip(before.allowed, after.allowed, strict=True)
        ]
        gained = any(new and not old for old, new in pairs) or _is(after.outcome) > was
        lost = any(old and not new for old, new in pairs) or was > _is(after.outcome)
        assert not gained or accounts_for(principal.findings, "gain"), (principal, before, after)
        by_account = isinstance(before.outcome, LoggedIn) and before.outcome.via == "accounts"
        named = any(f.code == "map-accounts" for f in plan.findings) if by_account else False
        assert not lost or named or accounts_for(principal.findings, "loss"), (
            principal,
            before,
            after,
        )


@given(worlds(), st.just(NO_ANSWERS) | answered(), strategies)
def test_each_lost_or_gained_request_was_given_by_what_a_finding_names(
    snapshot: Snapshot, decisions: Decisions, strategy: Strategy
) -> None:
    """The cause is judged request by request: by the groups in a finding's text, and by rules of
    single requests.
    """
    try:
        plan = plan_of(snapshot, decisions, strategy)
    except MigratorError as error:
        assert error.code in ("decision-invalid", "decision-unused")
        return
    later = simulate(snapshot, plan.steps)
    assert snapshot.rbac is not None
    index = RbacIndex(snapshot.rbac)
    for principal in plan.principals:
        arn, codes = principal.principal_arn, set(principal.findings)
        excused = {
            "entry-liveness-unknown",
            "user-unverified",
            "foreign-user-unverified",
            "loss-accepted",
            "new-grant",
        }
        if (
            arn not in PEOPLE
            or principal.action not in ("create", "recreate", "update", "await")
            or codes & excused
        ):
            continue
        # what a run left half-made is held against the rows; the hidden creator is an admin
        # whatever it may log in as
        without = replace(snapshot, access_entries=()) if "entry-half-made" in codes else snapshot
        before, after = access_of(arn, without), access_of(arn, later, "API")
        for request, by_row, new in zip(REQUESTS, before.allowed, after.allowed, strict=True):
            old = bool(by_row) or principal.before.via == "automatic"
            added = ("windows-group-added", "fargate-group-added")
            groups = _named_groups(plan, arn, *(("node-groups-dropped",) if old else added))
            assert old == bool(new) or index.allows("", groups, request)[0], (principal, request)


def _named_groups(plan: Plan, arn: str, *codes: str) -> tuple[str, ...]:
    texts = [
        finding.message
        for finding in plan.findings
        if finding.principal_arn == arn and finding.code in codes
    ]
    return tuple(name for text in texts for name in re.findall("`([^`]+)`", text))


def _is(outcome: object) -> bool:
    return isinstance(outcome, LoggedIn)


@given(worlds(), st.randoms(use_true_random=False))
def test_order_of_distinct_rows_does_not_matter(snapshot: Snapshot, random: Random) -> None:
    data = dict(snapshot.aws_auth_data)
    for section, items in sections_of(snapshot).items():
        shuffled = list(items)
        random.shuffle(shuffled)
        key = "rolearn" if section == "mapRoles" else "userarn"
        by_arn = {
            arn.lower(): iter([i for i in items if i[key].lower() == arn.lower()])
            for arn in {i[key] for i in items}
        }
        data[section] = json.dumps([next(by_arn[item[key].lower()]) for item in shuffled])
    mixed = replace(snapshot, config_map={"data": data})
    assert _essence(plan_of(mixed)) == _essence(plan_of(snapshot))


def _essence(plan: Plan) -> object:
    principals = {
        p.principal_arn: (p.action, p.before, p.entry, p.proposed, p.access, frozenset(p.findings))
        for p in plan.principals
    }
    steps = [(step.id, step.effect, step.requires, step.undo) for step in plan.steps]
    return principals, steps


@given(worlds(), answered())
def test_answers_never_widen_an_identity_that_exists(
    snapshot: Snapshot, decisions: Decisions
) -> None:
    try:
        plan = plan_of(snapshot, decisions)
    except MigratorError as error:
        assert error.code in ("decision-invalid", "decision-unused")
        return
    later = simulate(snapshot, plan.steps)
    for principal in plan.principals:
        named = "answered" in principal.findings
        if named and principal.before != NOBODY and principal.action != "block":
            assert principal.access.gained == ()
        if (
            not named
            or principal.principal_arn not in PEOPLE
            or principal.action in ("block", "skip")
        ):
            continue
        before, after = (
            access_of(principal.principal_arn, snapshot),
            access_of(principal.principal_arn, later),
        )
        if (
            _is(before.outcome)
            and principal.before.via != "automatic"
            and "entry-liveness-unknown" not in principal.findings
        ):
            assert not any(
                new and not old for old, new in zip(before.allowed, after.allowed, strict=True)
            ), principal


@given(worlds() | node_worlds())
def test_entries_of_eks_are_awaited_as_eks_makes_them_and_only_eks_makes_fargate_entries(
    snapshot: Snapshot,
) -> None:
    plan = plan_of(snapshot)
    losses = {
        p.principal_arn: Acceptance("Ana", "all of it")
        for p in plan.principals
        if p.action == "block"
    }
    accepted = plan_of(snapshot, Decisions(accept_loss=losses)) if losses else plan
    images = {g.node_role: g.ami_type for g in snapshot.nodegroups or () if g.status == "ACTIVE"}
    profiles = {profile.pod_execution_role for profile in snapshot.fargate_profiles or ()}
    for step in (*plan.steps, *accepted.steps):
        if isinstance(step.effect, CreateEntry):
            assert step.effect.entry.type != "FARGATE_LINUX"
        if isinstance(step.effect, AwaitEntry):
            arn, awaited = step.effect.principal_arn, step.effect.expected.type
            if arn in images:
                assert awaited == (
                    "EC2_WINDOWS" if images[arn].startswith("WINDOWS") else "EC2_LINUX"
                )
            elif arn in profiles:
                assert awaited == "FARGATE_LINUX"
            else:
                assert snapshot.creator is not None
                assert (arn, awaited) == (snapshot.creator.arn, "STANDARD")


@given(worlds(modes=("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")))
def test_explanation_covers_every_principal(snapshot: Snapshot) -> None:
    plan = plan_of(snapshot)
    for principal in plan.principals:
        told = explain(plan, principal.principal_arn)
        same = principal.access == AccessChange() and plan.basis.get("rbac") is not None
        assert (told.means == ACTION_MEANS[principal.action]) == (
            principal.action != "create" or same
        )
        assert [each.source for each in told.rows] == list(principal.sources)
        assert {code for code in principal.findings} <= {
            reason.finding.code for reason in told.reasons
        }
        if principal.action in ("skip", "block", "recreate", "update", "await"):
            assert told.reasons
        blocking = [reason for reason in told.reasons if reason.finding.severity == "block"]
        assert bool(blocking) == (principal.action == "block"), principal


@given(worlds())
def test_every_blocker_without_a_stub_is_one_that_no_answer_may_solve(snapshot: Snapshot) -> None:
    """Where EKS makes the entry itself, or RBAC was not read, there are answers for fewer kinds."""
    plan = plan_of(snapshot)
    stubs = stubs_for(plan)
    blocking = {found.code for found in plan.findings if found.severity == "block"}
    if blocking <= UNANSWERABLE:
        assert stubs == ()
    if snapshot.cluster.authentication_mode != "CONFIG_MAP" and snapshot.rbac is not None:
        in_entry = any(p.before.via == "access-entry" for p in plan.principals)
        assert stubs or in_entry or blocking <= UNANSWERABLE
    places = [(stub.section, stub.key, number) for stub in stubs for number in stub.choices]
    assert len(set(places)) == len(places)


@given(worlds())
def test_steps_go_back_to_what_was_there(snapshot: Snapshot) -> None:
    plan = plan_of(snapshot)
    kept = {
        step.id
        for step in plan.steps
        if step.effect.kind in ("enable-entries", "await-entry", "delete-entry")
    }
    back = [Step(step.id, step.undo) for step in reversed(plan.steps) if step.undo is not None]
    if not kept and not any(step.effect.kind == "remove-bridge" for step in plan.steps):
        assert basis_of(simulate(snapshot, [*plan.steps, *back])) == basis_of(snapshot)
