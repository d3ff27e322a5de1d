"""``migrate --help`` is asked for often and by completion: it loads click and nothing of weight."""

import subprocess
import sys

import pytest

HEAVY = ("boto3", "botocore", "kubernetes", "rich", "deepdiff", "jinja2", "ruamel", "msgspec")
_REPORT = """
import sys
from migrator.cli.main import run
sys.stdout = sys.stderr
code = run({arguments!r}, stderr=sys.stderr)
sys.__stdout__.write(",".join(sorted(name for name in sys.modules if "." not in name)))
sys.exit(code)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["lab", "--help"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    script = _REPORT.format(arguments=arguments)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split(","))
    assert "click" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_library_loads_nothing_heavy() -> None:
    script = "import migrator, sys; print(','.join(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.strip().split(",")}
    assert loaded.isdisjoint({*HEAVY, "click"})


_ALL = """
import importlib, pkgutil, migrator
for each in pkgutil.walk_packages(migrator.__path__, "migrator."):
    if not each.name.endswith("__main__"):
        importlib.import_module(each.name)
        print(each.name)
"""


def test_every_module_can_be_loaded() -> None:
    """On each Python, and with the lowest versions of everything: a module that one command alone
    loads is not left out.
    """
    run = subprocess.run([sys.executable, "-c", _ALL], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) > 700
