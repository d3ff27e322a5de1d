"""A fleet in the terminal and as Markdown: the interesting first, in bounds, however large the
fleet.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len

from migrator.fleet.decide.patterns import report_of
from migrator.fleet.model.outcome import ClusterResult, FleetOutcome
from migrator.fleet.model.report import FleetReport
from migrator.fleet.render.attention import NOTHING, attention_of
from migrator.fleet.render.headline import fleet_figures, fleet_sentence, fleet_tone, troubles
from migrator.fleet.render.markdown import fleet_markdown
from migrator.fleet.render.names import without_name
from migrator.fleet.render.page import fleet_html
from migrator.fleet.render.status_text import fleet_status_text
from migrator.fleet.render.text import fleet_outcome_text
from tests.support.fleet_reports import done, hostile, large
from tests.support.fleet_values import result
from tests.support.plans import HOSTILE
from tests.support.taken_words import refused_words

LARGE = large()
GITHUB = 65_536  # characters of a pull request's text


def test_the_sentence_says_the_whole() -> None:
    assert fleet_sentence(LARGE) == (
        "60 of 1,000 clusters migrated. 5 of 100 accounts did not answer completely: what is in "
        "them is not known. "
        "120 clusters wait for a decision."
    )
    assert fleet_sentence(done()) == "12 of 12 clusters migrated. All 4 accounts answered."
    assert (fleet_tone(LARGE), fleet_tone(done())) == ("bad", "ok")


def test_what_cannot_be_read_is_never_fine() -> None:
    answered = replace(LARGE.inventory, answers=())
    quiet = [replace(row, last=None, facts=replace(row.facts, problem="")) for row in LARGE.rows]
    assert fleet_tone(replace(LARGE, inventory=answered, rows=tuple(quiet))) == "bad"
    assert (
        fleet_tone(replace(LARGE, inventory=answered, rows=tuple(quiet), stages={"blocked": 1}))
        == "warn"
    )
    dark = {"unreachable": 1, "retired": 999}
    figures = {each.label: each for each in fleet_figures(replace(LARGE, stages=dark))}
    assert (figures["Not read"].value, figures["Not read"].tone) == ("1", "bad")


def test_clusters_of_accounts_that_are_silent_now_are_counted_as_not_read() -> None:
    inventory, then = LARGE.inventory, "2026-11-23T06:00:00Z"
    kept = tuple(replace(each, not_read_since=then) for each in inventory.clusters)
    facts = [row.facts for row in LARGE.rows]
    report = report_of(replace(inventory, clusters=kept), facts, at="x")
    figure = {each.label: each for each in fleet_figures(report)}["Not read"]
    assert (figure.value, figure.tone) == ("1,000", "bad")
    assert f"since {then}" in figure.detail
    assert all(row.left.startswith(f"not read since {then}") for row in report.rows)


def test_without_a_cluster_silent_accounts_are_not_said_to_be_read() -> None:
    report = report_of(replace(LARGE.inventory, clusters=()), (), at="x")
    figure = {each.label: each for each in fleet_figures(report)}["Not read"]
    assert (figure.value, figure.tone) == ("0", "bad")
    assert "every cluster" not in figure.detail


def test_equal_reasons_are_told_once_with_everybody() -> None:
    found = {(each.what, each.why): each for each in troubles(LARGE)}
    unreachable = found[
        "plan: unreachable", "The API server of the cluster did not answer within 10 seconds."
    ]
    assert len(unreachable.who) == len(unreachable.clusters) == 10
    assert len([each for each in troubles(LARGE) if each.what == "account denied"]) == 1


def test_the_note_for_the_soc_says_over_what_its_numbers_are() -> None:
    small = fleet_markdown(done()).partition("## Note for the SOC")[2]
    assert "over 12 clusters with a plan, in 4 accounts" in small
    assert "in these accounts are named migrate-fleet" in small
    assert "| rehearse |" in small
    page = fleet_html(done())
    assert 'id="soc"' in page
    assert "over 12 clusters with a plan, in 4 accounts" in page


def _refused(arn: str, gate: str) -> ClusterResult:
    account = arn.split(":")[4]
    return result(
        arn,
        "cutover",
        "refused",
        4,
        code="gates-closed",
        message="The cut-over is refused.",
        why=f"Closed gates: {gate} of arn:aws:iam::{account}:role/x.",
    )


def test_gates_are_grouped_by_what_is_closed_and_not_by_the_headline() -> None:
    """Which gate is closed is in the reason: of two clusters with one headline it was shown of
    the first alone.
    """
    rows = [
        replace(row, last=_refused(row.cluster.arn, gate))
        for row, gate in zip(
            LARGE.rows[::60], ("5 (proofs: fail)", "5 (proofs: fail)", "8 (code)"), strict=False
        )
    ]
    assert len({row.cluster.account for row in rows}) > 1, "accounts make no difference"
    seen = [each for each in troubles(replace(LARGE, rows=tuple(rows))) if "cutover" in each.what]
    assert [len(each.clusters) for each in seen] == [2, 1]
    assert "5 (proofs: fail)" in seen[0].why
    assert "8 (code)" in seen[1].why
    ended = tuple(row.last for row in rows if row.last is not None)
    outcome = FleetOutcome("test", "cutover", "r", LARGE.inventory, ended, 8)
    text = " ".join(fleet_outcome_text(outcome).split())
    assert "refused: The cut-over is refused. (2 clusters)" in text
    assert "refused: The cut-over is refused. (1 cluster)" in text
    assert text.count("5 (proofs: fail)") == text.count("8 (code)") == 1


@pytest.mark.parametrize(
    "report", [LARGE, done(), hostile(*HOSTILE)], ids=["large", "done", "hostile"]
)
def test_the_terminal_keeps_to_a_hundred_columns_and_two_screens(report: object) -> None:
    lines = fleet_status_text(report).splitlines()  # type: ignore[arg-type]
    assert max(map(cell_len, lines)) <= 100
    assert len(lines) <= 140
    assert all(line.isprintable() for line in lines)


def test_the_terminal_tells_the_whole_first_then_trouble_questions_and_accounts() -> None:
    text = fleet_status_text(LARGE)
    marks = [
        "60 of 1,000",
        "blocked      120",
        "account denied (3)",
        "observability-vendor",
        "Accounts: 0 done, 100 not",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "and 80 more accounts" in text


def test_a_fleet_that_is_done_says_so_and_lists_nobody() -> None:
    text = fleet_status_text(done())
    assert "Accounts: 4 done, 0 not" in text
    assert "ACCOUNT " not in text


@pytest.mark.parametrize(
    "report", [LARGE, done(), hostile(*HOSTILE)], ids=["large", "done", "hostile"]
)
def test_markdown_fits_a_pull_request(report: object) -> None:
    text = fleet_markdown(report)  # type: ignore[arg-type]
    assert len(text) < GITHUB
    assert all(char == "\n" or char.isprintable() for char in text)
    assert all(len(table.splitlines()) <= 24 for table in re.findall(r"(?:^\|.*\n)+", text, re.M))


def test_markdown_that_would_be_too_long_ends_and_says_so() -> None:
    text = fleet_markdown(hostile(*(f"{'x' * 290}{number}" for number in range(400))))
    assert len(text) < GITHUB
    assert text.endswith("has all.\n")


def test_markdown_has_the_groups_and_not_every_cluster() -> None:
    text = fleet_markdown(LARGE)
    for heading in (
        "# Fleet platform: 60 of 1,000 clusters migrated",
        "## Clusters by stage",
        "## Needs attention",
        "## Open questions",
        "## Clusters with the same findings",
        "## What is left: 0 accounts are done, 100 are not",
        "## Administrators after the migration",
        "## Runs, the latest first",
    ):
        assert heading in text
    named = sum(row.cluster.name in text for row in LARGE.rows)
    assert 0 < named < 200
    assert "80 more are in the JSON form" in text


def test_an_answer_in_markdown_cannot_end_its_block() -> None:
    text = fleet_markdown(hostile("````x"))
    block = re.search(r"(`{3,})yaml\n(.*?)\n\1\n", text, re.S)
    assert block is not None
    assert block.group(1) not in block.group(2)


@pytest.mark.parametrize("make", [large, done], ids=["large", "done"])
def test_every_thing_to_look_at_has_its_commands_in_every_form(
    make: Callable[[], FleetReport],
) -> None:
    report = make()
    items = attention_of(report)
    text, page = fleet_markdown(report), fleet_html(report)
    section = text.partition("## Needs attention\n")[2].partition("\n## ")[0]
    commands = [command for each in items for command in each.commands]
    shown = [command for each in items[:20] for command in each.commands[:20]]
    assert section.count("\n  - `migrate ") == len(shown)
    assert page.count('<p class="command"><code>migrate ') == len(commands)
    assert (NOTHING in section, NOTHING in page) == (not items, not items)
    for command in commands:
        assert refused_words(command) == []


def test_clusters_at_the_same_point_are_named_once_with_the_command_for_all() -> None:
    report = large()
    waiting = [each for each in attention_of(report) if each.trouble.what == "next"]
    assert len({(each.trouble.why, each.commands) for each in waiting}) == len(waiting)
    assert all("--cluster" not in command for each in waiting for command in each.commands)
    told = {arn for each in attention_of(report) for arn in each.trouble.clusters}
    assert {row.cluster.arn for row in report.rows if row.is_open and row.command} <= told


@pytest.mark.parametrize("make", [large, done], ids=["large", "done"])
def test_commands_of_an_item_are_for_all_its_clusters_or_one_for_each(
    make: Callable[[], FleetReport],
) -> None:
    for each in attention_of(make()):
        named = [arn for arn in each.trouble.clusters if any(arn in c for c in each.commands)]
        assert named in ([], [*each.trouble.clusters])


def test_blocked_clusters_get_the_lines_that_write_the_questions_of_each() -> None:
    blocked = {row.cluster.arn: row.cluster for row in LARGE.rows if row.stage == "blocked"}
    (item,) = (each for each in attention_of(LARGE) if "--write-decisions" in each.commands[0])
    assert set(item.trouble.clusters) == blocked.keys()
    for arn, command in zip(item.trouble.clusters, item.commands, strict=True):
        way = f"--write-decisions decisions.yaml --region {blocked[arn].region}"
        assert command.startswith(f"migrate plan {arn} {way}")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("IAM does not allow x (cluster c1 in eu-west-1)", "x (the cluster in eu-west-1)"),
        ("Of the cluster c1.", "Of the cluster."),
        ("The API server of c1 says no", "The API server of the cluster says no"),
        ("cluster c1-test stays", "cluster c1-test stays"),
        ("role/c1 stays", "role/c1 stays"),
        ("see arn:aws:eks:eu-west-1:111122223333:cluster/c1", "see the cluster"),
    ],
)
def test_text_without_the_name_of_its_cluster_reads_as_a_sentence(text: str, plain: str) -> None:
    found = without_name(text, "arn:aws:eks:eu-west-1:111122223333:cluster/c1")
    assert found.endswith(plain)
    assert "cluster the cluster" not in found
