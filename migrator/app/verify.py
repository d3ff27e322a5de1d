"""Prove access as each principal, by logging in as it."""

from dataclasses import dataclass

from migrator.app.connect import Connection
from migrator.app.on_plan import OnPlan, arns_of, ports_for
from migrator.app.operator import Operator
from migrator.model.evidence import OwnProbe
from migrator.model.outcome import VerifyOutcome
from migrator.model.snapshot import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest(OnPlan):
    """``only``: these principals (:func:`arns_of`); ``baseline``: take what is before apply, and
    judge nothing; ``probes``: how many are chosen per principal. ``own_probes``: questions of the
    operator's own, and ``usage``: logins that were observed. ``canary_image``: canary pods are
    allowed.
    """

    only: tuple[str, ...] = ()
    baseline: bool = False
    probes: int = 30
    own_probes: tuple[OwnProbe, ...] = ()
    usage: Usage | None = None
    canary_image: str | None = None


def verify(
    request: VerifyRequest, operator: Operator, connection: Connection | None = None
) -> VerifyOutcome:
    """Log in as each principal and ask, over ``connection`` where there is one; nothing is changed,
    unless canary pods are allowed.

    The outcome has a verdict for each principal; its ``exit_code`` is 0 where all are ``ok``, else
    6. Raises ``Refused`` (``locked``) where canary pods are allowed and another run holds the
    cluster, and what :func:`migrator.app.connect.connect` raises.
    """
    from migrator.run.verify_access import VerifyOptions, verify_with_canaries

    ports = ports_for(request, operator, connection)
    options = VerifyOptions(
        only=arns_of(request.plan, request.only),
        baseline=request.baseline,
        probes=request.probes,
        own_probes=request.own_probes,
        usage=request.usage,
        waive_verification=request.answers.waive_verification,
        proof_policy=request.answers.proof_policy,
        creator=request.answers.creator,
        canary_image=request.canary_image,
    )
    return verify_with_canaries(request.plan, request.digest, ports, options)
