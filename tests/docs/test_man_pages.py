"""man/man1 and reference/commands.md are generated from the help of the commands; the manual pages
are read without a complaint, and are in the wheel. ``python -m tests.support.man_pages`` writes
both.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.commands_page import PAGE as COMMANDS_PAGE
from tests.support.commands_page import commands_page
from tests.support.golden import assert_golden
from tests.support.man_pages import FOLDER, man_pages

ROOT = Path(__file__).parents[2]
PAGES = sorted(FOLDER.glob("*.1"))
READERS = {
    "groff": ["groff", "-man", "-Tutf8", "-ww", "-z"],
    "mandoc": ["mandoc", "-Tlint", "-Wwarning"],
}


def test_pages_are_what_the_help_says() -> None:
    found = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
    assert found == man_pages(), "python -m tests.support.man_pages"


def test_page_of_commands_is_what_the_help_says() -> None:
    assert_golden(COMMANDS_PAGE, commands_page().encode())


@pytest.mark.parametrize("reader", READERS)
def test_pages_are_read_without_a_warning(reader: str) -> None:
    if shutil.which(reader) is None:
        pytest.skip(f"{reader} is not installed here")
    for page in PAGES:
        read = subprocess.run([*READERS[reader], page], capture_output=True, text=True, check=False)
        said = (read.stdout + read.stderr).splitlines()
        # A date would make pages differ from build to build.
        assert [line for line in said if "missing date" not in line] == [], page.name
    assert PAGES


def test_example_on_a_page_can_be_copied() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed here")
    page = FOLDER / "migrate-lab-fault.1"
    shown = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-c", page], capture_output=True, text=True, check=True
    )
    assert 'migrate lab fault "eks:*" throttle probability=0.2 seed=7 retry_after=1' in shown.stdout


def test_no_word_of_a_page_is_hyphenated() -> None:
    assert all("\n.nh\n" in page.read_text(encoding="utf-8") for page in PAGES)
    if shutil.which("groff") is None:
        return
    shown = subprocess.run(
        ["groff", "-man", "-Tutf8", *PAGES], capture_output=True, text=True, check=True
    )
    assert "migrate explain" in shown.stdout
    assert "\N{HYPHEN}" not in shown.stdout


def test_pages_are_in_the_wheel() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    shared = project.partition("[tool.hatch.build.targets.wheel.shared-data]\n")[2]
    assert shared.startswith('"man/man1" = "share/man/man1"')
