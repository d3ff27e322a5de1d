"""Templates in usernames and groups, and what names they can become.

aws-iam-authenticator ``pkg/server/server.go`` renders five templates, spelled exactly so; anything
else in braces stays as it is. Whether a template can become a name that something in the cluster
mentions is answered by comparing two patterns, never by rendering an example.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from migrator.model.aws_auth import RowMapping
from migrator.model.principal import parse_arn

EC2_NAME = "{{EC2PrivateDNSName}}"
SESSION = "{{SessionName}}"
SESSION_RAW = "{{SessionNameRaw}}"
ACCOUNT = "{{AccountID}}"
ACCESS_KEY = "{{AccessKeyID}}"

# What each template can become. Session names: IAM allows [\w+=,.@-]{2,64}; SessionName turns @
# into -.
_VALUES = {
    EC2_NAME: r"[A-Za-z0-9.-]",
    SESSION: r"[\w+=,.-]",
    SESSION_RAW: r"[\w+=,.@-]",
    ACCOUNT: r"[0-9]",
    ACCESS_KEY: r"[A-Za-z0-9_]",
}
_TEMPLATE = re.compile("|".join(map(re.escape, _VALUES)))
# A character, or a repeated class of characters.
_Token: TypeAlias = tuple[str, re.Pattern[str] | None]
_ANY = re.compile(r".", re.DOTALL)


def templates_in(text: str) -> tuple[str, ...]:
    """The templates that the authenticator would render, in order."""
    return tuple(_TEMPLATE.findall(text))


def literal_prefix(text: str) -> str:
    """The text before the first template."""
    match = _TEMPLATE.search(text)
    if match is None:
        return text
    return text[: match.start()]


def rendered_row(row: RowMapping, arn: str) -> tuple[str, tuple[str, ...]]:
    """Username and groups of a row, as far as they are the same for every login of a principal.

    ``arn`` is the principal's; an ARN that is none leaves the account empty. Templates of the
    session stay, but for a user, who has none.
    """
    parsed = parse_arn(arn.lower())
    account = ""
    if parsed is not None:
        account = parsed.account
    names = [name.replace(ACCOUNT, account) for name in (row.username, *row.effective_groups)]
    # An IAM user has no session: the authenticator renders its session name as empty.
    if parsed is not None and parsed.kind == "user":
        names = [name.replace(SESSION, "").replace(SESSION_RAW, "") for name in names]
    username, *groups = names
    # Two groups may have become one name.
    return username, tuple(dict.fromkeys(groups))


def colon_before_session(text: str) -> bool:
    """Whether a colon comes before every template of a session's name.

    Without one EKS refuses the username of an entry (EKS user guide, "Create access entries").
    """
    places = [at for at in (text.find(SESSION), text.find(SESSION_RAW)) if at >= 0]
    if not places:
        return True
    return ":" in text[: min(places)]


@lru_cache(maxsize=4096)
def _tokens(text: str, wildcards: bool) -> tuple[_Token, ...]:
    """The text as characters and repeated classes of characters, kept for the next question.

    A template is the class of what it can become; with ``wildcards`` a ``*`` is the class of all.
    What a session name may hold is in the STS API reference, AssumeRole.
    """
    found: list[_Token] = []
    at = 0
    for match in _TEMPLATE.finditer(text):
        found += _plain(text[at : match.start()], wildcards)
        found.append(("", re.compile(_VALUES[match.group()])))
        at = match.end()
    return tuple(found + _plain(text[at:], wildcards))


def _plain(text: str, wildcards: bool) -> list[_Token]:
    """The characters of a text without templates; with ``wildcards`` a ``*`` is any text."""
    found: list[_Token] = []
    for char in text:
        if wildcards and char == "*":
            found.append(("", _ANY))
        else:
            found.append((char, None))
    return found


def can_become(template: str, name: str) -> bool:
    """Whether a template can become a name.

    ``*`` in the name means any text, as admission rules use it. Errs to yes: lengths are not looked
    at, and one variable may have two values.
    """
    if "*" not in name and not templates_in(template):
        return template == name
    return _meet(_tokens(template, wildcards=False), _tokens(name, wildcards=True))


def _meet(left: tuple[_Token, ...], right: tuple[_Token, ...]) -> bool:
    """Whether two patterns have a text in common: reachability over pairs of places.

    It takes at most as many steps as there are pairs, whatever the patterns are.
    """
    seen: set[tuple[int, int]] = set()
    queue = [(0, 0)]
    while queue:
        place = queue.pop()
        if place in seen:
            continue
        if place == (len(left), len(right)):
            return True
        seen.add(place)
        queue += _steps(left, right, place)
    return False


def _steps(
    left: tuple[_Token, ...], right: tuple[_Token, ...], place: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """The pairs of places that follow: one of the patterns moves on, or both do.

    A place is the number of tokens of a pattern that have been used up.
    """
    i, j = place
    left_goes = i < len(left)
    right_goes = j < len(right)
    # A repeated class may end without another character.
    if left_goes and left[i][1] is not None:
        yield i + 1, j
    if right_goes and right[j][1] is not None:
        yield i, j + 1
    if left_goes and right_goes:
        yield from _both(left[i], right[j], i, j)


def _both(
    left: _Token,
    right: _Token,
    i: int,
    j: int,
) -> Iterator[tuple[int, int]]:
    """The step that takes one character of both patterns, if there is one.

    ``i`` and ``j`` are their places. A class stays at its place, because it may take more.
    """
    (a, many_a), (b, many_b) = left, right
    # Two repeated classes: each may end, which is a step already.
    if many_a is not None and many_b is not None:
        return
    # A class takes the other pattern's character and stays where it is.
    if many_a is not None:
        if many_a.fullmatch(b):
            yield i, j + 1
        return
    if many_b is not None:
        if many_b.fullmatch(a):
            yield i + 1, j
        return
    if a == b:
        yield i + 1, j + 1
