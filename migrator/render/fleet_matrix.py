"""A planned fleet as jobs, one a cluster: for whoever runs ``migrate`` in many containers."""

from collections.abc import Iterator
from typing import Any

from migrator.model.fleet import FleetFile, FleetOutcome
from migrator.render.fleet_names import short_cluster


def matrix(file: FleetFile, outcome: FleetOutcome, waves: dict[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """``{arn, name, account, region, wave, plan, status, blocked, steps}`` for each cluster that has a plan.

    ``plan`` is its place below the state directory; ``wave`` the wave of ``apply`` that it belongs to.
    """
    by_arn = {cluster.arn: cluster for cluster in outcome.inventory.clusters}
    for result in outcome.results:
        cluster = by_arn.get(result.arn)
        if cluster is None or result.plan_digest is None:
            continue
        yield {
            "arn": cluster.arn,
            "name": cluster.name,
            "account": cluster.account,
            "region": cluster.region,
            "partition": cluster.partition,
            "fleet": file.name,
            "wave": (waves or {}).get(cluster.arn, ""),
            "id": short_cluster(cluster.arn),
            "plan": f"{cluster.partition}/{short_cluster(cluster.arn)}/plan.json",
            "planDigest": result.plan_digest,
            "status": result.status,
            "blocked": result.status == "blocked",
            "steps": int(result.detail.get("steps", 0)),
        }
