"""Which answers of a fleet's decisions.yaml are whose.

One file answers for all clusters: an entry at its top holds everywhere, one under ``where`` for the
clusters that its selector means, and a later answer to the same question replaces an earlier one.
An answer about a principal that a cluster does not have is left out there; one that fits no cluster
at all is an error of the fleet, as it is of a single cluster.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeAlias

from migrator.decide.planning.principals.candidate_principals import candidates_of
from migrator.decide.planning.principals.plan_facts import gather
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.row_keys import row_key
from migrator.decide.reading.templates import rendered_row
from migrator.fleet.decide.select import selects
from migrator.fleet.model.answers import FleetAnswers
from migrator.fleet.model.fleet import FleetCluster
from migrator.model.aws_auth import AwsAuth
from migrator.model.decision import NO_DECISIONS, Decisions
from migrator.model.principal import parse_arn
from migrator.model.snapshot import Snapshot

Question: TypeAlias = tuple[str, str]  # (section, key)
_ABOUT_PRINCIPALS = ("principals", "accept_loss", "accept_gain", "waive_verification", "verify_as")
_EVERYWHERE = frozenset({"break_glass", "waive_gates", "proof_policy", "creator"})


def answers_for(answers: FleetAnswers, cluster: FleetCluster) -> Decisions:
    """What the file answers for one cluster, whether the cluster asks it or not. A later answer to
    the same question replaces an earlier one.
    """
    merged = answers.everywhere
    for each in answers.selected:
        if selects(each.where, cluster):
            merged = _merged(merged, each.answers)
    return merged


def _merged(under: Decisions, over: Decisions) -> Decisions:
    """The answers of both; those of ``over`` win by key. Lists become one list without
    repetitions.
    """
    changes: dict[str, Any] = {}
    for each in fields(Decisions):
        first, second = getattr(under, each.name), getattr(over, each.name)
        if isinstance(second, Mapping):
            changes[each.name] = {**first, **second}
        elif isinstance(second, tuple):
            changes[each.name] = tuple(dict.fromkeys((*first, *second)))
        elif second is None:
            changes[each.name] = first
        else:
            changes[each.name] = second
    return Decisions(**changes)


def asked(decisions: Decisions, snapshot: Snapshot) -> tuple[Decisions, tuple[Question, ...]]:
    """The answers that this cluster asks for, and the questions that it asks: ``(section, key)`` of
    each of them.

    An answer that is left out here must fit another cluster, or the file has a mistake: the caller
    compares the questions of all clusters with :func:`questions_of`.
    """
    aws_auth = read_aws_auth(snapshot.aws_auth_data)
    kept: dict[str, Any] = {}
    questions: list[Question] = []
    for section, fit in _fitting(decisions, snapshot, aws_auth).items():
        value = getattr(decisions, section)
        keys = [key for key in value if fit(key)]
        questions += [(section, key) for key in keys]
        if isinstance(value, Mapping):
            kept[section] = {key: value[key] for key in keys}
        else:
            kept[section] = tuple(keys)
    if decisions.creator is not None:
        # A cluster is created by a principal of its account.
        arn = parse_arn(decisions.creator.arn)
        if arn is None or arn.account == snapshot.cluster.account_id:
            questions.append(("creator", decisions.creator.arn))
        else:
            kept["creator"] = None
    return replace(decisions, **kept), tuple(questions)


def _fitting(
    decisions: Decisions, snapshot: Snapshot, aws_auth: AwsAuth
) -> dict[str, Callable[[str], bool]]:
    """By section, which keys of answers fit the cluster."""
    lost = {problem.section for problem in aws_auth.problems if problem.kind == "lost"}
    mapped = {row.account for row in aws_auth.accounts}
    groups: set[str] = set()
    for row in aws_auth.rows:
        groups.update(rendered_row(row, row.arn)[1])
    fits: dict[str, Callable[[str], bool]] = {
        "accept_lost_sections": lost.__contains__,
        "accounts": mapped.__contains__,
        "expand_accounts": mapped.__contains__,
        "groups": groups.__contains__,
    }
    # The principals are found only where an answer asks for one: that takes a while.
    if any(getattr(decisions, section) for section in _ABOUT_PRINCIPALS):
        known = {row_key(name) for name in _names(decisions, snapshot, aws_auth, mapped)}
        fits |= dict.fromkeys(_ABOUT_PRINCIPALS, lambda key: row_key(key) in known)
    return fits


def _names(
    decisions: Decisions,
    snapshot: Snapshot,
    aws_auth: AwsAuth,
    mapped: set[str],
) -> Iterable[str]:
    """The ARNs under which answers find the principals of this cluster: their own, those of their
    rows, and the one that an answer gives to a row's principal.
    """
    expanded = {
        account: arns for account, arns in decisions.expand_accounts.items() if account in mapped
    }
    dropped = {
        account: answer for account, answer in decisions.accounts.items() if account in mapped
    }
    only_expanded = replace(NO_DECISIONS, expand_accounts=expanded, accounts=dropped)
    facts = gather(snapshot, only_expanded, aws_auth, strategy="preserve", target="API")
    here: set[str] = set()
    for subject in candidates_of(facts):
        here |= {subject.arn, *(row.arn for row in subject.rows)}
    keys = {row_key(name) for name in here}
    yield from here
    for key, answer in decisions.principals.items():
        if answer.principal_arn is None:
            continue
        if row_key(key) in keys:
            yield answer.principal_arn


def questions_of(answers: FleetAnswers) -> tuple[Question, ...]:
    """Every question that the file answers: each of them must be asked by some cluster."""
    found: list[Question] = _questions(answers.everywhere)
    for selected in answers.selected:
        found += _questions(selected.answers)
    return tuple(dict.fromkeys(found))


def _questions(decisions: Decisions) -> list[Question]:
    """The questions that one set of answers is about. Sections that hold for every cluster ask
    nothing that a cluster could lack.
    """
    found: list[Question] = []
    for each in fields(Decisions):
        if each.name in _EVERYWHERE:
            continue
        found += [(each.name, key) for key in getattr(decisions, each.name)]
    if decisions.creator is not None:
        found.append(("creator", decisions.creator.arn))
    return found
