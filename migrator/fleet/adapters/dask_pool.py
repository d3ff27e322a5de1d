"""The processes of a dask cluster that jobs may be given to: who they are, what they have, who is
free.

At most as many as the rates of AWS calls were divided by; a new process replaces one that has
ended. A process is asked for its identity before it gets any work. One with another version or
another disk is reported and refused.
"""

import json
import queue
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from migrator.adapters.foreign_text import foreign
from migrator.fleet.adapters import dask_worker
from migrator.fleet.adapters.dask_cluster import seen_workers
from migrator.ports import Events

GONE = "its worker was lost: killed, out of memory, or cut off"
_FETCH_SECONDS = 10


@dataclass(eq=False)
class PoolWorker:
    """A process with ``threads`` places, and the ``resources`` it was started with (``vpc:prod``:
    how many concurrently).

    ``anything``: it runs on this machine, where a resource means nothing.
    """

    address: str
    folder: str  # of this process alone, and so it tells it from a later one at the same address
    process: str
    threads: int
    resources: Mapping[str, float]
    anything: bool
    used: Counter[str | None] = field(default_factory=Counter)

    def has(self, placement: str | None) -> bool:
        """Whether it can ever do a job with this placement."""
        return self.anything or placement is None or self.resources.get(placement, 0) >= 1

    def free_for(self, placement: str | None) -> bool:
        """Whether it can begin one now."""
        if self.used.total() >= self.threads:
            return False
        return (
            self.anything
            or placement is None
            or self.used[placement] + 1 <= self.resources.get(placement, 0)
        )


class DaskPool:
    """``most``: how many processes may be used, None: no bound yet. ``shared`` is a file that each
    has to find, with its content. ``own``: the processes are of this command, on this machine.
    """

    def __init__(
        self,
        client: Any,
        *,
        own: bool,
        shared: tuple[str, str] | None,
        events: Events,
    ) -> None:
        self.client = client
        self.most: int | None = None
        self.unfit: dict[str, str] = {}
        self.too_many = 0
        self._own = own
        self._shared = shared or (None, None)
        self._events = events
        self._workers: dict[str, PoolWorker] = {}
        self._asked: dict[str, Any] = {}  # address -> who are you

    def __len__(self) -> int:
        return len(self._workers)

    def __iter__(self) -> Iterator[PoolWorker]:
        return iter(self._workers.values())

    @property
    def settled(self) -> bool:
        """Whether at least one process was asked and all that were asked have answered."""
        return not self._asked and bool(self._workers or self.unfit)

    def there(self, worker: PoolWorker) -> bool:
        """Whether this very process is still there."""
        return self._workers.get(worker.address) is worker

    def free(self, placement: str | None) -> PoolWorker | None:
        """The least busy worker that can begin such a job now."""
        found = [worker for worker in self if worker.free_for(placement)]
        return min(found, key=lambda each: each.used.total() / each.threads, default=None)

    def submit(
        self,
        function: Callable[[str], str],
        order: Mapping[str, Any],
        *,
        key: str,
        **more: Any,
    ) -> Any:
        """Text in, text out, bound to one worker, never repeated by dask."""
        text = json.dumps(order)
        return self.client.submit(
            function,
            text,
            key=key,
            allow_other_workers=False,
            retries=0,
            pure=False,
            **more,
        )

    def tell(
        self,
        worker: PoolWorker,
        task: str,
        arguments: Mapping[str, Any],
    ) -> None:
        """A word to a worker beside its jobs. Whether it arrives shows in how they end."""
        text = json.dumps({"task": task, "arguments": arguments})
        with suppress(Exception):
            self.client.run(dask_worker.tell, text, workers=[worker.address], on_error="ignore")

    def look(self) -> None:
        """Update the processes: drop those that have ended, ask new ones for their identity, add
        those that are fit.

        Raises ``OSError`` where the scheduler does not answer.
        """
        seen = seen_workers(self.client)
        self._workers = {
            address: worker
            for address, worker in self._workers.items()
            if address in seen and seen[address]["local_directory"] == worker.folder
        }
        self._asked = {
            address: future for address, future in self._asked.items() if address in seen
        }
        self.unfit = {address: why for address, why in self.unfit.items() if address in seen}
        for address, future in [*self._asked.items()]:
            if future.done():
                del self._asked[address]
                self._judge(address, future, seen[address])
        self._ask_newcomers(seen)

    def _ask_newcomers(self, seen: Mapping[str, Mapping[str, Any]]) -> None:
        """Ask workers that are new who they are, as many as are still needed; :attr:`too_many`
        counts those that are left.
        """
        known = {*self._workers, *self._asked, *self.unfit}
        new = [
            address
            for address, each in seen.items()
            if address not in known and each["status"] == "running"
        ]
        room = len(new)
        if self.most is not None:
            room = max(0, self.most - len(self._workers) - len(self._asked))
        self.too_many = max(0, len(new) - room)
        for address in new[:room]:
            order = dict(zip(("file", "content"), self._shared, strict=True))
            key = f"about-{uuid.uuid4().hex}"
            self._asked[address] = self.submit(dask_worker.about, order, key=key, workers=[address])

    def _judge(
        self,
        address: str,
        future: Any,
        seen: Mapping[str, Any],
    ) -> None:
        """Accept a worker, or turn it away: it must have this version of the program, and see the
        same state.
        """
        found, why = text_of(future)
        if found is None:
            return self._turn_away(address, why)
        told = json.loads(found)
        here = version("eks-access-migrator")
        if told["version"] != here:
            why = (
                f"it has version {foreign(told['version'])} of migrate, and this command is {here}"
            )
            return self._turn_away(address, why)
        if not told["sharesState"]:
            return self._turn_away(
                address, f"it does not see the state folder of this machine ({told['host']})"
            )
        self._workers[address] = PoolWorker(
            address=address,
            folder=seen["local_directory"],
            process=told["process"],
            threads=int(seen["nthreads"]),
            resources=dict(seen.get("resources") or {}),
            anything=self._own,
        )
        return None

    def _turn_away(self, address: str, why: str) -> None:
        self.unfit[address] = foreign(why)
        self._events.say("warn", f"worker {address} is not used: {foreign(why)}", event="worker")


class Bell:
    """Wakes the thread that waits for an event in other threads."""

    def __init__(self) -> None:
        self._rings: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ring(self, what: str = "") -> None:
        """Something has happened."""
        self._rings.put(what)

    def wait(self, seconds: float) -> str | None:
        """What happened, or None where nothing did."""
        try:
            return self._rings.get(timeout=seconds)
        except queue.Empty:
            return None


def text_of(future: Any) -> tuple[str | None, str]:
    """What a future that is done gave; or None, and why it gave nothing."""
    try:
        if future.status == "finished":
            return str(future.result(timeout=_FETCH_SECONDS)), ""
        if future.status != "error":
            return (
                None,
                "dask's scheduler no longer has it: the scheduler was restarted or has ended",
            )
        error = future.exception(timeout=_FETCH_SECONDS)
    except Exception as broken:  # the result went with its worker
        return None, foreign(f"its result is lost: {type(broken).__name__}: {broken}")
    if type(error).__name__ == "KilledWorker":
        return None, f"{GONE} ({foreign(error.last_worker.address)})"
    return None, foreign(f"{type(error).__name__}: {error}")
