"""Work of the interpreter alone: what CPU time is compared with where there is no ideal."""

import json
import time
from collections.abc import Callable
from functools import cache

OF = "a mebibyte of JSON read and written by the interpreter"
_ROUNDS = 7


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


def processor_seconds(call: Callable[[], object]) -> float:
    """Of this process, in this call."""
    began = time.process_time()
    call()
    return time.process_time() - began
