"""The way of one value through the package: ``python -m tests.support.trace_value`` prints it.

A value is followed by a text that only it contains, the username of one row. Counted is each return
of a function of the package whose result contains that text. The fewer modules and returns, the
sooner a newcomer has read the whole way.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import FrameType
from typing import Any

import migrator
from migrator.run.apply_plan import apply_plan
from tests.support.memory_runs import DEVS, DIGEST, World, company

ACCOUNT = "111122223333"
USERNAME = "traced-user"
NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)


@dataclass(slots=True)
class Way:
    """Modules in the order of the value's first return there, each with its number of returns."""

    returns: Counter[str] = field(default_factory=Counter)

    @property
    def modules(self) -> list[str]:
        """The modules that the value passed."""
        return list(self.returns)

    def __str__(self) -> str:
        total = sum(self.returns.values())
        lines = [f"{number:4}  {module}" for module, number in self.returns.items()]
        return "\n".join([*lines, f"{len(lines)} modules, {total} returns"])


def follow(text: str, work: Callable[[], object]) -> Way:
    """Carry out ``work`` and note each return of the package whose value contains ``text``."""
    way = Way()

    def note(frame: FrameType, event: str, value: Any) -> None:  # noqa: ANN401 - any return value
        module = str(frame.f_globals.get("__name__", ""))
        if event != "return" or not module.startswith("migrator."):
            return
        # Up to Python 3.11 a comprehension is a frame, though no function that one reads.
        if frame.f_code.co_name.startswith("<"):
            return
        # The text of the value may call code of the package: that is not the value's way.
        sys.setprofile(None)
        found = text in repr(value)
        sys.setprofile(note)
        if found:
            way.returns[module] += 1

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return way


def snapshot_of_one_row() -> dict[str, Any]:
    """A cluster whose aws-auth has one row, of a role that exists."""
    role = {
        "arn": f"arn:aws:iam::{ACCOUNT}:role/tracer",
        "id": "AROATRACER",
        "createDate": "2026-01-01T00:00:00Z",
        "trustedServices": [],
    }
    row = f'- rolearn: {role["arn"]}\n  username: {USERNAME}\n  groups: ["developers"]\n'
    return {
        "format": "migrator/snapshot/v1",
        "takenAt": "2026-11-20T00:00:00Z",
        "cluster": {
            "name": "one-row",
            "arn": f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/one-row",
            "version": "1.33",
            "platformVersion": "eks.10",
            "status": "ACTIVE",
            "createdAt": "2026-01-01T00:00:00Z",
            "accessConfig": {"authenticationMode": "CONFIG_MAP"},
        },
        "configMap": {"data": {"mapRoles": row}},
        "accessEntries": None,
        "nodegroups": [],
        "fargateProfiles": [],
        "nodes": [],
        "rbac": {"roles": [], "roleBindings": [], "clusterRoles": [], "clusterRoleBindings": []},
        "namespaces": ["default"],
        "groupReferences": [],
        "iam": {
            "principals": [role],
            "accountsRead": [{"account": ACCOUNT, "roles": True, "users": True}],
        },
        "callerChain": [f"arn:aws:iam::{ACCOUNT}:role/operator"],
    }


def way_of_a_row() -> Way:
    """From the ConfigMap's text to the plan document."""
    snapshot = snapshot_of_one_row()
    return follow(USERNAME, lambda: migrator.plan(snapshot, now=NOW))


def way_of_a_step() -> Way:
    """One access entry through a whole ``apply``, on ports in memory."""
    cluster, plan = company()
    ports = World(cluster).ports()
    return follow(DEVS, lambda: apply_plan(plan, DIGEST, ports))


if __name__ == "__main__":
    sys.stdout.write(f"A row, from the ConfigMap to the plan:\n{way_of_a_row()}\n")
    sys.stdout.write(f"The steps of a principal, through apply:\n{way_of_a_step()}\n")
