"""The cluster after a plan's steps, simulated: a plan proves by it that its steps lead to the
planned state.

Only what a later plan looks at is carried: the mode, entries, and RBAC bindings of our own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from migrator.decide.planning.entries.entry_identity import NODE_IDENTITIES
from migrator.decide.steps.entry_states import PLAN_TAG, default_username
from migrator.errors import assert_never
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, AuthenticationMode, EntrySpec
from migrator.model.moments import moment_of_text
from migrator.model.rbac import Binding, RbacState, Subject
from migrator.model.snapshot import Snapshot
from migrator.model.step import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    AssociatePolicy,
    AwaitEntry,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    DeleteEntry,
    DisassociatePolicy,
    EnableEntries,
    Prove,
    RemoveBridge,
    Step,
    UpdateEntry,
)

EntryEffect: TypeAlias = (
    AwaitEntry | CreateEntry | UpdateEntry | DeleteEntry | AssociatePolicy | DisassociatePolicy
)


def simulate(snapshot: Snapshot, steps: Iterable[Step]) -> Snapshot:
    """The snapshot as it would be read when all the steps are done."""
    world = _World(snapshot)
    for step in steps:
        world.apply(step)
    config = {**(snapshot.cluster_raw.get("accessConfig") or {}), "authenticationMode": world.mode}
    # EKS API: in CONFIG_MAP mode ListAccessEntries is refused, which is not an empty list.
    listed = snapshot.access_entries is not None or world.mode != "CONFIG_MAP"
    return replace(
        snapshot,
        cluster=replace(snapshot.cluster, authentication_mode=world.mode),
        cluster_raw={**snapshot.cluster_raw, "accessConfig": config},
        access_entries=tuple(world.entries.values()) if listed else None,
        rbac=world.rbac(),
    )


@dataclass(slots=True)
class _World:
    """The parts of a snapshot that steps change."""

    before: Snapshot
    mode: AuthenticationMode
    entries: dict[str, AccessEntry]
    added: dict[tuple[str | None, str], Binding]
    removed: set[tuple[str | None, str]]
    born: Mapping[str, datetime | None]
    now: datetime | None

    def __init__(self, snapshot: Snapshot) -> None:
        self.before = snapshot
        self.mode = snapshot.cluster.authentication_mode
        self.entries = {entry.principal_arn: entry for entry in snapshot.access_entries or ()}
        self.added, self.removed = {}, set()
        self.born = {principal.arn: principal.create_date for principal in snapshot.iam_principals}
        self.now = _moment(snapshot.taken_at)

    def apply(self, step: Step) -> None:
        """The cluster after one more step."""
        effect = step.effect
        match effect:
            case EnableEntries():
                self.mode = effect.mode_to
            case CreateBridge() | CreateBinding() | RemoveBridge():
                self._apply_to_bindings(effect)
            case (
                AwaitEntry()
                | CreateEntry()
                | UpdateEntry()
                | DeleteEntry()
                | AssociatePolicy()
                | DisassociatePolicy()
            ):
                self._apply_to_entries(effect)
            # A proof reads, and changes nothing.
            case Prove():
                pass
            case _:
                assert_never(effect)

    def _apply_to_bindings(self, effect: CreateBridge | CreateBinding | RemoveBridge) -> None:
        match effect:
            case CreateBridge():
                self._bind(None, effect.binding_name, "ClusterRole", "cluster-admin", effect.group)
            case CreateBinding():
                self._bind(
                    effect.namespace,
                    effect.binding_name,
                    effect.role_kind,
                    effect.role_name,
                    effect.group,
                )
            case RemoveBridge():
                self._unbind(effect.namespace, effect.binding_name)
            case _:
                assert_never(effect)

    def _apply_to_entries(self, effect: EntryEffect) -> None:
        """The entries after a step about one of them."""
        arn = effect.principal_arn
        match effect:
            # EKS makes this entry together with its policies; it has no tag of ours.
            case AwaitEntry():
                self._make(arn, effect.expected, effect.expected.access_policies, {})
            # EKS API: CreateAccessEntry takes no policies.
            case CreateEntry():
                self._make(arn, effect.entry, (), {PLAN_TAG: "simulated"})
            case UpdateEntry():
                self._update(effect)
            case DeleteEntry():
                self.entries.pop(arn, None)
            case AssociatePolicy():
                self._set_policy(arn, effect.policy.policy_arn, effect.policy)
            case DisassociatePolicy():
                self._set_policy(arn, effect.policy.policy_arn, None)
            case _:
                assert_never(effect)

    def _make(
        self,
        arn: str,
        spec: EntrySpec,
        policies: tuple[AssociatedPolicy, ...],
        tags: Mapping[str, str],
    ) -> None:
        """A new entry, with the username and groups that EKS shows of it."""
        # EKS fixes username and groups of the node types (EKS user guide, "Create access entries").
        username, groups = NODE_IDENTITIES.get(spec.type, ("", ()))
        if spec.type == "STANDARD":
            username = default_username(arn) if spec.username is None else spec.username
            groups = spec.kubernetes_groups
        # A new entry is pinned to the principal of now: it is never older than that principal.
        moments = [moment for moment in (self.now, self.born.get(arn)) if moment is not None]
        made = max(moments, default=None)
        self.entries[arn] = AccessEntry(
            arn,
            spec.type,
            username,
            groups,
            policies,
            made,
            made,
            "",
            tags,
        )

    def _update(self, effect: UpdateEntry) -> None:
        """The entry after UpdateAccessEntry: username and groups, and nothing else."""
        arn, spec = effect.principal_arn, effect.entry
        self.entries[arn] = replace(
            self.entries[arn],
            username=default_username(arn) if spec.username is None else spec.username,
            kubernetes_groups=spec.kubernetes_groups,
        )

    def _set_policy(
        self,
        arn: str,
        policy_arn: str,
        policy: AssociatedPolicy | None,
    ) -> None:
        """Associate a policy with an entry; None ends the association."""
        entry = self.entries[arn]
        # EKS API: an entry has each policy once; to associate it again replaces its scope.
        policies = [each for each in entry.access_policies if each.policy_arn != policy_arn]
        if policy is not None:
            policies.append(policy)
        self.entries[arn] = replace(entry, access_policies=tuple(policies))

    def _bind(
        self,
        namespace: str | None,
        name: str,
        kind: str,
        role: str,
        group: str,
    ) -> None:
        """A binding of these steps; one of that name that was read is replaced."""
        self.removed.discard((namespace, name))
        self.added[namespace, name] = Binding(
            name,
            namespace,
            "Role" if kind == "Role" else "ClusterRole",
            role,
            (Subject("Group", group),),
            {MANAGED_BY_LABEL: MANAGED_BY},
        )

    def _unbind(self, namespace: str | None, name: str) -> None:
        """Remove a binding of these steps, or one that was read."""
        if self.added.pop((namespace, name), None) is None:
            self.removed.add((namespace, name))

    def rbac(self) -> RbacState | None:
        """The same object where nothing changed, so that an index of it can be used again."""
        rbac = self.before.rbac
        if rbac is None:
            return None
        replaced = self.removed | self.added.keys()
        if not replaced:
            return rbac
        kept = [
            binding
            for binding in rbac.bindings
            if (binding.namespace, binding.name) not in replaced
        ]
        return replace(rbac, bindings=(*kept, *self.added.values()))


def _moment(text: str) -> datetime | None:
    """A snapshot's time; None where it is not known, or has no zone."""
    try:
        moment = moment_of_text(text)
    except ValueError:
        return None
    # A time without a zone cannot be compared with one that has it.
    if moment.tzinfo is None:
        return None
    return moment
