"""Answers that could be given to a plan's blockers: what ``plan --write-decisions`` writes as
commented stubs.

Values that only a person knows are written in angle brackets; nothing here decides.
"""

import re
from collections.abc import Iterator
from typing import Any

from migrator.decide.planning.entries.classify_node import MASTERS, NODE_GROUPS
from migrator.decide.planning.entries.entry_for import is_reserved
from migrator.decide.planning.principals.plan_facts import CLUSTER_ADMIN
from migrator.model.access_entry import EntrySpec
from migrator.model.decision import Stub
from migrator.model.finding import Finding
from migrator.model.plan import Plan, PlannedPrincipal

_WHO = "<your name>"
_WHY = "<why>"
_ACCEPTED: dict[str, Any] = {"by": _WHO, "reason": _WHY}
_GAINS = (
    "GAINS access: with this answer every session of the role logs in, not only those of EC2 "
    "instances."
)
_LOSES = (
    "LOSES access, the other way: action: skip here, and the principal under accept_loss; "
    "its "
    "instances end too."
)
_OR_LOSES = (
    "LOSES access, the other way: action: skip here, and the principal under accept_loss: it can "
    "then log in no more."
)
_LOSES_ALL = "LOSES access: with this answer the principal can log in no more."
_LOSES_NODE = "LOSES the permissions of a node, which no answer keeps."
_LOSES_NAMED = "LOSES what the finding names."
_LOSES_ACCOUNT = (
    "LOSES access: with this answer every principal of the account that has no row can log in no "
    "more."
)
# Blockers that the acceptance of a loss answers, and blockers that only leaving the principal out
# answers.
_BY_LOSS = frozenset(
    {"node-row-extra-groups", "policy-loses-rules", "loss-not-accepted", "creator-row-differs"}
)
_BY_SKIP = frozenset(
    {
        "service-linked-role",
        "federated-user",
        "root-user",
        "foreign-node-row",
        "node-template-refuted",
        "node-name-differs",
        "node-row-with-masters",
        "absent-but-logged-in",
        "dead-row-logged-in",
    }
)
_BY_ARN = frozenset({"role-unverified", "foreign-role-unverified"})
_BY_GROUPS = frozenset({"group-template", "ambiguous-user", "node-groups-bound"})
# These have counterparts of their own: node types, an access policy, or every login has them.
_NEVER_RENAMED = NODE_GROUPS | {MASTERS, "system:authenticated"}
_BY_TYPE = frozenset(
    {
        "node-entry-dead",
        "instance-id-node-names",
        "node-type-unknown",
        "node-trust-ambiguous",
        "node-names-contradict",
    }
)
# Only a change of the cluster, the ConfigMap or the snapshot answers these.
UNANSWERABLE = frozenset(
    {
        "section-doubtful",
        "lost-section-nodes-unknown",
        "bridge-name-used",
        "rehearsal-unfinished",
        "policy-unavailable",
        "entry-wrong-type",
        "fargate-entry-missing",
        "fargate-profiles-unread",
        "automatic-entry-differs",
        "node-os-mixed",
        "principal-ambiguous",
        "answer-unjudged",
        "entries-unread",
        "group-name-unread",
        "outpost-without-entries",
        "platform-without-entries",
        "entries-over-quota",
    }
)


def stubs_for(plan: Plan) -> tuple[Stub, ...]:
    """The stubs of all blocking findings, in the plan's order, each once."""
    principals = {principal.principal_arn: principal for principal in plan.principals}
    stubs: dict[tuple[str, str | None], Stub] = {}
    for finding in plan.findings:
        if finding.severity != "block":
            continue
        for stub in _stubs(finding, principals.get(finding.principal_arn or "")):
            stubs.setdefault((stub.section, stub.key), stub)
    return tuple(stubs.values())


def what_lifts(plan: Plan) -> str:
    """What a person does about the plan's blockers, in one sentence or two; empty without any."""
    blocking = [finding for finding in plan.findings if finding.severity == "block"]
    if not blocking:
        return ""
    principals = {principal.principal_arn: principal for principal in plan.principals}
    asked = 0
    for finding in blocking:
        asked += any(_stubs(finding, principals.get(finding.principal_arn or "")))
    if asked == len(blocking):
        return "Answer in decisions.yaml: migrate plan --write-decisions FILE writes the questions."
    others = "do what the finding says, then plan again."
    if not asked:
        return f"No answer in decisions.yaml lifts this: {others}"
    return (
        f"{asked} of {len(blocking)} can be answered in decisions.yaml: migrate plan "
        f"--write-decisions FILE writes the questions. For the others, {others}"
    )


def _stubs(finding: Finding, principal: PlannedPrincipal | None) -> Iterator[Stub]:
    title = f"{finding.code} ({finding.source})" if finding.source else finding.code
    about = (title, finding.message, finding.remedy)
    if finding.code == "section-lost":
        yield Stub("accept_lost_sections", None, [finding.source], about)
    # An entry names one principal: an account is answered by its principals, or is left out.
    elif finding.code == "map-accounts":
        account = re.sub(r"\D", "", finding.message)[:12]
        yield Stub("expand_accounts", account, [f"arn:aws:iam::{account}:role/<name>"], about)
        skipped = {"action": "skip", "reason": _WHY}
        yield Stub("accounts", account, skipped, (*about, _LOSES_ACCOUNT))
    elif principal is not None and finding.code not in UNANSWERABLE:
        yield from _of_principal(finding.code, principal, about)


