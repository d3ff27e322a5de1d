"""The commands that settle what drifted: calls of EKS that put an entry back, or a command of this
program.

A person runs them, or accepts what is there now.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from migrator.model.access_document import EntryNow
from migrator.model.access_entry import AssociatedPolicy, EntrySpec
from migrator.model.drift import DriftFinding, DriftOutcome, Settling
from migrator.render.aws_calls import json_word, scope_parameter
from migrator.render.escape import shell
from migrator.render.facts import default_username

# A line for a shell, or the words of a command of this program.
Settle: TypeAlias = str | tuple[str, ...]
NEW_PLAN = "new-plan.json"


@dataclass(frozen=True, slots=True)
class OwnCommands:
    """What this program is asked to do with the cluster: ``plan`` again, ``apply`` or ``retire`` by
    that plan, and ``accept`` the access of now as the one that is compared with. ``apply`` is given
    the principal; it is empty where that cannot be applied alone.
    """

    plan: tuple[str, ...]
    apply: tuple[str, ...]
    retire: tuple[str, ...]
    accept: tuple[str, ...]


def own_commands(cluster: str) -> OwnCommands:
    """Those for one cluster, by what names it."""
    return OwnCommands(
        ("plan", cluster, "--out", NEW_PLAN),
        ("apply", NEW_PLAN, "--only"),
        ("retire", NEW_PLAN),
        ("access", cluster, "--save"),
    )


def settling_commands(
    drift: DriftOutcome,
    own: OwnCommands,
) -> dict[tuple[str, str], tuple[Settle, ...]]:
    """For each finding, by code and subject, what settles it, in order."""
    # A plan of the cluster as it is now; its retirement keeps a backup of aws-auth.
    of_program: Mapping[Settling, tuple[Settle, ...]] = {
        "plan": (own.plan,),
        "apply": (own.plan,),
        "delete-map": (own.plan, own.retire),
        "accept": (own.accept,),
    }
    found: dict[tuple[str, str], tuple[Settle, ...]] = {}
    for each in drift.findings:
        how = each.settled_by
        commands = of_program.get(how) or tuple(_OF_EKS[how](each, drift))
        if how == "apply" and own.apply:
            commands = (*commands, (*own.apply, each.successor or each.subject))
        found[each.code, each.subject] = commands
    return found


def _call(
    operation: str,
    drift: DriftOutcome,
    arn: str,
    **more: object,
) -> str:
    """One call about the entry of a principal."""
    cluster = drift.cluster
    document = json_word({"clusterName": cluster.name, "principalArn": arn, **more})
    return f"aws eks {operation} --region={shell(cluster.region)} --cli-input-json {document}"


def _put_entry(
    finding: DriftFinding,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    """The entry as it was."""
    yield from _bring(finding, finding.now, finding.subject, drift)


def _bring(
    finding: DriftFinding,
    now: EntryNow | None,
    arn: str,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    """What makes the entry that is there the wanted one."""
    wanted = finding.wanted
    if wanted is None:
        return
    # EKS API: the type of an entry cannot be changed. An entry that is dead stays tied to the
    # principal that was deleted.
    if now is not None and (now.type != wanted.type or now.state == "dead"):
        yield _call("delete-access-entry", drift, arn)
        now = None
    if now is None:
        now = finding.interim or wanted
        yield from _make(now, arn, drift)
    yield from _correct(wanted, now, arn, drift)


def _make(
    entry: EntryNow,
    arn: str,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    """A new entry with its policies."""
    more: dict[str, object] = {"type": entry.type}
    # EKS API: username and groups are given for type STANDARD only.
    if entry.type == "STANDARD":
        if entry.username not in ("", default_username(arn, EntrySpec())):
            more["username"] = entry.username
        if entry.kubernetes_groups:
            more["kubernetesGroups"] = list(entry.kubernetes_groups)
    yield _call("create-access-entry", drift, arn, **more)
    yield from (_associate(policy, arn, drift) for policy in entry.access_policies)


def _associate(
    policy: AssociatedPolicy,
    arn: str,
    drift: DriftOutcome,
) -> str:
    more = {"policyArn": policy.policy_arn, "accessScope": scope_parameter(policy)}
    return _call("associate-access-policy", drift, arn, **more)


def _correct(
    wanted: EntryNow,
    now: EntryNow,
    arn: str,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    """The fields that differ; what gives comes before what takes. To associate a policy again
    replaces its scope.
    """
    for policy in wanted.access_policies:
        if policy not in now.access_policies:
            yield _associate(policy, arn, drift)
    identity = (wanted.username, wanted.kubernetes_groups)
    if wanted.type == "STANDARD" and identity != (now.username, now.kubernetes_groups):
        groups = list(wanted.kubernetes_groups)
        yield _call(
            "update-access-entry", drift, arn, username=wanted.username, kubernetesGroups=groups
        )
    kept = {policy.policy_arn for policy in wanted.access_policies}
    for policy in now.access_policies:
        if policy.policy_arn not in kept:
            yield _call("disassociate-access-policy", drift, arn, policyArn=policy.policy_arn)


def _delete_entry(
    finding: DriftFinding,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    yield _call("delete-access-entry", drift, finding.subject)


def _hand_over(
    finding: DriftFinding,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    """The same entry for the successor, then the old one is deleted where it is still there."""
    if finding.successor is not None:
        yield from _bring(finding, finding.successor_entry, finding.successor, drift)
    if finding.now is not None:
        yield from _delete_entry(finding, drift)


_OF_EKS: Mapping[Settling, Callable[[DriftFinding, DriftOutcome], Iterator[Settle]]] = {
    "put-entry": _put_entry,
    "make-again": _put_entry,
    "hand-over": _hand_over,
    "delete-entry": _delete_entry,
}
