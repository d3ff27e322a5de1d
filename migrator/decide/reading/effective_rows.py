"""Which rows of an aws-auth ConfigMap are in force: the maps that the authenticator keeps.

aws-iam-authenticator ``pkg/mapper/configmap/configmap.go`` (``saveMap``) and
``pkg/config/mapper.go`` (``Key``): roles are keyed by lower-cased ARN and users by the ARN as
written, so the last duplicate wins and groups are never merged, but two spellings of one user are
both kept and each login gets one of them at random.
"""

from collections import defaultdict

from migrator.decide.reading.text_folding import fold, to_lower
from migrator.model.aws_auth import AwsAuth, RowMapping


def effective_roles(aws_auth: AwsAuth) -> dict[str, RowMapping]:
    """Lower-cased ARN -> the row of mapRoles that is in force.

    ``sso`` rows are among them, keyed by their pattern.
    """
    return {to_lower(row.arn): row for row in aws_auth.rows if row.section == "mapRoles"}


def effective_users(aws_auth: AwsAuth) -> dict[str, RowMapping]:
    """ARN as written -> the row of mapUsers that is in force.

    Of several spellings of one ARN each is in force now and then: see ``ambiguous_users``.
    """
    return {row.arn: row for row in aws_auth.rows if row.section == "mapUsers"}


def ambiguous_users(aws_auth: AwsAuth) -> dict[str, tuple[RowMapping, ...]]:
    """Lower-cased ARN -> the rows, in document order, of which each login gets one at random.

    Spellings that lead to the same username and groups are left out: no login shows which of them
    was taken.
    """
    spellings: defaultdict[str, list[RowMapping]] = defaultdict(list)
    for row in effective_users(aws_auth).values():
        spellings[fold(row.arn)].append(row)
    found: dict[str, tuple[RowMapping, ...]] = {}
    for key, rows in spellings.items():
        identities = {(row.username, row.effective_groups) for row in rows}
        if len(identities) > 1:
            found[key] = tuple(sorted(rows, key=lambda row: row.index))
    return found
