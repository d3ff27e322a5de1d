"""Logins, access reviews and texts of aws-auth drawn from a seed: every answer of the cluster, lab
or real, is the independent evaluator's, and what was recorded is answered again.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.decide.reading.read_aws_auth import effective_document
from tests.support.control_plane import random_logins, random_reviews
from tests.support.control_plane.bed import Bed, EmbeddedBed
from tests.support.control_plane.random_answers import (
    BY_LOT,
    FILE,
    Size,
    document,
    load,
    logins_by_text,
    size_of,
    write,
)
from tests.support.control_plane.random_texts import TEXTS, texts
from tests.support.judge.aws_auth import read
from tests.support.judge.logins import Cluster
from tests.support.judge.reviews import Judge
from tests.support.judge.tally import TALLY, Tally
from tests.support.judged.bed import (
    caller_of,
    cluster_of,
    judge_login,
    judge_review,
    objects_of,
)
from tests.support.judged.texts import judge_text

SMALL = Size(logins=150, reviews=150, texts=30)


@pytest.fixture
def tally() -> Iterator[Tally]:
    """Counts the answers of a test; one that differs fails it."""
    counts = Tally()
    yield counts
    TALLY.add(counts)
    counts.check()


def test_two_thousand_logins(bed: Bed, tally: Tally) -> None:
    random_logins.prepare(bed)
    judge = Judge(objects_of(bed))
    entries: list[random_logins.Entry] = []
    for made in random_logins.rounds():
        entries += made.entries
        cluster = cluster_of(made, entries)
        for asked, answer in random_logins.answers(bed, made):
            judge_login(tally, judge, caller_of(bed, asked), cluster, answer)
    assert tally.compared["logins"] == 2_000
    assert not tally.left_open


def test_two_thousand_reviews(bed: Bed, tally: Tally) -> None:
    answered = list(random_reviews.answers(bed, random_reviews.questions()))
    judge = Judge(objects_of(bed))
    for review, allowed in answered:
        judge_review(tally, judge, review, allowed)
    assert tally.compared["reviews"] + tally.left_open["reviews"] == 2_000
    # A policy without published rules is among the entries' on purpose.
    assert tally.left_open["reviews"] < 100
    assert sum(allowed for _, allowed in answered) > 300


def test_logins_while_aws_auth_holds_a_random_text(bed: Bed, tally: Tally) -> None:
    judge = Judge(objects_of(bed))
    for each, answer in logins_by_text(bed, Size()):
        rows = read(each.data)
        if rows.unjudged:
            tally.leave_open("logins")
        else:
            cluster = Cluster("CONFIG_MAP", (), rows)
            judge_login(tally, judge, caller_of(bed, each.asked), cluster, answer)
    assert tally.compared["logins"] > 100


def test_five_thousand_texts_are_read_alike(tally: Tally) -> None:
    for data in texts():
        judge_text(tally, data, effective_document(data))
    compared = tally.compared["texts of aws-auth"]
    assert compared + tally.left_open["texts of aws-auth"] == TEXTS
    assert compared > 0.85 * TEXTS


# recording


def test_what_was_recorded_is_answered_again(tmp_path: Path) -> None:
    """Without a record of the real components a second lab is one, which shows that nothing in it
    hangs on the world that answered.
    """
    path = FILE
    if not FILE.exists():
        path = tmp_path / FILE.name
        write(path, document(EmbeddedBed(), {"lab": "embedded"}, SMALL))
    recorded = load(path)
    size = size_of(recorded)
    again = document(EmbeddedBed(), recorded["versions"], size)
    for name in ("seed", "versions", "logins", "reviews", "texts"):
        assert again[name] == recorded[name]
    assert recorded["logins"].count(BY_LOT) < size.logins // 10
    assert len(set(map(str, recorded["logins"]))) > size.logins // 4


def test_same_seed_draws_the_same_questions() -> None:
    assert list(random_logins.rounds(7, 100)) == list(random_logins.rounds(7, 100))
    assert random_reviews.questions(7, 100) == random_reviews.questions(7, 100)
    assert list(texts(7, 100)) == list(texts(7, 100)) != list(texts(8, 100))
