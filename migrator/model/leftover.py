"""What a run left in a cluster: a binding of ours, or a group of ours on an access entry."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

LeftoverKind: TypeAlias = Literal["bridge", "binding", "group"]


@dataclass(frozen=True, slots=True)
class Leftover:
    """``kind``: ``bridge`` is a ClusterRoleBinding of ours to cluster-admin, ``binding`` another
    binding of ours, ``group`` a bridge or marker group on the entry of a principal.

    ``name`` is the binding, or the ARN of the principal; ``namespace`` that of a RoleBinding.
    ``plan`` and ``run`` are the labels: the first 16 digits of the plan's digest, and the run's id;
    empty where they are not known. ``needed_by``: the ARNs of entries that lose access without it.
    ``locked_by``: the run that is under way, which made it. ``shared``: another writer added
    subjects to the binding, who would lose access with it.
    """

    kind: LeftoverKind
    name: str
    group: str
    namespace: str | None = None
    plan: str = ""
    run: str = ""
    needed_by: tuple[str, ...] = ()
    locked_by: str = ""
    shared: bool = False

    @property
    def removable(self) -> bool:
        """Whether no entry and no other subject needs it, and no run that is under way made it."""
        return not self.needed_by and not self.locked_by and not self.shared

    def describe(self, cluster: str, *, own_run: str = "") -> str:
        """One line: what it is, which run made it, what needs it, the command that settles it.
        ``own_run`` is the run of the state folder that is looked from.
        """
        where = f"{self.namespace}/" if self.namespace else ""
        what = {
            "bridge": f"cluster-admin binding {self.name} of group {self.group}",
            "binding": f"binding {where}{self.name} of group {self.group}",
            "group": f"group {self.group} on the entry of {self.name}",
        }[self.kind]
        made = f"{what} (plan {self.plan or 'not known'}, run {self.run or 'not known'})"
        if self.locked_by:
            return f"{made}: in use by the run of {self.locked_by}"
        if own_run and self.run == own_run:
            return f"{made}: of the run in this state folder; finish it with `migrate apply PLAN`"
        if self.needed_by:
            needs = ", ".join(self.needed_by)
            return (
                f"{made}: needed by {needs}; finish it with `migrate apply PLAN` or `migrate "
                f"rollback PLAN` of its plan"
            )
        if self.shared:
            return (
                f"{made}: another writer added subjects to it; delete it yourself once no subject "
                f"needs it"
            )
        return f"{made}: no entry needs it; remove it with `migrate rollback {cluster} --leftovers`"


@dataclass(frozen=True, slots=True)
class LeftoversOutcome:
    """``removed`` do not exist any more; ``kept`` are needed. Exit code 0: nothing is left, 7:
    something that is needed.
    """

    cluster: str
    removed: tuple[Leftover, ...]
    kept: tuple[Leftover, ...]

    @property
    def exit_code(self) -> int:
        """The exit code."""
        return 7 if self.kept else 0
