"""The aws-auth ConfigMap as the authenticator reads it: what is in force, what was dropped, what
was lost.

Rules of aws-iam-authenticator ``pkg/mapper/configmap/configmap.go`` (``ParseMap``, ``saveMap``):
the three data keys are exact, each section is read alone and lost alone, a value that is blank or
an empty pair of quotes is nothing, and only the first YAML document counts. Nothing is ever
salvaged from a section that Go would not read; where ours is not certain to read like Go's, the
section is ``doubtful`` and a plan must not rest on it.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from migrator.decide.reading.aws_auth_rows import RowsRead, read_accounts, read_rows
from migrator.decide.reading.effective_rows import ambiguous_users, effective_roles, effective_users
from migrator.decide.reading.go_yaml.compose import compose
from migrator.decide.reading.go_yaml.decode import decode
from migrator.decide.reading.go_yaml.problems import YamlProblem, doubtful
from migrator.decide.reading.go_yaml.source import MAX_BYTES
from migrator.model.aws_auth import SECTIONS, AwsAuth, RowMapping, Section, SectionProblem

__all__ = [
    "ambiguous_users",
    "effective_document",
    "effective_roles",
    "effective_users",
    "lines_of_rows",
    "read_aws_auth",
]

# unicode.IsSpace: what strings.TrimSpace takes away.
_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_NOTHING: Final = frozenset({"", "``", '""', "''"})


def read_aws_auth(data: Mapping[str, str]) -> AwsAuth:
    """Read a ConfigMap's ``data``.

    Whatever the texts hold, this returns: problems are values, not exceptions. Keys other than the
    three sections are listed and not read.
    """
    # A snapshot made by hand may hold anything.
    found: Mapping[str, object] = data
    size = sum(len(value) for value in found.values() if isinstance(value, str))
    read: dict[Section, RowsRead] = {}
    for section in SECTIONS:
        if section in data:
            read[section] = _read_section(section, found[section], size > MAX_BYTES)
    parts = list(read.values())
    return AwsAuth(
        rows=tuple(chain.from_iterable(part.rows for part in parts)),
        accounts=tuple(chain.from_iterable(part.accounts for part in parts)),
        dropped=tuple(chain.from_iterable(part.dropped for part in parts)),
        problems=_problems(read),
        unknown_keys=tuple(sorted(key for key in data if key not in SECTIONS)),
        error=any(part.error for part in parts),
    )


def lines_of_rows(config_map: Mapping[str, Any] | None) -> dict[str, int]:
    """``mapRoles[3]`` -> its line inside the section; empty where the ConfigMap is not at hand."""
    data = (config_map or {}).get("data")
    if not isinstance(data, dict):
        return {}
    return read_aws_auth(data).lines


def _problems(read: Mapping[Section, RowsRead]) -> tuple[SectionProblem, ...]:
    """Why sections were not read, in the sections' order."""
    found: list[SectionProblem] = []
    for section, part in read.items():
        problem = part.problem
        if problem is None:
            continue
        found.append(
            SectionProblem(
                kind=problem.kind,
                section=section,
                line=problem.line,
                column=problem.column,
                message=problem.message,
            )
        )
    return tuple(found)


def _read_section(section: Section, text: object, too_long: bool) -> RowsRead:
    """The rows of one section; an empty result with a problem where it cannot be read.

    ``too_long`` says that the data of all keys together is longer than a ConfigMap can be.
    """
    if not isinstance(text, str):
        return _unread(doubtful(1, 1, "its value is not text"))
    if too_long:
        return _unread(
            doubtful(1, 1, "the data is longer than the 1 MiB that a ConfigMap can hold")
        )
    return _rows_in(section, text)


# A snapshot and its plan read the same text five times; the clusters of a fleet take turns.
@lru_cache(maxsize=64)
def _rows_in(section: Section, text: str) -> RowsRead:
    """The rows of a section's text, which no caller changes."""
    if text.strip(_SPACE) in _NOTHING:
        return RowsRead()
    try:
        document = compose(text)
        # The authenticator reads accounts by another library (yaml.v2), which keeps a number's
        # text.
        if section == "mapAccounts":
            return read_accounts(document)
        return read_rows(section, decode(document))
    except YamlProblem as problem:
        return _unread(problem)


def _unread(problem: YamlProblem) -> RowsRead:
    """A section that is lost. A traceback would keep the callers' frames."""
    return RowsRead(problem=problem.with_traceback(None), error=True)


def effective_document(data: Mapping[str, str]) -> dict[str, Any]:
    """What is in force, as plain JSON: ``{"error", "doubt", "roles", "users", "accounts"}``.

    ``roles`` is keyed by lower-cased ARN and ``users`` by ARN as written; a mapping is ``{"arn",
    "username", "groups"}`` with ``groups`` null where the row has none, and ``"sso": true`` instead
    of the ARN on rows that only match with a feature gate that is off on EKS.
    """
    aws_auth = read_aws_auth(data)
    return {
        "error": aws_auth.error,
        "doubt": aws_auth.doubt,
        "roles": {key: _as_json(row) for key, row in effective_roles(aws_auth).items()},
        "users": {key: _as_json(row) for key, row in effective_users(aws_auth).items()},
        "accounts": sorted({row.account for row in aws_auth.accounts}),
    }


def _as_json(row: RowMapping) -> dict[str, Any]:
    """One mapping of ``effective_document``."""
    mapping: dict[str, Any] = {"arn": row.arn, "username": row.username}
    if row.sso:
        mapping = {"sso": True, "username": row.username}
    # A row without groups is not a row with an empty list of them.
    mapping["groups"] = None
    if row.groups is not None:
        mapping["groups"] = list(row.groups)
    return mapping
