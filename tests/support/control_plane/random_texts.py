"""Texts of aws-auth drawn from a seed: what people and programs write, and how it goes wrong.

The same seed gives the same texts. Three in five are well formed; the others have lost, doubled or
gained a line or a few characters.
"""

import json
import random
from collections.abc import Callable, Iterator

SEED, TEXTS = 20_261_130, 5_000

_NAMES = ("dev", "Admin", "ops", "ci-bot", "AWSReservedSSO_Admin_0123456789abcdef", "*", "x y", "")
_ARNS = (
    "arn:aws:iam::111122223333:{kind}/{name}",
    "arn:aws:iam::111122223333:{kind}/{name}",
    "arn:aws:iam::444455556666:{kind}/team/{name}",
    "ARN:AWS:IAM::111122223333:{kind}/{name}",
    "arn:aws-cn:iam::111122223333:{kind}/{name}",
    "arn:aws:sts::111122223333:assumed-role/{name}/s",
    "arn:aws:iam::111122223333:root",
    "{name}",
)
_USERNAMES = (
    "alice",
    "dev:{{SessionName}}",
    "system:node:{{EC2PrivateDNSName}}",
    "{{SessionNameRaw}}",
    "a@example.com",
    "Zoë",
    "用户",
    "1.5",
    "0o17",
    "1_000",
    "1e400",
    "yes",
    "~",
    "null",
    "2024-01-01",
    "12:30",
    ".5",
    "- a",
    "a: b",
    "a #b",
    "#c",
    "it's",
    '"quoted"',
    "<<",
    "=",
    "@at",
    "%x",
    "-",
    "a\\b",
    "",
)
_GROUPS = ("devs", "system:masters", "system:nodes", "eks:team", "t:{{SessionName}}", *_USERNAMES)
_STYLES: tuple[Callable[[str], str], ...] = (
    str,
    str,
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    lambda text: "'" + text.replace("'", "''") + "'",
)
# What damages a text: a character or two in the middle of it, or a line of its own.
_PIECES = (
    "\t",
    "  ",
    ":",
    "-",
    "{",
    "]",
    '"',
    "'",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "|",
    "\\",
    ",",
    "é",
)
_LINES = (
    "---",
    "...",
    "%YAML 1.1",
    "# note",
    "\t- x",
    "",
    "- ",
    "- null",
    "- 1",
    "&a",
    "- *a",
    "}",
)
_ODD = ("\r", "\x85", "\u2028", "\x07", "\x8e", "\ufeff", "\ufffe", "\U0001f600")


def texts(seed: int = SEED, count: int = TEXTS) -> Iterator[dict[str, str]]:
    """``data`` of a ConfigMap, one for each text."""
    draw = random.Random(f"texts {seed}")
    for _ in range(count):
        section = draw.choice(("mapRoles", "mapRoles", "mapUsers", "mapAccounts"))
        text = _accounts(draw) if section == "mapAccounts" else _section(draw, section)
        if draw.random() < 0.4:
            text = _damaged(draw, text)
        yield {section: text}


def _section(draw: random.Random, section: str) -> str:
    kind = "role" if section == "mapRoles" else "user"
    items = [list(_members(draw, kind)) for _ in range(draw.choice((0, 1, 1, 2, 3, 4)))]
    if draw.random() < 0.15:
        return json.dumps([dict(item) for item in items], ensure_ascii=draw.random() < 0.5)
    pad = " " * draw.choice((0, 0, 0, 1, 2, 4))
    return "".join(_item(draw, item, pad) for item in items)


