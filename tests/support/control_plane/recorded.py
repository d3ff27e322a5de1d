"""The recorded answers of the real authenticator, asked again: of the lab to check it, of the real
one to record.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from migrator.lab.worlds.principals import Account
from migrator.model.access_entry import AuthenticationMode
from tests.support.control_plane.bed import Bed, as_yaml, fresh_token, shown, who
from tests.support.kubernetes_lab import Json

DATA = Path(__file__).resolve().parents[2] / "data"
ACCOUNT = "123456789012"
MODES, AWS_AUTH = DATA / "vectors-modes.json", DATA / "vectors-aws-auth.json"
_CALLERS = ("role/team/dev", "role/ops", "role/node", "user/carol", "user/div/dave")


def vectors(path: Path) -> list[dict[str, Any]]:
    """The vectors of a file."""
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["vectors"]
    return found


def answers_by_mode(bed: Bed, mode: AuthenticationMode) -> Iterator[tuple[dict[str, Any], Json]]:
    """Each vector of entries and rows in one mode, and what the cluster answers to it."""
    found = [vector for vector in vectors(MODES) if vector["mode"] == mode]
    sections: dict[str, list[Json]] = {"mapRoles": [], "mapUsers": []}
    for vector in found:
        add_principal(bed, vector["principal"], vector["id"])
        if entry := vector["entry"]:
            bed.lab.add_entry(
                entry["principalArn"], entry["username"], entry["groups"], pinned=entry["pinnedId"]
            )
        if row := vector["row"]:
            sections["mapRoles" if "rolearn" in row else "mapUsers"].append(row)
    bed.lab.set_mode(mode)
    bed.put_aws_auth({name: as_yaml(section) for name, section in sections.items()})
    bed.settle()
    for vector in found:
        token = fresh_token(bed, vector["principal"], vector["session"] or "")
        yield vector, shown(who(bed, token))


def answers_by_aws_auth(bed: Bed) -> Iterator[tuple[dict[str, Any], str, Json]]:
    """Each shape of aws-auth and caller, and what the cluster answers."""
    for caller in _CALLERS:
        add_principal(bed, f"arn:aws:iam::{ACCOUNT}:{caller}")
    bed.lab.set_mode("CONFIG_MAP")
    for vector in vectors(AWS_AUTH):
        bed.put_aws_auth(vector["data"])
        bed.settle()
        for caller in vector["results"]:
            name, _, session = caller.partition("@")
            session = (
                "sess1" if session == "s1" else session
            )  # the recorder's label is shorter than its session
            token = fresh_token(bed, f"arn:aws:iam::{ACCOUNT}:{name}", session)
            yield vector, caller, shown(who(bed, token))


def recorded_by_mode(vector: Mapping[str, Any]) -> Json:
    """The recorded answer, as :func:`shown` writes it."""
    answer = dict(vector["answer"])
    if "extra" in answer:
        answer["extra"] = sorted(answer["extra"])
    return answer


def add_principal(bed: Bed, arn: str, id: str = "") -> None:
    """A principal of the recorded account."""
    world = bed.lab.world
    world.accounts.setdefault(ACCOUNT, Account(ACCOUNT))
    kind, _, rest = arn.split(":", 5)[5].partition("/")
    path, _, name = f"/{rest}".rpartition("/")
    if kind == "role":
        bed.lab.add_role(name, f"{path}/", ACCOUNT, id)
        return
    bed.lab.add_user(name, f"{path}/", id)
    user = world.accounts[bed.lab.cluster.account].users.pop(name.lower())
    user.arn = arn
    world.accounts[ACCOUNT].users[name.lower()] = user
