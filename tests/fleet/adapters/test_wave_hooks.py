"""Hooks of a wave: the operator's own programs, without a shell, and every way in which they
forbid.
"""

import json
import sys
from pathlib import Path

import pytest

from migrator.fleet.adapters.wave_hooks import Hooks

FACTS = {
    "fleet": "test",
    "wave": "canary; rm -rf $HOME",
    "clusters": [{"arn": "a", "status": "done"}],
}


def test_a_hook_is_told_what_happens_on_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "seen"
    code = "import os,sys,pathlib;pathlib.Path(sys.argv[1]).write_text(os.environ['MIGRATE_HOOK']+sys.stdin.read())"  # noqa: E501
    assert Hooks().ask("before_wave", [[sys.executable, "-c", code, str(out)]], FACTS) == ""
    text = out.read_text()
    assert text.startswith("before_wave")
    assert json.loads(text.removeprefix("before_wave")) == FACTS


def test_arguments_are_arguments_and_no_shell_reads_them(tmp_path: Path) -> None:
    hostile = f"; touch {tmp_path / 'made'} #"
    code = "import sys; raise SystemExit(sys.argv[1] != sys.argv[2])"
    assert Hooks().ask("before_wave", [[sys.executable, "-c", code, hostile, hostile]], FACTS) == ""
    assert not (tmp_path / "made").exists()


def test_another_code_than_zero_forbids_and_its_last_words_are_the_reason() -> None:
    code = "import sys; sys.stderr.write('first\\nthe pager is on fire\\n'); raise SystemExit(3)"
    why = Hooks().ask("after_wave", [[sys.executable, "-c", code]], FACTS)
    assert why.startswith("after_wave hook")
    assert why.endswith("ended with 3: the pager is on fire")


@pytest.mark.parametrize(
    ("command", "timeout"),
    [
        (["/nowhere/at/all"], 5.0),
        ([sys.executable, "-c", "import time; time.sleep(30)"], 0.3),
        (["a\0b"], 5.0),
    ],
)
def test_a_hook_that_cannot_be_asked_forbids(command: list[str], timeout: float) -> None:
    assert "did not run" in Hooks(timeout).ask("before_wave", [command], FACTS)


def test_the_first_that_forbids_is_the_last_that_is_asked(tmp_path: Path) -> None:
    made = tmp_path / "made"
    later = [
        sys.executable,
        "-c",
        "import pathlib,sys;pathlib.Path(sys.argv[1]).touch()",
        str(made),
    ]
    assert Hooks().ask("before_wave", [[sys.executable, "-c", "raise SystemExit(1)"], later], FACTS)
    assert not made.exists()