def _members(draw: random.Random, kind: str) -> Iterator[tuple[str, object]]:
    """Keys and values of one item, in some order; a key may be missing, odd or there twice."""
    arn = draw.choice(_ARNS).format(kind=kind, name=draw.choice(_NAMES))
    groups = [draw.choice(_GROUPS) for _ in range(draw.choice((0, 1, 1, 2, 3)))]
    found: list[tuple[str, object]] = [
        (f"{kind}arn", arn),
        ("username", draw.choice(_USERNAMES)),
        ("groups", groups if draw.random() < 0.9 else draw.choice(_GROUPS)),
    ]
    for _ in range(draw.choice((0, 0, 0, 1))):
        found.append(draw.choice((("userid", "AIDA1"), ("note", "x"), ("username", "twice"))))
    if draw.random() < 0.1:
        found.append(("sso", {"permissionSetName": "Admin", "accountID": "111122223333"}))
    if draw.random() < 0.2:
        draw.shuffle(found)
    for key, value in found:
        if draw.random() < 0.95:
            yield _spelled(draw, key), value


def _spelled(draw: random.Random, key: str) -> str:
    if draw.random() < 0.9:
        return key
    return draw.choice((key.upper(), key.capitalize(), key + "s", key.replace("arn", "ARN")))


def _item(draw: random.Random, item: list[tuple[str, object]], pad: str) -> str:
    """One item of the list as YAML, in one of the styles in which people write it."""
    if not item:
        return f"{pad}- {{}}\n"
    if draw.random() < 0.15:
        inner = ", ".join(f"{key}: {_flow(draw, value)}" for key, value in item)
        return f"{pad}- {{{inner}}}\n"
    lines = []
    for number, (key, value) in enumerate(item):
        lead = f"{pad}- " if number == 0 else f"{pad}  "
        lines.append(f"{lead}{key}: {_block(draw, value, pad + '  ')}")
    return "".join(lines)


def _block(draw: random.Random, value: object, pad: str) -> str:
    if isinstance(value, list) and value and draw.random() < 0.8:
        inner = pad + " " * draw.choice((0, 2, 4))
        return "\n" + "".join(f"{inner}- {_scalar(draw, str(each))}\n" for each in value)
    note = draw.choice(("", "", "", "", " # note", " "))
    return f"{_flow(draw, value)}{note}\n"


def _flow(draw: random.Random, value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(draw, str(each)) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {json.dumps(each)}" for key, each in value.items()) + "}"
    return _scalar(draw, str(value))


def _scalar(draw: random.Random, text: str) -> str:
    """A text in one of the styles; ``{{`` without quotes is a mapping, as people find out."""
    if text.startswith("{{") and draw.random() < 0.8:
        return json.dumps(text)
    return draw.choice(_STYLES)(text)


def _accounts(draw: random.Random) -> str:
    found = [draw.choice(("111122223333", "012345678901", "12", "x", "~")) for _ in range(3)]
    return "".join(f"- {_scalar(draw, each)}\n" for each in found[: draw.randint(0, 3)])


def _damaged(draw: random.Random, text: str) -> str:
    """A text after somebody's last edit of it."""
    for _ in range(draw.choice((1, 1, 2))):
        text = draw.choice((_piece, _piece, _lost, _line, _line, _doubled, _odd))(draw, text)
    return text


def _at(draw: random.Random, text: str, piece: str, lose: int = 0) -> str:
    place = draw.randint(0, len(text))
    return text[:place] + piece + text[place + lose :]


def _piece(draw: random.Random, text: str) -> str:
    return _at(draw, text, draw.choice(_PIECES))


def _lost(draw: random.Random, text: str) -> str:
    return _at(draw, text, "", draw.choice((1, 1, 2, 30)))


def _odd(draw: random.Random, text: str) -> str:
    return _at(draw, text, draw.choice(_ODD))


def _line(draw: random.Random, text: str) -> str:
    lines = text.split("\n")
    lines.insert(draw.randint(0, len(lines)), draw.choice(_LINES))
    return "\n".join(lines)


def _doubled(draw: random.Random, text: str) -> str:
    lines = text.split("\n")
    lines.insert(draw.randint(0, len(lines)), draw.choice(lines))
    return "\n".join(lines)
