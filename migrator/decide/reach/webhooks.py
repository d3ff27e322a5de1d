"""Admission webhooks that see what a migration writes: whose failure refuses a write, or who may
change it.

Source: Kubernetes documentation, "Dynamic Admission Control": rules, ``matchPolicy``,
``namespaceSelector`` (of what is in a namespace), ``objectSelector``, ``matchConditions``, and
``failurePolicy``, which is Fail where it is left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from migrator.decide.reach.network_policies.raw_fields import (
    NotUnderstood,
    name_of,
    part,
    parts,
    text,
    texts,
)
from migrator.model.diagnosis import Check

Raw: TypeAlias = Mapping[str, Any]
Match: TypeAlias = Literal["yes", "no", "maybe"]
NAME: Final = "webhooks"
NAMESPACE: Final = "kube-system"
_SHOWN: Final = 10
_LABELS: Final = {"kubernetes.io/metadata.name": NAMESPACE}  # of every namespace of that name
_ANY: Final = "*"
_MATCHES: Final[Mapping[bool, Match]] = {True: "yes", False: "no"}
_POLICIES: Final = {True: "Fail", False: "Ignore"}
_ASKED: Final = {True: "is asked about", False: "may be asked about"}
_KINDS: Final = {
    "ValidatingWebhookConfiguration": "validating",
    "MutatingWebhookConfiguration": "mutating",
}


class Write(NamedTuple):
    """What a command writes. All are of version v1, but for the API group's own."""

    operation: str
    group: str
    resource: str
    scope: str = "Namespaced"


# aws-auth and its restoring, the lock, the timer of a rehearsal, the bridge of administrators.
WRITES: Final = (
    *(Write(each, "", "configmaps") for each in ("CREATE", "UPDATE", "DELETE")),
    *(Write(each, "coordination.k8s.io", "leases") for each in ("CREATE", "UPDATE", "DELETE")),
    *(Write(each, "batch", "jobs") for each in ("CREATE", "DELETE")),
    *(
        Write(each, "rbac.authorization.k8s.io", "clusterrolebindings", "Cluster")
        for each in ("CREATE", "DELETE")
    ),
)


@dataclass(frozen=True, slots=True)
class Interceptor:
    """A webhook that is asked about writes. ``sure``: whatever the labels of the object and the
    conditions of the webhook say.
    """

    configuration: str
    kind: str
    webhook: str
    fails_closed: bool
    sure: bool
    writes: tuple[Write, ...]

    def __str__(self) -> str:
        by_resource: dict[str, list[str]] = {}
        for write in self.writes:
            by_resource.setdefault(write.resource, []).append(write.operation)
        seen = ", ".join(f"{name} ({', '.join(each)})" for name, each in by_resource.items())
        return (
            f"{self.kind} webhook {self.webhook} of {self.configuration} (failurePolicy "
            f"{_POLICIES[self.fails_closed]}) {_ASKED[self.sure]} {seen}"
        )


def webhooks_check(configurations: Iterable[Raw]) -> Check:
    """Which webhooks see the writes of a migration in kube-system, from all webhook configurations
    of the cluster.
    """
    try:
        found = [each for raw in configurations for each in interceptors_in(raw)]
    except NotUnderstood as error:
        return Check(NAME, "unknown", f"A webhook configuration is not understood: {error}.")
    if not found:
        said = f"No admission webhook is asked about what a migration writes in {NAMESPACE}."
        return Check(NAME, "ok", said)
    shown = "; ".join(map(str, found[:_SHOWN]))
    if len(found) > _SHOWN:
        shown += f"; and {len(found) - _SHOWN} more"
    return _check_of(found, shown)


def _check_of(found: list[Interceptor], shown: str) -> Check:
    closed = [each for each in found if each.fails_closed]
    if closed:
        first = closed[0]
        return Check(
            NAME,
            "warn",
            f"{shown}. Where one with failurePolicy Fail does not answer, the write is refused: a "
            f"roll-back and the timer of a rehearsal, too.",
            f"See that its service answers, or exempt {NAMESPACE} by its rules and "
            f"namespaceSelector: `kubectl get {first.kind}webhookconfiguration "
            f"{first.configuration} -o yaml`",
        )
    if "mutating" in [each.kind for each in found]:
        said = f"{shown}. A mutating webhook may change what is written."
        return Check(NAME, "warn", said, f"See what it does, or exempt {NAMESPACE} from it.")
    return Check(NAME, "ok", f"{shown}; where one does not answer, the write goes through.")


def interceptors_in(configuration: Raw) -> list[Interceptor]:
    """The webhooks of a configuration that are asked about writes of a migration. Raises
    ``NotUnderstood``.
    """
    kind = _KINDS.get(text(configuration, "kind"), "")
    _, name = name_of(configuration)
    return [
        Interceptor(
            name,
            kind,
            text(webhook, "name"),
            text(webhook, "failurePolicy") != "Ignore",
            _certainty(webhook, asked[0]) == "yes",
            asked,
        )
        for webhook in parts(configuration, "webhooks")
        if (asked := tuple(write for write in WRITES if _is_asked(webhook, write)))
    ]


def _is_asked(webhook: Raw, write: Write) -> bool:
    """Whether a webhook may be asked about a write."""
    exact = text(webhook, "matchPolicy") == "Exact"
    if not any(_covers(rule, write, exact=exact) for rule in parts(webhook, "rules")):
        return False
    return _certainty(webhook, write) != "no"


def _certainty(webhook: Raw, write: Write) -> Match:
    """Whether the selectors and conditions of a webhook hold for a write."""
    answers = _selects(part(webhook, "objectSelector"), {})
    if write.scope == "Namespaced":
        answers |= _selects(part(webhook, "namespaceSelector"), _LABELS)
    # Conditions are CEL, which is not evaluated here.
    if parts(webhook, "matchConditions"):
        answers.add("maybe")
    return min(answers, key=("no", "maybe", "yes").index)


def _covers(rule: Raw, write: Write, *, exact: bool) -> bool:
    """Whether a rule names the write. With ``matchPolicy`` Equivalent, the default, a rule for
    another version of the resource names it, too.
    """
    # "pods/*" and "*/scale" name subresources, "*/*" everything.
    named = {
        "operations": {_ANY, write.operation},
        "apiGroups": {_ANY, write.group},
        "resources": {_ANY, "*/*", write.resource, f"{write.resource}/*"},
    }
    if exact:
        named["apiVersions"] = {_ANY, "v1"}
    if text(rule, "scope") not in ("", _ANY, write.scope):
        return False
    return not any(words.isdisjoint(texts(rule, key)) for key, words in named.items())


def _selects(selector: Raw, labels: Mapping[str, str]) -> set[Match]:
    """What the conditions of a label selector say of an object of which only these labels are
    known.
    """
    equal = part(selector, "matchLabels")
    answers = {_holds("In", [equal[key]], labels.get(key)) for key in equal}
    for item in parts(selector, "matchExpressions"):
        known = labels.get(text(item, "key"))
        answers.add(_holds(text(item, "operator"), texts(item, "values"), known))
    return answers | {"yes"}


def _holds(operator: str, values: list[str], known: str | None) -> Match:
    """``known``: the value of the label, None where it is not known."""
    if known is None:
        return "maybe"
    holds: dict[str, Match] = {
        "In": _MATCHES[known in values],
        "NotIn": _MATCHES[known not in values],
        "Exists": "yes",
        "DoesNotExist": "no",
    }
    return holds.get(operator, "maybe")
