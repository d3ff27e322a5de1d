"""Answers about one principal: which principal an answer is for, and which ARN it may name."""

from collections.abc import Iterable

from migrator.decide.reading.row_keys import row_key
from migrator.decide.reading.who_can_match import RowGroup
from migrator.errors import Failed
from migrator.model.decision import Decisions, PrincipalAnswer
from migrator.model.principal import Arn, parse_arn

_ENTRY_KINDS = frozenset({"role", "user"})


def answer_for(arns: Iterable[str], decisions: Decisions) -> PrincipalAnswer | None:
    """The answer whose key is one of these ARNs (a row's, or the principal's own), whatever its
    case.
    """
    if not decisions.principals:
        return None
    asked = {row_key(arn) for arn in arns}
    for key, answer in decisions.principals.items():
        if row_key(key) in asked:
            return answer
    return None


def is_for(key: str, arns: Iterable[str]) -> bool:
    """Whether a key of decisions.yaml means one of these ARNs."""
    return row_key(key) in {row_key(arn) for arn in arns}


def answered_arn(group: RowGroup, decisions: Decisions) -> str | None:
    """The principal's ARN as a person gave it, checked against the row.

    Raises ``Failed`` ``decision-invalid`` for another account or name (for users: path) than the
    row's.
    """
    answer = answer_for((row.arn for row in group.rows), decisions)
    if answer is None or answer.principal_arn is None:
        return None
    check_same_principal(group.rows[-1].arn, answer.principal_arn)
    return answer.principal_arn


def check_same_principal(written: str, answered: str) -> None:
    """Refuse an answer that names another principal than the row. Raises ``Failed``
    ``decision-invalid``.
    """
    row, answer = parse_arn(row_key(written)), parse_arn(row_key(answered))
    # A role of the same name in another account is another principal: an entry for it is a grant.
    if row is None or answer is None or not _is_same_principal(row, answer):
        raise invalid(
            written,
            f"principal_arn `{answered}` is not the principal that the row names.",
            "Give the full ARN of the same account and name; for users the path counts too.",
        )
    as_written = parse_arn(answered)
    # EKS API: the words of an ARN are in lower case, and CreateAccessEntry refuses other spellings.
    if as_written is None or as_written.kind not in _ENTRY_KINDS or as_written.service != "iam":
        raise invalid(
            written,
            f"principal_arn `{answered}` is not spelled as EKS takes it.",
            f"Write its fixed words in lower case: "
            f"`arn:{answer.partition}:iam::{answer.account}:{answer.kind}/…`.",
        )


def _is_same_principal(row: Arn, answer: Arn) -> bool:
    return answer.kind in _ENTRY_KINDS and _identity(row) == _identity(answer)


def _identity(arn: Arn) -> tuple[str, str, str, str]:
    # aws-auth knows users by their path and name, and roles by their name alone.
    if arn.kind == "user":
        return arn.partition, arn.account, arn.kind, arn.resource.partition("/")[2]
    kind = "role" if arn.kind == "service-linked-role" else arn.kind
    return arn.partition, arn.account, kind, arn.name


def invalid(key: str, why: str, remedy: str) -> Failed:
    """The error for an answer that does not fit."""
    return Failed(
        "decision-invalid",
        f"The answer for `{key}` in decisions.yaml does not fit.",
        why=why,
        remedy=remedy,
    )
