"""What is checked before the first call of a command that may change something.

Every check looks at the settings alone: nothing is asked of AWS or of the cluster.
"""

from migrator.app.settings import Settings
from migrator.errors import WrongUse
from migrator.model.principal import parse_arn


def preflight(settings: Settings) -> None:
    """Raises ``external-id-without-role``, ``reader-role-malformed``, and what
    :func:`migrator.adapters.tunnel_ssm.parse_via` raises.
    """
    _ = settings.role_chain
    readers_of(settings)
    if settings.via is not None:
        from migrator.adapters.tunnel_ssm import parse_via

        parse_via(settings.via)


def readers_of(settings: Settings) -> dict[str, str]:
    """Which role reads IAM of which foreign account: the account that the role is in."""
    readers: dict[str, str] = {}
    for text in settings.reader_role:
        arn = parse_arn(text)
        if arn is None or arn.kind != "role":
            why, remedy = f"Found {text!r}.", "Give the ARN of a role in the account that it reads."
            raise WrongUse(
                "reader-role-malformed",
                "--reader-role wants the ARN of a role.",
                why=why,
                remedy=remedy,
            )
        readers[arn.account] = text
    return readers
