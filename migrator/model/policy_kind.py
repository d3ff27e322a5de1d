"""Kinds of IAM policy that deny a call, and what helps against each.

Source: IAM user guide, "Troubleshoot access denied error messages" (the kinds, as AWS's texts name
them) and "Policy evaluation logic" (an organization's policy, a boundary, a session policy and that
of a VPC endpoint limit a caller, whatever else it is given).
"""

from collections.abc import Iterable
from typing import Final

SERVICE_CONTROL: Final = "service control policy"
BOUNDARY: Final = "permissions boundary"
_EXEMPT: Final = (
    "of the organization denies it, whatever the caller is given: ask who manages the organization "
    "to exempt {action}{named}."
)
_REMEDIES: Final = {
    SERVICE_CONTROL: f"A service control policy {_EXEMPT}",
    "resource control policy": f"A resource control policy {_EXEMPT}",
    "vpc endpoint policy": "Allow {action} in the policy of the VPC endpoint that the call went "
    "through, or call from outside of it.",
    BOUNDARY: "Allow {action} in the permissions boundary of the caller{named}.",
    "session policy": "Allow {action} in the session policy that the caller's role was assumed "
    "with{named}, or assume it without one.",
    "role trust policy": "Allow {action} to the caller in the trust policy of the role.",
    "resource-based policy": "Allow {action} to the caller in the policy of the resource.",
}
# AWS's sample policy for this key compares with StringNotEquals, which also holds where a request
# does not have the key (IAM user guide, "IAM JSON policy elements: Condition operators").
_EGRESS: Final = (
    ' A policy for eks:controlPlaneEgressMode needs "Null": {"eks:controlPlaneEgressMode": '
    '"false"} in its condition: without it every UpdateClusterConfig is denied.'
)


def limit_remedy(kind: str, action: str, *, policy: str = "") -> str:
    """What helps against a denial of ``action`` by a policy of this kind (in lower case);
    ``policy``: its ARN, where AWS names it. Empty for the caller's own policies and for a kind that
    is not known.
    """
    named = f" ({policy})".replace(" ()", "")
    remedy = _REMEDIES.get(kind, "").format(action=action, named=named)
    if kind == SERVICE_CONTROL and "eks:UpdateClusterConfig" in action:
        return f"{remedy}{_EGRESS}"
    return remedy


def remedy_by_kind(refused: Iterable[tuple[str, str]], own: str) -> str:
    """What helps against refusals: each an action and the kind of policy that limits the caller,
    empty for the caller's own policies, for which ``own`` is said, with ``{actions}`` filled in.
    """
    by_kind: dict[str, list[str]] = {}
    for action, kind in refused:
        by_kind.setdefault(kind, []).append(action)
    remedies = [own.format(actions=", ".join(by_kind.pop("")))] if "" in by_kind else []
    remedies += [limit_remedy(kind, ", ".join(actions)) for kind, actions in by_kind.items()]
    return " ".join(remedies)
