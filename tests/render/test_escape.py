"""Each escape function, against a reader of its target: nothing is lost and nothing is more than
text.
"""

import base64
import html.parser
import json
import re
import shlex
import shutil
import subprocess
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from migrator.model.files import yaml_text
from migrator.render import escape
from tests.support.plans import HOSTILE, hostile_text

no_surrogates = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(hostile_text | st.text())
def test_terminal_text_is_one_line_of_characters_that_show_themselves(text: str) -> None:
    shown = escape.terminal(text)
    assert shown.isprintable()
    assert not any(
        unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Mn", "Me") for char in shown
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain-name", "plain-name"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("user\u202egnp", "user\\u202egnp"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("no\u00a0break", "no\\xa0break"),
        ("e\u0301", "e\\u0301"),
        ("\u3164", "\\u3164"),
        ("\U000e0041", "\\U000e0041"),
        ("Zoë 漢字", "Zoë 漢字"),
        ("a ##vso[task.setvariable variable=x]y", "a #\\x23vso[task.setvariable variable=x]y"),
        ("##[add-mask]x", "#\\x23[add-mask]x"),
        ("##TeamCity[x]", "#\\x23TeamCity[x]"),
        ("::error file=a::x", ":\\x3aerror file=a::x"),
        ("x::Set-Output name=a::b", "x:\\x3aSet-Output name=a::b"),
        ("::endgroup::", ":\\x3aendgroup::"),
        (
            "arn:aws:eks::aws:cluster-access-policy/x ## 1",
            "arn:aws:eks::aws:cluster-access-policy/x ## 1",
        ),
    ],
)
def test_terminal_shows_what_cannot_be_seen(text: str, shown: str) -> None:
    assert escape.terminal(text) == shown


def _commands_of_a_log(lines: Iterable[str]) -> list[str]:
    """Lines in which a pipeline finds a command: Azure and GitHub ``##`` anywhere, GitHub ``::``
    first in a line.
    """
    anywhere = re.compile(r"##(vso|teamcity)?\[", re.IGNORECASE)
    return [
        line
        for line in lines
        if anywhere.search(line) or re.match(r"\s*::[a-z-]+(\s|::)", line, re.IGNORECASE)
    ]


_LOG_COMMANDS = st.lists(
    st.sampled_from(["::", ":", "error", "set-output", " ", "name=x", "#", "##", "vso[", "[", "x"]),
    max_size=8,
).map("".join)


@given(hostile_text | _LOG_COMMANDS, st.integers(1, 30))
def test_no_line_of_folded_text_is_a_command_for_a_pipeline(text: str, width: int) -> None:
    shown = escape.terminal(text)
    assert not re.search(r"##(vso|teamcity)?\[", shown, re.IGNORECASE)
    # A table folds a cell anywhere, so that each part of the text can be the start of a line.
    known = ("::error ", "::error::", "::set-output ", "::set-output::")
    folded = [shown[start : start + width] for start in range(len(shown))]
    assert not [line for line in folded if line.lstrip().startswith(known)]


@given(hostile_text | _LOG_COMMANDS)
def test_yaml_and_json_in_a_log_read_the_same_and_are_no_command(text: str) -> None:
    document = {"key": [text, {text: text}]}
    written = yaml_text.yaml_text(document)
    assert YAML(typ="safe").load(written) == document
    in_json = escape.json_for_log(json.dumps(document, indent=2))
    assert json.loads(in_json) == document
    assert not _commands_of_a_log([*written.split("\n"), *in_json.split("\n")])


@given(hostile_text)
def test_markdown_prose_holds_no_markup(text: str) -> None:
    written = escape.markdown(text)
    assert "<" not in written
    assert "\n" not in written
    for index, char in enumerate(written):
        if char in "`*_[]|~$":
            assert written[index - 1] == "\\"
    assert "://" not in written.replace("\\://", "")
    assert "www." not in written.lower()


