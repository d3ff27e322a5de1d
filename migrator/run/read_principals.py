"""Read IAM principals by ARN, few one by one, many of an account by listing it."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from migrator.errors import MigratorError
from migrator.model.principal import parse_arn
from migrator.ports import Principals, Raw, TaskRunner

_MANY = 20  # principals of one account: above it the account is listed, as for a snapshot
Answer: TypeAlias = Raw | MigratorError | None


def read_principals(
    arns: Iterable[str], principals: Principals, tasks: TaskRunner
) -> Mapping[str, Answer]:
    """Snapshot ``iam.principals`` items by ARN, None for a principal that does not exist, the error
    for one that cannot be read. What is no ARN is left out. Raises what keeps a listing from being
    made, but for a denial.
    """
    accounts: dict[str, list[str]] = {}
    for arn in arns:
        parsed = parse_arn(arn)
        if parsed is not None:
            accounts.setdefault(parsed.account, []).append(arn)
    found: dict[str, Answer] = {}
    single: list[str] = []
    for account, wanted in accounts.items():
        listed = _listed(principals, account) if len(wanted) > _MANY else {}
        found.update((arn, listed[arn]) for arn in wanted if arn in listed)
        single += [arn for arn in wanted if arn not in listed]

    def get(arn: str) -> Answer:
        try:
            answer = principals.get(arn)
        except MigratorError as error:
            return error
        # Another path is another ARN: IAM answers by name alone.
        if answer is not None and answer["arn"] == arn:
            return answer
        return None

    found.update(zip(single, tasks.map(get, single), strict=True))
    return found


def _listed(principals: Principals, account: str) -> Mapping[str, Raw]:
    """All principals of an account, by ARN."""
    items, _, _ = principals.list_account(account)
    return {str(item["arn"]): item for item in items}
