"""Which kind of policy denied a call, by AWS's text, and what then helps.

Source: IAM user guide, "Troubleshoot access denied error messages": a text ends "with an explicit
deny in a TYPE policy" or "because no TYPE policy allows the ACTION action"; since 2026 the ARN of
the policy follows a colon, within one account or organization (AWS Security Blog, "Enhanced access
denied error messages with policy ARNs"). Names of roles come before that reason, and are none.
"""

import re
from typing import Final

from migrator.adapters.foreign_text import foreign
from migrator.model.policy_kind import limit_remedy

_REASON: Final = re.compile(
    r"(?P<begin>with an explicit deny in an? |because no )"
    r"(?P<kind>[a-z][a-z -]{2,40}?(?:policy|boundary))"
    r"(?:(?: allows the \S+ action)?: (?P<policy>arn:[^\s,;]{1,300}))?",
    re.I,
)


# How S3 says that a key may not be used, where AWS does not name the policy that denies it.
_KEY_UNKNOWN: Final = "no resource-based policies allow access"


def denial_remedy(text: str, action: str) -> str:
    """What helps against a denial. Where AWS does not name the kind of policy, all are named."""
    remedy = _remedy(text, action)
    if action.startswith("kms:") and _KEY_UNKNOWN in text:
        return (
            f"Allow {action} to the caller in the policy of the KMS key, and check that the key "
            "exists in this Region."
        )
    return remedy


def _remedy(text: str, action: str) -> str:
    found = _reason(text)
    # A role says itself who may assume it, and STS does not tell which side denies.
    if found is None and action == "sts:AssumeRole":
        return (
            "Give the caller sts:AssumeRole, and see that the trust policy of the role names the "
            "caller and asks for no other external id; a service control policy or permissions "
            "boundary can deny it too."
        )
    if found is None:
        return (
            f"Give the caller {action}; a service control policy or permissions boundary can deny "
            f"it too."
        )
    policy = foreign(found["policy"] or "")
    remedy = limit_remedy(found["kind"].lower(), action, policy=policy)
    # No Allow helps against a Deny.
    if found["begin"].lower().startswith("with ") and remedy.startswith("Allow "):
        return f"Remove the Deny of {action} and a{remedy[1:]}"
    if remedy:
        return remedy
    if found["begin"].lower() == "because no ":
        return f"Give the caller {action}."
    named = f" ({policy})" if policy else ""
    return (
        f"Remove the Deny of {action} from the caller's policies{named}: no Allow helps against it."
    )


def _reason(text: str) -> "re.Match[str] | None":
    """The reason at the end of AWS's text."""
    return max(_REASON.finditer(text), key=lambda found: found.start(), default=None)
