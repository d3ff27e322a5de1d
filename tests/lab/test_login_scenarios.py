"""The table of logins: mode x access entry x row x kind of principal x age of the token, 288 cases.

The expectation is written from the EKS user guide, not from the code: an entry that is alive decides wherever entries
count, a row decides where nothing else does and rows count, and a token that was accepted lives on until it is
forgotten.
"""

import itertools
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from migrator.model.access_entry import AuthenticationMode
from tests.support.kubernetes_lab import KubernetesLab, kubernetes_lab

MODES: tuple[AuthenticationMode, ...] = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
ENTRIES = ("none", "alive", "dead", "not yet propagated")
ROWS = ("none", "present")
PRINCIPALS: dict[str, Callable[[KubernetesLab], str]] = {
    "role": lambda lab: lab.add_role("dev"),
    "role with a path": lambda lab: lab.add_role("dev", "/team/"),
    "user": lambda lab: lab.add_user("carol"),
    "user with a path": lambda lab: lab.add_user("carol", "/people/"),
}
TOKENS = ("fresh", "used before the change", "used before and forgotten")
CASES = list(itertools.product(MODES, ENTRIES, ROWS, PRINCIPALS, TOKENS))
CACHE = timedelta(seconds=10)


def expected(mode: AuthenticationMode, entry: str, row: str, token: str) -> str | None:
    if token == "used before the change":
        return "before"
    if mode != "CONFIG_MAP" and entry == "alive":
        return "from-entry"
    return "from-row" if mode != "API" and row == "present" else None


def row_for(arn: str, username: str) -> dict[str, str]:
    """A row as people write it: a role's path is left out, a user's is kept."""
    if ":role/" not in arn:
        return {"userarn": arn, "username": username}
    head, _, rest = arn.partition(":role/")
    return {"rolearn": f"{head}:role/{rest.rpartition('/')[2]}", "username": username}


def put_row(lab: KubernetesLab, arn: str, username: str | None) -> None:
    section = "mapRoles" if ":role/" in arn else "mapUsers"
    lab.set_aws_auth(**({section: json.dumps([row_for(arn, username)])} if username else {}))


def put_entry(lab: KubernetesLab, arn: str, kind: str) -> None:
    match kind:
        case "alive":
            lab.add_entry(arn, "from-entry")
        case "dead":
            lab.add_entry(arn, "from-entry", pinned="AROAOFAFORMERONEXXXXX")
        case "not yet propagated":
            lab.add_entry(arn, "from-entry", delay=timedelta(minutes=5))
        case _:
            pass


def test_the_table_is_complete() -> None:
    assert len(CASES) == len(set(CASES)) == 288


@pytest.mark.parametrize(("mode", "entry", "row", "principal", "token"), CASES)
def test_a_login(mode: AuthenticationMode, entry: str, row: str, principal: str, token: str) -> None:
    lab = kubernetes_lab("CONFIG_MAP")
    lab.world.clock.freeze()
    lab.world.settings.token_cache = CACHE
    arn = PRINCIPALS[principal](lab)
    put_row(lab, arn, "before")
    old = lab.token(arn, "old")
    assert (lab.who(old) or {})["username"] == "before"
    lab.set_mode(mode)
    put_row(lab, arn, "from-row" if row == "present" else None)
    put_entry(lab, arn, entry)
    lab.world.clock.advance(timedelta(seconds=1))
    if token == "used before and forgotten":
        lab.world.clock.advance(CACHE)
    # A user's two tokens of one second are one token: signing something else makes it another.
    user = lab.who(lab.token(arn, "new", expires=61) if token == "fresh" else old)
    assert (user or {}).get("username") == expected(mode, entry, row, token)
