"""The cluster's hidden creator: an admin that no list shows in CONFIG_MAP mode.

At the first mode switch EKS makes an entry for it, with AmazonEKSClusterAdminPolicy for the whole cluster (EKS user
guide, "Legacy cluster access configuration"). That switch is the creator's cut-over: the entry shadows a row at once.
"""

from dataclasses import replace

from migrator.decide.entry_for import standard_entry
from migrator.decide.entry_identity import same_entry
from migrator.decide.plan_facts import CLUSTER_ADMIN, Note, PlanFacts, Wanted, quoted
from migrator.decide.row_keys import row_key
from migrator.decide.subjects import Subject
from migrator.model.access_entry import AssociatedPolicy, EntrySpec, Identity

HIDDEN_NAME = "kubernetes-admin"  # as authenticator logs show the hidden creator
HIDDEN_CREATOR = Identity(HIDDEN_NAME, ("system:masters",), "automatic")


def creator_entry(subject: Subject, facts: PlanFacts) -> Wanted:
    """The entry that EKS makes for the creator, and what it is updated to where the creator's row gives more."""
    policy = AssociatedPolicy(facts.policy_arn(CLUSTER_ADMIN))
    expected = EntrySpec("STANDARD", None, (), (policy,))
    source = facts.snapshot.creator.source if facts.snapshot.creator else ""
    known = f" (known from {source})" if source else ""
    notes = [Note("creator-becomes-entry", f"`{subject.arn}` created the cluster{known}; EKS makes its entry itself.")]
    places = (*facts.names.of_username(HIDDEN_NAME), *facts.names.groups.get(HIDDEN_NAME, ()))
    if places:
        message = f"`{HIDDEN_NAME}` is named by {quoted(dict.fromkeys(places))}."
        notes.append(Note("creator-name-referenced", message))
    if subject.row is None:
        return Wanted("await", expected, tuple(notes))
    own = standard_entry(subject.row, subject.arn, facts)
    notes += own.notes
    assert own.entry is not None  # noqa: S101 - standard_entry always gives its best answer
    policies = dict.fromkeys((policy, *own.entry.access_policies))
    update = replace(own.entry, access_policies=tuple(policies))
    named = [*facts.names.of_username(subject.row.username)]
    named += [place for group in own.entry.kubernetes_groups for place in facts.names.of_group(group)]
    accepted = row_key(subject.arn) in {row_key(key) for key in facts.decisions.accept_loss}
    if own.action != "block" and named and not accepted:
        message = f"The creator's row gives what {quoted(dict.fromkeys(named))} names; EKS's own entry does not."
        notes.append(Note("creator-row-differs", message, row=subject.row))
        return Wanted("block", update, tuple(notes), own.bindings)
    if own.action == "block":
        return Wanted("block", update, tuple(notes), own.bindings)
    changed = None if same_entry(subject.arn, expected, update) else update
    return Wanted("await", expected, tuple(notes), own.bindings, changed)
