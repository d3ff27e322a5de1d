"""Read again what a plan was made for: aws-auth and IAM directly before a write, and everything
before a last step.

aws-auth is one cheap read of the API server, and is read before every write of an entry. Unique ids
are read in batches and count for 60 seconds: EKS pins an entry to the id at the moment of its
creation, and a principal that was created again within that minute is one that its row, which names
an ARN, admits anyway. The look at the end reads them without that allowance.
"""

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from migrator.decide.running.changes import entries_astray, kept_entries_astray
from migrator.decide.running.progress import SETTLED, Progress
from migrator.decide.running.source_differences import (
    AWS_AUTH_LOST,
    BINDING_CHANGED,
    ENTRY_CHANGED,
    Difference,
    added_rows,
    binding_difference,
    id_difference,
    row_difference,
)
from migrator.decide.steps.bindings import binding_stands
from migrator.errors import Changed, MigratorError
from migrator.model.access_entry import AccessEntry
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.snapshot import Snapshot
from migrator.model.step import CreateBinding
from migrator.ports import Principals, Rbac
from migrator.run.begin_run import RunPorts
from migrator.run.read_principals import read_principals

IDS_COUNT_FOR = timedelta(seconds=60)


class SourceReader:
    """The rows and unique ids of a plan's principals, read again as often as they must be.

    ``approved`` is the data of aws-auth that the plan was just compared with: the same text again
    is no difference.
    """

    def __init__(
        self,
        plan: Plan,
        ports: RunPorts,
        snapshot: Snapshot | None = None,
    ) -> None:
        self._planned = {p.principal_arn: p for p in plan.principals}
        self._ports = ports
        # The text that the plan was compared with, before the first write.
        self._approved: Mapping[str, str] | None = None
        if snapshot is not None and snapshot.config_map is not None:
            self._approved = snapshot.aws_auth_data
        self._lock = threading.Lock()
        self._ids: Mapping[str, str | None] = {}
        self._read_at: datetime | None = None

    def difference(self, principal_arn: str) -> Difference | None:
        """How aws-auth, read now, or IAM differs from what the plan has of a principal; None where
        they do not.
        """
        planned = self._planned.get(principal_arn)
        if planned is None:
            return None
        in_rows = self._row(planned, self.rows_now())
        if in_rows is not None:
            return in_rows
        return self._id(planned)

    def read_ids(self) -> None:
        """Read the unique ids before the first effect: an operator who may not read them learns it
        before anything is changed.

        Raises ``iam-denied``, ``account-unreadable``.
        """
        if self._ports.fresh_principals is None:
            return
        with self._lock:
            self._ids, self._read_at = (
                self._read_ids(self._ports.fresh_principals()),
                self._ports.clock.now(),
            )

    def rows_now(self) -> Mapping[str, str] | None:
        """The data of aws-auth, read now; None where there is no ConfigMap."""
        live = self._ports.config_maps.read()
        if live is None:
            return None
        return dict(live.get("data") or {})

    def all_differences(
        self, data: Mapping[str, str] | None, *, rows: bool = True
    ) -> tuple[Difference, ...]:
        """Every difference of rows (unless they are not asked any more) and ids, read now, in plan
        order.
        """
        with self._lock:
            self._read_at = None
        found = []
        for planned in self._planned.values():
            if planned.action in ("skip", "block"):
                continue
            difference = None
            if rows:
                difference = self._row(planned, data)
            if difference is None:
                difference = self._id(planned)
            if difference is not None:
                found.append(difference)
        return tuple(found)

    def _row(self, planned: PlannedPrincipal, data: Mapping[str, str] | None) -> Difference | None:
        """How the live row of a principal differs; None where aws-auth is the text that was
        approved.
        """
        if data is not None and data == self._approved:
            return None
        return row_difference(data, planned)

    def _id(self, planned: PlannedPrincipal) -> Difference | None:
        """How the unique id in IAM differs. Ids are read again when they are older than
        ``IDS_COUNT_FOR``, for all principals together.
        """
        if planned.principal_id is None:
            return None
        if self._ports.fresh_principals is None:
            return None
        with self._lock:
            now = self._ports.clock.now()
            if self._read_at is None or now - self._read_at > IDS_COUNT_FOR:
                self._ids, self._read_at = self._read_ids(self._ports.fresh_principals()), now
        return id_difference(planned, self._ids.get(planned.principal_arn))

    def _read_ids(self, principals: Principals) -> Mapping[str, str | None]:
        """The unique id of each principal of the plan that has one, None where IAM no longer has
        the principal. Raises what keeps IAM from being read: an unknown id is no deletion.
        """
        arns = [
            arn
            for arn, planned in self._planned.items()
            if planned.principal_id is not None and planned.action not in ("skip", "block")
        ]
        found: dict[str, str | None] = {}
        for arn, answer in read_principals(arns, principals, self._ports.tasks).items():
            if isinstance(answer, MigratorError):
                raise answer
            found[arn] = str(answer["id"]) if answer is not None else None
        return found


