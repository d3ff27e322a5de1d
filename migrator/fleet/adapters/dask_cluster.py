"""The way to a dask cluster: a scheduler that runs somewhere, or one of our own on this machine.

Our own cluster listens on the loopback address, with TLS under a key that lives in memory, because
other people may have accounts on this machine. For those that run already see
:mod:`migrator.fleet.adapters.dask_scheduler`.
"""

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from migrator.adapters.foreign_text import foreign
from migrator.adapters.installed_package import install_command
from migrator.errors import Failed, MigratorError, WrongUse
from migrator.fleet.adapters.dask_scheduler import Scheduler

CONNECT_SECONDS = 20
_NO_PAGES: dict[str, list[str]] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
_CLOSE_SECONDS = 5


@contextmanager
def connected(scheduler: Scheduler) -> Iterator[Any]:
    """A client of a scheduler. Raises ``executor-missing``, ``scheduler-unreachable``,
    ``scheduler-version``.
    """
    scheduler.check()
    distributed = _distributed()
    security = None
    if scheduler.scheme == "tls":
        security = distributed.Security(
            require_encryption=True,
            tls_ca_file=scheduler.ca,
            tls_client_cert=scheduler.certificate,
            tls_client_key=scheduler.key,
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other versions: reported below, and by each worker
            client = distributed.Client(
                scheduler.address, security=security, timeout=CONNECT_SECONDS, set_as_default=False
            )
    except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
        raise Failed(
            "scheduler-unreachable",
            f"dask's scheduler at {foreign(scheduler.address)} does not answer.",
            why=foreign(_causes(error)),
            remedy="Check that it runs, that this machine may connect, and that the certificates "
            "are of one authority.",
        ) from error
    try:
        _same_version(client, distributed.__version__)
        yield client
    finally:
        _close(client)


@contextmanager
def embedded(workers: int, threads: int) -> Iterator[Any]:
    """A client of a cluster of our own: ``workers`` processes with ``threads`` threads each. It is
    stopped at the end.

    A process that dies is replaced; a job that it had is lost, and is not started again.
    """
    distributed = _distributed()
    import dask

    try:
        security = distributed.Security.temporary()
    except ImportError as error:
        raise _missing(error) from error
    with tempfile.TemporaryDirectory(
        prefix="migrate-workers-", ignore_cleanup_errors=True
    ) as scratch:
        try:
            with dask.config.set(_NO_PAGES):
                cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=threads,
                    processes=True,
                    host="127.0.0.1",
                    protocol="tls://",
                    security=security,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL + 1,
                    scheduler_kwargs={"allowed_failures": 0, "dashboard": False},
                    memory_limit=0,
                    local_directory=scratch,
                    preload=["migrator.fleet.adapters.dask_worker"],
                )
        except (OSError, TimeoutError, RuntimeError) as error:
            raise Failed(
                "workers-not-started",
                f"{workers} worker processes could not be started on this machine.",
                why=foreign(_causes(error)),
                remedy="Try fewer with --workers N, or leave --executor out: threads do the same "
                "work.",
            ) from error
        try:
            client = distributed.Client(cluster, timeout=CONNECT_SECONDS, set_as_default=False)
            try:
                yield client
            finally:
                _close(client)
        finally:
            with suppress(Exception):
                cluster.close(timeout=_CLOSE_SECONDS)


def seen_workers(client: Any) -> dict[str, dict[str, Any]]:
    """The workers that the scheduler knows now, by address. Raises ``OSError`` where it does not
    answer in time.
    """
    try:
        found = client.sync(
            client.scheduler.identity, n_workers=-1, callback_timeout=CONNECT_SECONDS
        )
    except Exception as error:  # the ways in which a connection can be gone are many
        raise OSError(foreign(f"{type(error).__name__}: {error}")) from error
    workers: dict[str, dict[str, Any]] = found["workers"]
    return workers


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise _missing(error) from error
    logging.getLogger("distributed").setLevel(
        logging.CRITICAL + 1
    )  # what matters is reported as an error of ours
    return distributed


def _missing(error: ImportError) -> MigratorError:
    return WrongUse(
        "executor-missing",
        "The dask executor is not installed.",
        why=foreign(error),
        remedy=f"{install_command('fleet')}, or leave --executor out: threads do the same work.",
    )


def _same_version(client: Any, here: str) -> None:
    """The protocol of dask changes from version to version, without a promise."""
    versions = client.sync(client.scheduler.versions, callback_timeout=CONNECT_SECONDS)
    there = versions["packages"].get("distributed")
    if there != here:
        raise Failed(
            "scheduler-version",
            f"The scheduler runs distributed {foreign(there)}, and this command {here}.",
            why="Client, scheduler and workers of dask must be of one version.",
            remedy="Start scheduler and workers from the environment, or the image, that this "
            "command runs in.",
        )


def _close(client: Any) -> None:
    with suppress(Exception):  # a connection that cannot be closed has ended already
        client.close(timeout=_CLOSE_SECONDS)


def _causes(error: BaseException) -> str:
    """The error with what it came from: dask's own say little."""
    told: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(told) < 4:
        text = (
            str(cause)
            or (cause.strerror if isinstance(cause, OSError) else "")
            or type(cause).__name__
        )
        if str(text) not in told:
            told.append(str(text))
        cause = cause.__cause__ or cause.__context__
    return ": ".join(told)
