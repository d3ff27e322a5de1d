"""Gate 8 names everything that its waiver would cover, for every combination of what is found."""

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from migrator.decide.reading.aws_auth_owners import AwsAuthWriters
from migrator.decide.reading.entry_owners import EntryReconcilers
from migrator.decide.running.code_gate import judge_code, named_writers, not_covered
from migrator.decide.running.gates import GateFacts, cut_over_gates
from migrator.decide.running.proposals import cut_over_proposal
from migrator.model.decision import Acceptance
from migrator.model.files.decisions import decode_decisions
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
    named = named_writers(writers, reconcilers)
    waivers = {"code": Acceptance("Jo", "removed aws-auth from Terraform", covers=named)}
    facts = GateFacts(NOW, writers=writers, reconcilers=reconcilers, waivers=waivers)
    proposal = cut_over_proposal(PLAN, cut_over_gates(PLAN, facts), ())
    known, unknown = named_in(writers, reconcilers)
    covered = [name for part in proposal.parts for name in part.names]
    assert bool(covered) == bool(known or unknown)
    assert [text for text in (*known, *unknown) if text not in covered[0]] == []
    shown = " ".join(proposal_text(replace(proposal, gates=())).split())
    assert [text for text in (*known, *unknown) if text not in shown] == []


@given(WRITERS, RECONCILERS, st.data())
def test_writer_that_comes_after_the_waiver_closes_the_gate_again(
    writers: AwsAuthWriters | None, reconcilers: EntryReconcilers | None, data: st.DataObject
) -> None:
    named = named_writers(writers, reconcilers)
    covers = tuple(data.draw(st.lists(st.sampled_from(named), unique=True))) if named else ()
    waiver = Acceptance("Jo", "known", covers=covers)
    facts = GateFacts(NOW, writers=writers, reconcilers=reconcilers, waivers={"code": waiver})
    (gate,) = (each for each in cut_over_gates(PLAN, facts) if each.name == "code")
    missing = [each for each in named if each not in covers]
    assert gate.passes == (not missing)
    said = gate.detail.partition("the waiver of Jo does not cover: ")[2]
    assert said == "; ".join(missing)


@given(WRITERS, RECONCILERS)
def test_waiver_that_the_remedy_prints_opens_the_gate(
    writers: AwsAuthWriters | None, reconcilers: EntryReconcilers | None
) -> None:
    _, _, remedy = judge_code(writers, reconcilers)
    printed = remedy.partition("covers: ")[2].rpartition("]")[0]
    covers = YAML(typ="safe").load(f"{printed}]") if printed else None
    document = {"waive_gates": {"code": {"by": "Jo", "reason": "known", "covers": covers}}}
    waivers = decode_decisions(document).waive_gates
    facts = GateFacts(NOW, writers=writers, reconcilers=reconcilers, waivers=waivers)
    (gate,) = (each for each in cut_over_gates(PLAN, facts) if each.name == "code")
    assert gate.passes


def test_waiver_without_writers_covers_all_of_them_as_in_earlier_versions() -> None:
    """A list without a writer covers none that is named."""
    for covers, opens in ((None, True), ((), False)):
        writers = AwsAuthWriters(("Terraform",))
        waivers = {"code": Acceptance("Jo", "known", covers=covers)}
        facts = GateFacts(NOW, writers=writers, reconcilers=None, waivers=waivers)
        (gate,) = (each for each in cut_over_gates(PLAN, facts) if each.name == "code")
        assert gate.passes is opens


def test_names_that_yaml_folded_are_the_same() -> None:
    assert not_covered(["Terraform: the next apply"], ["Terraform:\n  the next apply"]) == ()


@pytest.mark.parametrize("whole", [True, False])
def test_part_that_a_person_answers_for_is_shown_whole(whole: bool) -> None:
    proposal = cut_over_proposal(PLAN, (), ())
    part = Part("Waivers, in all", tuple(f"waiver-{n:02}" for n in range(30)), whole)
    shown = proposal_text(replace(proposal, parts=(part,)))
    assert ("waiver-29" in shown) == whole
    assert ("and 10 more" in shown) != whole
