"""The difference between what decides today and the entry that will: one readable line for each
change.

deepdiff compares; its paths are turned into the names that the EKS API uses.
"""

from collections.abc import Iterable
from typing import Any

from deepdiff import DeepDiff

from migrator.model.access_entry import AssociatedPolicy, EntrySpec, Identity
from migrator.model.plan import PlannedPrincipal
from migrator.render.facts import default_username


def entry_diff(principal: PlannedPrincipal) -> tuple[str, ...]:
    """Lines such as ``+ kubernetesGroups: devs``; none where the entry gives what there is, or
    where none is made.
    """
    spec = principal.entry or principal.proposed
    if spec is None:
        return ()
    # A principal that cannot log in has nothing to compare the entry with.
    if principal.before.via == "none":
        return ()
    return differences(_of_identity(principal.before), _of_entry(principal.principal_arn, spec))


def differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    """The changes from one JSON-like object to another, sorted, each as ``+ path: value``, ``- …``
    or ``~ …``.
    """
    diff = DeepDiff(before, after, ignore_order=True, verbose_level=2, view="tree")
    out: list[str] = []
    for kind, sign in (("removed", "-"), ("added", "+"), ("changed", "~")):
        for key, items in diff.items():
            # deepdiff names its groups `dictionary_item_removed`, `iterable_item_added`,
            # `values_changed` and so on.
            if kind not in key:
                continue
            for item in items:
                path = item.path(output_format="list")
                out.append(_line(sign, path, item.t1, item.t2))
    return tuple(sorted(out, key=lambda line: (line[2:].partition(":")[0], line)))


def _line(sign: str, path: list[Any], old: Any, new: Any) -> str:  # noqa: ANN401 - any JSON value
    """One change, its place named as the EKS API names it."""
    # Places in a list say nothing: the order is ignored.
    keys = [str(part) for part in path if not isinstance(part, int)]
    name = ".".join(keys) or "entry"
    if sign == "~":
        return f"~ {name}: {_value(old)} -> {_value(new)}"
    if sign == "-":
        return f"- {name}: {_value(old)}"
    return f"{sign} {name}: {_value(new)}"


def _value(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A value for people; an empty text is shown as one."""
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, dict):
        return ", ".join(f"{key}={_value(item)}" for key, item in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def _of_identity(identity: Identity) -> dict[str, Any]:
    """What decides today, in the form of an entry."""
    return {
        "username": identity.username,
        "kubernetesGroups": sorted(identity.groups),
        "accessPolicies": policy_scopes(identity.policies),
    }


def _of_entry(arn: str, spec: EntrySpec) -> dict[str, Any]:
    """What the entry will give, what EKS adds to it included."""
    name = spec.username
    if name is None:
        name = default_username(arn, spec)
    groups = sorted(spec.kubernetes_groups)
    # What EKS gives node entries (EKS user guide, "Create access entries").
    if spec.type in ("EC2_LINUX", "EC2_WINDOWS", "EC2", "HYBRID_LINUX", "FARGATE_LINUX"):
        groups = ["system:nodes"]
    return {
        "username": name,
        "kubernetesGroups": groups,
        "accessPolicies": policy_scopes(spec.access_policies),
    }


def policy_scopes(policies: Iterable[AssociatedPolicy]) -> dict[str, str]:
    """The scope of each policy, by its name."""
    scopes: dict[str, str] = {}
    for policy in policies:
        scope = "cluster"
        if policy.scope.type != "cluster":
            scope = "namespaces " + ", ".join(sorted(policy.scope.namespaces))
        scopes[policy.policy_name] = scope
    return scopes
