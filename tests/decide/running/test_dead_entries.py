"""Which entries are dead because IAM changed since the plan was made."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from migrator.decide.running.dead_entries import dead_entries, principals_to_read
from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.model.access_entry import AccessEntry
from migrator.model.plan import Plan
from migrator.model.principal import IamPrincipal
from tests.support.memory_runs import ALICE, DIGEST, company

PLANNED, OTHER = "AROAPLANNED", "AROAOTHER"
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
OURS = {PLAN_TAG: DIGEST}


def plan(planned_id: str | None) -> Plan:
    found = company()[1]
    alice = next(each for each in found.principals if each.principal_arn == ALICE)
    return replace(found, principals=(replace(alice, principal_id=planned_id),))


def entry(made: datetime | None, tags: dict[str, str] | None = None) -> AccessEntry:
    return AccessEntry(ALICE, "STANDARD", "alice", created_at=made, tags=tags or {})


def found(identifier: str, born: datetime | None) -> IamPrincipal:
    return IamPrincipal(ALICE, identifier, born)


@pytest.mark.parametrize(
    ("planned", "principal", "made", "tags", "why"),
    [
        pytest.param(PLANNED, None, NOON, {}, "was deleted", id="deleted"),
        pytest.param(
            PLANNED,
            found(OTHER, NOON + HOUR),
            NOON,
            {},
            "was created after that",
            id="created-again",
        ),
        pytest.param(
            None,
            found(OTHER, NOON + HOUR),
            NOON,
            {},
            "was created after that",
            id="first-created-later",
        ),
        pytest.param(
            PLANNED,
            found(OTHER, NOON - HOUR),
            NOON,
            OURS,
            f"made for {PLANNED}",
            id="ours-for-another-id",
        ),
        pytest.param(
            PLANNED, found(OTHER, None), None, OURS, f"made for {PLANNED}", id="ours-no-dates"
        ),
        pytest.param(
            PLANNED,
            found(OTHER, NOON - HOUR),
            NOON,
            {},
            "",
            id="made-by-others-for-the-new-principal",
        ),
        pytest.param(PLANNED, found(PLANNED, NOON - HOUR), NOON, OURS, "", id="alive"),
        pytest.param(PLANNED, found(PLANNED, NOON + HOUR), NOON, {}, "", id="dead-when-planned"),
        pytest.param(None, None, NOON, {}, "", id="absent-when-planned"),
        pytest.param(
            None, found(OTHER, NOON - HOUR), NOON, OURS, "", id="created-before-its-entry"
        ),
    ],
)
def test_entry_of_a_principal_that_changed_since_the_plan_is_dead(
    planned: str | None,
    principal: IamPrincipal | None,
    made: datetime | None,
    tags: dict[str, str],
    why: str,
) -> None:
    dead = dict(dead_entries(plan(planned), DIGEST, [entry(made, tags)], {ALICE: principal}))
    assert (why in dead[ALICE]) if why else dead == {}


def test_principal_without_entry_or_without_answer_is_not_judged() -> None:
    assert dead_entries(plan(PLANNED), DIGEST, [], {ALICE: None}) == ()
    assert dead_entries(plan(PLANNED), DIGEST, [entry(NOON)], {}) == ()
    assert principals_to_read(plan(PLANNED), []) == ()
    assert principals_to_read(plan(PLANNED), [entry(NOON)]) == (ALICE,)