def _of_principal(code: str, principal: PlannedPrincipal, about: tuple[str, ...]) -> Iterator[Stub]:
    arn = principal.principal_arn
    match code:
        case "reserved-group-bound":
            yield from _new_names(principal, about)
        case "automatic-entry-thinner":
            yield from _of_thinner_entry(principal, about)
        case "creator-entry-wider":
            yield from _of_creator(principal, about)
        case "log-in-population-gained":
            yield Stub("accept_gain", arn, dict(_ACCEPTED), (*about, _GAINS))
        # The answer that keeps the access of today comes first, the one that loses it is marked.
        case "username-ec2-template":
            yield Stub("principals", arn, _answer(code, principal), (*about, _GAINS, _LOSES))
        # Leaving out a principal that can log in is a loss, and is accepted by name.
        case "node-row-with-masters" if principal.proposed is not None:
            yield Stub("principals", arn, _as_proposed(principal.proposed), (*about, _OR_LOSES))
        case "node-template-refuted" if principal.proposed is not None:
            proposed = _as_proposed(principal.proposed)
            yield Stub("principals", arn, proposed, (*about, _LOSES_NODE, _OR_LOSES))
            yield Stub("accept_loss", arn, dict(_ACCEPTED), (*about, _LOSES_NODE))
        case _ if code in _BY_SKIP:
            about = (*about, _LOSES_ALL)
            yield Stub("principals", arn, {"action": "skip", "reason": _WHY}, about)
            yield Stub("accept_loss", arn, dict(_ACCEPTED), about)
        case _ if code in _BY_LOSS:
            yield Stub("accept_loss", arn, dict(_ACCEPTED), (*about, _LOSES_NAMED))
        case _:
            yield Stub("principals", arn, _answer(code, principal), about)


def _new_names(principal: PlannedPrincipal, about: tuple[str, ...]) -> Iterator[Stub]:
    """An ordinary name for each reserved group that an entry cannot carry."""
    for group in principal.before.groups:
        if is_reserved(group) and group not in _NEVER_RENAMED:
            yield Stub("groups", group, {"rename_to": proposed_name(group)}, about)


def _of_thinner_entry(principal: PlannedPrincipal, about: tuple[str, ...]) -> Iterator[Stub]:
    """Give the entry what the row gives, or accept that it does not."""
    # Where nothing is proposed, the entry is of another type than the row needs: no answer changes
    # the type of an entry (EKS API).
    if principal.proposed is None:
        return
    arn = principal.principal_arn
    yield Stub("principals", arn, {"action": "create", "reason": _WHY}, about)
    yield Stub("accept_loss", arn, dict(_ACCEPTED), (*about, _LOSES_NAMED))


def _of_creator(principal: PlannedPrincipal, about: tuple[str, ...]) -> Iterator[Stub]:
    """Confirm the creator, or give it the policies that its row gives and not the admin's."""
    arn = principal.principal_arn
    yield Stub("creator", None, {"arn": arn, **_ACCEPTED}, about)
    policies = principal.proposed.access_policies if principal.proposed else ()
    names = [policy.policy_name for policy in policies]
    own = [{"policy": name} for name in names if name != CLUSTER_ADMIN]
    yield Stub("principals", arn, {"action": "create", "policies": own, "reason": _WHY}, about)


def _answer(code: str, principal: PlannedPrincipal) -> dict[str, Any]:
    """``create`` with what is proposed; what is missing in angle brackets."""
    answer: dict[str, Any] = {"action": "create"}
    proposed = principal.proposed
    # aws-auth has no paths, and an entry needs the path (EKS user guide, "Create access entries").
    if code in _BY_ARN:
        head, _, name = principal.principal_arn.rpartition("/")
        answer["principal_arn"] = f"{head}/<path>/{name}"
    if code in _BY_TYPE:
        answer["type"] = proposed.type if proposed else "<type>"
    if code.startswith("username-"):
        answer["username"] = "<username>"
    if code in _BY_GROUPS:
        answer["groups"] = list(proposed.kubernetes_groups) if proposed else ["<group>"]
    return answer | {"reason": _WHY}


def _as_proposed(proposed: EntrySpec) -> dict[str, Any]:
    """``create`` with all that is proposed of an entry of type STANDARD."""
    answer: dict[str, Any] = {"action": "create", "username": proposed.username}
    if proposed.kubernetes_groups:
        answer["groups"] = list(proposed.kubernetes_groups)
    if proposed.access_policies:
        names = [policy.policy_name for policy in proposed.access_policies]
        answer["policies"] = [{"policy": name} for name in names]
    return answer | {"reason": _WHY}


def proposed_name(group: str) -> str:
    """An ordinary name for a reserved group: ``eks:developer`` becomes
    ``migrated-eks-developer``.
    """
    return "migrated-" + re.sub(r"[^A-Za-z0-9.-]+", "-", group).strip("-")