def entry_differences(
    plan: Plan,
    progress: Progress,
    entries: Iterable[AccessEntry],
    plan_digest: str,
) -> tuple[Difference, ...]:
    """Entries of the plan's principals that are not as the runs left them, or, untouched, as the
    plan keeps them.
    """
    found = tuple(entries)
    differences = [
        Difference(
            ENTRY_CHANGED,
            arn,
            f"The access entry of {arn} is not as this plan's runs left it: {why}.",
        )
        for arn, why in entries_astray(plan, progress, found, plan_digest)
    ]
    differences += [
        Difference(ENTRY_CHANGED, arn, f"The access entry of {arn} is not as it was: {why}.")
        for arn, why in kept_entries_astray(plan, found, plan_digest)
    ]
    return tuple(differences)


def binding_differences(
    plan: Plan,
    progress: Progress,
    entries: Iterable[AccessEntry],
    rbac: Rbac,
) -> tuple[Difference, ...]:
    """Parallel bindings that runs of the plan made, that an entry needs, and that are no longer as
    they were made.
    """
    steps = [step for step in plan.steps if progress.of(step.id).status in SETTLED]
    made = [step.effect for step in steps if isinstance(step.effect, CreateBinding)]
    if not made:
        return ()
    carriers = _first_carriers(entries)
    found: list[Difference] = []
    for effect in made:
        if effect.group not in carriers:
            continue
        binding = rbac.read_binding(effect.binding_name, effect.namespace)
        if not binding_stands(effect, binding):
            found.append(binding_difference(effect, carriers[effect.group]))
    return tuple(found)


def _first_carriers(entries: Iterable[AccessEntry]) -> dict[str, str]:
    """By group, the first principal whose entry has it."""
    carriers: dict[str, str] = {}
    for entry in entries:
        for group in entry.kubernetes_groups:
            carriers.setdefault(group, entry.principal_arn)
    return carriers


def differences_now(
    plan: Plan,
    plan_digest: str,
    progress: Progress,
    ports: RunPorts,
    snapshot: Snapshot,
) -> tuple[Difference, ...]:
    """What a fresh snapshot shows to be no longer as the plan has it, rows of unknown principals
    included; in API mode no row is in force, and none is compared (EKS user guide, "Authentication
    mode").
    """
    in_force = snapshot.cluster.authentication_mode != "API"
    data = None
    if in_force and snapshot.config_map is not None:
        data = snapshot.aws_auth_data
    entries = snapshot.access_entries or ()
    return (
        *SourceReader(plan, ports).all_differences(data, rows=in_force),
        *entry_differences(plan, progress, entries, plan_digest),
        *binding_differences(plan, progress, entries, ports.rbac),
        *added_rows(plan, data),
    )


def changed_since(plan: Plan, differences: Iterable[Difference]) -> Changed | None:
    """The error that names them, the first one in full; None where there is none."""
    found = list(dict.fromkeys(differences))
    if not found:
        return None
    first, *others = found
    remedy = (
        f"Plan again: `migrate plan {plan.cluster.name} --out plan.json`, and look at what "
        f"is "
        f"different."
    )
    # A new plan takes the entry as it is for what the principal has today.
    if first.code == BINDING_CHANGED:
        remedy = (
            "Make the binding again as it was, or take everything back with `migrate rollback "
            "PLAN`, so that the rows "
            "answer again; then run the same command again."
        )
    why = ""
    if others:
        why = "; ".join(each.message.rstrip(".") for each in others) + "."
    return Changed(first.code, first.message, why=why, remedy=remedy)


def rows_changed(differences: Iterable[Difference], *, is_done: bool) -> Changed | None:
    """The error that names rows which were edited while a roll-back deleted the entries over them;
    None where there are none. ``is_done``: whether the roll-back has undone everything.
    """
    found = list(differences)
    if not found:
        return None
    return Changed(
        found[0].code,
        f"aws-auth was edited while its rows came into force again. {found[0].message}",
        why=" ".join(each.message for each in found[1:]),
        remedy=_after_roll_back(found[0].code, is_done=is_done),
    )


def _after_roll_back(code: str, *, is_done: bool) -> str:
    """What to do about rows that changed while they came into force again."""
    if code == AWS_AUTH_LOST or not is_done:
        return (
            "Restore aws-auth from its backup in the state, or as you want it; then run the same "
            "command again: it continues from here."
        )
    return (
        "The roll-back is done, and the rows are in force as they are now. If the edit was meant, "
        "nothing is left to do; if not, restore the row from the backup of aws-auth in the state."
    )


def refuse_differences(
    plan: Plan,
    plan_digest: str,
    progress: Progress,
    ports: RunPorts,
    snapshot: Snapshot,
) -> None:
    """Raises ``Changed`` (5) where a fresh snapshot is no longer as the plan has it."""
    error = changed_since(plan, differences_now(plan, plan_digest, progress, ports, snapshot))
    if error is not None:
        raise error
