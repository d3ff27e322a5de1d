"""Asks IAM whether the break-glass principal of a plan could make its own access entry."""

from migrator.decide.running.second_admin import BreakGlass, break_glass_needs
from migrator.errors import MigratorError
from migrator.model.plan import Plan
from migrator.model.principal import parse_arn
from migrator.ports import PrincipalPermissions
from migrator.run.begin_run import arrives_through


def look_at_break_glass(
    plan: Plan, permissions: PrincipalPermissions | None, chain: tuple[str, ...]
) -> BreakGlass | None:
    """What was found; None where the plan names no principal. ``chain``: who the operator is and
    arrives through.
    """
    arn = plan.break_glass
    if arn is None:
        return None
    parsed = parse_arn(arn)
    if parsed is None or parsed.account != plan.cluster.account_id:
        return BreakGlass(
            arn, False, "it is not of the cluster's account, and EKS is asked there only"
        )
    if arrives_through(arn, chain):
        return BreakGlass(arn, False, "the operator acts as it")
    if permissions is None:
        return BreakGlass(arn, False, "IAM was not asked")
    try:
        refused = permissions.refused_to(arn, break_glass_needs(plan.cluster))
    except MigratorError as error:
        if error.code != "principal-not-found":
            raise
        return BreakGlass(arn, False, "IAM knows no such principal")
    if refused is None:
        return BreakGlass(
            arn, False, "the operator may not simulate its policies (iam:SimulatePrincipalPolicy)"
        )
    if refused:
        actions = sorted({action for action, _ in refused})
        return BreakGlass(arn, False, f"IAM would refuse it {', '.join(actions)}")
    return BreakGlass(arn, True, "IAM would let it make an access entry for itself")
