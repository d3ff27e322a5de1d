"""Where a migration stands, from the journal and the cluster."""

from dataclasses import dataclass, replace

from migrator.app.connect import describe, status_ports
from migrator.app.operator import Operator
from migrator.model.decision import CreatorAnswer
from migrator.model.outcome import StatusOutcome
from migrator.model.plan import ClusterRef, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """``of``: a cluster's name or ARN, whose plan is looked for in the state, or a plan and its
    digest.
    """

    of: str | tuple[Plan, str]
    creator: CreatorAnswer | None = None


def status(request: StatusRequest, operator: Operator) -> StatusOutcome:
    """Where the migration stands; nothing is changed. What cannot be read is ``unknown``.

    The outcome's ``exit_code``: 0 nothing is left, 1 something is unknown or dead, 3 the plan has
    blocking findings, 5 entries or rows were changed since, 7 something is left to do or to prove.
    Raises ``journal-damaged``, and for a cluster that is named ``no-credentials``,
    ``cluster-not-found``, ``iam-denied``.
    """
    from migrator.model.files.snapshot import cluster_ref
    from migrator.run.read_plan import read_plan
    from migrator.run.show_status import show_status

    if not isinstance(request.of, str):
        plan, digest = request.of
        ports = status_ports(operator, plan.cluster)
        return _in_region(
            show_status(plan.cluster.name, ports, plan, digest, request.creator), plan.cluster
        )
    cluster = cluster_ref(describe(operator.settings, request.of))
    name, ports = cluster.name, status_ports(operator, cluster)
    content = ports.store.read("plan.json")
    if content is None:
        return _in_region(show_status(name, ports), cluster)
    plan, digest = read_plan(content)
    return _in_region(show_status(name, ports, plan, digest, request.creator), cluster)


def _in_region(outcome: StatusOutcome, cluster: ClusterRef) -> StatusOutcome:
    return replace(outcome, region=cluster.region)
