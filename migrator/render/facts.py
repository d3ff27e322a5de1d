"""What is said of a principal, in words but without a form: terminal, Markdown and HTML say the
same things.

Values here are foreign text as it is; the code that writes them out escapes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrator.model.access_entry import AssociatedPolicy, EntrySpec, Identity, Via
from migrator.model.log_ins import log_in_words
from migrator.model.plan import AccessChange, Plan, PlannedPrincipal
from migrator.model.principal import parse_arn
from migrator.model.rbac import PermissionRow
from migrator.render.can_i import question

# What EKS gives an entry without a username (EKS user guide, "Create access entries", table of
# types).
_DEFAULT_NAME = {
    "EC2_LINUX": "system:node:{{EC2PrivateDNSName}}",
    "EC2_WINDOWS": "system:node:{{EC2PrivateDNSName}}",
    "FARGATE_LINUX": "system:node:{{SessionName}}",
    "EC2": "system:node:{{SessionName}}",
    "HYBRID_LINUX": "system:node:{{SessionName}}",
}
VIA: Mapping[Via, str] = {
    "config-map": "by a row in aws-auth",
    "access-entry": "by an access entry",
    "automatic": "by an entry that EKS made",
    "none": "cannot log in",
}


def mode_note(plan: Plan) -> str:
    """What is said beside the mode of a plan for which it was not read; else empty."""
    return "" if plan.is_mode_read else " (taken, not read)"


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled thing: ``Fact("groups", ("devs", "ops"))``. ``tone`` is how it is meant."""

    label: str
    values: tuple[str, ...]
    tone: str = "plain"  # plain | same | changed | lost


def short_arn(arn: str, plan: Plan) -> str:
    """``111122223333:role/ci/runner``: without what all IAM ARNs of the cluster's partition
    share.
    """
    return arn.removeprefix(f"arn:{plan.cluster.partition}:iam::")


def place(source: str, lines: Mapping[str, int]) -> str:
    """``mapRoles[3] line 14``, or without the line where it is not known."""
    return place_of(source, lines.get(source))


def place_of(source: str, line: int | None) -> str:
    """:func:`place`, of a row whose line is at hand."""
    if line is None:
        return source
    return f"{source} line {line}"


def policy_words(policy: AssociatedPolicy) -> str:
    """``AmazonEKSViewPolicy in shop, web`` or ``AmazonEKSClusterAdminPolicy in the whole
    cluster``.
    """
    scope = policy.scope
    if scope.type == "cluster":
        return f"{policy.policy_name} in the whole cluster"
    namespaces = ", ".join(scope.namespaces) or "no namespace"
    return f"{policy.policy_name} in {namespaces}"


def default_username(arn: str, spec: EntrySpec) -> str:
    """The username that EKS gives where none is set; empty when it is not known.

    A role's is the STS form without the path, a user's is the ARN (EKS user guide, "Create access
    entries").
    """
    if spec.type != "STANDARD":
        return _DEFAULT_NAME.get(spec.type, "")
    parsed = parse_arn(arn)
    if parsed is None:
        return ""
    match parsed.kind:
        case "user":
            return arn
        case "role":
            role = f"arn:{parsed.partition}:sts::{parsed.account}:assumed-role/{parsed.name}"
            return f"{role}/{{{{SessionName}}}}"
        case _:
            return ""


def access_words(access: AccessChange) -> Iterable[tuple[str, str]]:
    """What is gained and lost, each as ``("gains", phrase)``: log-ins first, because they say for
    whom the rest is.
    """
    return ((label, words) for label, words, _ in access_questions(access))


def access_questions(access: AccessChange) -> Iterable[tuple[str, str, str]]:
    """:func:`access_words`, each with the command that asks for it; empty where there is none."""
    for log_ins in access.log_ins_gained:
        yield "gains", f"log-ins: {log_in_words(log_ins)}", ""
    for row in access.gained:
        yield "gains", permission_words(row), question(row.witness)
    for log_ins in access.log_ins_lost:
        yield "loses", f"log-ins: {log_in_words(log_ins)}", ""
    for row in access.lost:
        yield "loses", permission_words(row), question(row.witness)


