"""The cluster's hidden creator: an admin that no list shows in CONFIG_MAP mode.

At the first mode switch EKS makes an entry for it, with AmazonEKSClusterAdminPolicy for the whole
cluster (EKS user guide, "Legacy cluster access configuration"). That switch is the creator's
cut-over: the entry shadows a row immediately.
"""

from dataclasses import replace

from migrator.decide.access.compare_access import compare
from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.findings.findings_catalogue import is_blocking
from migrator.decide.planning.entries.entry_for import standard_entry
from migrator.decide.planning.entries.entry_identity import same_entry
from migrator.decide.planning.principals.candidate_principals import CandidatePrincipal
from migrator.decide.planning.principals.creator_evidence import HIDDEN_NAME
from migrator.decide.planning.principals.plan_facts import (
    CLUSTER_ADMIN,
    DesiredEntry,
    PlanFacts,
    quoted,
)
from migrator.decide.planning.principals.principal_answers import is_for
from migrator.decide.reading.row_keys import principal_key
from migrator.model.access_entry import AssociatedPolicy, EntrySpec, Identity
from migrator.model.aws_auth import RowMapping

HIDDEN_CREATOR = Identity(HIDDEN_NAME, ("system:masters",), "automatic")


def automatic_entry(facts: PlanFacts) -> EntrySpec:
    """The entry that EKS makes for the creator."""
    return EntrySpec("STANDARD", None, (), (AssociatedPolicy(facts.policy_arn(CLUSTER_ADMIN)),))


def names_of_hidden_creator(facts: PlanFacts) -> tuple[str, ...]:
    """The places that mean the hidden creator's old name."""
    # A place that does not say whether it names a user or a group is in both lists.
    places = list(facts.names.of_username(HIDDEN_NAME))
    places += facts.names.groups.get(HIDDEN_NAME, ())
    return tuple(dict.fromkeys(places))


def creator_entry(candidate: CandidatePrincipal, facts: PlanFacts) -> DesiredEntry:
    """The entry that EKS makes for the creator, and what it is updated to where the creator has a
    row.
    """
    expected = automatic_entry(facts)
    source = facts.snapshot.creator.source if facts.snapshot.creator else ""
    known = f" (known from {source})" if source else ""
    message = f"`{candidate.arn}` created the cluster{known}; EKS makes its entry itself."
    notes = [DraftFinding("creator-becomes-entry", message)]
    # Without a row the creator logs in under the hidden name today, and under the name of its
    # entry after the switch.
    if candidate.row is None:
        places = names_of_hidden_creator(facts)
        if places:
            message = f"`{HIDDEN_NAME}` is named by {quoted(places)}."
            notes.append(DraftFinding("creator-name-referenced", message))
        return DesiredEntry("await", expected, tuple(notes))
    own = standard_entry(candidate, facts)
    notes += own.notes
    assert own.entry is not None  # noqa: S101 - standard_entry always gives its best answer
    update = with_policies_of(own.entry, expected)
    notes += wider_notes(candidate, expected, facts)
    if own.action != "block":
        notes += _until_updated(candidate, candidate.row, own.entry, facts)
    if own.action == "block" or any(map(is_blocking, notes)):
        return DesiredEntry("block", update, tuple(notes), own.bindings)
    # EKS's own entry stays as it is where it gives what the row gives.
    changed = None if same_entry(candidate.arn, expected, update) else update
    return DesiredEntry("await", expected, tuple(notes), own.bindings, changed)


def _until_updated(
    candidate: CandidatePrincipal,
    row: RowMapping,
    own: EntrySpec,
    facts: PlanFacts,
) -> tuple[DraftFinding, ...]:
    """What the creator lacks between the mode step and the update of EKS's entry."""
    what = _lacking(candidate, row, own, facts)
    if not what:
        return ()
    accept = facts.decisions.accept_loss
    names = (candidate.arn, row.arn)
    accepted = next((given for key, given in accept.items() if is_for(key, names)), None)
    if accepted is not None:
        message = (
            f"{accepted.by} accepts what `{candidate.arn}` lacks until its entry is "
            f"updated: "
            f"{accepted.reason}"
        )
        return (DraftFinding("loss-accepted", message),)
    message = f"The creator's row gives {what}; EKS's own entry does not."
    return (DraftFinding("creator-row-differs", message, row=row),)


def _lacking(
    candidate: CandidatePrincipal,
    row: RowMapping,
    own: EntrySpec,
    facts: PlanFacts,
) -> str:
    """What EKS's own entry does not give and the row does, in words; empty for nothing."""
    named = places_of_row(row, own, facts)
    if named:
        return f"what {quoted(dict.fromkeys(named))} names"
    # A username or a group that nothing names gives nothing.
    if facts.names.complete:
        return ""
    if same_entry(candidate.arn, automatic_entry(facts), own):
        return ""
    return "more, and it was not read what names it"


def places_of_row(row: RowMapping, own: EntrySpec, facts: PlanFacts) -> tuple[str, ...]:
    """What in the cluster names the row's username, or a group that its entry would carry."""
    places = list(facts.names.of_username(row.username))
    for group in own.kubernetes_groups:
        places += facts.names.of_group(group)
    return tuple(places)


def with_policies_of(own: EntrySpec, automatic: EntrySpec) -> EntrySpec:
    """A row's entry with the policies of EKS's own entry on it: these stay."""
    policies = dict.fromkeys((*automatic.access_policies, *own.access_policies))
    return replace(own, access_policies=tuple(policies))


def wider_notes(
    candidate: CandidatePrincipal, automatic: EntrySpec, facts: PlanFacts
) -> tuple[DraftFinding, ...]:
    """Where EKS's entry gives more than the row: a person says whether that stays."""
    arn, row = candidate.arn, candidate.row
    with_policies = replace(candidate.given, policies=automatic.access_policies)
    if not compare(candidate.given, with_policies, facts.index).gained:
        return ()
    what = quoted(policy.policy_name for policy in automatic.access_policies)
    answer = facts.decisions.creator
    # Who confirms the creator confirms what EKS gives it.
    if answer is None or principal_key(answer.arn) != principal_key(arn):
        message = f"EKS's own entry for `{arn}` gives {what}; its row does not."
        return (DraftFinding("creator-entry-wider", message, row=row),)
    message = (
        f"{answer.by} accepts that `{arn}` keeps {what}, which its row does not give: "
        f"{answer.reason}"
    )
    return (DraftFinding("creator-entry-wider", message, row=row, severity="warn"),)
