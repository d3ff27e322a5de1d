"""The cluster's hidden creator: an admin that no list shows in CONFIG_MAP mode.

At the first mode switch EKS makes an entry for it, with AmazonEKSClusterAdminPolicy for the whole cluster (EKS user
guide, "Legacy cluster access configuration"). That switch is the creator's cut-over: the entry shadows a row at once.
"""

from dataclasses import replace

from migrator.decide.findings.note import Note
from migrator.decide.planning.entry_for import standard_entry
from migrator.decide.planning.entry_identity import same_entry
from migrator.decide.planning.plan_facts import CLUSTER_ADMIN, PlanFacts, Wanted, quoted
from migrator.decide.planning.principal_answers import is_for
from migrator.decide.planning.subjects import Subject
from migrator.model.access_entry import AssociatedPolicy, EntrySpec, Identity

HIDDEN_NAME = "kubernetes-admin"  # as authenticator logs show the hidden creator
HIDDEN_CREATOR = Identity(HIDDEN_NAME, ("system:masters",), "automatic")


def automatic_entry(facts: PlanFacts) -> EntrySpec:
    """The entry that EKS makes for the creator."""
    return EntrySpec("STANDARD", None, (), (AssociatedPolicy(facts.policy_arn(CLUSTER_ADMIN)),))


def names_of_hidden_creator(facts: PlanFacts) -> tuple[str, ...]:
    """The places that mean the hidden creator's old name."""
    return tuple(dict.fromkeys((*facts.names.of_username(HIDDEN_NAME), *facts.names.groups.get(HIDDEN_NAME, ()))))


def creator_entry(subject: Subject, facts: PlanFacts) -> Wanted:
    """The entry that EKS makes for the creator, and what it is updated to where the creator's row gives more."""
    expected = automatic_entry(facts)
    source = facts.snapshot.creator.source if facts.snapshot.creator else ""
    known = f" (known from {source})" if source else ""
    notes = [Note("creator-becomes-entry", f"`{subject.arn}` created the cluster{known}; EKS makes its entry itself.")]
    places = names_of_hidden_creator(facts)
    if places:
        message = f"`{HIDDEN_NAME}` is named by {quoted(places)}."
        notes.append(Note("creator-name-referenced", message))
    if subject.row is None:
        return Wanted("await", expected, tuple(notes))
    own = standard_entry(subject.row, subject.arn, facts)
    notes += own.notes
    assert own.entry is not None  # noqa: S101 - standard_entry always gives its best answer
    policies = dict.fromkeys((*expected.access_policies, *own.entry.access_policies))
    update = replace(own.entry, access_policies=tuple(policies))
    named = [*facts.names.of_username(subject.row.username)]
    named += [place for group in own.entry.kubernetes_groups for place in facts.names.of_group(group)]
    names = (subject.arn, subject.row.arn)
    accepted = next((given for key, given in facts.decisions.accept_loss.items() if is_for(key, names)), None)
    differs = bool(named) or (not facts.names.complete and not same_entry(subject.arn, expected, update))
    if own.action != "block" and differs and accepted:
        message = f"{accepted.by} accepts what `{subject.arn}` lacks until its entry is updated: {accepted.reason}"
        notes.append(Note("loss-accepted", message))
    elif own.action != "block" and differs:
        what = f"what {quoted(dict.fromkeys(named))} names" if named else "more, and it was not read what names it"
        message = f"The creator's row gives {what}; EKS's own entry does not."
        notes.append(Note("creator-row-differs", message, row=subject.row))
        return Wanted("block", update, tuple(notes), own.bindings)
    if own.action == "block":
        return Wanted("block", update, tuple(notes), own.bindings)
    changed = None if same_entry(subject.arn, expected, update) else update
    return Wanted("await", expected, tuple(notes), own.bindings, changed)
