"""Entries that match no login any more, because their principal was deleted or created again since
the plan was made.
"""

from collections.abc import Iterable, Mapping

from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.model.access_entry import AccessEntry
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.principal import IamPrincipal


def principals_to_read(plan: Plan, entries: Iterable[AccessEntry]) -> tuple[str, ...]:
    """ARNs of the plan's principals that have an entry now, in plan order."""
    found = {entry.principal_arn for entry in entries}
    return tuple(p.principal_arn for p in plan.principals if p.principal_arn in found)


def dead_entries(
    plan: Plan,
    plan_digest: str,
    entries: Iterable[AccessEntry],
    principals: Mapping[str, IamPrincipal | None],
) -> tuple[tuple[str, str], ...]:
    """The principal's ARN and the reason, for each entry of the plan's principals that is dead
    because IAM changed.

    ``principals``: those that IAM was asked about, None for one that does not exist. Entries that
    were dead when the plan was made are left out: the plan names them, and its steps or findings
    handle them.
    """
    found = {entry.principal_arn: entry for entry in entries}
    dead = []
    for planned in plan.principals:
        arn = planned.principal_arn
        entry = found.get(arn)
        if entry is None:
            continue
        # IAM was not asked: nothing is known of it.
        if arn not in principals:
            continue
        why = _why_dead(planned, plan_digest, entry, principals[arn])
        if why:
            dead.append((arn, why))
    return tuple(dead)


def _why_dead(
    planned: PlannedPrincipal,
    plan_digest: str,
    entry: AccessEntry,
    found: IamPrincipal | None,
) -> str:
    """An entry is pinned to the unique id that its principal had at that moment, which no API shows
    (EKS user guide, "Create access entries").
    """
    if found is None:
        # It did not exist when the plan was made: a finding of the plan says so.
        if planned.principal_id is None:
            return ""
        return f"its principal {planned.principal_id} was deleted"
    # The principal is the one that the plan was made for.
    if found.id == planned.principal_id:
        return ""
    made, created = entry.created_at, found.create_date
    if made is not None and created is not None and made < created:
        at = f"{made:%Y-%m-%d %H:%M:%S} UTC"
        return f"it was made {at}, and its principal was created after that ({found.id})"
    # Created again in the seconds around the entry's creation: which of the two ids it has cannot
    # be read.
    if planned.principal_id is None:
        return ""
    if entry.tags.get(PLAN_TAG) != plan_digest:
        return ""
    return f"it was made for {planned.principal_id}, and its principal is {found.id} now"
