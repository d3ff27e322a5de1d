"""``migrate report``: which forms it writes, and that it asks for one."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "arguments",
    [(), ("--html", "x", "--markdown", "x"), ("--html", "-", "--markdown", "-")],
    ids=str,
)
def test_a_report_needs_one_place_for_each_form(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "migrator", "report", "plan.json", *arguments]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 64, ran.stderr
    assert not list(tmp_path.iterdir())
