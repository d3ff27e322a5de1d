"""Work of the interpreter alone: what CPU time is compared with where there is no ideal."""

import json
import subprocess
import sys
import time
from collections.abc import Callable

OF = "a mebibyte of JSON read and written by the interpreter"
_ROUNDS = 25


def seconds() -> float:
    """Seconds of CPU that it takes here and now: the fastest of some. In a process of its own,
    because free memory that another test left would make it slower.
    """
    done = subprocess.run(
        [sys.executable, "-I", __file__], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def forget_readings() -> None:
    """What the reader of aws-auth remembers, so that the next reading is a first one."""
    for name, module in list(sys.modules.items()):
        if name.startswith("migrator.decide.reading."):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def processor_seconds(call: Callable[[], object]) -> float:
    """Of this process, in this call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def _fastest() -> float:
    rows = [
        {"name": f"n{number}", "groups": ["a", "b", number], "on": True} for number in range(17_500)
    ]
    text = json.dumps(rows)
    del rows
    return min(processor_seconds(lambda: json.dumps(json.loads(text))) for _ in range(_ROUNDS))


if __name__ == "__main__":
    print(_fastest())  # noqa: T201 - the result
