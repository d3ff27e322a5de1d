"""Calls that stay on their way until a test lets them go: what happens meanwhile needs no guess of
how long it takes.
"""

import threading
from fnmatch import fnmatchcase

from migrator.lab.http_wire import DropConnectionError
from migrator.lab.worlds.latency import Latency
from migrator.lab.worlds.world import World

_SECONDS = 60.0


class HeldCalls(Latency):
    """Calls whose name matches, but for the first ``passing`` of them; in the place of the latency
    of a lab.
    """

    def __init__(self, pattern: str, passing: int) -> None:
        super().__init__()
        self._pattern, self._passing = pattern, passing
        self._counting = threading.Lock()
        self._arrived, self._over = threading.Event(), threading.Event()
        self._lost = False

    def wait(self, operation: str) -> None:
        """Hold the call. Raises :class:`DropConnectionError` where it is lost."""
        super().wait(operation)
        if self._over.is_set() or not fnmatchcase(operation, self._pattern):
            return
        with self._counting:
            self._passing -= 1
            passes = self._passing >= 0
        if passes:
            return
        self._arrived.set()
        assert self._over.wait(_SECONDS), f"{operation} was held for {_SECONDS} seconds"
        if self._lost:
            raise DropConnectionError(reset=True)

    def arrive(self) -> None:
        """Wait until one is held."""
        assert self._arrived.wait(_SECONDS), f"no call of {self._pattern} came"

    def go_on(self) -> None:
        """Let them go, and every later one."""
        self._over.set()

    def get_lost(self) -> None:
        """None that is held arrives; every later one does."""
        self._lost = True
        self._over.set()


def hold_calls(world: World | None, pattern: str, *, passing: int = 0) -> HeldCalls:
    """Hold them from here on, in a lab of this process."""
    assert world is not None, "a lab beside the tests"
    world.latency = HeldCalls(pattern, passing)
    return world.latency
