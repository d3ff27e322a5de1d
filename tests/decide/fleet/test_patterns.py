"""What repeats across clusters."""

from migrator.decide.fleet.patterns import report_of, stage_of
from migrator.model.fleet import Answer, ClusterFacts, FindingSeen
from tests.support.fleet_values import cluster, inventory, result

A, B, C = (cluster(name, account) for name, account in (("a", "111122223333"), ("b", "111122223333"), ("c", "2" * 12)))
VENDOR = "arn:aws:iam::999999999999:role/vendor"
BLOCK = FindingSeen("foreign-role-unverified", "block", VENDOR)
WARN = FindingSeen("masters-referenced", "warn")
FACTS = (
    ClusterFacts(A.arn, "sha256:a", mode="CONFIG_MAP", target="API", blocked=True, findings=(BLOCK, WARN), steps=3),
    ClusterFacts(B.arn, "sha256:b", mode="API", target="API", blocked=False, admins=("arn:admin",), steps=3, done=3),
    ClusterFacts(
        C.arn, "sha256:c", mode="CONFIG_MAP", target="API", blocked=True, findings=(WARN, BLOCK), admins=("arn:admin",)
    ),
)
INVENTORY = inventory((A, B, C), silent=(Answer("333333333333", "eu-west-1", "denied", reason="no"),))
REPORT = report_of(INVENTORY, FACTS, [result(A.arn), result(A.arn, status="failed", exit_code=1)], at="now")


def test_one_question_for_the_same_principal_and_reasons_everywhere() -> None:
    (question,) = REPORT.questions
    assert (question.principal_arn, question.codes) == (VENDOR, ("foreign-role-unverified",))
    assert question.clusters == (A.arn, C.arn)


def test_clusters_with_the_same_findings_are_one_group() -> None:
    (group,) = REPORT.same
    assert group.clusters == (A.arn, C.arn)
    assert group.codes == ("foreign-role-unverified", "masters-referenced")


def test_blocking_findings_come_first_and_clusters_are_counted_once() -> None:
    twice = (ClusterFacts(A.arn, findings=(BLOCK, BLOCK, WARN)),)
    found = report_of(INVENTORY, twice, (), at="now").findings
    assert [(each.code, len(each.clusters), each.principals) for each in found] == [
        ("foreign-role-unverified", 1, 2),
        ("masters-referenced", 1, 0),
    ]


def test_who_administers_what() -> None:
    (admin,) = REPORT.admins
    assert (admin.principal_arn, admin.clusters) == ("arn:admin", (B.arn, C.arn))


def test_an_account_that_did_not_answer_is_there_with_the_reason() -> None:
    by_id = {account.id: account for account in REPORT.accounts}
    assert (by_id["111122223333"].clusters, by_id["111122223333"].migrated) == (2, 1)
    silent = by_id["333333333333"]
    assert (silent.answered, silent.reason) == (False, "denied in eu-west-1")
    assert REPORT.inventory.expected == 3
    assert REPORT.inventory.answered == 2


def test_the_latest_result_counts() -> None:
    assert REPORT.last[A.arn].status == "failed"


def test_every_stage_is_told_from_the_files() -> None:
    known = {"plan_digest": "sha256:x", "target": "API", "blocked": False, "mode": "CONFIG_MAP"}
    stages = {
        "unknown": ClusterFacts("x", problem="damaged"),
        "not planned": ClusterFacts("x", mode="CONFIG_MAP"),
        "blocked": ClusterFacts("x", **{**known, "blocked": True}),  # type: ignore[arg-type]
        "planned": ClusterFacts("x", steps=2, **known),  # type: ignore[arg-type]
        "applying": ClusterFacts("x", steps=2, done=1, **known),  # type: ignore[arg-type]
        "applied": ClusterFacts("x", steps=2, done=2, **known),  # type: ignore[arg-type]
        "migrated": ClusterFacts("x", steps=2, done=2, **{**known, "mode": "API"}),  # type: ignore[arg-type]
    }
    assert {name: stage_of(facts) for name, facts in stages.items()} == {name: name for name in stages}
    dual = ClusterFacts("x", steps=2, done=2, **{**known, "target": "API_AND_CONFIG_MAP"})  # type: ignore[arg-type]
    assert stage_of(dual) == "migrated"
