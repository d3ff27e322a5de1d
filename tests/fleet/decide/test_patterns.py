"""What repeats across clusters."""

import random
from dataclasses import replace
from datetime import datetime, timezone
from typing import TypeAlias, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.fleet.decide.endings import NO_PLAN, unread_of
from migrator.fleet.decide.patterns import report_of
from migrator.fleet.decide.select import selects
from migrator.fleet.decide.stages import (
    FINISHED,
    MIGRATED,
    STAGES,
    is_open,
    left_of,
    next_command,
    stage_of,
)
from migrator.fleet.model.files.records import FleetRecord
from migrator.fleet.model.fleet import Answer, FleetCluster, Selector
from migrator.fleet.model.outcome import ClusterFacts, ClusterResult, FindingSeen
from migrator.fleet.model.report import FleetReport
from migrator.model.decision import Stub
from tests.support.fleet_values import cluster, inventory, result

T = TypeVar("T")
A, B, C = (
    cluster(name, account)
    for name, account in (("a", "111122223333"), ("b", "111122223333"), ("c", "2" * 12))
)
VENDOR = "arn:aws:iam::999999999999:role/vendor"
BLOCK = FindingSeen("foreign-role-unverified", "block", VENDOR)
WARN = FindingSeen("masters-referenced", "warn")
BLOCKED = {VENDOR: "block"}
FACTS = (
    ClusterFacts(
        A.arn,
        "sha256:a",
        mode="CONFIG_MAP",
        target="API",
        blocked=True,
        findings=(BLOCK, WARN),
        steps=3,
        principals=BLOCKED,
    ),
    ClusterFacts(
        B.arn,
        "sha256:b",
        mode="API",
        target="API",
        blocked=False,
        admins=("arn:admin",),
        steps=3,
        done=3,
    ),
    ClusterFacts(
        C.arn,
        "sha256:c",
        mode="CONFIG_MAP",
        target="API",
        blocked=True,
        findings=(WARN, BLOCK),
        admins=("arn:admin",),
        principals=BLOCKED,
    ),
)
INVENTORY = inventory(
    (A, B, C), silent=(Answer("333333333333", "eu-west-1", "denied", reason="no"),)
)


def record(ended: ClusterResult, run: str = "r") -> FleetRecord:
    return FleetRecord("cluster", run, ended.at, ended.command, result=ended)


REPORT = report_of(
    INVENTORY,
    FACTS,
    [record(result(A.arn)), record(result(A.arn, status="failed", exit_code=1))],
    at="now",
)


def test_one_question_for_the_same_principal_and_reasons_everywhere() -> None:
    (question,) = REPORT.questions
    assert (question.principal_arn, question.codes) == (VENDOR, ("foreign-role-unverified",))
    assert question.clusters == (A.arn, C.arn)
    assert question.where is None


def test_an_answer_is_for_some_clusters_only_where_others_have_the_principal_or_may_have_it() -> (
    None
):
    settled = ClusterFacts(
        B.arn, "sha256:b", principals={VENDOR.replace("role/", "role/team/"): "keep"}
    )
    for other in (settled, ClusterFacts(B.arn), ClusterFacts(B.arn, problem="damaged")):
        (question,) = report_of(INVENTORY, (FACTS[0], other, FACTS[2]), at="now").questions
        assert question.where == Selector(clusters=(A.arn, C.arn)), other


def test_answers_that_differ_are_questions_of_their_own() -> None:
    def with_answer(facts: ClusterFacts, node_type: str) -> ClusterFacts:
        stub = Stub("principals", VENDOR, {"type": node_type}, (f"about {facts.arn}",))
        return ClusterFacts(
            facts.arn, "x", findings=(BLOCK,), principals=BLOCKED, stubs={VENDOR: (stub,)}
        )

    same = report_of(
        INVENTORY, (with_answer(FACTS[0], "EC2"), with_answer(FACTS[2], "EC2")), at="now"
    )
    assert [len(each.clusters) for each in same.questions] == [2]
    differ = report_of(
        INVENTORY, (with_answer(FACTS[0], "EC2"), with_answer(FACTS[2], "STANDARD")), at="now"
    )
    assert [len(each.clusters) for each in differ.questions] == [1, 1]


def test_an_answer_about_a_group_may_mean_every_other_cluster() -> None:
    stub = Stub("groups", "eks:developers", {"rename_to": "developers"})
    facts = ClusterFacts(A.arn, "x", findings=(BLOCK,), principals=BLOCKED, stubs={VENDOR: (stub,)})
    (question,) = report_of(INVENTORY, (facts, FACTS[1]), at="now").questions
    assert question.where is not None


