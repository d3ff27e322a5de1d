"""Who else administers the cluster: shown before the operator's own access is changed.

The operator, and every principal through which the operator arrives, is migrated last. Before that
a second, independent administrator must be proven, or a break-glass principal must be shown to be
able to make an access entry for itself, or a named person must waive that.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from migrator.decide.running.progress import SETTLED, Progress
from migrator.model.decision import Acceptance
from migrator.model.plan import ClusterRef, Plan, PlannedPrincipal
from migrator.model.step import Prove

GATE = "second-admin"
MASTERS = "system:masters"
CLUSTER_ADMIN = "AmazonEKSClusterAdminPolicy"
_SHOWN = frozenset({"live", "observed", "attested"})


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """The IAM principal that a plan names for the case that no principal can log in any more, and
    whether it was shown that IAM would let it make an entry (EKS user guide, "Create access
    entries": CreateAccessEntry, AssociateAccessPolicy).
    """

    principal_arn: str
    shown: bool
    why: str

    def __str__(self) -> str:
        return f"{self.principal_arn} (break-glass: {self.why})"


def break_glass_needs(cluster: ClusterRef) -> tuple[tuple[str, str], ...]:
    """``(action, resource)`` pairs that a break-glass principal must be allowed, as the service
    authorization reference for Amazon EKS lists their resource types.
    """
    stem = f"arn:{cluster.partition}:eks:{cluster.region}:{cluster.account_id}"
    entries = f"{stem}:access-entry/{cluster.name}/*"
    return ("eks:CreateAccessEntry", cluster.arn), ("eks:AssociateAccessPolicy", entries)


def is_admin(principal: PlannedPrincipal) -> bool:
    """Whether the principal administers the whole cluster, before and after."""
    if principal.entry is None:
        return False
    # The plan makes no entry for these.
    if principal.action in ("skip", "block"):
        return False
    for policy in principal.entry.access_policies:
        # In a namespace's scope the same policy administers that namespace only (EKS user guide,
        # "Access policy permissions").
        if policy.policy_name == CLUSTER_ADMIN and policy.scope.type == "cluster":
            return True
    return False


def admins_to_prove(plan: Plan, callers: frozenset[str]) -> tuple[str, ...]:
    """ARNs of the administrators other than the operator, in plan order. ``callers``: the
    principals that the operator is, or arrives through.
    """
    others: list[str] = []
    for principal in plan.principals:
        if principal.principal_arn in callers:
            continue
        if is_admin(principal):
            others.append(principal.principal_arn)
    return tuple(others)


def second_admin(
    plan: Plan,
    progress: Progress,
    callers: frozenset[str],
    waivers: Mapping[str, Acceptance],
) -> str:
    """Who was shown to administer the cluster besides the operator, and how; empty where no
    one was.
    """
    admins = admins_to_prove(plan, callers)
    # An earlier proof of a principal may be of its entry with the bridge, which gives
    # cluster-admin whatever the entry gives.
    last = {step.principal_arn: step for step in plan.steps if isinstance(step.effect, Prove)}
    for step in last.values():
        if step.principal_arn not in admins:
            continue
        proof = progress.of(step.id)
        if proof.status not in SETTLED:
            continue
        # What the rules alone say of a principal is not shown.
        proof_class = proof.effect.get("class")
        if proof_class in _SHOWN:
            return f"{step.principal_arn} ({proof_class})"
    waiver = waivers.get(GATE)
    if waiver is None:
        return ""
    return f"waived by {waiver.by}: {waiver.reason}"
