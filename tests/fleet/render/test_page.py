"""The dashboard of a fleet as a document: complete without scripts, and hostile text stays text."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from migrator.errors import Failed
from migrator.fleet.decide.select import selects
from migrator.fleet.decide.stages import STAGES
from migrator.fleet.model.files.decisions import decode_fleet_decisions
from migrator.fleet.model.fleet import Selector
from migrator.fleet.model.outcome import STATUSES
from migrator.fleet.model.report import OpenQuestion
from migrator.fleet.render.data import TONES, Groups, command_line, fleet_data
from migrator.fleet.render.page import STAGE_MEANS, fleet_html, segments
from migrator.fleet.render.snippet import asked, snippet
from migrator.model.decision import Stub
from migrator.render.escape import terminal
from tests.render.test_report import Reader
from tests.support.fleet_reports import done, hostile, large
from tests.support.plans import HOSTILE, hostile_text

SMALL = large(20, 60)


def data_of(text: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found is not None
    document = json.loads(found.group(1))
    assert isinstance(document, dict)
    return document


@given(hostile_text.filter(lambda text: text.strip() and "`" not in text and "\0" not in text))
@settings(max_examples=40, deadline=None)
def test_whatever_a_name_is_the_document_has_the_same_elements(text: str) -> None:
    wild = fleet_html(hostile(text))
    assert Reader(wild).structure == Reader(fleet_html(hostile("x"))).structure
    assert terminal(text) in Reader(wild).texts


@pytest.mark.parametrize(
    "report", [SMALL, done(), hostile(*HOSTILE)], ids=["large", "done", "hostile"]
)
def test_the_data_cannot_end_its_element_and_says_the_same(report: object) -> None:
    text = fleet_html(report)  # type: ignore[arg-type]
    found = re.search(r'id="data">(.*?)</script>', text, re.S)
    assert found is not None
    assert not set("<>&\u2028\u2029") & set(found.group(1))
    assert found.group(1).isascii()
    document = data_of(text)
    assert len(document["clusters"]) == len(report.rows)  # type: ignore[arg-type, attr-defined]


def test_markup_in_every_value_is_only_ever_text() -> None:
    evil = "</script><script>window.ran = 1</script>"
    text = fleet_html(hostile(evil))
    assert evil not in text
    assert text.count("</script>") == 2
    assert data_of(text)["clusters"][0]["name"] == evil  # type: ignore[index]


def test_the_policy_names_exactly_what_is_inline() -> None:
    text = fleet_html(SMALL)
    policy = next(value for value in Reader(text).values if value.startswith("default-src"))
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    styles = re.findall(r"<style>(.*?)</style>", text, re.S)
    for (inline,), directive in ((scripts, "script-src"), (styles, "style-src")):
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert parts[directive] == f"'sha256-{digest}'"
    assert parts["default-src"] == "'none'"
    assert "url(" not in styles[0]
    assert not any(
        name.startswith("on") or name == "style"
        for _, names in Reader(text).structure
        for name in names
    )


def test_the_same_report_gives_the_same_bytes() -> None:
    assert fleet_html(large(5, 10)) == fleet_html(large(5, 10))


def test_without_scripts_every_cluster_is_a_row_of_a_plain_table() -> None:
    found = re.search(r"<noscript>(.*?)</noscript>", fleet_html(SMALL), re.S)
    assert found is not None
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>", found.group(1))
    assert rows == [row.cluster.name for row in SMALL.rows]


def test_every_stage_status_and_severity_has_a_tone_and_a_meaning() -> None:
    assert set(TONES) >= {*STAGES, *STATUSES, "block", "warn", "info"}
    assert set(STAGE_MEANS) == set(STAGES)


@given(st.dictionaries(st.sampled_from(STAGES), st.integers(1, 5000), min_size=1))
def test_a_bar_is_as_long_as_all_its_stages(stages: dict[str, int]) -> None:
    bar = segments(stages)
    assert [each.count for each in bar] == list(stages.values())
    assert abs(sum(each.width for each in bar) - 100) < 0.05
    assert all(abs(a.start + a.width - b.start) < 0.01 for a, b in pairwise(bar))


def test_a_group_holds_exactly_its_clusters_and_the_same_group_is_kept_once() -> None:
    groups = Groups(["a", "b", "c"])
    assert groups.of("x", ["c", "a"]) == groups.of("x", ["a", "c"]) == "g1"
    assert groups.of("elsewhere", ["z"]) == ""
    assert groups.document() == {"g1": {"name": "x", "clusters": [0, 2]}}


def test_a_finding_is_kept_once_and_every_row_finds_its_own() -> None:
    document = fleet_data(SMALL, Groups([row.cluster.arn for row in SMALL.rows]))
    assert len(document["findings"]) == len({tuple(each) for each in document["findings"]})
    for row, made in zip(SMALL.rows, document["clusters"], strict=True):
        told = sorted(document["findings"][place][4] for place in made["findings"])
        assert told == sorted(each.message for each in row.facts.findings)


def test_every_question_has_an_answer_that_the_fleet_reads_and_that_means_its_clusters() -> None:
    clusters = [row.cluster for row in SMALL.rows]
    assert len(SMALL.questions) > 1
    for question in SMALL.questions:
        text = "\n".join(snippet([question]))
        if "<your name>" in text:
            with pytest.raises(Failed):  # what only a person knows is not there yet
                decode_fleet_decisions(YAML(typ="safe").load(text))
        for open_one, said in (("<your name>", "ana"), ("<why>", "reviewed"), ("<path>", "team")):
            text = text.replace(open_one, said)
        answers = decode_fleet_decisions(YAML(typ="safe").load(text))
        (selected,) = answers.selected
        meant = {each.arn for each in clusters if selects(selected.where, each)}
        assert set(question.clusters) <= meant
        assert question.principal_arn in selected.answers.principals


def test_roles_of_one_name_in_many_accounts_are_asked_once_with_an_answer_for_each() -> None:
    arns = [f"arn:aws:iam::{account}:role/ci/runner" for account in ("1" * 12, "2" * 12, "3" * 12)]
    wheres = (None, None, Selector(accounts=("3" * 12,)))
    questions = [
        OpenQuestion(
            arn,
            ("role-unverified",),
            (f"cluster {arn}",),
            (Stub("principals", arn, {"action": "create"}),),
            where,
        )
        for arn, where in zip(arns, wheres, strict=True)
    ]
    other = OpenQuestion(arns[0], ("service-linked-role",), ("x",))
    found = asked([other, *questions])
    assert [(each.name, len(each.questions), len(each.clusters)) for each in found] == [
        ("role/ci/runner", 3, 3),
        ("111111111111:role/ci/runner", 1, 1),
    ]
    document = YAML(typ="safe").load("\n".join(snippet(questions)))
    assert document["principals"] == {arn: {"action": "create"} for arn in arns[:2]}
    (third,) = document["where"]
    assert third == {
        "principals": {arns[2]: {"action": "create"}},
        "clusters": {"accounts": ["3" * 12]},
    }


def test_every_question_is_asked_in_exactly_one_place() -> None:
    questions = large().questions
    found = [question for each in asked(questions) for question in each.questions]
    assert sorted(found, key=repr) == sorted(questions, key=repr)
    assert [(each.principals, len(each.clusters)) for each in asked(questions)] == [
        (1, 120),
        (10, 13),
    ]


@given(hostile_text, hostile_text, st.booleans())
@settings(max_examples=50)
def test_an_answer_survives_whatever_a_principal_or_a_tag_is_called(
    arn: str, tag: str, everywhere: bool
) -> None:
    if not arn or any("\ud800" <= char <= "\udfff" for char in arn + tag):
        return
    stubs = (
        Stub("principals", arn, {"action": "skip", "reason": tag or "x"}),
        Stub("accept_loss", arn, {"by": "a", "reason": "b"}),
    )
    where = None if everywhere else Selector(tags={"team": tag}, regions=("eu-west-1",))
    lines = snippet([OpenQuestion(arn, (tag,), ("c",), stubs, where)])
    assert all("\n" not in line for line in lines)
    document = YAML(typ="safe", pure=True).load("\n".join(lines))
    if not everywhere:
        (document,) = document["where"]
        assert document["clusters"]["tags"] == {"team": tag}
    assert document["principals"] == {arn: {"action": "skip", "reason": tag or "x"}}
    assert document["accept_loss"] == {arn: {"by": "a", "reason": "b"}}


def test_of_two_answers_that_exclude_each_other_the_second_is_a_comment() -> None:
    stubs = (
        Stub("expand_accounts", "111122223333", ["arn:aws:iam::111122223333:role/<name>"]),
        Stub("accounts", "111122223333", {"action": "skip", "reason": "<why>"}, (), (2,)),
    )
    lines = snippet([OpenQuestion(None, ("map-accounts",), ("c",), stubs)])
    assert YAML(typ="safe").load("\n".join(lines)) == {
        "expand_accounts": {"111122223333": ["arn:aws:iam::111122223333:role/<name>"]}
    }
    assert "# or instead:" in lines
    assert "# accounts:" in lines


def test_a_question_that_no_answer_lifts_has_none() -> None:
    assert snippet([OpenQuestion(None, ("node-os-mixed",), ("c",))]) == ()
    asking = replace(
        SMALL, questions=(OpenQuestion(None, ("node-os-mixed",), (SMALL.rows[0].cluster.arn,)),)
    )
    assert "No answer in <code>decisions.yaml</code> lifts this" in fleet_html(asking)


def test_a_command_is_words_for_a_shell() -> None:
    assert command_line(("migrate", "plan", "a b", "$(x)")) == "migrate plan 'a b' '$(x)'"
    assert command_line(("migrate", "a\0b")) == ""


def test_a_fleet_without_clusters_is_a_page_too() -> None:
    empty = replace(
        SMALL,
        rows=(),
        stages={},
        questions=(),
        same=(),
        findings=(),
        admins=(),
        accounts=(),
        runs=(),
    )
    assert "Nothing was run yet" in fleet_html(empty)
