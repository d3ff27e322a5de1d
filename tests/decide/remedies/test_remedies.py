"""Every remedy is carried out, as a person would, and ends its finding."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from migrator.decide.findings.findings_catalogue import CATALOGUE
from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.planning.stubs import UNANSWERABLE, stubs_for
from migrator.errors import Failed
from migrator.model.decision import Stub
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from tests.decide.remedies.as_a_person import answered, decisions_of
from tests.decide.remedies.remedy_worlds import REMEDIED, Remedied
from tests.support.worlds import findings, planned

each = pytest.mark.parametrize("case", REMEDIED, ids=[case.name for case in REMEDIED])


def of(how: str) -> pytest.MarkDecorator:
    cases = [case for case in REMEDIED if how in case.how]
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def before(case: Remedied) -> Plan:
    return planned(case.world, decisions_of(case.answers), **case.options)


def own_stubs(case: Remedied) -> list[Stub]:
    """The stubs that the finding asks for."""
    return [
        stub
        for stub in stubs_for(before(case))
        if re.split(r"[ (]", stub.about[0])[0] in (case.code, *case.beside)
    ]


def test_every_kind_of_finding_has_a_remedy_that_is_carried_out() -> None:
    assert {case.code for case in REMEDIED} == CATALOGUE.keys()
    assert len({case.name for case in REMEDIED}) == len(REMEDIED)


@each
def test_world_has_the_finding(case: Remedied) -> None:
    found = findings(before(case), case.code)
    assert found
    assert case.how
    # A blocker is lifted by answers or by a change of the cluster.
    if found[0].severity == "block":
        assert case.how & {"answers", "cluster", "stays"}


@each
def test_answers_are_offered_exactly_where_the_table_gives_them(case: Remedied) -> None:
    assert bool(own_stubs(case)) == ("answers" in case.how)
    if case.code in UNANSWERABLE:
        assert "answers" not in case.how


@of("answers")
def test_each_answer_of_the_stubs_lifts_every_blocker(case: Remedied) -> None:
    plan = before(case)
    stubs = stubs_for(plan)
    numbers = sorted({number for stub in own_stubs(case) for number in stub.choices})
    assert numbers == list(range(1, len(numbers) + 1))
    for number in numbers:
        text = answered(case.answers, stubs, number, case.filled)
        world = case.world
        if case.bound is not None and number == 1:
            world = case.bound
        after = planned(world, decisions_of(text), **case.options)
        blocking = [found.code for found in after.findings if found.severity == "block"]
        assert blocking == [], (number, text)


def _spelled_in_capitals(world: Snapshot) -> Snapshot:
    """The words of the rows' ARNs in another case, which the authenticator reads all the same."""
    text = json.dumps(world.config_map)
    text = text.replace(":role/", ":ROLE/").replace(":user/", ":USER/")
    return replace(world, config_map=json.loads(text))


# What the snapshot has of IAM, and how the rows are spelled.
OTHERWISE: Mapping[str, Callable[[Snapshot], Snapshot]] = {
    "absent": lambda world: replace(world, iam_principals=()),
    "unread": lambda world: replace(world, iam_principals=(), accounts_read=()),
    "capitals": _spelled_in_capitals,
    "capitals, unread": lambda world: replace(
        _spelled_in_capitals(world), iam_principals=(), accounts_read=()
    ),
}


@pytest.mark.parametrize("otherwise", OTHERWISE)
def test_no_stub_is_refused_whatever_iam_shows(otherwise: str) -> None:
    """What ``plan --write-decisions`` offers is an answer that the next plan takes: for a principal
    that IAM does not have, or was not asked for, and for a row in another case too.
    """
    words: dict[str, str] = {}
    for case in REMEDIED:
        words |= case.filled
    taken = 0
    for case in REMEDIED:
        world = OTHERWISE[otherwise](case.world)
        decisions = decisions_of(case.answers)
        # The answers of the world itself need what IAM shows there.
        try:
            plan = planned(world, decisions, **case.options)
        except Failed:
            continue
        stubs = stubs_for(plan)
        of_session = "{{SessionName}}" in json.dumps(world.config_map)
        fit = {"<type>": "EC2" if of_session else "EC2_LINUX"}
        for number in sorted({number for stub in stubs for number in stub.choices}):
            text = answered(case.answers, stubs, number, {**words, **fit, **case.filled})
            planned(world, decisions_of(text), **case.options)
            taken += 1
    assert taken > 20


@of("answers")
def test_answer_that_loses_access_says_so_and_comes_last(case: Remedied) -> None:
    """By the access that the plan of each answer gains and loses, not by words."""
    plan = before(case)
    stubs = stubs_for(plan)
    numbers = sorted({number for stub in own_stubs(case) for number in stub.choices})
    losses = []
    for number in numbers:
        text = answered(case.answers, stubs, number, case.filled)
        world = case.bound if case.bound is not None and number == 1 else case.world
        after = planned(world, decisions_of(text), **case.options)
        said = " ".join(
            line for stub in own_stubs(case) if number in stub.choices for line in stub.about
        )
        access = [principal.access for principal in after.principals]
        loses = any(found.lost or found.log_ins_lost for found in access)
        gains = any(found.gained or found.log_ins_gained for found in access)
        if loses:
            assert "LOSES access" in said, (number, text)
        if gains:
            assert "GAINS access" in said, (number, text)
        losses.append(loses)
    assert losses == sorted(losses)


@of("cluster")
def test_steps_of_the_remedy_end_the_finding(case: Remedied) -> None:
    assert case.done is not None
    options = case.options if case.then_options is None else case.then_options
    after = planned(case.done, decisions_of(case.then), **options)
    left = [found.severity for found in findings(after, case.code)]
    # A row that may stay in aws-auth is still no access entry: the finding remains as a warning.
    stays = case.then_options == {"target": "API_AND_CONFIG_MAP"}
    assert left == (["warn"] if stays else [])
    assert not after.blocked


@of("apply")
def test_apply_ends_the_finding(case: Remedied) -> None:
    plan = before(case)
    assert not plan.blocked
    after = planned(simulate(case.world, plan.steps), decisions_of(case.answers))
    assert findings(after, case.code) == ()
    assert not after.blocked
    assert "apply" in CATALOGUE[case.code].remedy


@of("retake")
def test_taking_the_answer_back_ends_the_finding(case: Remedied) -> None:
    assert findings(planned(case.world, decisions_of(""), **case.options), case.code) == ()
    assert "take the answer back" in CATALOGUE[case.code].remedy.lower()


@of("informs")
def test_finding_that_only_informs_says_that_nothing_has_to_be_done(case: Remedied) -> None:
    plan = before(case)
    kind = CATALOGUE[case.code]
    assert {found.severity for found in findings(plan, case.code)} == {"info"}
    assert kind.remedy.startswith("Nothing has to be done.")
    assert not plan.blocked


@of("stays")
def test_finding_that_nothing_ends_says_so_and_blocks(case: Remedied) -> None:
    assert before(case).blocked
    assert CATALOGUE[case.code].remedy.startswith(
        "No answer lifts this: the cluster keeps aws-auth"
    )


def test_every_warning_says_what_ends_it() -> None:
    """A warning that no one can end is noise: each has a step, or says which answer it is about."""
    for case in REMEDIED:
        if CATALOGUE[case.code].severity == "warn":
            assert case.how & {"cluster", "apply", "retake"}, case.code
