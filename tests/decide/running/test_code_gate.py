"""Gate 8 names everything that its waiver would cover, for every combination of what is found."""

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.aws_auth_owners import AwsAuthWriters
from migrator.decide.reading.entry_owners import EntryReconcilers
from migrator.decide.running.code_gate import judge_code
from migrator.decide.running.gates import GateFacts, cut_over_gates
from migrator.decide.running.proposals import cut_over_proposal
from migrator.model.decision import Acceptance
from migrator.model.proposal import Part
from migrator.render.proposal import proposal_text
from tests.support.memory_runs import company

PLAN = company()[1]
NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def some(name: str) -> st.SearchStrategy[tuple[str, ...]]:
    """None, one or many: more than a list for people shows."""
    return st.sampled_from([0, 1, 9]).map(lambda n: tuple(f"{name}-{i}" for i in range(n)))


WRITERS = st.none() | st.builds(AwsAuthWriters, some("owner"), some("manager"), st.booleans())
RECONCILERS = st.none() | st.builds(EntryReconcilers, some("tool"), some("tag"))


def named_in(
    writers: AwsAuthWriters | None, reconcilers: EntryReconcilers | None
) -> tuple[list[str], list[str]]:
    """What the text has to name: what is known, and what is unknown or unread."""
    known: list[str] = []
    unknown: list[str] = []
    if writers is None:
        unknown.append("aws-auth does not tell who writes it")
    else:
        known += writers.owners
        unknown += writers.unknown
        if not writers.tells:
            unknown.append("aws-auth does not tell who else writes it")
    if reconcilers is None:
        unknown.append("the entries were not read")
    else:
        known += reconcilers.known
        unknown += reconcilers.unknown
    return known, unknown


@given(writers=WRITERS, reconcilers=RECONCILERS)
def test_gate_names_all_that_its_waiver_covers_whatever_else_closes_it(
    writers: AwsAuthWriters | None, reconcilers: EntryReconcilers | None
) -> None:
    known, unknown = named_in(writers, reconcilers)
    state, detail, remedy = judge_code(writers, reconcilers)
    assert [text for text in (*known, *unknown) if text not in detail] == []
    assert (state == "fail") == bool(known)
    assert (state == "pass") == (not known and not unknown)
    assert ("the waiver covers everything that is named here" in remedy) == (state != "pass")


@given(writers=WRITERS, reconcilers=RECONCILERS)
def test_what_a_waiver_covers_is_above_the_question_whole(
    writers: AwsAuthWriters | None, reconcilers: EntryReconcilers | None
) -> None:
    waivers = {"code": Acceptance("Jo", "removed aws-auth from Terraform")}
    facts = GateFacts(NOW, writers=writers, reconcilers=reconcilers, waivers=waivers)
    proposal = cut_over_proposal(PLAN, cut_over_gates(PLAN, facts), ())
    known, unknown = named_in(writers, reconcilers)
    covered = [name for part in proposal.parts for name in part.names]
    assert bool(covered) == bool(known or unknown)
    assert [text for text in (*known, *unknown) if text not in covered[0]] == []
    shown = " ".join(proposal_text(replace(proposal, gates=())).split())
    assert [text for text in (*known, *unknown) if text not in shown] == []


@pytest.mark.parametrize("whole", [True, False])
def test_part_that_a_person_answers_for_is_shown_whole(whole: bool) -> None:
    proposal = cut_over_proposal(PLAN, (), ())
    part = Part("Waivers, in all", tuple(f"waiver-{n:02}" for n in range(30)), whole)
    shown = proposal_text(replace(proposal, parts=(part,)))
    assert ("waiver-29" in shown) == whole
    assert ("and 10 more" in shown) != whole
