"""Questions, progress and data: a question needs a terminal, talk stays on stderr, data on
stdout.
"""

import io
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from migrator.app.settings import Settings
from migrator.cli import terminal
from migrator.cli.streams import erase_status
from migrator.cli.terminal import Output, TerminalApprover, TerminalEvents, use_color, width_of
from migrator.errors import Refused, WrongUse
from migrator.model.files.yaml_text import yaml_text


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def approver(
    answer: str | None, *, yes: bool = False, typed: str | None = None
) -> TerminalApprover:
    """One at a terminal with a prepared answer; None is no terminal."""
    stdin = io.StringIO() if answer is None else Terminal(answer)
    return TerminalApprover(stdin, io.StringIO(), yes=yes, typed=typed)


@pytest.mark.parametrize("answer", ["y\n", "YES\n", " yes \n"])
def test_yes_confirms(answer: str) -> None:
    asked = approver(answer)
    asked.confirm("Enable access entries?")
    assert asked.stderr.getvalue() == "Enable access entries? [y/N] "  # type: ignore[attr-defined]


@pytest.mark.parametrize("answer", ["n\n", "\n", "yesterday\n", "prod\n"])
def test_anything_else_refuses(answer: str) -> None:
    with pytest.raises(Refused) as caught:
        approver(answer).confirm("Enable?")
    assert (caught.value.code, caught.value.exit_code) == ("not-confirmed", 4)


def test_a_question_without_a_terminal_is_refused_with_4() -> None:
    with pytest.raises(Refused) as caught:
        approver(None).confirm("Enable?")
    assert (caught.value.code, caught.value.exit_code) == ("no-terminal", 4)
    assert "--yes" in caught.value.remedy


def test_the_end_of_input_is_no_answer() -> None:
    with pytest.raises(Refused, match="Nothing was done") as caught:
        approver("").confirm("Enable?")
    assert caught.value.code == "no-answer"


def test_yes_on_the_command_line_answers_a_question() -> None:
    approver(None, yes=True).confirm("Enable?")


def test_yes_never_answers_a_name() -> None:
    with pytest.raises(Refused) as caught:
        approver(None, yes=True).type_again("Name of the cluster", "prod")
    assert caught.value.code == "no-terminal"
    with pytest.raises(Refused) as caught:
        approver("yes\n", yes=True).type_again("Name of the cluster", "prod")
    assert caught.value.code == "name-mismatch"


def test_the_name_typed_again_passes() -> None:
    approver("prod\n").type_again("Name of the cluster", "prod")
    approver(None, typed="prod").type_again("Name of the cluster", "prod")


@pytest.mark.parametrize("typed", ["Prod", "prod2", "", "pro"])
def test_another_name_is_refused(typed: str) -> None:
    with pytest.raises(Refused) as caught:
        approver(None, typed=typed).type_again("Name of the cluster", "prod")
    assert caught.value.code == "name-mismatch"


def test_progress_is_a_bar_on_a_terminal_and_few_lines_elsewhere() -> None:
    bar, lines = Terminal(), io.StringIO()
    for stream in (bar, lines):
        events = TerminalEvents(stream)
        for done in range(1, 101):
            events.progress("proofs", done, 100)
        events.say("info", "end")
    assert bar.getvalue().count("\r") == 100
    assert bar.getvalue().endswith("100/100\nend\n")
    assert lines.getvalue() == "proofs 25/100\nproofs 50/100\nproofs 75/100\nproofs 100/100\nend\n"


def test_what_was_just_said_is_not_said_again() -> None:
    stream = io.StringIO()
    events = TerminalEvents(stream)
    for message in ("waiting", "waiting", "done", "waiting"):
        events.say("info", message)
    assert stream.getvalue() == "waiting\ndone\nwaiting\n"


def test_quiet_leaves_warnings() -> None:
    stream = io.StringIO()
    events = TerminalEvents(stream, quiet=True)
    events.say("info", "a")
    events.progress("b", 1, 1)
    events.say("warn", "c")
    assert stream.getvalue() == "! c\n"


@given(st.text())
def test_talk_is_one_line_of_plain_characters(text: str) -> None:
    stream = io.StringIO()
    TerminalEvents(stream).say("step", text)
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue()[:-1].isprintable()


@pytest.mark.parametrize(
    ("settings", "environment", "wanted"),
    [
        (Settings(), {}, True),
        (Settings(no_color=True), {}, False),
        (Settings(), {"NO_COLOR": "anything"}, False),
        (Settings(), {"NO_COLOR": ""}, True),
        (Settings(), {"TERM": "dumb"}, False),
    ],
)
def test_colors_on_a_terminal_unless_told_otherwise(
    settings: Settings, environment: dict[str, str], wanted: bool
) -> None:
    assert use_color(settings, Terminal(), environment) is wanted
    assert use_color(settings, io.StringIO(), environment) is False


@pytest.mark.parametrize(
    ("settings", "environment", "wanted"),
    [
        (Settings(), {"FORCE_COLOR": "1"}, True),
        (Settings(), {"FORCE_COLOR": ""}, False),
        (Settings(), {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        (Settings(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (Settings(no_color=True), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colors_are_forced_without_a_terminal(
    settings: Settings, environment: dict[str, str], wanted: bool
) -> None:
    assert use_color(settings, io.StringIO(), environment) is wanted


@pytest.mark.parametrize(
    ("columns", "width"),
    [
        (None, 100),
        ("", 100),
        ("80", 80),
        ("60", 60),
        ("160", 160),
        ("500", 160),
        ("3", 40),
        ("0", 100),
        ("-80", 100),
        ("wide", 100),
        ("²", 100),
        ("9" * 5000, 160),
    ],
)
def test_tables_are_as_wide_as_columns_says(columns: str | None, width: int) -> None:
    environment = {} if columns is None else {"COLUMNS": columns}
    assert width_of(io.StringIO(), environment) == width


def shown(output: str) -> str:
    stdout = io.StringIO()
    out = Output(Settings(output=output), stdout, {})
    out.show(document=lambda: {"b": [1, "y"], "a": "\u202e"}, table=lambda: "table")
    return stdout.getvalue()


def test_the_format_decides_what_is_on_stdout() -> None:
    assert shown("table") == "table\n"
    assert json.loads(shown("json")) == {"a": "\u202e", "b": [1, "y"]}
    assert YAML(typ="safe").load(shown("yaml")) == {"a": "\u202e", "b": [1, "y"]}
    assert "\u202e" not in shown("json") + shown("yaml")


def test_a_format_that_a_command_has_not_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="no Markdown"):
        shown("markdown")


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "yes", "on", "null", "Name", "x y", "é", ""]), _json))
def test_yaml_reads_back_the_same_document(document: dict[str, object]) -> None:
    text = yaml_text(document)
    assert all(char == "\n" or char.isprintable() for char in text)
    assert YAML(typ="safe").load(text) == document


def test_elsewhere_a_slow_stage_is_said_while_it_is_done_and_a_fast_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(terminal, "_SLOW", 0.05)
    events = TerminalEvents(io.StringIO())
    events.doing("reading what is fast")
    events.doing("reading what is slow")
    time.sleep(0.3)
    assert events.stream.getvalue() == "reading what is slow\n"  # type: ignore[attr-defined]


def test_a_stage_that_has_ended_is_not_said_after_the_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(terminal, "_SLOW", 0.05)
    events = TerminalEvents(io.StringIO())
    events.doing("reading the first")
    events.say("done", "read")
    events.doing("reading the second")
    erase_status()
    time.sleep(0.3)
    assert events.stream.getvalue() == "+ read\n"  # type: ignore[attr-defined]
