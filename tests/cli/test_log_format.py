"""``--log-format json``: whatever a command says on stderr is one JSON object a line, and what is
done is said before the first request.
"""

import ast
import io
import json
import socket
import sys
import threading
from functools import cache
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from migrator.cli.log_lines import THIS, json_line
from migrator.cli.main import run
from migrator.cli.terminal import TerminalEvents
from migrator.model.files.log_line import log_line_schema
from migrator.model.log_events import LOG_EVENTS
from tests.support.all_commands import all_commands
from tests.support.golden import assert_golden

ROOT = Path(__file__).parents[2]
LINES = Draft202012Validator(log_line_schema())
# Printed by kubectl's plugin protocol, or by programs on this machine alone.
_LOCAL = {"completion", "help", "version", "lab", "show", "explain", "timer", "token"}
_FROM_STATE = {"fleet status", "fleet report"}  # here the state is a folder
_MORE = {
    "snapshot": "--out x.json",
    "generate": "--out x",
    "rehearse": "--image x",
    "fleet rehearse": "--image x",
    "rollback": "--leftovers --yes",
    "cutover": "--confirm prod",
    "report": "--markdown x.md",
    "fleet report": "--markdown x.md",
    "fleet apply": "--yes",
}
_FLEET = """\
format: migrator/fleet/v1
name: one
accounts: [{account_id: "111122223333", regions: [eu-central-1]}]
"""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def lines_of(text: str) -> list[dict[str, object]]:
    """The lines, each an object of the published schema."""
    found = [json.loads(line) for line in text.splitlines()]
    for each in found:
        LINES.validate(each)
    return found


@cache
def _calls() -> tuple[tuple[str, ast.Call], ...]:
    return tuple(
        (f"{path.name}:{node.lineno}", node)
        for path in sorted((ROOT / "migrator").rglob("*.py"))
        if "event=" in (text := path.read_text(encoding="utf-8")) or ".say(" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
    )


def _event_of(call: ast.Call) -> str | None:
    for each in call.keywords:
        if each.arg == "event" and isinstance(each.value, ast.Constant):
            return str(each.value.value)
    return None


def test_everything_that_is_said_has_a_code_of_the_table() -> None:
    said: dict[str, str | None] = {}
    for place, call in _calls():
        # What passes lines on has the code in what it passes.
        passes_on = any(each.arg is None for each in call.keywords)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "say" and not passes_on:
            said[place] = _event_of(call)
    assert len(said) > 60
    assert {place: code for place, code in said.items() if code not in LOG_EVENTS} == {}


def test_every_code_of_the_table_is_said() -> None:
    said = {_event_of(call) for _, call in _calls()}
    # `log` is the code of lines of `-v`, which name none.
    assert set(LOG_EVENTS) - said == {"log"}


@pytest.mark.parametrize("words", [" ".join(path) for path, _ in all_commands()])
def test_a_wrong_call_of_any_command_is_one_line(words: str) -> None:
    stderr = io.StringIO()
    code = run([*words.split(), "--no-such-option", "--log-format", "json"], stderr=stderr)
    (line,) = lines_of(stderr.getvalue())
    assert (line["event"], line["level"], line["code"]) == ("error", "error", "usage")
    assert line["exitCode"] == code == 64


def test_a_group_without_a_command_is_one_line() -> None:
    stderr = io.StringIO()
    assert run(["fleet", "--log-format=json"], stderr=stderr) == 64
    assert lines_of(stderr.getvalue())[0]["code"] == "usage"


