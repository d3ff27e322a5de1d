"""Schedules of faults, each drawn from a seed: what a cloud and its other users do to a run on a
bad day.

The same seed gives the same schedule; which of the calls that go side by side a fault meets is up
to the threads.
"""

import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from migrator.lab.lab_client import control, lab_environment
from migrator.lab.worlds.effects import Effect, KillPoint
from migrator.lab.worlds.faults import Fault
from tests.support.crash_runs import POINTS, Prepared
from tests.support.crash_worlds import REGION, role
from tests.support.lab_session import LabSession

COMMENT = "# reviewed\n"
OTHER = role("second")  # an administrator, who works on the same cluster meanwhile
Act: TypeAlias = Literal["makes the entry first", "deletes the entry", "comments aws-auth"]

_READS = (
    "eks:DescribeAccessEntry",
    "eks:ListAccessEntries",
    "eks:DescribeCluster",
    "eks:ListAssociatedAccessPolicies",
)
_WRITES = (
    "eks:CreateAccessEntry",
    "eks:UpdateAccessEntry",
    "eks:AssociateAccessPolicy",
    "eks:DeleteAccessEntry",
    "eks:UpdateClusterConfig",
)
_ANY = (
    "eks:*",
    "sts:*",
    "iam:*",
    "kubernetes:*",
    "kubernetes:create selfsubject*",
    *_READS,
    *_WRITES,
)


@dataclass(frozen=True)
class Schedule:
    """What happens to one run. ``kill``: it dies once; ``other``: after which effect the other
    administrator acts.
    """

    seed: int
    faults: tuple[Fault, ...]
    kill: tuple[int, KillPoint] | None
    other: tuple[int, Act] | None


def schedule(seed: int, prepared: Prepared) -> Schedule:
    """The schedule of a seed for runs on one world."""
    draw, effects = random.Random(f"faults {seed}"), len(prepared.effects)
    faults = tuple(_fault(draw, seed * 10 + n) for n in range(draw.randint(2, 5)))
    kill = (draw.randint(1, effects), draw.choice(POINTS)) if draw.random() < 0.3 else None
    acts: tuple[Act, ...] = ("comments aws-auth",)
    if harmless_principal(prepared) is not None:
        acts = (*acts, "makes the entry first", "deletes the entry")
    other = (draw.randint(1, effects - 1), draw.choice(acts)) if draw.random() < 0.4 else None
    return Schedule(seed, faults, kill, other)


def _fault(draw: random.Random, seed: int) -> Fault:
    common: dict[str, Any] = {
        "skip": draw.choice((0, 0, 1, 3, 10, 25)),
        "times": draw.choice((1, 1, 2, 4)),
        "probability": draw.choice((1.0, 0.5, 0.2)),
        "seed": seed,
    }
    kinds = (
        "latency",
        "throttle",
        "error",
        "reset",
        "lost-answer",
        "stale-read",
        "partial-page",
        "expired",
        "update",
    )
    match draw.choice(kinds):
        case "latency":
            return Fault(draw.choice(_ANY), "latency", seconds=draw.choice((0.05, 0.3)), **common)
        case "throttle":
            return Fault(draw.choice(_ANY), "throttle", **common)
        case "error":
            return Fault(draw.choice(_ANY), "error", status=draw.choice((500, 503)), **common)
        case "reset":
            return Fault(draw.choice(_ANY), "reset", **common)
        case "lost-answer":
            return Fault(draw.choice((*_WRITES, "kubernetes:*")), "lost-answer", **common)
        case "stale-read":
            return Fault(
                draw.choice(_READS), "stale-read", seconds=draw.choice((2.0, 5.0, 20.0)), **common
            )
        case "partial-page":
            return Fault(draw.choice(("eks:*", "iam:*")), "partial-page", **common)
        case "expired":
            return Fault(
                draw.choice(("eks:*", "sts:*", "kubernetes:*")), "expired-credentials", **common
            )
        case _:
            ended: Literal["Failed", "Cancelled"] = draw.choice(("Failed", "Cancelled"))
            return Fault(
                "eks:UpdateClusterConfig", "update-fails", outcome=ended, **{**common, "skip": 0}
            )


def injected(session: LabSession, plan: Schedule) -> tuple[Fault, ...]:
    """Inject fresh copies of the schedule's faults; they count how often they struck."""
    return tuple(session.world.faults.add(replace(fault)) for fault in plan.faults)


@contextmanager
def another_administrator(
    session: LabSession, prepared: Prepared, plan: Schedule
) -> Iterator[Callable[[], Sequence[str]]]:
    """Works on the cluster over the wire while the block runs, at the moment that the schedule
    names.

    Gives a function that waits for what has begun, and tells the ARNs of whose entries were changed
    so.
    """
    changed: list[str] = []
    come, over = threading.Event(), threading.Event()

    def seen(effect: Effect) -> None:
        if plan.other is not None and effect.n >= plan.other[0]:
            come.set()

    def act() -> None:
        come.wait()
        if plan.other is not None and not over.is_set():
            changed.extend(_act(session, prepared, plan.other[1]))

    session.world.effects.listeners.append(seen)
    working = threading.Thread(target=act, daemon=True)
    working.start()

    def so_far() -> Sequence[str]:
        if come.is_set():
            working.join()
        return tuple(changed)

    try:
        yield so_far
    finally:
        over.set()
        come.set()
        working.join()
        session.world.effects.listeners.remove(seen)


def _act(session: LabSession, prepared: Prepared, act: Act) -> list[str]:
    lab, found = session.folder / "lab", harmless_principal(prepared)
    if act == "comments aws-auth" or found is None:
        cluster = next(iter(session.world.clusters.values()))
        (data,) = (
            each["data"] for each in cluster.kubernetes_objects if each["kind"] == "ConfigMap"
        )
        commented = {key: COMMENT + text for key, text in data.items()}
        control(
            lab, "POST", "world", {"writeAwsAuth": {"cluster": cluster.name, "data": commented}}
        )
        return []
    keys = session.world.credentials_of(OTHER)
    eks = boto3.Session(
        keys.access_key_id, keys.secret_access_key, keys.session_token, region_name=REGION
    ).client(
        "eks",
        endpoint_url=lab_environment(lab)["AWS_ENDPOINT_URL"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    arn, spec = found
    with suppress(
        BotoCoreError, ClientError
    ):  # there already, or not yet, or a fault met this call, too
        if act == "deletes the entry":
            eks.delete_access_entry(clusterName=prepared.world.cluster, principalArn=arn)
        else:
            name = {"username": spec["username"]} if spec["username"] else {}
            groups = spec["kubernetesGroups"]
            eks.create_access_entry(
                clusterName=prepared.world.cluster,
                principalArn=arn,
                kubernetesGroups=groups,
                **name,
            )
    theirs = f"assumed-role/{OTHER.rpartition('/')[2]}/"
    return [arn] if any(theirs in effect.who for effect in session.effects()) else []


def harmless_principal(prepared: Prepared) -> tuple[str, Mapping[str, Any]] | None:
    """Somebody whose entry gives what the row gives, by groups alone: whoever makes or deletes it
    changes no access.
    """
    for each in json.loads(prepared.files["plan.json"])["principals"]:
        spec = each["entry"]
        plain = (
            each["action"] == "create" and spec["type"] == "STANDARD" and not spec["accessPolicies"]
        )
        if plain and not each["access"]["gained"] and not each["access"]["lost"]:
            return each["principalArn"], spec
    return None
