"""decisions.yaml checked against the cluster: an answer that fits nothing, or that may not be
given, is an error.

A typing mistake in an ARN must not look like an accepted risk.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from difflib import get_close_matches
from itertools import chain

from migrator.decide.access.name_references import binding_place, is_ours, object_of
from migrator.decide.planning.entries.answers import names_of
from migrator.decide.planning.entries.entry_for import is_reserved
from migrator.decide.planning.entries.parallel_bindings import is_admin_group
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.order.required_proof import PROOF_KINDS
from migrator.decide.planning.principals.plan_facts import PlanFacts, quoted
from migrator.decide.planning.principals.principal_answers import invalid
from migrator.decide.reading.row_keys import row_key
from migrator.decide.reading.templates import rendered_row, templates_in
from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.errors import Failed
from migrator.model.decision import Acceptance, GroupAnswer
from migrator.model.principal import Arn, parse_arn
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX

_MASTERS = "system:masters"
# ARNs of one account have most letters in common: a near name has at most two letters wrong.
_WRONG_LETTERS = 2
_LEAST_ALIKE = 0.6
# Keys for which a near one is looked up: that takes time for each pair.
_LOOKED_UP = 3


def check_before(
    facts: PlanFacts,
    now: datetime,
) -> None:
    """Answers that can be judged before anything is decided. Raises ``Failed``: decision-expired,
    decision-unused, decision-invalid.
    """
    _check_dates(facts, now)
    decisions, aws_auth = facts.decisions, facts.aws_auth
    lost: set[str] = set()
    for problem in aws_auth.problems:
        # A doubtful section is no lost one: no answer can say what it holds.
        if problem.kind == "lost":
            lost.add(problem.section)
    mapped = {row.account for row in aws_auth.accounts}
    answered: tuple[tuple[str, Iterable[str], Collection[str]], ...] = (
        ("accept_lost_sections", decisions.accept_lost_sections, lost),
        ("accounts", decisions.accounts, mapped),
        ("expand_accounts", decisions.expand_accounts, mapped),
        ("groups", decisions.groups, facts.row_groups),
        ("proof_policy", decisions.proof_policy, PROOF_KINDS),
    )
    for section, keys, known in answered:
        _unused(section, (key for key in keys if key not in known), known, facts)
    for group, answer in decisions.groups.items():
        _check_group(group, answer, facts)
    for account, arns in decisions.expand_accounts.items():
        _check_account(account, arns, facts)
    if decisions.break_glass is not None:
        # It is needed when no log-in works any more: a mistake in it must be seen now.
        _check_break_glass(decisions.break_glass)


def _check_break_glass(text: str) -> None:
    """The break-glass principal must be able to get an entry: EKS takes roles and users alone (EKS
    API, CreateAccessEntry). Raises ``Failed`` ``decision-invalid``.
    """
    arn = parse_arn(text)
    if arn is None or arn.kind not in ("role", "user"):
        raise invalid("break_glass", f"`{text}` is no IAM role or user.", "Give a full ARN.")


def check_after(
    decided: Sequence[PrincipalDecision],
    facts: PlanFacts,
) -> None:
    """Answers about principals that are not in the plan. Raises ``Failed`` ``decision-unused``."""
    decisions = facts.decisions
    sections = {
        "principals": decisions.principals,
        "accept_loss": decisions.accept_loss,
        "accept_gain": decisions.accept_gain,
        "waive_verification": decisions.waive_verification,
        "verify_as": decisions.verify_as,
    }
    if not any(sections.values()):
        return
    names: set[str] = set()
    for each in decided:
        # A principal may be named by its ARN or as its row spells it.
        names.update(names_of(each))
    known = set(map(row_key, names))
    for section, answers in sections.items():
        left = [key for key in answers if row_key(key) not in known]
        # One file may have the log-ins of several clusters, and a log-in accepts no risk: what is
        # refused is a misspelt name.
        if section == "verify_as":
            answered = set(map(row_key, answers))
            free = {each for each in names if row_key(each) not in answered}
            left = [key for key in left if _near(key, free)]
        _unused(section, left, names, facts)


def ways_of_others(
    answered: Iterable[str],
    known: Iterable[str],
) -> tuple[str, ...]:
    """Principals with a log-in in ``verify_as`` that a cluster does not have. ``known``: its
    principals, and the ARNs of its rows.
    """
    keys = set(map(row_key, known))
    return tuple(each for each in answered if row_key(each) not in keys)


def _check_dates(
    facts: PlanFacts,
    now: datetime,
) -> None:
    """Acceptances whose date has passed. Raises ``Failed`` ``decision-expired``."""
    # In API mode no row of aws-auth counts: what was accepted has happened, and the answer may
    # remain.
    if facts.mode == "API":
        return
    acceptances = {
        "accept_loss": facts.decisions.accept_loss,
        "accept_gain": facts.decisions.accept_gain,
    }
    for section, answers in acceptances.items():
        for name, answer in answers.items():
            if answer.ended(now):
                raise _ended(section, name, answer, now)


def _ended(
    section: str,
    name: str,
    answer: Acceptance,
    now: datetime,
) -> Failed:
    """The error for an acceptance whose date has passed."""
    return Failed(
        "decision-expired",
        f"The answer of {answer.by} in decisions.yaml ended {answer.until}: {section}: "
        f"{quoted([name])}.",
        why=f"An acceptance is valid to the end of its date, UTC; this plan is made on "
        f"{now:%Y-%m-%d}.",
        remedy="Give a later date as YYYY-MM-DD, or take the answer away.",
    )


def _unused(
    section: str,
    keys: Iterable[str],
    known: Collection[str],
    facts: PlanFacts,
) -> None:
    """Raises ``Failed`` ``decision-unused`` where keys of a section match nothing. ``keys``: those
    that do not. ``known``: what there is, of which the nearest one is named.
    """
    left = list(keys)
    # In API mode no row of aws-auth counts, and answers of earlier runs may remain. A kind of proof
    # does not depend on the mode.
    if facts.mode == "API" and section != "proof_policy":
        return
    if left:
        raise Failed(
            "decision-unused",
            f"decisions.yaml answers what the plan does not ask: {section}: {quoted(left)}.",
            why="Nothing in this cluster matches these answers; a typing mistake would look the "
            "same.",
            remedy=f"Correct the names, or take the answers away.{_meant(left, known)}",
        )


def _meant(
    keys: Sequence[str],
    known: Collection[str],
) -> str:
    """A sentence with what is nearly one of the keys; empty where nothing is."""
    found: dict[str, None] = {}
    for key in keys[:_LOOKED_UP]:
        found.update(dict.fromkeys(_near(key, known)))
    if not found:
        return ""
    return f" The cluster has {quoted(found)}."


def _near(
    key: str,
    known: Iterable[str],
) -> list[str]:
    """The nearest name with at most two letters other than ``key``, or none."""
    alike = max(_LEAST_ALIKE, 1 - (_WRONG_LETTERS + 0.5) / max(1, len(key)))
    return get_close_matches(key, sorted(known), n=1, cutoff=alike)


def _check_group(
    group: str,
    answer: GroupAnswer,
    facts: PlanFacts,
) -> None:
    """An answer about a group of the rows. Raises ``Failed`` ``decision-invalid``."""
    name = _new_group(group, answer)
    _check_name(group, name)
    # Rule of the plan: a group that is bound to cluster-admin already gives an administrator no
    # more than the policy gives: other holders of the group gain nothing.
    if answer.also is not None and is_admin_group(name, facts):
        return
    # Rule of the plan: a new group gets bindings, so each other user of its name would gain access.
    # An object that names the old group and the new one means the same principals by both.
    meant = {object_of(place) for place in facts.names.of_group(group)}
    others = [each for each in users_of(name, facts) if object_of(each) not in meant]
    users = (*others, *_other_answers(group, name, facts))
    if users:
        raise invalid(
            group, f"`{name}` is used already: {quoted(users)}.", "Choose a name that nothing uses."
        )


def _new_group(
    group: str,
    answer: GroupAnswer,
) -> str:
    """The group that the answer adds. Raises ``Failed``: decision-invalid."""
    # Only the groups of an administrator are joined by a second one, bound to cluster-admin.
    if answer.also is not None and group != _MASTERS:
        raise invalid(group, "`also` is for system:masters alone.", "Use rename_to.")
    if answer.rename_to is not None:
        _check_renamed(group)
        return answer.rename_to
    if answer.also is None:
        raise invalid(group, "The answer says neither rename_to nor also.", "Give one of them.")
    return answer.also


def _check_renamed(group: str) -> None:
    """A group that an answer renames must be one that an entry cannot hold."""
    # The API server knows system:masters by its name: an entry gives its power by a policy.
    if group == _MASTERS:
        raise invalid(
            group, "system:masters becomes an access policy and is not renamed.", "Use also."
        )
    # Rule of the plan: every group that an entry can hold is carried one to one.
    if not is_reserved(group):
        raise invalid(group, "This group is carried as it is.", "Take the answer away.")


def _check_name(
    group: str,
    name: str,
) -> None:
    """The name that an answer gives for ``group`` must be one that an entry can hold."""
    # EKS API: an entry's group has a name, no reserved prefix and no template.
    if not name or is_reserved(name) or templates_in(name):
        raise invalid(
            group, f"EKS refuses the group `{name}`.", "Choose a name without a reserved prefix."
        )
    # A run removes its bridge and marker groups from every entry when it ends.
    if name.startswith((BRIDGE_PREFIX, MARKER_PREFIX)):
        raise invalid(
            group,
            f"Groups like `{name}` are those of a run, and go when it ends.",
            "Use another name.",
        )


def _other_answers(
    group: str,
    name: str,
    facts: PlanFacts,
) -> list[str]:
    """The answers for other groups that give the same name."""
    found = []
    for other, answer in facts.decisions.groups.items():
        if other == group:
            continue
        if name in (answer.rename_to, answer.also):
            found.append(f"the answer for {other}")
    return found


def users_of(
    group: str,
    facts: PlanFacts,
) -> tuple[str, ...]:
    """Who uses a group's name already: rows, entries, bindings and references that are not ours,
    OIDC mappings.
    """
    users = [row.source for row in facts.aws_auth.rows if group in rendered_row(row, row.arn)[1]]
    for entry in chain.from_iterable(facts.entries.values()):
        # An entry of ours got the group by the same answer, in an earlier run.
        if PLAN_TAG in entry.tags:
            continue
        if group in entry.kubernetes_groups:
            users.append(entry.principal_arn)
    ours: set[str] = set()
    for binding in facts.names.bindings_of_group(group):
        if is_ours(binding):
            ours.add(binding_place(binding))
    users += [place for place in facts.names.of_group(group) if place not in ours]
    return tuple(dict.fromkeys((*users, *_oidc(group, facts))))


def _oidc(
    group: str,
    facts: PlanFacts,
) -> list[str]:
    """OIDC identity providers whose tokens could carry the group: their prefix starts it."""
    found = []
    for config in facts.snapshot.identity_provider_configs or ():
        oidc = config.get("oidc") or config
        # Without a claim for groups, no token carries any (EKS API, OidcIdentityProviderConfig).
        if not oidc.get("groupsClaim"):
            continue
        if group.startswith(oidc.get("groupsPrefix") or ""):
            name = oidc.get("identityProviderConfigName") or oidc.get("issuerUrl") or ""
            found.append(f"OIDC provider {name}".strip())
    return found


def _is_of_account(
    arn: Arn,
    account: str,
    facts: PlanFacts,
) -> bool:
    """Whether an ARN is a role or user that ``mapAccounts`` with this account admits."""
    if arn.kind not in ("role", "user"):
        return False
    # No principal of another partition can call this partition's STS.
    return (arn.account, arn.partition) == (account, facts.snapshot.cluster.partition)


def _check_account(
    account: str,
    arns: Sequence[str],
    facts: PlanFacts,
) -> None:
    """The principals that an answer lists for an account of ``mapAccounts``. Raises ``Failed``
    ``decision-invalid``.
    """
    if account in facts.decisions.accounts:
        raise invalid(account, "The account is both skipped and expanded.", "Give one answer.")
    for text in arns:
        arn = parse_arn(text)
        # mapAccounts admits principals of this account alone: another one would be a new grant.
        if arn is None or not _is_of_account(arn, account, facts):
            raise invalid(
                account,
                f"`{text}` is no role or user of this account.",
                "Give full ARNs of that account.",
            )
        written = text
        # aws-auth has the ARN of a role without its path (EKS user guide, "Grant IAM users access
        # to Kubernetes with a ConfigMap").
        if arn.kind == "role":
            written = str(arn.pathless)
        # The authenticator asks the rows before mapAccounts, which counts for all other principals.
        if row_key(written) in facts.row_keys:
            raise invalid(
                account,
                f"`{text}` has a row in aws-auth, which comes first.",
                "Take it out of the list.",
            )
