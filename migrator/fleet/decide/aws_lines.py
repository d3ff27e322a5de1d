"""Commands of the AWS CLI in what a person is to do, made to work where they are pasted: in the
account of the cluster, and not in the caller's.
"""

import re
import shlex
from collections.abc import Iterator

from migrator.fleet.model.fleet import FleetAccount, RoleLink

# A command between backticks, as remedies write them.
_AWS = re.compile(r"`aws (?=[a-z])")
# The AWS CLI takes no role on its command line: it reads credentials from these variables (AWS CLI
# user guide, "Configuring environment variables").
_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_KEYS = "Credentials.[AccessKeyId,SecretAccessKey,SessionToken]"


def in_account(remedy: str, account: FleetAccount) -> str:
    """The remedy with the profile of the account in its AWS commands, or with the commands that
    assume its roles before them; unchanged where it has none.
    """
    if not _AWS.search(remedy):
        return remedy
    if account.profile:
        profile = f"`aws --profile {shlex.quote(account.profile)} "
        return _AWS.sub(lambda _: profile, remedy)
    if not account.roles:
        return remedy
    steps = ", then ".join(_assumed(account.roles))
    return f"{remedy} The aws commands need credentials of account {account.id}; first run {steps}."


def credentials_note(account: FleetAccount) -> str:
    """Whose credentials AWS commands need that name no profile: in a text that is folded, where no
    command could be copied from.
    """
    said = f"The aws commands need credentials of account {account.id}"
    if not account.roles:
        return f"{said}."
    return f"{said}: assume {', then '.join(link.arn for link in account.roles)} before them."


def _assumed(roles: tuple[RoleLink, ...]) -> Iterator[str]:
    """One command for each role of the chain: the next one is assumed with its credentials."""
    values = " ".join(f"{name}=%s" for name in _NAMES)
    for link in roles:
        words = ["aws", "sts", "assume-role", "--role-arn", link.arn]
        words += ["--role-session-name", "migrate"]
        if link.external_id:
            words += ["--external-id", link.external_id]
        words += ["--query", _KEYS, "--output", "text"]
        yield f"`export $(printf '{values}' $({shlex.join(words)}))`"
