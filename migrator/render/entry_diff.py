"""The difference between what decides today and the entry that will: one readable line for each
change.

deepdiff compares; its paths are turned into the names that the EKS API uses.
"""

from typing import Any

from deepdiff import DeepDiff

from migrator.model.access_entry import EntrySpec, Identity
from migrator.model.plan import PlannedPrincipal
from migrator.render.facts import default_username


def entry_diff(principal: PlannedPrincipal) -> tuple[str, ...]:
    """Lines such as ``+ kubernetesGroups: devs``; none where the entry gives what there is, or
    where none is made.
    """
    spec = principal.entry or principal.proposed
    if spec is None or principal.before.via == "none":
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
            if kind not in key:
                continue
            out.extend(
                _line(sign, item.path(output_format="list"), item.t1, item.t2) for item in items
            )
    return tuple(sorted(out, key=lambda line: (line[2:].partition(":")[0], line)))


def _line(sign: str, path: list[Any], old: Any, new: Any) -> str:  # noqa: ANN401 - any JSON value
    # Places in a list say nothing: the order is ignored.
    keys = [str(part) for part in path if not isinstance(part, int)]
    name = ".".join(keys) or "entry"
    if sign == "~":
        return f"~ {name}: {_value(old)} -> {_value(new)}"
    if sign == "-":
        return f"- {name}: {_value(old)}"
    return f"{sign} {name}: {_value(new)}"


def _value(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, dict):
        return ", ".join(f"{key}={_value(item)}" for key, item in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def _of_identity(identity: Identity) -> dict[str, Any]:
    policies = {
        policy.policy_name: _scope(policy.scope.type, policy.scope.namespaces)
        for policy in identity.policies
    }
    return {
        "username": identity.username,
        "kubernetesGroups": sorted(identity.groups),
        "accessPolicies": policies,
    }


def _of_entry(arn: str, spec: EntrySpec) -> dict[str, Any]:
    name = spec.username if spec.username is not None else default_username(arn, spec)
    policies = {
        policy.policy_name: _scope(policy.scope.type, policy.scope.namespaces)
        for policy in spec.access_policies
    }
    groups = list(spec.kubernetes_groups)
    if spec.type in ("EC2_LINUX", "EC2_WINDOWS", "EC2", "HYBRID_LINUX", "FARGATE_LINUX"):
        groups = [
            "system:nodes"
        ]  # what EKS gives node entries (EKS user guide, "Create access entries")
    return {"username": name, "kubernetesGroups": sorted(groups), "accessPolicies": policies}


def _scope(kind: str, namespaces: tuple[str, ...]) -> str:
    return "cluster" if kind == "cluster" else "namespaces " + ", ".join(sorted(namespaces))
