"""How rows, entries and logins are compared: the authenticator's canonical form of an ARN,
lower-cased.

A role loses its path and a session becomes its role; users, root and federated users stay as they
are (aws-iam-authenticator ``pkg/arn/arn.go``). The comparison ignores case
(``pkg/config/mapper.go``).
"""

from functools import lru_cache

from migrator.decide.reading.text_folding import fold
from migrator.model.principal import Arn, parse_arn


def row_key(arn: str) -> str:
    """What a row is compared by (``strings.EqualFold``): its ARN without case.

    Nothing is taken away: a path or a blank stays, and then no login is equal.
    """
    return fold(arn)


# Planning asks for the same few hundred keys some three hundred times each.
@lru_cache(maxsize=4096)
def principal_key(arn: str) -> str:
    """What the authenticator would ask for when this principal logs in: canonical, lower-cased."""
    parsed = parse_arn(fold(arn))
    if parsed is None:
        return fold(arn)
    if parsed.kind in ("role", "service-linked-role"):
        return str(parsed.pathless)
    if parsed.kind == "assumed-role":
        name = parsed.resource.split("/")[1]
        return str(Arn(parsed.partition, "iam", "", parsed.account, f"role/{name}"))
    return str(parsed)


def canonical_arn(arn: str) -> str:
    """The canonical ARN in the principal's own spelling.

    It is the username that mapAccounts gives (``pkg/server/server.go``, doMapping).
    """
    parsed = parse_arn(arn)
    if parsed is not None and parsed.kind in ("role", "service-linked-role"):
        return str(parsed.pathless)
    return arn
