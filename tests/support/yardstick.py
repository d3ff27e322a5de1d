"""Work of the interpreter alone: what CPU time is compared with where there is no ideal."""

import json
import sys
import time
from collections.abc import Callable
from functools import cache

OF = "a mebibyte of JSON read and written by the interpreter"
_ROUNDS = 25


@cache
def _text() -> str:
    rows = [
        {"name": f"n{number}", "groups": ["a", "b", number], "on": True} for number in range(17_500)
    ]
    return json.dumps(rows)


def seconds() -> float:
    """Seconds of CPU that it takes here and now: the fastest of some."""
    text = _text()
    return min(processor_seconds(lambda: json.dumps(json.loads(text))) for _ in range(_ROUNDS))


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
