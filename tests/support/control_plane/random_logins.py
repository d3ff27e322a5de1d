"""Logins drawn from a seed: mode x access entries x rows of aws-auth x principal and session.

They come in rounds: one mode and one aws-auth for all principals of a round, which have names of
their own. The same seed gives the same rounds.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from migrator.lab.worlds.principals import Account, Instance
from migrator.model.access_entry import AuthenticationMode
from tests.support.control_plane.bed import Bed, as_yaml, fresh_token, who
from tests.support.kubernetes_lab import ACCOUNT, Json

SEED, LOGINS = 20_261_130, 2_000
OTHER = "444455556666"
INSTANCE, TERMINATED = "i-0a1b2c3d4e5f60001", "i-0a1b2c3d4e5f60002"
MODES: tuple[AuthenticationMode, ...] = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
_PRINCIPALS = 24  # of a round, each with up to four logins

_PATHS = (
    "/",
    "/",
    "/team/",
    "/aws-reserved/sso.amazonaws.com/eu-west-1/",
    "/aws-service-role/eks.amazonaws.com/",
)
_SESSIONS = (
    "s1",
    "alice@example.com",
    "alice@example.com@partner",
    "a=b,c+d.e-f_g",
    INSTANCE,
    TERMINATED,
    "i-0a1b2c3d",
    "i-0a1b2c3d4e5f6000",
    "x" * 64,
)
_USERNAMES = (
    "alice",
    "dev:{{SessionName}}",
    "{{SessionName}}",
    "{{SessionNameRaw}}",
    "{{SessionName}}{{SessionNameRaw}}{{SessionName}}",
    "{{ SessionName }}",
    "{{sessionname}}",
    "{{{SessionName}}}",
    "{{AccountID}}:{{AccessKeyID}}",
    "node:{{EC2PrivateDNSName}}",
    "{{Unknown}}",
    "Zoë {{SessionName}}",
    "用户:{{SessionNameRaw}}",
    "\U0001f600",
    "System:admin",
    "awsx:y",
)
_ONLY_IN_ROWS = ("", "system:anonymous", "system:node:x", "system:node:{{SessionName}}", "iam:x")
_RESERVED = ("system:x", "eks:{{SessionName}}", "aws:x", "amazon:x", "iam:{{AccountID}}")
_GROUPS = (
    "devs",
    "devs",
    "team:{{SessionName}}",
    "id:{{AccessKeyID}}",
    "n:{{EC2PrivateDNSName}}",
    "Ünïcode",
    "a b",
)
_GROUPS_OF_ROWS = (
    *_GROUPS,
    "system:masters",
    "system:nodes",
    "system:authenticated",
    "system:unauthenticated",
    "",
)


class Entry(NamedTuple):
    """An access entry, pinned to a principal's id or to one that is no more."""

    arn: str
    username: str
    groups: tuple[str, ...]
    pinned: str


class Asked(NamedTuple):
    """One login: the principal by its ARN and unique id, and the session."""

    arn: str
    id: str
    session: str


@dataclass
class Round:
    """One mode, one aws-auth and its principals."""

    mode: AuthenticationMode
    data: dict[str, str]
    entries: list[Entry] = field(default_factory=list)
    logins: list[Asked] = field(default_factory=list)


def rounds(seed: int = SEED, logins: int = LOGINS) -> Iterator[Round]:
    """As many rounds as hold so many logins."""
    draw = random.Random(f"logins {seed}")
    number = 0
    while logins > 0:
        made = _round(draw, number)
        del made.logins[logins:]
        logins -= len(made.logins)
        number += 1
        yield made


def _round(draw: random.Random, number: int) -> Round:
    sections: dict[str, list[object]] = {"mapRoles": [], "mapUsers": []}
    made = Round(draw.choice(MODES), {})
    for place in range(_PRINCIPALS):
        arn, id = _principal(draw, f"r{number}p{place}")
        _add_entry(draw, made, arn, id)
        for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
            section, row = _row(draw, arn)
            sections[section].append(row)
        sessions = draw.sample(_SESSIONS, draw.randint(1, 4)) if ":role/" in arn else [""]
        made.logins += [Asked(arn, id, session) for session in sessions]
    for found in sections.values():
        draw.shuffle(found)
    made.data = {name: as_yaml(found) for name, found in sections.items()}
    if draw.random() < 0.4:
        made.data["mapAccounts"] = as_yaml(draw.sample((ACCOUNT, OTHER, "x"), 2))
    return made


def _principal(draw: random.Random, name: str) -> tuple[str, str]:
    """ARN and unique id."""
    kind = draw.choice(("role", "role", "role", "user"))
    path = draw.choice(_PATHS[:3] if kind == "user" else _PATHS)
    account = draw.choice((ACCOUNT, ACCOUNT, OTHER)) if kind == "role" else ACCOUNT
    # Letters with a second form in Unicode, in both cases.
    name = f"Kiosk-{name}" if draw.random() < 0.3 else name
    prefix = "AROA" if kind == "role" else "AIDA"
    return f"arn:aws:iam::{account}:{kind}{path}{name}", f"{prefix}{name.upper():X<17}"[:21]


