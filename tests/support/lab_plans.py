"""A plan for the cluster ``demo`` of :mod:`tests.support.aws_lab`, whose principals the lab has."""

from dataclasses import replace

from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.plan import Plan
from migrator.render.escape import survives_cdk, survives_cloudformation, survives_pulumi
from tests.support.aws_lab import ALICE, CLUSTER_ADMIN, FOREIGN, HOME, NODES, REGION, RUNNER, VIEW
from tests.support.plans import HOSTILE, cluster, plan, principal

ADMIN = AssociatedPolicy(CLUSTER_ADMIN, AccessScope())
ON_SHOP = AssociatedPolicy(VIEW, AccessScope("namespace", ("web-*", "shop")))
# A format leaves out an entry with a text that it would change; here every entry is carried.
_TEXTS = tuple(
    text
    for text in HOSTILE
    if text and survives_cloudformation(text) and survives_cdk(text) and survives_pulumi(text)
)
# One entry of each shape: policies of both scopes, no username, a type of nodes, hostile texts.
ENTRIES = {
    RUNNER: EntrySpec("STANDARD", "ci:{{SessionName}}", ("dev", "ops"), (ADMIN, ON_SHOP)),
    ALICE: EntrySpec("STANDARD", None, (), (ON_SHOP,)),
    NODES: EntrySpec("EC2_LINUX"),
    FOREIGN: EntrySpec("STANDARD", "!Ref x ${AWS::Region} 'a' \"b\" # c", _TEXTS),
}


def lab_plan(entries: dict[str, EntrySpec] | None = None) -> Plan:
    """Everyone of ``entries`` is created; all of :data:`ENTRIES` by default."""
    arn = f"arn:aws:eks:{REGION}:{HOME}:cluster/demo"
    return plan(
        *(principal(arn, entry=spec) for arn, spec in (entries or ENTRIES).items()),
        cluster=cluster(name="demo", region=REGION, arn=arn),
    )


def made(entries: dict[str, EntrySpec] | None = None) -> dict[str, EntrySpec]:
    """The entries as ``tests.support.aws_command.entries`` reads them when all are made."""
    found = {}
    for arn, spec in (entries or ENTRIES).items():
        username = spec.username
        # What EKS gives where none is asked for: a user's own ARN.
        if spec.type == "STANDARD" and username is None:
            username = arn
        found[arn] = EntrySpec(
            spec.type,
            username,
            tuple(sorted(spec.kubernetes_groups)),
            tuple(
                replace(
                    each, scope=AccessScope(each.scope.type, tuple(sorted(each.scope.namespaces)))
                )
                for each in sorted(spec.access_policies, key=lambda policy: policy.policy_arn)
            ),
        )
    return found
