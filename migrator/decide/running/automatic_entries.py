"""Entries that EKS made at the first mode step for principals for which the plan creates one.

Such an entry shadows the principal's row immediately, and gives what EKS assumes: for the cluster's
creator its default username, no group, and AmazonEKSClusterAdminPolicy (EKS user guide, "Access
entries", legacy cluster access). The run that switched the mode changes it to what the plan has for
the principal; EKS's own policy stays on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.compare_access import compare
from migrator.decide.planning.entries.automatic_entry import is_creators
from migrator.decide.planning.entries.entry_identity import spec_of
from migrator.decide.reading.row_keys import principal_key
from migrator.decide.steps.undo import undo_of
from migrator.model.access_entry import (
    AccessEntry,
    AccessScope,
    AssociatedPolicy,
    EntrySpec,
    Identity,
)
from migrator.model.decision import CreatorAnswer
from migrator.model.journal import Record
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import (
    BRIDGE_GROUP,
    AssociatePolicy,
    AwaitEntry,
    CreateBinding,
    CreateEntry,
    EnableEntries,
    Prove,
    Sequence,
    Step,
    UpdateEntry,
)

JOURNAL_KEY = "automaticEntries"  # in the effect of a ``backed-up`` record


def made_by_eks(
    entry: AccessEntry,
    step: Step,
    plan: Plan,
    automatic: Mapping[str, EntrySpec],
) -> bool:
    """Whether an entry that is met where the plan creates one is EKS's own."""
    # A cluster in CONFIG_MAP mode has no entries, so that every entry which such a plan meets is
    # younger than the mode step. In another mode an entry can be of any age and owner.
    if plan.cluster.authentication_mode != "CONFIG_MAP":
        return False
    if not isinstance(step.effect, CreateEntry):
        return False
    # A node entry without tags that is of the planned type needs no other sign: EKS fixes
    # everything else.
    if step.effect.entry.type != "STANDARD" and entry.type == step.effect.entry.type:
        return not entry.tags
    if not is_creators(entry):
        return False
    # One cluster has one creator.
    others = [arn for arn, spec in automatic.items() if spec.type == "STANDARD"]
    return all(arn == entry.principal_arn for arn in others)


def sequence_over(sequence: Sequence, automatic: EntrySpec, base: tuple[str, ...]) -> Sequence:
    """The steps of a principal that would create its entry, changed to begin from the entry that
    EKS made.

    ``base``: what the first step requires instead of the canaries: until it is done the principal
    lacks what its row gave. The bridge is not used, because EKS's policy is on the entry already.
    """
    first = sequence[0]
    if not isinstance(first.effect, CreateEntry):
        return sequence
    if automatic.type != "STANDARD":
        awaited = replace(
            first,
            effect=AwaitEntry(first.effect.principal_arn, automatic),
            undo=None,
            requires=base,
        )
        return (awaited, *sequence[1:])
    held = {policy.policy_arn: policy for policy in automatic.access_policies}
    steps: list[Step] = []
    for step in sequence:
        effect = step.effect
        match effect:
            case CreateEntry():
                effect = UpdateEntry(effect.principal_arn, _spec(effect.entry, held), automatic)
            case AssociatePolicy():
                have = held.get(effect.policy.policy_arn)
                policy = have or effect.policy
                held[policy.policy_arn] = policy
                effect = AssociatePolicy(effect.principal_arn, policy, have)
            case UpdateEntry():
                effect = UpdateEntry(
                    effect.principal_arn, _spec(effect.entry, held), _spec(effect.before, held)
                )
            case Prove():
                effect = replace(
                    effect, groups=tuple(group for group in effect.groups if group != BRIDGE_GROUP)
                )
            case _:
                pass
        steps.append(
            replace(
                step,
                effect=effect,
                undo=undo_of(effect),
                requires=base if step is first else step.requires,
            )
        )
    return tuple(steps)


def _spec(spec: EntrySpec, held: Mapping[str, AssociatedPolicy]) -> EntrySpec:
    """An entry without the bridge group, with the policies that it has at this place of the
    sequence.
    """
    groups = tuple(group for group in spec.kubernetes_groups if group != BRIDGE_GROUP)
    return replace(spec, kubernetes_groups=groups, access_policies=tuple(held.values()))


def base_of(plan: Plan) -> tuple[str, ...]:
    """What a changed sequence requires: the mode step, and the bindings of ours that give its
    groups their permissions.
    """
    return tuple(
        step.id for step in plan.steps if isinstance(step.effect, EnableEntries | CreateBinding)
    )


def plan_over(plan: Plan, automatic: Mapping[str, EntrySpec]) -> Plan:
    """The plan with the steps that are really carried out; principals keep the entry that was
    planned for them.
    """
    if not automatic:
        return plan
    changed: dict[str, Step] = {}
    for arn, spec in automatic.items():
        sequence = tuple(step for step in plan.steps if step.principal_arn == arn)
        # The plan may only prove this principal, or leave it out.
        carried_out = sequence_over(sequence, spec, base_of(plan)) if sequence else ()
        changed.update((step.id, step) for step in carried_out)
    return replace(plan, steps=tuple(changed.get(step.id, step) for step in plan.steps))


def wider_than_before(
    principal: PlannedPrincipal,
    entry: AccessEntry | None,
    automatic: EntrySpec | None,
    index: RbacIndex | None,
) -> tuple[AssociatedPolicy, ...]:
    """The policies of EKS's own entry by which the principal has more than its row gave; none where
    there are none.

    ``entry`` is the entry as it is now, ``automatic`` what EKS made of it. A principal that the
    plan leaves out keeps whatever EKS gives it; one without a row was the hidden creator, and has
    what it had.
    """
    extra = _beyond_plan(principal, entry, automatic)
    if not extra:
        return ()
    # The row may have given as much by a binding of its groups.
    if not gives_more(principal.before, extra, index):
        return ()
    return extra


