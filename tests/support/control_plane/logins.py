"""The table of logins: mode x access entry x row x kind of principal x age of the token, 288 cases.

The expectation is written from the EKS user guide, not from the code: an entry that is alive
decides wherever entries count, a row decides where nothing else does and rows count, and a token
that was accepted lives on until it is forgotten.
"""

import itertools
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from migrator.model.access_entry import AuthenticationMode
from tests.support.control_plane.bed import Bed, fresh_token, rows, who

MODES: tuple[AuthenticationMode, ...] = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
ENTRIES = ("none", "alive", "dead", "not yet propagated")
ROWS = ("none", "present")
PRINCIPALS = ("role", "role with a path", "user", "user with a path")
TOKENS = ("fresh", "used before the change", "used before and forgotten")


class Case(NamedTuple):
    """One login."""

    mode: AuthenticationMode
    entry: str
    row: str
    principal: str
    token: str


CASES = [Case(*values) for values in itertools.product(MODES, ENTRIES, ROWS, PRINCIPALS, TOKENS)]


def expected(case: Case) -> str | None:
    """The username that the login must give, None where it is refused."""
    if case.token == "used before the change":
        return "before"
    if case.mode != "CONFIG_MAP" and case.entry == "alive":
        return "from-entry"
    return "from-row" if case.mode != "API" and case.row == "present" else None


def logins(bed: Bed, mode: AuthenticationMode) -> Mapping[Case, str | None]:
    """What the cluster answers to all cases of one mode: every case has a principal of its own."""
    cases = [case for case in CASES if case.mode == mode]
    arns = {
        case: _principal(bed, case, f"{mode.lower().replace('_', '-')}-{n}")
        for n, case in enumerate(cases)
    }
    bed.lab.set_mode("CONFIG_MAP")
    bed.put_aws_auth(rows({arn: ("before", []) for arn in arns.values()}))
    bed.settle()
    old = {case: fresh_token(bed, arns[case], "old") for case in cases if case.token != "fresh"}
    for case, token in old.items():
        assert (who(bed, token) or {}).get("username") == "before", case
    bed.lab.set_mode(mode)
    bed.put_aws_auth(
        rows({arns[case]: ("from-row", []) for case in cases if case.row == "present"})
    )
    for n, case in enumerate(cases):
        _entry(bed, arns[case], case.entry, n)
    bed.settle()
    answers = {
        case: who(bed, token)
        for case, token in old.items()
        if case.token == "used before the change"
    }
    answers |= {
        case: who(bed, fresh_token(bed, arns[case], "new"))
        for case in cases
        if case.token == "fresh"
    }
    bed.forget()
    answers |= {
        case: who(bed, old[case]) for case in cases if case.token == "used before and forgotten"
    }
    return {case: (user or {}).get("username") for case, user in answers.items()}


def _principal(bed: Bed, case: Case, name: str) -> str:
    path = "/team/" if "path" in case.principal else "/"
    prefix = "AROA" if case.principal.startswith("role") else "AIDA"
    unique = f"{prefix}{name.upper().replace('-', ''):X<17}"[:21]
    if case.principal.startswith("role"):
        return bed.lab.add_role(name, path, id=unique)
    return bed.lab.add_user(name, path, id=unique)


def _entry(bed: Bed, arn: str, kind: str, n: int) -> None:
    match kind:
        case "alive":
            bed.lab.add_entry(arn, "from-entry")
        case "dead":
            bed.lab.add_entry(arn, "from-entry", pinned=f"AROAFORMER{n:011}")
        case "not yet propagated":
            bed.lab.add_entry(arn, "from-entry", delay=timedelta(minutes=30))
        case _:
            pass