def test_clusters_with_the_same_findings_are_one_group() -> None:
    same = {group.codes: group.clusters for group in REPORT.same}
    assert same == {("foreign-role-unverified", "masters-referenced"): (A.arn, C.arn), (): (B.arn,)}


def test_blocking_findings_come_first_and_clusters_are_counted_once() -> None:
    twice = (ClusterFacts(A.arn, "x", findings=(BLOCK, BLOCK, WARN)),)
    found = report_of(INVENTORY, twice, at="now").findings
    assert [(each.code, len(each.clusters), each.principals) for each in found] == [
        ("foreign-role-unverified", 1, 2),
        ("masters-referenced", 1, 0),
    ]


def test_findings_are_explained_from_the_catalogue() -> None:
    assert REPORT.kinds["foreign-role-unverified"].severity == "block"
    assert set(REPORT.kinds) == {"foreign-role-unverified", "masters-referenced"}


def test_who_administers_what() -> None:
    (admin,) = REPORT.admins
    assert (admin.principal_arn, admin.clusters) == (
        "arn:admin",
        (C.arn, B.arn) if C.arn < B.arn else (B.arn, C.arn),
    )


def test_an_account_that_did_not_answer_is_there_with_the_reason() -> None:
    by_id = {account.id: account for account in REPORT.accounts}
    assert (by_id["111122223333"].clusters, by_id["111122223333"].migrated) == (2, 1)
    silent = by_id["333333333333"]
    assert (silent.answered, silent.reason) == (False, "denied in eu-west-1")
    assert REPORT.inventory.expected == 3
    assert REPORT.inventory.answered == 2


def test_the_latest_result_counts() -> None:
    last = {row.cluster.arn: row.last for row in REPORT.rows}
    assert last[B.arn] is None
    seen = last[A.arn]
    assert seen is not None
    assert seen.status == "failed"


def test_a_cluster_that_could_not_be_read_stays_unread_until_it_is_read() -> None:
    """A command that finds no plan says nothing about whether the cluster can be read."""
    unread = result(A.arn, "plan", "unreachable", 1, code="api-server-unreachable")
    no_plan = result(A.arn, "verify", "failed", 1, code=NO_PLAN)
    read = result(A.arn, "plan", "blocked", 3)

    def stage(*results: ClusterResult) -> str:
        facts = (ClusterFacts(A.arn, mode="CONFIG_MAP"),)
        report = report_of(INVENTORY, facts, [record(each) for each in results], at="now")
        return {row.cluster.arn: row.stage for row in report.rows}[A.arn]

    assert stage(no_plan) == "not planned"
    assert stage(unread) == stage(unread, no_plan) == stage(unread, no_plan, no_plan)
    assert stage(unread, no_plan) == "unreachable"
    assert stage(unread, read, no_plan) == "not planned"
    assert [*unread_of((unread, no_plan))] == [A.arn]
    assert unread_of((unread, read, no_plan)) == {}


def test_a_cluster_of_which_nothing_is_known_is_not_left_out() -> None:
    report = report_of(INVENTORY, (), at="now")
    assert [row.stage for row in report.rows] == ["unknown"] * 3
    assert report.stages == {"unknown": 3}


def test_a_result_of_a_cluster_that_left_the_fleet_is_history_and_no_row() -> None:
    gone = cluster("gone").arn
    report = report_of(
        INVENTORY, FACTS, [record(result(gone, status="failed", exit_code=1))], at="now"
    )
    assert gone not in {row.cluster.arn for row in report.rows}
    assert report.runs[0].waves[0].counts == {"failed": 1}


KNOWN = {
    "plan_digest": "sha256:x",
    "target": "API",
    "blocked": False,
    "mode": "CONFIG_MAP",
    "steps": 2,
}
THEN = datetime(2026, 11, 23, tzinfo=timezone.utc)
STAGED = {
    "unknown": ClusterFacts("x", problem="damaged"),
    "not planned": ClusterFacts("x", mode="CONFIG_MAP"),
    "blocked": ClusterFacts("x", **{**KNOWN, "blocked": True}),  # type: ignore[arg-type]
    "planned": ClusterFacts("x", **KNOWN),  # type: ignore[arg-type]
    "applying": ClusterFacts("x", done=1, **KNOWN),  # type: ignore[arg-type]
    "rolling back": ClusterFacts("x", done=1, begun="rollback", **KNOWN),  # type: ignore[arg-type]
    "applied": ClusterFacts("x", done=2, **KNOWN),  # type: ignore[arg-type]
    "verified": ClusterFacts("x", done=2, verdict="ok", **KNOWN),  # type: ignore[arg-type]
    "rehearsed": ClusterFacts("x", done=2, verdict="ok", rehearsed=THEN, **KNOWN),  # type: ignore[arg-type]
    "dual": ClusterFacts("x", done=2, **{**KNOWN, "target": "API_AND_CONFIG_MAP"}),  # type: ignore[arg-type]
    "switched": ClusterFacts("x", done=2, begun="verify", **{**KNOWN, "mode": "API"}),  # type: ignore[arg-type]
    "cut over": ClusterFacts("x", done=2, **{**KNOWN, "mode": "API"}),  # type: ignore[arg-type]
    "retired": ClusterFacts("x", done=2, retired=True, **{**KNOWN, "mode": "API"}),  # type: ignore[arg-type]
}


