"""The IAM actions that the steps of a plan take, with the reads between the writes: an operator who
may write entries and not read them would be stopped after the first one.

Source: service authorization reference for Amazon EKS (actions and their resource types), and
"CreateAccessEntry" of the EKS API reference for iam:PassRole.
"""

from collections.abc import Iterable

from migrator.errors import assert_never
from migrator.model.plan import ClusterRef
from migrator.model.step import (
    AssociatePolicy,
    AwaitEntry,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    DeleteEntry,
    DisassociatePolicy,
    EnableEntries,
    Prove,
    RemoveBridge,
    Step,
    UpdateEntry,
)

_READS = ("eks:DescribeAccessEntry", "eks:ListAssociatedAccessPolicies")


def needs_of_steps(cluster: ClusterRef, steps: Iterable[Step]) -> tuple[tuple[str, str], ...]:
    """``(action, resource)`` pairs of the steps, each once. The ARN of an entry that is not made
    yet is not known: its place is asked for.
    """
    found: dict[tuple[str, str], None] = {}
    for step in steps:
        found |= dict.fromkeys(_needs(cluster, step))
    return tuple(found)


def _needs(cluster: ClusterRef, step: Step) -> tuple[tuple[str, str], ...]:
    stem = f"arn:{cluster.partition}:eks:{cluster.region}:{cluster.account_id}"
    entries = f"{stem}:access-entry/{cluster.name}/*"
    read = tuple((action, entries) for action in _READS)
    match step.effect:
        case EnableEntries():
            return (("eks:UpdateClusterConfig", cluster.arn), ("eks:DescribeUpdate", cluster.arn))
        case CreateEntry(entry=entry, principal_arn=arn):
            create = ("eks:CreateAccessEntry", cluster.arn)
            is_node = entry.type in ("EC2_LINUX", "EC2_WINDOWS")
            return (create, ("iam:PassRole", arn), *read) if is_node else (create, *read)
        case UpdateEntry():
            return (("eks:UpdateAccessEntry", entries), *read)
        case DeleteEntry():
            return (("eks:DeleteAccessEntry", entries), *read)
        case AssociatePolicy():
            return (("eks:AssociateAccessPolicy", entries), *read)
        case DisassociatePolicy():
            return (("eks:DisassociateAccessPolicy", entries), *read)
        case AwaitEntry() | CreateBridge() | CreateBinding() | RemoveBridge() | Prove():
            return ()
        case _:
            assert_never(step.effect)
