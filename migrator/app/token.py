"""A login for kubectl."""

from dataclasses import dataclass
from typing import Any

from migrator.app.connect import open_aws
from migrator.app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """``role``: the ARN of a role to assume first."""

    cluster: str
    role: str | None = None


def token(request: TokenRequest, settings: Settings) -> dict[str, Any]:
    """An ExecCredential with a fresh token: a credential, to be written nowhere else. Raises
    ``no-credentials``, and where the role cannot be assumed what STS says.
    """
    from migrator.adapters.clock import machine_time
    from migrator.adapters.eks_token import TokenMint, exec_credential

    session = open_aws(settings)
    if request.role is not None:
        session = session.assume(request.role)
    return exec_credential(TokenMint(session, request.cluster).mint(), machine_time())