def _add_entry(draw: random.Random, made: Round, arn: str, id: str) -> None:
    what = draw.choice(("none", "none", "alive", "alive", "alive", "dead", "elsewhere"))
    if what == "none":
        return
    names = _RESERVED if draw.random() < 0.15 else _USERNAMES
    groups = tuple(draw.sample(_GROUPS[1:], draw.choice((0, 1, 1, 2))))
    named, pinned = arn, id
    if what == "dead":
        pinned = id[:4] + "DELETED" + id[11:]
    # The id is right and the name is another one: path, case, account.
    if what == "elsewhere":
        named = draw.choice((_repathed(arn), _upper(arn), arn.replace(":iam::1", ":iam::9")))
    made.entries.append(Entry(named, draw.choice(names), groups, pinned))


def _row(draw: random.Random, arn: str) -> tuple[str, object]:
    """A section and an item of it, well formed or not."""
    kind = "role" if ":role/" in arn else "user"
    section, key = ("mapRoles", "rolearn") if kind == "role" else ("mapUsers", "userarn")
    # Rows of the other section match as well.
    if draw.random() < 0.1:
        section, key = ("mapUsers", "userarn") if kind == "role" else ("mapRoles", "rolearn")
    row: dict[str, object] = {key: _written(draw, arn)}
    row["username"] = draw.choice((*_USERNAMES, *_ONLY_IN_ROWS))
    row["groups"] = draw.sample(_GROUPS_OF_ROWS, draw.choice((0, 1, 1, 2, 3)))
    return section, draw.choice((_as_is, _as_is, _odd))(draw, row, key)


def _as_is(draw: random.Random, row: dict[str, object], key: str) -> object:
    return row


def _odd(draw: random.Random, row: dict[str, object], key: str) -> object:
    """A row with one fault that people make."""
    match draw.randint(0, 9):
        case 0:
            row["groups"] = "system:masters"
        case 1:
            row["groups"] = ["devs", 7, None, True]
        case 2:
            del row["groups"]
        case 3:
            row["username"] = draw.choice((7, 1.5, None, True, ["alice"]))
        case 4:
            del row["username"]
        case 5:
            row[key.upper()] = row.pop(key)
        case 6:
            row["sso"] = {"permissionSetName": "Admin", "accountID": ACCOUNT}
        case 7:
            row = {"sso": {"permissionSetName": "Admin", "accountID": ACCOUNT}, "username": "sso"}
        case 8:
            row["userid"] = "AROAX"
        case _:
            return draw.choice((None, "text", 7, [], {}))
    return row


def _written(draw: random.Random, arn: str) -> str:
    """How a row spells the ARN: most ways are right, some never match."""
    account, mark, _ = arn.partition(":role/")
    name = arn.rpartition("/")[2]
    short = f"{account}{mark}{name}" if mark else arn
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/s1"
    spellings = (short, short, short, short, arn, _upper(short), short.replace("k", "\u212a"))
    odd = (short + " ", session, short.replace("s", "\u017f"), short[:-1] + "*", f"{arn}/")
    return draw.choice(odd if draw.random() < 0.2 else spellings)


def _upper(arn: str) -> str:
    head, mark, name = arn.rpartition("/")
    return head + mark + name.upper()


def _repathed(arn: str) -> str:
    head, _, name = arn.rpartition("/")
    return f"{head}/more/{name}"


# asking


def prepare(bed: Bed) -> None:
    """The account of others, a node that runs, and one that has been terminated."""
    world = bed.lab.world
    world.accounts.setdefault(OTHER, Account(OTHER))
    for id, state in ((INSTANCE, "running"), (TERMINATED, "terminated")):
        name = f"ip-10-0-0-{id[-1]}.eu-central-1.compute.internal"
        world.accounts[ACCOUNT].instances[id] = Instance(id, "eu-central-1", name, state=state)


def answers(bed: Bed, made: Round) -> Iterator[tuple[Asked, Json | None]]:
    """What the cluster answers to the logins of a round, one after the other."""
    for asked in dict.fromkeys((each.arn, each.id) for each in made.logins):
        _add_principal(bed, *asked)
    for entry in made.entries:
        bed.lab.add_entry(entry.arn, entry.username, entry.groups, pinned=entry.pinned)
    bed.lab.set_mode(made.mode)
    bed.put_aws_auth(made.data)
    bed.settle()
    for each in made.logins:
        yield each, who(bed, fresh_token(bed, each.arn, each.session))


def _add_principal(bed: Bed, arn: str, id: str) -> None:
    account, resource = arn.split(":", 5)[4:]
    kind, _, rest = resource.partition("/")
    path, _, name = f"/{rest}".rpartition("/")
    if kind == "role":
        bed.lab.add_role(name, f"{path}/", account, id)
    else:
        bed.lab.add_user(name, f"{path}/", id)
