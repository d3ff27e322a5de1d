"""moto's AWS, whose calls take turns.

moto's backends are not made for threads: an object of S3 that one thread replaces is closed while
another one reads it. The product calls AWS from many threads; here one call waits for the other.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

_TURN = threading.RLock()  # a backend may call another one


@contextmanager
def moto_aws() -> Iterator[None]:
    """``mock_aws`` for many threads: a ``with`` statement, or the decorator ``@moto_aws()``."""
    process = BotocoreStubber.process_request

    def process_in_turn(stubber: BotocoreStubber, request: Any) -> Any:  # noqa: ANN401 - untyped
        with _TURN:
            return process(stubber, request)

    with pytest.MonkeyPatch.context() as patched, mock_aws():
        patched.setattr(BotocoreStubber, "process_request", process_in_turn)
        yield