def _beyond_plan(
    principal: PlannedPrincipal, entry: AccessEntry | None, automatic: EntrySpec | None
) -> tuple[AssociatedPolicy, ...]:
    """The policies of EKS's own entry that the plan does not have for the principal."""
    if entry is None:
        return ()
    if principal.before.via != "config-map":
        return ()
    # No run takes over the entry of a principal that the plan leaves out: what EKS made is still
    # there to be read.
    if automatic is None and principal.action == "skip" and is_creators(entry):
        automatic = spec_of(entry)
    if automatic is None:
        return ()
    planned: tuple[AssociatedPolicy, ...] = ()
    if principal.entry is not None:
        planned = principal.entry.access_policies
    beyond: list[AssociatedPolicy] = []
    for policy in automatic.access_policies:
        # An administrator may have removed one of EKS's policies since.
        if policy not in entry.access_policies:
            continue
        if policy not in planned:
            beyond.append(policy)
    return tuple(beyond)


def wider_entries(
    plan: Plan,
    automatic: Mapping[str, EntrySpec],
    entries: Mapping[str, AccessEntry],
    index: RbacIndex | None,
    answer: CreatorAnswer | None,
) -> dict[str, str]:
    """By principal ARN, what EKS's own entry gives beyond the row, until a person answers for it,
    and how to settle it. ``entries`` are those of now, by principal ARN.
    """
    found: dict[str, str] = {}
    for principal in plan.principals:
        arn = principal.principal_arn
        if answer is not None and principal_key(answer.arn) == principal_key(arn):
            continue
        extra = wider_than_before(principal, entries.get(arn), automatic.get(arn), index)
        if extra:
            found[arn] = _why_wider(plan, arn, extra)
    return found


def _why_wider(plan: Plan, arn: str, extra: tuple[AssociatedPolicy, ...]) -> str:
    """The line about a policy of EKS's own entry that the row does not give, with both ways out."""
    names = ", ".join(policy.policy_name for policy in extra)
    cluster = plan.cluster
    removals = "; ".join(
        f"aws eks disassociate-access-policy --cluster-name {cluster.name} --principal-arn {arn} "
        f"--policy-arn {policy.policy_arn} --region {cluster.region}"
        for policy in extra
    )
    return (
        f"creator-entry-wider: the entry that EKS made gives {names}, and the row did not. Answer "
        f"`creator` (arn, by, reason) in decisions.yaml and name that file with --decisions: "
        f"{names} stays. Or remove it: `{removals}`"
    )


def may_be_wider(
    plan: Plan, automatic: Mapping[str, EntrySpec], entries: Mapping[str, AccessEntry]
) -> bool:
    """Whether RBAC has to be read to say what entries of EKS's own give beyond the rows."""
    arns = {principal.principal_arn: principal for principal in plan.principals}
    return any(_beyond_plan(p, entries.get(arn), automatic.get(arn)) for arn, p in arns.items())


def without_wider(
    principal: PlannedPrincipal,
    entry: AccessEntry,
    automatic: EntrySpec | None,
    index: RbacIndex | None,
) -> AccessEntry:
    """The entry without what EKS gave beyond the row: a separate finding asks about that,
    ``creator-entry-wider``.
    """
    extra = wider_than_before(principal, entry, automatic, index)
    if not extra:
        return entry
    return replace(
        entry,
        access_policies=tuple(policy for policy in entry.access_policies if policy not in extra),
    )


def gives_more(
    by_row: Identity, policies: tuple[AssociatedPolicy, ...], index: RbacIndex | None
) -> bool:
    """Whether the policies give anything that the row does not."""
    with_policies = replace(by_row, policies=(*by_row.policies, *policies))
    return bool(compare(by_row, with_policies, index).gained)


# the journal


def entry_record(entry: AccessEntry) -> dict[str, Any]:
    """The effect of the ``backed-up`` record about an entry that EKS made: the entry before
    anything was changed.
    """
    document = {
        "principalArn": entry.principal_arn,
        "type": entry.type,
        "username": entry.username,
        "kubernetesGroups": list(entry.kubernetes_groups),
        "associatedAccessPolicies": [
            {
                "policyArn": policy.policy_arn,
                "accessScope": {
                    "type": policy.scope.type,
                    "namespaces": list(policy.scope.namespaces),
                },
            }
            for policy in entry.access_policies
        ],
    }
    return {JOURNAL_KEY: [document]}


def automatic_in(records: Iterable[Record]) -> dict[str, EntrySpec]:
    """By principal ARN, the entries that EKS made and that runs took over, as EKS had made them."""
    found: dict[str, EntrySpec] = {}
    for record in records:
        if record.event == "backed-up":
            found.update(automatic_of(record.effect))
    return found


def automatic_of(effect: Mapping[str, Any]) -> dict[str, EntrySpec]:
    """The entries of one ``backed-up`` record."""
    return {
        str(raw["principalArn"]): spec_of(
            AccessEntry(
                principal_arn=str(raw["principalArn"]),
                type=raw["type"],
                username=str(raw["username"]),
                kubernetes_groups=tuple(raw["kubernetesGroups"]),
                access_policies=tuple(
                    AssociatedPolicy(
                        each["policyArn"],
                        AccessScope(
                            each["accessScope"]["type"], tuple(each["accessScope"]["namespaces"])
                        ),
                    )
                    for each in raw["associatedAccessPolicies"]
                ),
            )
        )
        for raw in effect.get(JOURNAL_KEY, ())
    }
