"""Which access entries belong into a team's code, under which names: what all code generators
share.

A generator gets the entries that will be there after apply, apart from those that EKS owns: code
that also claims an automatic or service-linked entry fights with EKS over it (EKS user guide,
"Create access entries": service-linked roles are refused; Auto Mode entries cannot be modified).
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from migrator.model.access_entry import SERVICE_LINKED_MARK, EntrySpec
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.principal import parse_arn

# An entry of these types is made by EKS from the thing it belongs to: a Fargate profile, a HyperPod
# cluster.
_MADE_BY_EKS = frozenset({"FARGATE_LINUX", "HYPERPOD_LINUX"})
# Why CloudFormation, and eksctl that makes stacks of it, get no such entry: the format has no
# escape.
DYNAMIC_REFERENCE = (
    "one of its texts holds a dynamic reference (resolve), which CloudFormation "
    "replaces by other text"
)


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """An entry to write down: its stable identifier (letters, digits, underscores) and why it
    exists.
    """

    name: str
    principal_arn: str
    spec: EntrySpec
    sources: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text of the entry that is not the generator's own."""
        found = [self.principal_arn, self.spec.username or "", *self.spec.kubernetes_groups]
        for policy in self.spec.access_policies:
            found.append(policy.policy_arn)
            found.extend(policy.scope.namespaces)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A principal without code, and the reason as one line."""

    principal_arn: str
    reason: str


@dataclass(frozen=True, slots=True)
class CodeEntries:
    """Everything of a plan that a code generator needs, in the plan's order."""

    entries: tuple[CodeEntry, ...]
    left_out: tuple[LeftOut, ...]


def code_entries(plan: Plan, *, include_owned: bool = False) -> CodeEntries:
    """The plan's entries for code. ``include_owned`` adds the automatic entries, never the
    service-linked ones.
    """
    entries: list[CodeEntry] = []
    left_out: list[LeftOut] = []
    for principal in plan.principals:
        reason = _why_left_out(principal, include_owned=include_owned)
        if reason is not None:
            left_out.append(LeftOut(principal.principal_arn, reason))
        elif principal.entry is not None:
            arn = principal.principal_arn
            entries.append(CodeEntry(stable_name(arn), arn, principal.entry, principal.sources))
    return CodeEntries(tuple(entries), tuple(left_out))


def _why_left_out(principal: PlannedPrincipal, *, include_owned: bool) -> str | None:
    if SERVICE_LINKED_MARK in principal.principal_arn:
        return "belongs to a service-linked role: nobody but EKS can change it"
    if principal.action == "skip":
        return "skipped: no entry is made"
    if principal.action == "block" or principal.entry is None:
        return "blocked: a decision is needed first"
    if include_owned:
        return None
    if principal.action == "await":
        return "EKS makes this entry itself"
    if principal.before.via == "automatic" or principal.entry.type in _MADE_BY_EKS:
        return "EKS made this entry and keeps it"
    return None


def only_literal(
    code: CodeEntries, survives: Callable[[str], bool], reason: str, *shared: str
) -> CodeEntries:
    """Without the entries that hold a text which the format's reader would change.

    ``survives`` says of a text whether it is read back as it is; ``shared`` are texts that every
    entry is written with.
    """
    literal: list[CodeEntry] = []
    changed: list[LeftOut] = []
    for entry in code.entries:
        if all(map(survives, (*entry.texts, *shared))):
            literal.append(entry)
        else:
            changed.append(LeftOut(entry.principal_arn, reason))
    return CodeEntries(tuple(literal), code.left_out + tuple(changed))


def stable_name(arn: str) -> str:
    """``role_runner_1a2b3c4d``: kind, name and eight hex digits of the ARN's SHA-256, so that
    nothing else in the cluster changes it, and two principals of one name in two accounts or paths
    differ.
    """
    parsed = parse_arn(arn)
    kind, name = (parsed.kind, parsed.name) if parsed else ("principal", arn)
    words = re.sub(r"[^A-Za-z0-9]+", "_", f"{kind}_{name}").strip("_")
    digest = hashlib.sha256(arn.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{words[:80].rstrip('_')}_{digest[:8]}"


def origin(entry: CodeEntry) -> str:
    """``from mapRoles[3]``, for a comment beside the entry."""
    if not entry.sources:
        return "from the cluster: no row in aws-auth"
    return f"from {', '.join(entry.sources)}"
