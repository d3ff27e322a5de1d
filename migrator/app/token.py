"""A login for kubectl."""

from dataclasses import dataclass
from typing import Any

from migrator.app.connect import cluster_of_person, open_aws, session_for
from migrator.app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """``cluster``: its name, its ARN or a kubectl context. ``role``: the ARN of a role to assume
    first.
    """

    cluster: str
    role: str | None = None


def token(request: TokenRequest, settings: Settings) -> dict[str, Any]:
    """An ExecCredential with a fresh token: a credential, to be written nowhere else. Raises
    ``no-credentials``, what :func:`migrator.app.connect.session_for` raises, and where the role
    cannot be assumed what STS says.
    """
    from migrator.adapters.clock import machine_time
    from migrator.adapters.eks_token import TokenMint, exec_credential
    from migrator.model.principal import parse_arn

    meant = cluster_of_person(settings, request.cluster)
    arn = parse_arn(meant.cluster)
    session = open_aws(settings, region=arn.region if arn else meant.region)
    if request.role is not None:
        session = session.assume(request.role)
    session, name = session_for(settings, meant.cluster, session=session)
    return exec_credential(TokenMint(session, name).mint(), machine_time())
