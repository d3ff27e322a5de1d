"""Principals of an account in mapAccounts that something in the cluster names.

mapAccounts gives a principal its canonical ARN as username and no group, so that a subject of kind
User with that ARN is all that such a principal can have. A principal with a row or a live entry
does not log in through mapAccounts (aws-iam-authenticator ``pkg/server/server.go``, doMapping).
"""

import re
from collections.abc import Iterator

from migrator.decide.planning.principals.find_principal import Found, liveness
from migrator.decide.planning.principals.plan_facts import PlanFacts
from migrator.decide.reading.row_keys import canonical_arn, principal_key, row_key
from migrator.decide.reading.who_can_match import match_of
from migrator.model.principal import parse_arn

# The canonical ARNs that aws-iam-authenticator makes (pkg/arn/arn.go): a session becomes its role.
_CANONICAL = frozenset({"role", "user", "root", "federated-user"})
# EKS takes entries for roles and users alone (EKS API, CreateAccessEntry).
_OF_ENTRIES = frozenset({"role", "user"})
# Names of roles and of their sessions (IAM API reference, AssumeRole).
_SESSION = re.compile(r"[\w+=,.@-]{1,64}/[\w+=,.@-]{1,64}", re.ASCII)


def named_principals(account: str, facts: PlanFacts) -> tuple[Found, ...]:
    """The principals of the account, by ARN, that have more than a login through mapAccounts."""
    found = {each.arn: each for each in _named(account, facts)}
    return tuple(found[arn] for arn in sorted(found))


def left_behind(account: str, facts: PlanFacts) -> tuple[Found, ...]:
    """Those that an answer about the account leaves out: all where it drops the account, those
    that its list lacks where it expands the account, none without an answer.
    """
    decisions = facts.decisions
    if account in decisions.accounts:
        return named_principals(account, facts)
    if account not in decisions.expand_accounts:
        return ()
    listed = {principal_key(arn) for arn in decisions.expand_accounts[account]}
    return tuple(
        each for each in named_principals(account, facts) if principal_key(each.arn) not in listed
    )


def can_have_entry(arn: str) -> bool:
    """Whether EKS takes an entry for a principal of the account: not for the root user, federated
    users and service-linked roles (EKS API, CreateAccessEntry).
    """
    parsed = parse_arn(arn)
    if parsed is None or parsed.kind not in _OF_ENTRIES:
        return False
    return not parsed.name.lower().startswith("awsservicerolefor")


def bound_sessions(account: str, facts: PlanFacts) -> tuple[str, ...]:
    """Sessions of the account's roles that something names as users. No login through mapAccounts
    has such a name: its username is the role's ARN.
    """
    start = f"arn:{facts.snapshot.cluster.partition}:sts::{account}:assumed-role/"
    # Text from the cluster: only what STS could have as a name is taken.
    found = facts.names.users_starting(start)
    return tuple(name for name in found if _SESSION.fullmatch(name[len(start) :]))


def answer_arn(found: Found) -> str:
    """The ARN as an answer has to give it; a role's path that was not read is left to a person."""
    arn = found.arn
    if found.state == "found" or ":user/" in arn:
        return arn
    head, _, name = arn.rpartition("/")
    return f"{head}/<path>/{name}"


def _named(account: str, facts: PlanFacts) -> Iterator[Found]:
    partition = facts.snapshot.cluster.partition
    names: list[str] = []
    for service in ("iam", "sts"):
        names += facts.names.users_starting(f"arn:{partition}:{service}::{account}:")
    for name in names:
        # Text from the cluster: only what IAM could have as a name is taken, in the case that the
        # words of an ARN have.
        parsed = parse_arn(name)
        if parsed is None or parsed.kind not in _CANONICAL:
            continue
        if match_of(name, partition).kind == "dead":
            continue
        if row_key(name) in facts.row_keys:
            continue
        found = facts.find(name)
        # An entry that is pinned to a deleted principal of this name decides nothing.
        entries = facts.entries.get(principal_key(name), ())
        if any(liveness(entry, found) != "dead" for entry in entries):
            continue
        # IAM does not have it: no principal logs in under the name.
        if found.state == "absent":
            continue
        # Kubernetes compares usernames with their case.
        if found.state == "found" and canonical_arn(found.arn) != name:
            continue
        yield found
