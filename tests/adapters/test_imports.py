"""Adapters load the SDKs when they are used, not when they are imported: start-up time is
everybody's.
"""

import subprocess
import sys
from pathlib import Path

import migrator.adapters

HEAVY = (
    "boto3",
    "botocore",
    "kubernetes",
    "filelock",
    "urllib3",
    "distributed",
    "rich",
    "jinja2",
    "deepdiff",
    "ruamel",
)


def test_importing_every_adapter_loads_no_sdk() -> None:
    folder = Path(migrator.adapters.__file__).parent
    names = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    assert len(names) > 10
    program = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module('migrator.adapters.' + name)\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
