"""A planned fleet as jobs, one a cluster: for an operator who runs ``migrate`` in many
containers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from migrator.fleet.model.fleet import FleetFile, way_into
from migrator.fleet.model.outcome import FleetOutcome
from migrator.fleet.model.short_texts import short_cluster


def matrix(
    file: FleetFile, outcome: FleetOutcome, waves: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """One object for each cluster that has a plan, in the order of ``waves`` (ARN -> wave of
    ``apply``).

    ``arn`` is what ``migrate fleet … --cluster`` takes; ``name`` with ``options`` what the commands
    for one cluster take (the way into the account, for an operator who runs this command's caller);
    ``plan`` is a path below ``state``.
    """
    clusters = {cluster.arn: cluster for cluster in outcome.inventory.clusters}
    accounts = {account.id: account for account in outcome.inventory.accounts}
    results = {result.arn: result for result in outcome.results}
    for arn, wave in waves.items():
        cluster, result = clusters.get(arn), results.get(arn)
        if cluster is None or result is None or result.plan_digest is None:
            continue
        place = f"{cluster.partition}/{short_cluster(arn)}"
        yield {
            "arn": arn,
            "name": cluster.name,
            "account": cluster.account,
            "accountName": cluster.account_name,
            "region": cluster.region,
            "partition": cluster.partition,
            "fleet": file.name,
            "wave": wave,
            "id": short_cluster(arn),
            "placement": cluster.placement or "",
            "options": way_into(accounts[cluster.account], cluster.region),
            "state": outcome.state.removesuffix(f"/fleet/{file.name}"),
            "plan": f"{place}/plan.json",
            "planDigest": result.plan_digest,
            "status": result.status,
            "blocked": result.status == "blocked",
            "mode": result.detail.get("mode", ""),
            "steps": int(result.detail.get("steps", 0)),
        }
