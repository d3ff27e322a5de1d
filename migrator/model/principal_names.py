"""Names of principals as people write them: an ARN, what tables print, an end of it, a row."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import chain
from typing import Final

from migrator.model.principal import parse_arn

# `place` of a row, as tables print it; no IAM name has brackets (IAM API Reference, CreateRole).
_ROW: Final = re.compile(r"(map(?:Roles|Users|Accounts)\[\d{1,6}\])(?: line \d+)?")
_MOST_CANDIDATES = 3


def row_meant(wanted: str) -> str | None:
    """``mapRoles[3]`` where the text is the place of a row, with or without its line."""
    found = _ROW.fullmatch(wanted)
    return None if found is None else found[1]


def arns_meant(arns: Iterable[str], wanted: str) -> tuple[str, ...]:
    """The ARNs that ``wanted`` can mean: the whole ARN, else an end of it that begins behind a
    colon or a slash (``111122223333:role/ci/runner``, ``role/ci/runner``, ``runner``), also as
    aws-auth spells it, without a role's path (``role/runner``).
    """
    known = tuple(arns)
    if wanted in known:
        return (wanted,)
    # Text of a row may hold an ARN: one that is written in full is not looked for inside it.
    if not wanted or wanted.startswith("arn:"):
        return ()
    ends = (f"/{wanted}", f":{wanted}")
    return tuple(arn for arn in known if arn.endswith(ends) or _in_aws_auth(arn).endswith(ends))


def _in_aws_auth(arn: str) -> str:
    """The ARN as a row that matches has it: of a role without its path (aws-iam-authenticator,
    ``pkg/arn/arn.go``).
    """
    parsed = parse_arn(arn)
    if parsed is None or parsed.kind != "role":
        return arn
    return str(parsed.pathless)


def own_ends(arns: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The ends by which each of the ARNs alone can be named, the longest first."""
    ends = {arn: tuple(_ends(arn)) for arn in arns}
    holders = Counter(chain.from_iterable(ends.values()))
    return {arn: tuple(end for end in own if holders[end] == 1) for arn, own in ends.items()}


def _ends(arn: str) -> dict[str, None]:
    """``111122223333:role/ci/runner`` and what follows each of its signs, as IAM and as aws-auth
    spell it.
    """
    found: dict[str, None] = {}
    for spelled in (arn, _in_aws_auth(arn)):
        # arn:PARTITION:iam::ACCOUNT:RESOURCE
        end = spelled.split(":", 4)[-1]
        found[end] = None
        for sign in re.finditer("[:/]", end):
            found[end[sign.end() :]] = None
    return found


def nearest_arns(arns: Sequence[str], wanted: str) -> tuple[str, ...]:
    """At most three ARNs whose name, or an end of it, is spelt nearly so."""
    by_end: dict[str, str] = {}
    for arn in arns:
        resource = arn.rpartition(":")[2]
        for end in (arn, resource, resource.rpartition("/")[2]):
            by_end.setdefault(end.lower(), arn)
    close = get_close_matches(wanted.lower(), by_end, n=_MOST_CANDIDATES)
    return tuple(dict.fromkeys(by_end[end] for end in close))


def did_you_mean(arns: Sequence[str], wanted: str) -> str:
    """``Did you mean …?``, empty where nothing is near."""
    near = nearest_arns(arns, wanted)
    return f"Did you mean {' or '.join(near)}?" if near else ""
