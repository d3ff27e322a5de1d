"""From documents to the plan document: the library call behind ``migrate plan``.

Reading the snapshot and writing the plan are the caller's. The plan has proven itself (every step
simulated, planned again without a change) before it is returned; an unproven one is an error.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast, get_args

from migrator.decide.planning.make_plan import make_plan
from migrator.errors import WrongUse
from migrator.model.files.decisions import decode_decisions
from migrator.model.files.plan import plan_to_document
from migrator.model.files.snapshot import FORMAT as SNAPSHOT_FORMAT
from migrator.model.files.snapshot import decode_snapshot
from migrator.model.plan import Plan, Strategy, Target
from migrator.model.principal import parse_cluster_arn


def plan_document(
    snapshot: Mapping[str, Any],
    decisions: Mapping[str, Any] | None,
    *,
    strategy: str,
    target: str,
    now: datetime,
    accept_gap: bool = False,
) -> dict[str, Any]:
    """``migrator/plan/v1`` for a ``migrator/snapshot/v1`` document and the answers of a
    decisions.yaml. Raises as :func:`plan_of_documents`.
    """
    plan = plan_of_documents(
        snapshot,
        decisions,
        strategy=strategy,
        target=target,
        now=now,
        accept_gap=accept_gap,
    )
    return plan_to_document(plan)


def plan_of_documents(
    snapshot: Mapping[str, Any],
    decisions: Mapping[str, Any] | None,
    *,
    strategy: str,
    target: str,
    now: datetime,
    accept_gap: bool = False,
) -> Plan:
    """The plan for a ``migrator/snapshot/v1`` document and the answers of a decisions.yaml.

    Raises ``WrongUse`` (unknown strategy or target), ``Failed`` (malformed documents, answers that
    fit nothing, a plan that cannot be proven). A blocked plan is returned.
    """
    if strategy not in get_args(Strategy):
        raise WrongUse(
            "strategy-unknown",
            f"There is no strategy {strategy!r}.",
            remedy="Use preserve or policies.",
        )
    if target not in get_args(Target):
        raise WrongUse(
            "target-unknown",
            f"There is no target {target!r}.",
            remedy="Use API or API_AND_CONFIG_MAP.",
        )
    return make_plan(
        decode_snapshot(snapshot),
        decode_decisions(decisions),
        strategy=cast("Strategy", strategy),
        target=cast("Target", target),
        now=now,
        accept_gap=accept_gap,
    )


def snapshot_of_config_map(
    config_map: Mapping[str, Any],
    cluster_arn: str,
    *,
    origin: str,
    taken_at: str,
) -> dict[str, Any]:
    """A snapshot document that knows nothing but the ConfigMap: for a first look without any
    access. ``origin``: what kind of file the ConfigMap comes from.

    Raises ``WrongUse`` ``cluster-arn-malformed``.
    """
    name = parse_cluster_arn(cluster_arn).name
    cluster = {
        "name": name,
        "arn": cluster_arn,
        "accessConfig": {"authenticationMode": "CONFIG_MAP"},
    }
    return {
        "format": SNAPSHOT_FORMAT,
        "takenAt": taken_at,
        "cluster": cluster,
        "configMap": {**config_map, "data": dict(config_map.get("data") or {})},
        "configMapFrom": origin,
        "accessEntries": None,
    }
