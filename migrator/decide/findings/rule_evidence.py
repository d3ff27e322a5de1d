"""How the rule of the platform behind a finding is known: by its documentation, its code, answers
of the real components, or less.

The source of a finding says most: a page of AWS or Kubernetes documents the rule, and a file of the
authenticator is its code, of which EKS runs a build of its own. Where more or less is known than
that, the code is in the table.
"""

from collections.abc import Mapping

from migrator.decide.findings.finding_kinds import references as ref
from migrator.model.finding_kind import Evidence, FindingKind

EVIDENCE_MEANS: Mapping[Evidence, str] = {
    "documented": "AWS or Kubernetes documents the rule",
    "source code": "the rule is in the published code of the component; EKS runs its own build",
    "recorded": "the real authenticator or API server gave the answer, which each test run repeats",
    "measured": "the API of EKS was tried by others, and they published what it answered",
    "field report": "users of EKS report it; AWS does not document it",
    "inferred": "it follows from other rules, and was not tried",
}
KNOWN_OTHERWISE: Mapping[str, Evidence] = {
    # Recorded from aws-iam-authenticator 0.7.18: texts of aws-auth.
    "section-lost": "recorded",
    "row-stripped": "recorded",
    "row-dropped": "recorded",
    "unknown-data-key": "recorded",
    "row-unread": "recorded",
    "row-shadowed": "recorded",
    # Recorded from it: logins by row and by entry.
    "dead-role-path": "recorded",
    "dead-blank-in-arn": "recorded",
    "dead-sso-matcher": "recorded",
    "row-inert": "recorded",
    "row-shadowed-by-entry": "recorded",
    "entry-dead": "recorded",
    "node-entry-dead": "recorded",
    "gap-accepted": "recorded",
    # Tried with real clusters in 2026 by the authors of cdk-preflight (rules/eks).
    "service-linked-role": "measured",
    "reserved-group-dropped": "measured",
    "reserved-group-bound": "measured",
    "reserved-group-unread": "measured",
    "node-row-extra-groups": "measured",
    "foreign-node-row": "measured",
    # karpenter-provider-aws#5369, amazon-vpc-resource-controller-k8s#515, containers-roadmap#1209,
    # terraform-aws-eks#2912, and a log line at AWS re:Post.
    "node-groups-dropped": "field report",
    "instance-id-node-names": "field report",
    "creator-entry-wider": "field report",
    "creator-name-referenced": "field report",
    "fargate-entry-missing": "field report",
    # No page says it, and no report was found.
    "federated-user": "inferred",
    "creator-row-differs": "inferred",
    "dead-other-partition": "inferred",
}


def evidence_of(kind: FindingKind) -> Evidence:
    """How the rule behind the findings of a kind is known."""
    known = KNOWN_OTHERWISE.get(kind.code)
    if known is not None:
        return known
    if kind.reference.startswith(ref.AUTHENTICATOR):
        return "source code"
    return "documented"
