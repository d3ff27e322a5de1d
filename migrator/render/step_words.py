"""What each step of a plan writes, in words: everything that apply will send, so that a reviewer
sees it all.

Names are quoted as JSON strings, so that no name can look like a part of the sentence. The words
are foreign text: the code that writes them out escapes them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from migrator.errors import assert_never
from migrator.model.access_entry import EntrySpec
from migrator.model.plan import Plan
from migrator.model.step import (
    AssociatePolicy,
    AwaitEntry,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    DeleteEntry,
    DisassociatePolicy,
    Effect,
    EnableEntries,
    Prove,
    RemoveBridge,
    UpdateEntry,
)
from migrator.render.facts import policy_words


def writes_of(plan: Plan) -> Mapping[str | None, Sequence[tuple[str, str]]]:
    """``(step id, what it writes)`` by principal ARN, in the order of the steps; None: writes about
    the cluster.
    """
    found: dict[str | None, list[tuple[str, str]]] = {}
    for step in plan.steps:
        words = write_words(step.effect)
        if words:
            found.setdefault(step.principal_arn, []).append((step.id, words))
    return found


def write_words(effect: Effect) -> str:
    """What the effect writes; empty for a step that only waits or looks."""
    match effect:
        case AwaitEntry() | Prove():
            return ""
        case CreateBridge() | CreateBinding() | RemoveBridge():
            return _binding_words(effect)
        case CreateEntry() | UpdateEntry() | DeleteEntry():
            return _entry_words(effect)
        case EnableEntries():
            return (
                f"switch the authentication mode from {effect.mode_from} to {effect.mode_to}: "
                f"one-way"
            )
        case AssociatePolicy():
            return f"associate {policy_words(effect.policy)}"
        case DisassociatePolicy():
            return f"disassociate {policy_words(effect.policy)}"
        case _:
            assert_never(effect)


def _binding_words(effect: CreateBridge | CreateBinding | RemoveBridge) -> str:
    """What a step about the cluster binds, or no longer binds, and by which object."""
    group = _quoted(effect.group)
    match effect:
        case CreateBridge():
            return (
                f"bind the group {group} to ClusterRole cluster-admin, by {_binding(effect, None)}"
            )
        case CreateBinding():
            role = f"{effect.role_kind} {_quoted(effect.role_name)}"
            return f"bind the group {group} to {role}, by {_binding(effect, effect.namespace)}"
        case RemoveBridge():
            return f"delete {_binding(effect, effect.namespace)} of the group {group}"


def _entry_words(effect: CreateEntry | UpdateEntry | DeleteEntry) -> str:
    """What a step about an entry writes; of one that it deletes, by what it can be known."""
    match effect:
        case CreateEntry():
            return f"create the access entry: {_entry(effect.entry)}"
        case UpdateEntry():
            return f"update the access entry: {_entry(effect.entry)}"
        case DeleteEntry():
            return f"delete the access entry: username {_quoted(effect.before.username)}"


def _binding(effect: CreateBridge | CreateBinding | RemoveBridge, namespace: str | None) -> str:
    """Kind, name and namespace of a binding; ``namespace`` None is the whole cluster."""
    if namespace is None:
        return f"ClusterRoleBinding {_quoted(effect.binding_name)}"
    return f"RoleBinding {_quoted(effect.binding_name)} in namespace {_quoted(namespace)}"


def _entry(spec: EntrySpec) -> str:
    """Type, username and groups; access policies have steps of their own."""
    if spec.type != "STANDARD":
        return f"type {spec.type}"
    name = "the username that EKS gives"
    if spec.username is not None:
        name = f"username {_quoted(spec.username)}"
    return f"type STANDARD, {name}, groups {_all_quoted(spec.kubernetes_groups)}"


def _quoted(name: str) -> str:
    """A name as a JSON string."""
    return json.dumps(name, ensure_ascii=False)


def _all_quoted(names: Iterable[str]) -> str:
    """Names as JSON strings, in their order."""
    return ", ".join(map(_quoted, names)) or "none"
