"""Values of a fleet for tests, with as little as a test needs to say."""

from typing import Any

from migrator.fleet.model.fleet import Answer, Command, FleetAccount, FleetCluster, Inventory
from migrator.fleet.model.outcome import ClusterResult, ClusterStatus

ACCOUNT = "111122223333"


def cluster(
    name: str,
    account: str = ACCOUNT,
    region: str = "eu-central-1",
    **more: Any,  # noqa: ANN401
) -> FleetCluster:
    """A cluster in CONFIG_MAP mode."""
    arn = f"arn:aws:eks:{region}:{account}:cluster/{name}"
    values: dict[str, Any] = {"mode": "CONFIG_MAP", "account_name": f"team-{account[-3:]}", **more}
    return FleetCluster(arn, name, account, region, **values)


def clusters(count: int, **more: Any) -> tuple[FleetCluster, ...]:  # noqa: ANN401
    """``c000``, ``c001``, ... in the order of their ARNs."""
    return tuple(cluster(f"c{number:03}", **more) for number in range(count))


def inventory(found: tuple[FleetCluster, ...], *, silent: tuple[Answer, ...] = ()) -> Inventory:
    """An inventory of these clusters; their accounts answered."""
    ids = dict.fromkeys((*(each.account for each in found), *(answer.account for answer in silent)))
    answers = tuple(Answer(account, "eu-central-1", "answered", 1) for account in ids)
    accounts = tuple(FleetAccount(account, regions=("eu-central-1",)) for account in ids)
    kept = tuple(
        each for each in answers if each.account not in {answer.account for answer in silent}
    )
    return Inventory("2026-11-22T00:00:00Z", "test", accounts, (*kept, *silent), found)


def result(
    arn: str,
    command: Command = "apply",
    status: ClusterStatus = "done",
    exit_code: int = 0,
    **more: Any,  # noqa: ANN401
) -> ClusterResult:
    """How a cluster ended."""
    return ClusterResult(arn, command, status, exit_code, "2026-11-22T00:00:00Z", **more)