def test_every_stage_is_told_from_the_files() -> None:
    assert {name: stage_of(facts) for name, facts in STAGED.items()} == {
        name: name for name in STAGED
    }
    assert set(STAGES) == {*STAGED, "unreachable", "denied"}


def test_cluster_that_was_rolled_back_is_planned_and_not_applying() -> None:
    applying = STAGED["applying"]
    assert stage_of(replace(applying, rolled_back=True)) == "planned"


OPEN = {
    "unknown",
    "not planned",
    "blocked",
    "planned",
    "applying",
    "rolling back",
    "switched",
}


@pytest.mark.parametrize("stage", STAGED)
def test_a_cluster_is_open_where_anything_is_left_to_do_or_to_prove(stage: str) -> None:
    facts = STAGED[stage]
    assert is_open(facts, stage) == (stage in OPEN)
    # Whatever was begun and did not end is left, at every stage.
    assert is_open(replace(facts, begun="rehearse"), stage)


def test_a_roll_back_of_some_principals_that_is_done_leaves_nothing_and_names_no_command() -> None:
    facts = replace(STAGED["applying"], rolled_back_in_part=True)
    assert stage_of(facts) == "rolling back"
    assert not is_open(facts, "rolling back")
    assert next_command(INVENTORY.clusters[0], facts, "rolling back", "fleet.yaml") == ()


def test_a_complete_roll_back_leaves_nothing() -> None:
    assert not is_open(replace(STAGED["planned"], rolled_back=True), "planned")


@pytest.mark.parametrize("status", ["unreachable", "denied"])
def test_why_there_is_no_plan_is_a_stage_and_what_is_planned_stays_so(status: str) -> None:
    last = result("x", "plan", status, 1)  # type: ignore[arg-type]
    assert stage_of(ClusterFacts("x"), last) == status
    assert stage_of(STAGED["planned"], last) == "planned"
    assert stage_of(STAGED["cut over"], last) == "cut over"


@pytest.mark.parametrize("stage", STAGES)
def test_a_fleet_is_known_only_where_every_cluster_could_be_read(stage: str) -> None:
    report = replace(report_of(inventory((A, B)), FACTS, at="now"), stages={stage: 1, "retired": 1})
    assert report.known == (stage not in ("unknown", "unreachable", "denied"))
    silent = inventory((A,), silent=(Answer("3" * 12, "*", "denied"),))
    assert not replace(report, inventory=silent).known


def test_a_verdict_that_is_not_ok_verifies_nothing() -> None:
    for verdict in ("partial", "failed", "unknown"):
        facts = ClusterFacts("x", done=2, verdict=verdict, **KNOWN)  # type: ignore[arg-type]
        assert stage_of(facts) == "applied"


Fleet: TypeAlias = tuple[
    tuple[FleetCluster, ...], tuple[ClusterFacts, ...], tuple[FleetRecord, ...]
]


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """Clusters with anything that may be known of them, and results of some."""
    tags = st.dictionaries(
        st.sampled_from(["stage", "team"]), st.sampled_from(["a", "b", "*", "[x]"]), max_size=2
    )
    findings = st.builds(
        FindingSeen,
        st.sampled_from(
            ["foreign-role-unverified", "section-lost", "masters-referenced", "of a later version"]
        ),
        st.sampled_from(["block", "warn", "info"]),
        st.sampled_from(
            [None, VENDOR, "arn:aws:iam::111122223333:role/a/x", "arn:aws:iam::111122223333:role/x"]
        ),
    )
    clusters, facts, records = [], [], []
    for number in range(draw(st.integers(0, 8))):
        account = draw(st.sampled_from(["1" * 12, "2" * 12, "3" * 12]))
        region = draw(st.sampled_from(["eu-west-1", "us-east-1"]))
        made = cluster(f"c{number}", account, region, tags=draw(tags), account_tags=draw(tags))
        clusters.append(made)
        found = tuple(draw(st.lists(findings, max_size=4)))
        known = draw(st.sampled_from(["nothing", "problem", "no plan", "planned", "planned"]))
        if known == "problem":
            facts.append(ClusterFacts(made.arn, problem="damaged"))
        elif known == "no plan":
            facts.append(ClusterFacts(made.arn))
        elif known == "planned":
            who = {f.principal_arn: "create" for f in found if f.principal_arn} | draw(
                st.sampled_from([{}, {VENDOR: "keep"}])
            )
            blocked = any(f.severity == "block" for f in found)
            facts.append(
                ClusterFacts(
                    made.arn,
                    "sha256:x",
                    mode=draw(st.sampled_from(["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"])),
                    target=draw(st.sampled_from(["API", "API_AND_CONFIG_MAP"])),
                    blocked=blocked,
                    principals=who,
                    findings=found,
                    admins=tuple(draw(st.lists(st.sampled_from(["p", "q"]), max_size=2))),
                    steps=2,
                    done=draw(st.integers(0, 2)),
                    stubs={
                        f.principal_arn: (Stub("principals", f.principal_arn, {}),)
                        for f in found
                        if f.principal_arn
                    },
                )
            )
        status = draw(st.sampled_from([None, "done", "unreachable", "denied", "failed", "blocked"]))
        if status is not None:
            records.append(record(result(made.arn, "plan", status, 0)))  # type: ignore[arg-type]
    return tuple(clusters), tuple(facts), tuple(records)


