"""What the options of a fleet command ask for, and which of them go together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migrator.app.preflight import refuse_missing_extra
from migrator.errors import WrongUse

if TYPE_CHECKING:
    from migrator.fleet.adapters.dask_scheduler import Scheduler

_OF_DASK = (
    "scheduler",
    "tls_ca",
    "tls_cert",
    "tls_key",
    "insecure_scheduler",
    "workers",
    "worker_wait",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options of a fleet command say: which clusters, how many concurrently, by whom."""

    clusters: tuple[str, ...] = ()
    concurrency: int | None = None
    fresh: bool = False
    stop_file: str | None = None
    executor: str = "threads"
    scheduler: str | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    insecure_scheduler: bool = False
    workers: int | None = None
    worker_wait: float | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Asked":
        """From click's parameters. Raises ``WrongUse`` where they do not go together; nothing was
        sent by then.
        """
        asked = cls(**{name: given[name] for name in cls.__slots__ if name in given})
        check_options(asked)
        return asked


def check_options(asked: Asked) -> None:
    """Raises ``extra-missing``, ``option-without-dask``, ``option-without-scheduler``, and what the
    scheduler's address and files give reason to.
    """
    scheduler = scheduler_of(asked)
    if asked.executor == "threads":
        given = [f"--{name.replace('_', '-')}" for name in _OF_DASK if getattr(asked, name)]
        if given:
            raise WrongUse("option-without-dask", f"{', '.join(given)}: only with --executor dask.")
        return
    refuse_missing_extra(
        "fleet",
        ("distributed", "cryptography"),
        "--executor dask",
        ", or leave --executor out: threads do the same work.",
    )
    if scheduler is not None:
        scheduler.check()
        return
    if asked.tls_ca or asked.tls_cert or asked.tls_key or asked.insecure_scheduler:
        raise WrongUse(
            "option-without-scheduler", "There are options for a scheduler, and no --scheduler."
        )


def scheduler_of(asked: Asked) -> "Scheduler | None":
    """The scheduler that the options name, None where none is named."""
    from migrator.fleet.adapters.dask_scheduler import Scheduler

    if asked.scheduler is None:
        return None
    return Scheduler(
        asked.scheduler,
        asked.tls_ca,
        asked.tls_cert,
        asked.tls_key,
        insecure=asked.insecure_scheduler,
    )