def before_facts(identity: Identity) -> tuple[Fact, ...]:
    """Who the principal is today."""
    if identity.via == "none":
        return (Fact(VIA["none"], ()),)
    facts = [Fact("name", (identity.username,))]
    if identity.groups:
        facts.append(Fact("groups", identity.groups))
    for policy in identity.policies:
        facts.append(Fact("policy", (policy_words(policy),)))
    facts.append(Fact(VIA[identity.via], ()))
    return tuple(facts)


def after_facts(principal: PlannedPrincipal) -> tuple[Fact, ...]:
    """Who the principal will be, each fact distinguished from today's."""
    if principal.action == "skip":
        return (Fact("nothing", ()),)
    spec = principal.entry or principal.proposed
    if spec is None:
        return (Fact("undecided", ()),)
    facts: list[Fact] = []
    # A blocked principal gets no entry until a person has decided.
    if principal.entry is None:
        facts.append(Fact("proposed only", ()))
    facts.append(Fact("type", (spec.type,)))
    facts.extend(_entry_facts(principal, spec))
    return tuple(facts)


def _entry_facts(principal: PlannedPrincipal, spec: EntrySpec) -> Iterable[Fact]:
    """Name, groups and policies of the entry, and the groups of today that it does not have."""
    before = principal.before
    yield _name_fact(principal, spec)
    # Entries of other types carry neither groups nor policies of their own (EKS CreateAccessEntry).
    if spec.type != "STANDARD":
        return
    if spec.kubernetes_groups:
        kept = set(spec.kubernetes_groups) == set(before.groups)
        yield Fact("groups", spec.kubernetes_groups, _tone(same=kept))
    for policy in spec.access_policies:
        kept = policy in before.policies
        yield Fact("policy", (policy_words(policy),), _tone(same=kept))
    # In the order of the row, as it is shown for today.
    missing = [group for group in before.groups if group not in spec.kubernetes_groups]
    if missing:
        yield Fact("without group", tuple(missing), "lost")


def _name_fact(principal: PlannedPrincipal, spec: EntrySpec) -> Fact:
    """The username: that of the entry, or the one that EKS gives."""
    before = principal.before
    label, name = "name", spec.username
    if name is None:
        label = "name by EKS"
        name = default_username(principal.principal_arn, spec)
    same = name == before.username
    # A principal that cannot log in today has no username that could stay the same.
    if before.via == "none":
        same = False
    return Fact(label, (name or "not known",), _tone(same=same))


def _tone(*, same: bool) -> str:
    """The tone of a fact that is the same as today, or is not."""
    if same:
        return "same"
    return "changed"


def permission_words(row: PermissionRow) -> str:
    """``get, list deployments.apps in namespace shop``: one block of permissions as a phrase."""
    if row.unknown:
        return f"not known: {row.scope.removeprefix('unknown ')}"
    verbs = ", ".join(row.verbs)
    if row.non_resource_urls:
        return f"{verbs} {', '.join(row.non_resource_urls)}"
    what = ", ".join(_resources_of(row))
    # RBAC: with resourceNames a rule permits these objects alone (Kubernetes, "Using RBAC
    # Authorization").
    if row.resource_names:
        what += f" only {', '.join(row.resource_names)}"
    where = row.scope
    if where == "cluster":
        where = "the whole cluster"
    return f"{verbs} {what} in {where}"


def _resources_of(row: PermissionRow) -> Iterable[str]:
    """``deployments.apps``, each resource in each API group; those of the core group alone."""
    for group in row.api_groups or ("",):
        for resource in row.resources:
            if group:
                yield f"{resource}.{group}"
            else:
                yield resource


def step_counts(plan: Plan) -> dict[str, int]:
    """How many steps of each kind, in the order in which the kinds first come."""
    counts: dict[str, int] = {}
    for step in plan.steps:
        counts[step.effect.kind] = counts.get(step.effect.kind, 0) + 1
    return counts


def is_link(text: str) -> bool:
    """References come from our catalogue; a plan file can still hold anything."""
    if not text.startswith("https://"):
        return False
    return all(map(_is_plain_in_link, text))


def _is_plain_in_link(char: str) -> bool:
    """Whether the character ends no attribute, code span or table cell, and needs no escape."""
    if char in "-._~/:?#=&%":
        return True
    # Python's isalnum takes the letters of every script.
    return char.isascii() and char.isalnum()
