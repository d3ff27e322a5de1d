"""A login that the API server does not accept (401): who it is, what would admit it, and the clock.

Source: EKS user guide, "Grant IAM users and roles access to Kubernetes APIs" (which mapping counts
in which authentication mode); the authenticator compares ARNs of roles without their path. The
token is a request to STS that is signed with this machine's time.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from migrator.decide.reach.way.clock import SET_CLOCK, WARN
from migrator.errors import Failed, MigratorError
from migrator.model.principal import parse_arn
from migrator.model.way import said_skew

_ENTRY: Final = "an access entry for it"
_ADMITTED_BY: Final[Mapping[str, str]] = {
    "CONFIG_MAP": "{row}",
    "API_AND_CONFIG_MAP": f"{_ENTRY} or {{row}}",
    "API": _ENTRY,
}


def login_not_accepted(
    error: MigratorError,
    caller: str,
    mode: str,
    skew: timedelta | None,
) -> Failed:
    """The error with the caller (an ARN; empty: another login than that of the AWS credentials),
    with what would admit it in the authentication mode, and with a clock that is off by ``skew``.
    """
    why = [f"{error.why.rstrip('.')}."]
    if caller:
        why.append(
            f"You are {caller}: {_ADMITTED_BY.get(mode, _ENTRY).format(row=_row(caller))} "
            f"would admit you."
        )
    remedy = error.remedy
    if skew is not None and abs(skew) >= WARN:
        why.append(f"{said_skew(skew)} A token is refused where its time is too far off.")
        remedy = f"{SET_CLOCK}; then, if it stays: {remedy[:1].lower()}{remedy[1:]}"
    return Failed(error.code, error.message, why=" ".join(why), remedy=remedy)


def _row(caller: str) -> str:
    """The row of aws-auth that the authenticator would look for."""
    arn = parse_arn(caller)
    if arn is None or arn.kind != "role":
        return f"a row of mapUsers with userarn {caller}"
    return f"a row of mapRoles with rolearn {arn.pathless}"