def _report(fleet: Fleet) -> FleetReport:
    clusters, facts, records = fleet
    silent = (
        Answer("4" * 12, "*", "denied", reason="no"),
        Answer("1" * 12, "us-east-1", "unreachable"),
    )
    return report_of(inventory(clusters, silent=silent), facts, records, at="now")


@given(fleets())
@settings(max_examples=80)
def test_every_cluster_is_in_exactly_one_group_and_counts_add_up(fleet: Fleet) -> None:
    report = _report(fleet)
    everything = sorted(row.cluster.arn for row in report.rows)
    assert everything == sorted(each.arn for each in report.inventory.clusters)
    assert sorted(arn for group in report.same for arn in group.clusters) == everything
    assert sum(report.stages.values()) == len(everything)
    assert sum(account.clusters for account in report.accounts) == len(everything)
    assert sum(account.migrated for account in report.accounts) == report.migrated
    assert report.migrated == sum(
        count for stage, count in report.stages.items() if stage in MIGRATED
    )
    for account in report.accounts:
        assert sum(account.stages.values()) == account.clusters
        assert sum(account.left.values()) + account.finished == account.clusters
        assert account.answered == (
            account.id not in {answer.account for answer in report.inventory.silent}
        )


def _shuffled(items: tuple[T, ...], dice: random.Random) -> tuple[T, ...]:
    return tuple(dice.sample(items, len(items)))


@given(fleets(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_order_of_clusters_and_of_what_is_known_does_not_matter(
    fleet: Fleet, dice: random.Random
) -> None:
    clusters, facts, records = fleet
    mixed = (_shuffled(clusters, dice), _shuffled(facts, dice), _shuffled(records, dice))
    first, second = _report((clusters, facts, records)), _report(mixed)
    for name in ("rows", "findings", "same", "questions", "admins", "stages"):
        assert getattr(first, name) == getattr(second, name), name
    assert sorted(first.accounts, key=lambda a: a.id) == sorted(second.accounts, key=lambda a: a.id)


@given(fleets())
@settings(max_examples=80)
def test_an_answer_means_every_cluster_that_asks_and_no_other_that_has_the_principal_or_may(
    fleet: Fleet,
) -> None:
    report = _report(fleet)
    asked = {
        (row.cluster.arn, finding.principal_arn)
        for row in report.rows
        for finding in row.facts.findings
        if finding.severity == "block"
    }
    assert {(arn, q.principal_arn) for q in report.questions for arn in q.clusters} == asked
    for question in report.questions:
        for row in report.rows:
            meant = question.where is None or selects(question.where, row.cluster)
            if row.cluster.arn in question.clusters:
                assert meant
            elif row.facts.plan_digest is None or question.principal_arn in row.facts.principals:
                assert not meant


@given(fleets())
@settings(max_examples=60)
def test_nothing_is_lost_when_a_cluster_cannot_be_reached(fleet: Fleet) -> None:
    clusters, facts, records = fleet
    if not clusters:
        return
    lost = clusters[0].arn
    kept = tuple(each for each in facts if each.arn != lost)
    gone = record(result(lost, "plan", "unreachable", 1))
    before, after = (
        _report(fleet),
        _report((clusters, (*kept, ClusterFacts(lost)), (*records, gone))),
    )
    assert next(row.stage for row in after.rows if row.cluster.arn == lost) == "unreachable"
    assert [row for row in after.rows if row.cluster.arn != lost] == [
        row for row in before.rows if row.cluster.arn != lost
    ]


def test_only_finished_stages_have_nothing_left() -> None:
    for stage, facts in STAGED.items():
        assert (left_of(facts, stage) == "") == (stage in FINISHED), stage
