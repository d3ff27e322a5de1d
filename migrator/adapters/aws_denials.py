"""Which kind of policy denied a call, by AWS's text, and what then helps.

Source: IAM user guide, "Troubleshoot access denied error messages": "with an explicit deny in a
service control policy", "because no service control policy allows the … action", and the same of
the other kinds.
"""

import re
from typing import Final

_KINDS: Final = (
    (
        r"service control polic",
        "A service control policy of the organization denies it, whatever the caller is given: ask "
        "who manages the organization to exempt {action}.",
    ),
    (
        r"resource control polic",
        "A resource control policy of the organization denies it, whatever the caller is given: "
        "ask who manages the organization to exempt {action}.",
    ),
    (
        r"VPC endpoint polic",
        "Allow {action} in the policy of the VPC endpoint that the call went through, or call from "
        "outside of it.",
    ),
    (
        r"permissions boundar",
        "Allow {action} in the permissions boundary of the caller.",
    ),
    (
        r"session polic",
        "Allow {action} in the session policy that the caller's role was assumed with.",
    ),
    (
        r"explicit deny in an? identity-based polic",
        "Remove the Deny of {action} from the caller's policies: no Allow helps against it.",
    ),
    (
        r"no identity-based polic",
        "Give the caller {action}.",
    ),
)


def denial_remedy(text: str, action: str) -> str:
    """What helps against a denial. Where AWS does not name the kind of policy, all are named."""
    for pattern, remedy in _KINDS:
        if re.search(pattern, text, re.I):
            return remedy.format(action=action)
    return (
        f"Give the caller {action}; a service control policy or permissions boundary can deny it "
        f"too."
    )
