"""What IAM would refuse a principal (``iam:SimulatePrincipalPolicy``), and where the caller's
packets come from.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from migrator.adapters.aws_session import AwsSession, principal_of
from migrator.adapters.foreign_text import foreign
from migrator.errors import MigratorError, WrongUse
from migrator.model.opened_endpoint import why_no_source
from migrator.model.policy_kind import BOUNDARY, SERVICE_CONTROL
from migrator.model.principal import parse_arn
from migrator.ports import Principals

_CHECK_IP = "https://checkip.amazonaws.com"
_SECONDS = 3.0
_MAY_NOT_ASK = frozenset({"iam-denied", "account-unreadable", "aws-refused"})


class SimulatedPermissions:
    """:class:`migrator.ports.Permissions` and :class:`migrator.ports.PrincipalPermissions` by
    policy simulation.

    Simulation knows identity policies and permissions boundaries; service control policies are seen
    only in part (IAM user guide, "IAM policy testing with the IAM policy simulator"), so "not
    refused" is no promise.
    """

    def __init__(self, session: AwsSession, principals: Principals) -> None:
        self._session = session
        self._principals = principals
        self._limits: dict[tuple[str, str], str] = {}
        self._not_asked: MigratorError | None = None

    def why_not_asked(self) -> MigratorError | None:
        """What kept the last question from being asked: reading the caller is asked first."""
        return self._not_asked

    def limit_of(self, action: str, resource: str) -> str:
        """The kind of policy beyond the caller's own that refused the pair."""
        return self._limits.get((action, resource), "")

    def refused(
        self, needs: Sequence[tuple[str, str]], *, unconditional: bool = False
    ) -> list[tuple[str, str]] | None:
        """The pairs that would be refused; None when simulating, or reading the caller, is not
        allowed. ``unconditional``: without those for which IAM names condition keys that the
        simulation has no value for (IAM API reference, EvaluationResult, MissingContextValues).
        """
        self._not_asked = None
        caller = principal_of(str(self._session.caller_identity()["Arn"]))
        parsed = parse_arn(caller)
        if parsed is None or parsed.kind not in ("role", "user", "root"):
            return None
        if parsed.kind == "root":
            return []  # no policy limits the root user
        try:
            found = self._principals.get(caller)  # a session does not show its role's path
        except MigratorError as error:
            if error.code in _MAY_NOT_ASK:
                self._not_asked = error
                return None
            raise
        if found is None:
            return None
        return self._asked(str(found["arn"]), needs, unconditional=unconditional)

    def refused_to(
        self, principal_arn: str, needs: Sequence[tuple[str, str]]
    ) -> list[tuple[str, str]] | None:
        """The pairs that would be refused to a role or user; None when simulating is not
        allowed.
        """
        return self._asked(principal_arn, needs, unconditional=False)

    def _asked(
        self,
        source: str,
        needs: Sequence[tuple[str, str]],
        *,
        unconditional: bool,
    ) -> list[tuple[str, str]] | None:
        try:
            return self._ask(source, needs, unconditional=unconditional)
        except MigratorError as error:
            if error.code in _MAY_NOT_ASK:
                self._not_asked = error
                return None
            raise

    def _ask(
        self,
        source: str,
        needs: Sequence[tuple[str, str]],
        *,
        unconditional: bool,
    ) -> list[tuple[str, str]]:
        by_resource: dict[str, list[str]] = {}
        for action, resource in needs:
            by_resource.setdefault(resource, []).append(action)
        refused: set[tuple[str, str]] = set()
        for resource, actions in by_resource.items():
            results = self._session.pages(
                "iam",
                "simulate_principal_policy",
                "EvaluationResults",
                subject=source,
                PolicySourceArn=source,
                ActionNames=sorted(set(actions)),
                ResourceArns=[resource],
            )
            self._limits |= {
                (one["EvalActionName"], resource): kind for one in results if (kind := _limit(one))
            }
            refused.update(
                (one["EvalActionName"], resource)
                for one in results
                if one["EvalDecision"] != "allowed"
                and not (unconditional and one.get("MissingContextValues"))
            )
        return [need for need in dict.fromkeys(map(tuple, needs)) if need in refused]


def _limit(result: Mapping[str, Any]) -> str:
    """The kind of policy that limits the caller in a result (IAM API reference, EvaluationResult,
    OrganizationsDecisionDetail and PermissionsBoundaryDecisionDetail).
    """
    organization = result.get("OrganizationsDecisionDetail", {})
    boundary = result.get("PermissionsBoundaryDecisionDetail", {})
    if organization.get("AllowedByOrganizations") is False:
        return SERVICE_CONTROL
    if boundary.get("AllowedByPermissionsBoundary") is False:
        return BOUNDARY
    return ""


class KnownAddress:
    """:class:`migrator.ports.SourceAddress` that the operator stated. ``public``: it is to be
    let through a public endpoint. Raises ``source-address-malformed``.
    """

    def __init__(self, address: str, *, public: bool = False) -> None:
        why = why_no_source(address, public=public)
        if why:
            raise WrongUse(
                "source-address-malformed",
                "--source-address wants the IP address that this machine is seen under.",
                why=foreign(why),
                remedy="curl https://checkip.amazonaws.com says it.",
            )
        self._address = str(ipaddress.ip_address(address))

    def public_address(self) -> str | None:
        """The address."""
        return self._address


class CheckIp:
    """:class:`migrator.ports.SourceAddress`: asks AWS's checkip service, through the proxy of the
    environment; ``direct``: through none.
    """

    def __init__(self, *, seconds: float = _SECONDS, direct: bool = False) -> None:
        self._seconds = seconds
        self._direct = direct

    def public_address(self) -> str | None:
        """The address, None when the service does not tell one in time."""
        import http.client
        import urllib.request

        proxies = urllib.request.ProxyHandler({} if self._direct else None)
        try:
            opener = urllib.request.build_opener(proxies)
            with opener.open(_CHECK_IP, timeout=self._seconds) as answer:
                return str(ipaddress.ip_address(answer.read(64).decode("ascii").strip()))
        except (OSError, ValueError, http.client.HTTPException):
            return None
