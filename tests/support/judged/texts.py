"""What the tool reads in a text of aws-auth, held against the evaluator's reading."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.support.judge.aws_auth import Row, read
from tests.support.judge.logins import lowered
from tests.support.judge.tally import Tally

KIND = "texts of aws-auth"


def judge_text(tally: Tally, data: Mapping[str, str], answer: Mapping[str, Any]) -> None:
    """``answer`` is :func:`effective_document`'s; a text that it doubts is left open."""
    aws_auth = read(data)
    if aws_auth.unjudged or answer["doubt"]:
        tally.leave_open(KIND)
        return
    judged = (
        _kept(aws_auth.roles, lowered),
        _kept(aws_auth.users, str),
        sorted(set(aws_auth.accounts)),
    )
    found = (mappings(answer["roles"]), mappings(answer["users"]), answer["accounts"])
    tally.compare(KIND, judged, found, data)


def mappings(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Rows by their key, without those of the ``sso`` matcher, which no login meets."""
    return {
        key: (row["username"], None if row["groups"] is None else tuple(row["groups"]))
        for key, row in shown.items()
        if not row.get("sso")
    }


def _kept(rows: Sequence[Row], key: Callable[[str], str]) -> dict[str, Any]:
    return {key(row.arn): (row.username, row.groups) for row in rows}
