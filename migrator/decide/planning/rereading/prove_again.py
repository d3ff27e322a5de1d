"""A plan that was read is proven again before it is used: its digest shows accidents, not
deliberate changes.

What a plan says twice must agree: steps with principals, principals with the basis, findings with
the catalogue. Pure and without the cluster. What depends on RBAC rules (how much a group gives) is
compared with the cluster itself by verify and by the gates:
:mod:`migrator.decide.proving.announced`.
"""

from collections.abc import Iterator

from migrator.decide.planning.proof.basis import digest_of
from migrator.decide.planning.rereading.check_findings import check_findings
from migrator.decide.planning.rereading.check_principals import check_principals
from migrator.decide.planning.rereading.check_steps import check_steps
from migrator.decide.planning.rereading.inconsistency import Inconsistency, refusal
from migrator.decide.planning.rereading.plan_read import read_beside_basis
from migrator.model.plan import Plan
from migrator.model.principal import parse_arn


def prove_again(plan: Plan) -> None:
    """Raises ``Failed`` ``plan-inconsistent``, naming the first step, principal, finding or field
    that does not fit.
    """
    for found in inconsistencies(plan):
        raise refusal(found)


def inconsistencies(plan: Plan) -> Iterator[Inconsistency]:
    """Everything in a plan that contradicts the rest of it, the cluster first, then principals,
    findings, steps.
    """
    yield from _check_cluster(plan)
    read = read_beside_basis(plan)
    yield from check_principals(read)
    yield from check_findings(read)
    yield from check_steps(read)


def _check_cluster(plan: Plan) -> Iterator[Inconsistency]:
    """The plan is about the cluster that its basis was read from, and names it by its own ARN."""
    cluster, arn = plan.cluster, parse_arn(plan.cluster.arn)
    if plan.snapshot_digest != digest_of(dict(plan.basis)):
        yield Inconsistency("its basis", "The snapshotDigest is not that of the basis.")
    if plan.basis.get("cluster") != cluster.arn:
        yield Inconsistency("its cluster", "The basis was read from another cluster.")
    if plan.basis.get("authenticationMode") != cluster.authentication_mode:
        yield Inconsistency("its cluster", "The authentication mode is not that of the basis.")
    parts = (
        cluster.partition,
        "eks",
        cluster.region,
        cluster.account_id,
        f"cluster/{cluster.name}",
    )
    if arn is None or (arn.partition, arn.service, arn.region, arn.account, arn.resource) != parts:
        yield Inconsistency(
            "its cluster", f"Name, account, region and partition are not those of `{cluster.arn}`."
        )
