"""The commands that settle what drifted: calls of EKS that put an entry back, or a command of this
program.

A person runs them, or accepts what is there now.
"""

from collections.abc import Callable, Iterator, Mapping
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


def settling_commands(drift: DriftOutcome) -> dict[tuple[str, str], tuple[Settle, ...]]:
    """For each finding, by code and subject, what settles it, in order."""
    return {
        (each.code, each.subject): tuple(_SETTLE[each.kind.settling](each, drift))
        for each in drift.findings
    }


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
    was, now, arn = finding.was, finding.now, finding.subject
    if was is None:
        return
    if now is None:
        yield from _make(was, arn, drift)
    # EKS API: the type of an entry cannot be changed.
    elif now.type != was.type:
        yield _call("delete-access-entry", drift, arn)
        yield from _make(was, arn, drift)
    else:
        yield from _correct(was, now, arn, drift)


def _make(
    entry: EntryNow,
    arn: str,
    drift: DriftOutcome,
    named: str = "",
) -> Iterator[Settle]:
    """A new entry with its policies. ``named``: whose default name the entry has, where that is
    another principal.
    """
    more: dict[str, object] = {"type": entry.type}
    # EKS API: username and groups are given for type STANDARD only.
    if entry.type == "STANDARD":
        default = default_username(named or arn, EntrySpec())
        if entry.username not in ("", default):
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
    was: EntryNow,
    now: EntryNow,
    arn: str,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    """The fields that differ. To associate a policy again replaces its scope."""
    identity = (was.username, was.kubernetes_groups)
    if was.type == "STANDARD" and identity != (now.username, now.kubernetes_groups):
        groups = list(was.kubernetes_groups)
        yield _call(
            "update-access-entry", drift, arn, username=was.username, kubernetesGroups=groups
        )
    wanted = {policy.policy_arn for policy in was.access_policies}
    for policy in was.access_policies:
        if policy not in now.access_policies:
            yield _associate(policy, arn, drift)
    for policy in now.access_policies:
        if policy.policy_arn not in wanted:
            yield _call("disassociate-access-policy", drift, arn, policyArn=policy.policy_arn)


def _delete_entry(
    finding: DriftFinding,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    yield _call("delete-access-entry", drift, finding.subject)


def _make_again(
    finding: DriftFinding,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    """The same entry, tied to the principal that has the name now."""
    yield _call("delete-access-entry", drift, finding.subject)
    if finding.now is not None:
        yield from _make(finding.now, finding.subject, drift)


def _hand_over(
    finding: DriftFinding,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    """The same entry for the successor, then the old one goes."""
    if finding.now is not None and finding.successor is not None:
        yield from _make(finding.now, finding.successor, drift, named=finding.subject)
    yield _call("delete-access-entry", drift, finding.subject)


def _plan(
    _finding: DriftFinding,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    yield ("plan", drift.cluster.name, "--out", NEW_PLAN)


def _delete_map(
    _finding: DriftFinding,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    """A plan of the cluster as it is now, whose retirement keeps a backup."""
    yield ("plan", drift.cluster.name, "--out", NEW_PLAN)
    yield ("retire", NEW_PLAN)


def accepting(drift: DriftOutcome) -> tuple[str, ...]:
    """What makes the access of now the one that is compared with."""
    return ("access", drift.cluster.name, "--save")


def _accept(
    _finding: DriftFinding,
    drift: DriftOutcome,
) -> Iterator[Settle]:
    yield accepting(drift)


_SETTLE: Mapping[Settling, Callable[[DriftFinding, DriftOutcome], Iterator[Settle]]] = {
    "put-entry": _put_entry,
    "make-again": _make_again,
    "hand-over": _hand_over,
    "delete-entry": _delete_entry,
    "plan": _plan,
    "delete-map": _delete_map,
    "accept": _accept,
}