def test_markdown_mentions_nobody_and_no_issue() -> None:
    assert escape.markdown("@octocat sees #12") == "@&#8203;octocat sees #&#8203;12"
    assert escape.markdown("GH-12 gh-3 !4 HIGH-5") == "GH&#8203;-12 gh&#8203;-3 !&#8203;4 HIGH-5"


def test_markdown_leaves_an_address_of_mail_alone() -> None:
    assert escape.markdown("anna@corp") == "anna@corp"


@given(hostile_text)
def test_markdown_code_span_cannot_be_left(text: str) -> None:
    written = escape.markdown_code(text)
    shown = escape.terminal(text)
    if not shown:
        assert written == "*(empty)*"
        return
    fence = written[: len(written) - len(written.lstrip("`"))]
    inner = written[len(fence) : len(written) - len(fence)]
    assert written.endswith(fence)
    assert "`" * len(fence) not in inner
    if shown.strip(" "):
        stripped = inner[1:-1] if inner.startswith(" ") and inner.endswith(" ") else inner
        assert stripped == shown


def test_a_bar_does_not_end_a_markdown_cell() -> None:
    assert escape.markdown_code("a|b", cell=True) == "`a\\|b`"


class _Texts(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))


@given(hostile_text)
def test_html_stays_text_in_content_and_attributes(text: str) -> None:
    parser = _Texts()
    parser.feed(f'<p title="{escape.html(text)}">{escape.html(text)}</p>')
    parser.close()
    assert parser.tags == [("p", [("title", escape.terminal(text))])]
    assert "".join(parser.texts) == escape.terminal(text)


@given(no_surrogates | hostile_text)
def test_yaml_reads_back_the_same_string(text: str) -> None:
    assert YAML(typ="safe").load(f"key: {yaml_text.quoted(text)}\n") == {"key": text}


@given(hostile_text)
def test_yaml_and_hcl_stay_on_one_line(text: str) -> None:
    for written in (yaml_text.quoted(text), escape.hcl(text), escape.comment(text)):
        assert len(written.splitlines()) <= 1


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_shell_word_is_one_argument(text: str) -> None:
    assert shlex.split(escape.shell(text)) == [text]


def test_bash_reads_back_hostile_words() -> None:
    words = [*HOSTILE, "$(id)", "`id`", "-n", "!!", "~", "*"]
    script = "printf '%s\\0' " + " ".join(escape.shell(word) for word in words)
    bash = shutil.which("bash")
    assert bash is not None
    out = subprocess.run([bash, "-c", script], capture_output=True, check=True).stdout
    assert out.decode().split("\0")[:-1] == words


def test_shell_refuses_a_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        escape.shell("a\0b")


def test_terraform_reads_back_hostile_strings(tmp_path: Path) -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not on this machine: the HCL strings are not read back by it")
    dollars = [f"{'$' * n}{'{' * m}a}}" for n in range(5) for m in range(3)]
    percents = [text.replace("$", "%") for text in dollars]
    control = [chr(number) for number in range(1, 160)]
    texts = [*HOSTILE, *dollars, *percents, *control, "$%{", "%${", "\\${a}"]
    texts = [text for text in texts if escape.survives_hcl(text)]
    body = "".join(f"    {escape.hcl(text)},\n" for text in texts)
    (tmp_path / "main.tf").write_text(f"locals {{\n  texts = [\n{body}  ]\n}}\n", encoding="utf-8")
    run = subprocess.run(
        [terraform, "console"],
        cwd=tmp_path,
        input=b"base64encode(jsonencode(local.texts))",
        capture_output=True,
        check=True,
    )
    assert json.loads(base64.b64decode(run.stdout.strip().strip(b'"'))) == texts


def test_text_that_terraform_would_change_is_known() -> None:
    assert escape.survives_hcl("é")
    assert not escape.survives_hcl("e\u0301")
