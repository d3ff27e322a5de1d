"""The evaluator imports nothing of the package that it judges."""

import subprocess
import sys
from pathlib import Path

JUDGE = Path(__file__).parents[1] / "support" / "judge"
SHOW = """\
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module("tests.support.judge." + name)
print(*sorted(name for name in sys.modules if name.partition(".")[0] == "migrator"))
"""


def test_evaluator_works_without_the_tool() -> None:
    modules = sorted(path.stem for path in JUDGE.glob("*.py"))
    assert {"aws_auth", "logins", "reviews"} <= set(modules)
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *modules], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"
