"""Before and after of a plan, judged independently: equal for every principal, but for what the
document announces.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.planning.make_plan import make_plan
from migrator.errors import MigratorError
from migrator.model.decision import Decisions
from migrator.model.files.plan import encode_plan
from migrator.model.files.snapshot import decode_snapshot
from migrator.model.plan import Strategy
from migrator.model.snapshot import Snapshot
from tests.support.example_snapshots import EXAMPLES
from tests.support.judge.logins import same_name
from tests.support.judge.tally import TALLY, Tally
from tests.support.judged.plans import INSTANCE, Difference, JudgedPlan
from tests.support.random_worlds import PEOPLE, answered, worlds
from tests.support.worlds import NOW

KIND = "principals before and after a plan"
# IAM was not read, or says no date: the finding says that nothing is known.
_UNKNOWN = {"entry-liveness-unknown", "user-unverified"}
_NOT_PLANNED: Mapping[str, Any] = {"action": "", "findings": (), "access": {}}
strategies: st.SearchStrategy[Strategy] = st.sampled_from(("preserve", "preserve", "policies"))


def judge(judged: JudgedPlan, arns: Iterable[str]) -> Tally:
    """Hold principals against the plan's announcements."""
    tally = Tally()
    planned = {each["principalArn"]: each for each in judged.document["principals"]}
    for arn in arns:
        principal = planned.get(arn, _NOT_PLANNED)
        if judged.open or any(map(unjudged, named_like(arn, planned.values()))):
            tally.leave_open(KIND)
            continue
        found = [each for each in judged.differences(arn) if not announced(judged, principal, each)]
        tally.compare(KIND, [], found, principal)
    return tally


def named_like(arn: str, principals: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Without IAM a row is the plan's principal under the ARN that it has."""
    return (each for each in principals if same_name(each["principalArn"], arn))


def unjudged(principal: Mapping[str, Any]) -> bool:
    """Whether the plan waits for an answer, or says that it does not know."""
    return principal["action"] == "block" or bool(_UNKNOWN & set(principal["findings"]))


def judge_strictly(judged: JudgedPlan, arns: Iterable[str]) -> Tally:
    """The same; a difference that is not announced fails the test."""
    tally = judge(judged, arns)
    TALLY.add(tally)
    tally.check()
    return tally


def announced(judged: JudgedPlan, principal: Mapping[str, Any], difference: Difference) -> bool:
    """Whether the document says of a principal that it gains or loses."""
    if difference.gained and not principal["access"].get("gained"):
        return False
    if not difference.lost or principal["access"].get("lost"):
        return True
    # Principals without a row are announced together.
    if judged.by_account(difference):
        return any(each["code"] == "map-accounts" for each in judged.document["findings"])
    # A caller who names a session after an instance, of a role that no instance has.
    return difference.session == INSTANCE and "dead-node-template" in principal["findings"]


@given(worlds(), st.just(Decisions()) | answered(), strategies)
def test_access_is_equal_but_for_what_is_announced(
    snapshot: Snapshot, decisions: Decisions, strategy: Strategy
) -> None:
    try:
        plan = make_plan(snapshot, decisions, strategy=strategy, now=NOW)
    except MigratorError as error:
        assert error.code in ("decision-invalid", "decision-unused")
        return
    judge_strictly(JudgedPlan(snapshot, json.loads(encode_plan(plan))), PEOPLE)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EXAMPLES.glob("*/plan.json")))
def test_plans_of_the_examples(name: str) -> None:
    document = json.loads((EXAMPLES / name / "plan.json").read_text(encoding="utf-8"))
    snapshot = decode_snapshot(json.loads((EXAMPLES / name / "snapshot.json").read_bytes()))
    arns = [each["principalArn"] for each in document["principals"]]
    tally = judge_strictly(JudgedPlan(snapshot, document), arns)
    assert sum(tally.all().values()) == len(arns)


def test_steps_that_lead_elsewhere_are_seen() -> None:
    place = EXAMPLES / "terraform-quoted"
    text = (place / "plan.json").read_text(encoding="utf-8")
    less = text.replace("AmazonEKSClusterAdminPolicy", "AmazonEKSViewPolicy")
    assert less != text
    snapshot = decode_snapshot(json.loads((place / "snapshot.json").read_bytes()))
    document = json.loads(less)
    arns = [each["principalArn"] for each in document["principals"]]
    assert judge(JudgedPlan(snapshot, document), arns).differences
