"""Refused logins that end a rehearsal, and those that were refused before, too."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from migrator.run.begin_run import RunPorts
from migrator.run.rehearsal_watch import Trouble, Watcher
from tests.support.memory_runs import DEVS, NODES, World, company

PLAIN_SESSION = "{{EC2PrivateDNSName}} needs a session that is named after an instance"
NOT_MAPPED = "identity is not mapped"


@dataclass
class Denials:
    """A log with one refused login."""

    arn: str
    error: str
    at: datetime

    def log_types(self) -> tuple[str, ...]:
        return ("authenticator",)

    def events(self, *_: Any, **__: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
        message = (
            f'level=warning msg="access denied" arn="{self.arn}" error="{self.error}" '
            f"path=/authenticate"
        )
        yield {"message": message, "timestamp": int(self.at.timestamp() * 1000)}


def looked_at(arn: str, error: str) -> None:
    cluster, plan = company()
    ports: RunPorts = World(cluster).ports()
    now = ports.clock.now()
    logs: Any = Denials(arn.replace("/team/", "/"), error, now)
    Watcher(plan, replace(ports, logs=logs)).look(now)


def test_session_that_is_no_instances_is_refused_to_a_node_role_as_before() -> None:
    looked_at(NODES, PLAIN_SESSION)


@pytest.mark.parametrize(
    ("arn", "error"), [(NODES, NOT_MAPPED), (DEVS, NOT_MAPPED), (DEVS, PLAIN_SESSION)]
)
def test_login_that_worked_before_and_is_refused_ends_the_rehearsal(arn: str, error: str) -> None:
    with pytest.raises(Trouble) as trouble:
        looked_at(arn, error)
    assert trouble.value.code == "rehearsal-denied"
    assert arn in trouble.value.message