@pytest.mark.parametrize("way", ["option", "variable", "file"])
def test_format_is_named_as_every_option(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["plan", "prod", "--snapshot", "none.json"]
    if way == "option":
        arguments += ["--log-format", "json"]
    if way == "variable":
        monkeypatch.setenv("MIGRATE_LOG_FORMAT", "json")
    if way == "file":
        Path("migrate.yaml").write_text("log-format: json\n", encoding="utf-8")
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    assert run(arguments, stderr=stderr) == 64
    *_, error = lines_of(stderr.getvalue())
    assert (error["command"], error["cluster"], error["code"]) == ("plan", "prod", "usage")


@given(st.text(), st.text())
def test_a_line_stays_one_line_whatever_is_in_it(message: str, principal: str) -> None:
    stream = io.StringIO()
    events = TerminalEvents(stream, as_json=True)
    events.say("warn", message, event="not-read", principal=principal)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text[:-1].isascii()
    assert text[:-1].isprintable()
    assert "##" not in text
    assert json.loads(text)["message"] == message


def test_errors_name_the_run_that_was_spoken_of() -> None:
    THIS.begin([], {})
    json_line("info", "a", event="step", run="r1", step="s04")
    line = json.loads(json_line("error", "b", event="error"))
    assert (line["run"], line["step"]) == ("r1", None)


@pytest.mark.parametrize(
    ("settings", "arguments", "code"),
    [
        ("log-format: json\n", ["plam"], "usage"),
        ("log-format: json\n", ["plan", "--bogus"], "usage"),
        ("bogus: 1\n\"log-format\": 'json'  # for the collector\r\n", ["plan", "x"], None),
        ("log-format: json\nplan: [\n", ["plan", "x"], "settings-unreadable"),
    ],
)
def test_an_error_of_the_command_line_has_the_format_of_the_settings_file(
    settings: str,
    arguments: list[str],
    code: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("migrate.yaml").write_text(settings, encoding="utf-8", newline="")
    stderr = io.StringIO()
    assert run(arguments, stderr=stderr) == 64
    *_, last = lines_of(stderr.getvalue())
    assert code in (None, last["code"])
    as_text = io.StringIO()
    run(["--log-format", "text", *arguments], stderr=as_text)
    assert as_text.getvalue().startswith("error: ")


@pytest.mark.parametrize(
    "settings", ["log-format: text\n", "# log-format: json\n", "plan:\n  log-format: json\n", ""]
)
def test_a_settings_file_that_does_not_ask_for_json_gives_text(
    settings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("migrate.yaml").write_text(settings, encoding="utf-8")
    stderr = io.StringIO()
    assert run(["plam"], stderr=stderr) == 64
    assert stderr.getvalue().startswith("error: ")


def test_quiet_leaves_warnings_as_lines() -> None:
    stream = io.StringIO()
    events = TerminalEvents(stream, as_json=True, quiet=True)
    events.say("info", "a", event="step")
    events.doing("b")
    events.progress("c", 1, 1)
    events.say("warn", "d", event="not-read")
    assert [line["message"] for line in lines_of(stream.getvalue())] == ["d"]


def test_progress_is_a_line_a_quarter_with_its_numbers() -> None:
    stream = io.StringIO()
    events = TerminalEvents(stream, as_json=True)
    for done in range(1, 101):
        events.progress("proofs", done, 100)
    assert [line["done"] for line in lines_of(stream.getvalue())] == [25, 50, 75, 100]


class _Silent:
    """An AWS endpoint that answers nothing, and what was on stderr at its first request."""

    def __init__(self, stderr: io.StringIO) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.seen: list[str] = []
        self._stderr = stderr
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.seen.append(self._stderr.getvalue())
            client.close()

    def close(self) -> None:
        self._socket.close()


@pytest.mark.parametrize(
    ("words", "command"),
    [(" ".join(path), command) for path, command in all_commands() if path[0] not in _LOCAL],
)
def test_what_is_done_is_said_before_the_first_request(
    words: str, command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = Terminal()
    server = _Silent(stderr)
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "AWS_ENDPOINT_URL": server.address,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_REGION": "eu-central-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "none",
        "AWS_SHARED_CREDENTIALS_FILE": "none",
        "TERM": "xterm",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", stderr)
    of = "prod"
    if words.startswith("fleet"):
        of = "fleet.yaml"
        Path(of).write_text(_FLEET, encoding="utf-8")
    elif "plan_file" in {each.name for each in command.params}:
        of = str(ROOT / "examples" / "forty-two-roles" / "plan.json")
    kind = ["terraform"] if words == "generate" else []
    try:
        assert run([*words.split(), *kind, of, *_MORE.get(words, "").split()], stderr=stderr) != 0
    finally:
        server.close()
    assert bool(server.seen) == (words not in _FROM_STATE)
    assert f"{words} begins" in [*server.seen, stderr.getvalue()][0]
    # What was said is away again: only what stays is left on the screen.
    assert "…" not in stderr.getvalue().rpartition("\r\x1b[K")[2]


def test_page_of_the_log_has_every_code() -> None:
    rows = [f"| `{code}` | {meaning} |" for code, meaning in LOG_EVENTS.items()]
    page = ROOT / "playbooks" / "reference" / "log-lines.md"
    head, table, _ = page.read_text(encoding="utf-8").partition("| event | meaning |\n|---|---|\n")
    assert_golden(page, (head + table + "".join(f"{row}\n" for row in rows)).encode())
