"""What a run left in a cluster: a binding of ours, a group of ours on an access entry, or the timer
of a rehearsal.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

LeftoverKind: TypeAlias = Literal["bridge", "binding", "group", "rehearsal"]


@dataclass(frozen=True, slots=True)
class Leftover:
    """``kind``: ``bridge`` is a ClusterRoleBinding of ours to cluster-admin, ``binding`` another
    binding of ours, ``group`` a bridge or marker group on the entry of a principal, ``rehearsal``
    the objects of a rehearsal's timer.

    ``name`` is the binding, or the ARN of the principal; ``namespace`` that of a RoleBinding.
    ``plan`` and ``run`` are the labels: the first 16 digits of the plan's digest, and the run's id;
    empty where they are not known. ``needed_by``: the ARNs of entries that lose access without it.
    ``locked_by``: the run that is under way, which made it. ``shared``: another writer added
    subjects to the binding, who would lose access with it. ``ended_by``: what ends the rehearsal
    that has not ended, and restores aws-auth. ``unfinished``: the run keeps a bridge for an entry,
    and goes on only with its markers. ``changed``: how it is no longer as it was shown.
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
    ended_by: str = ""
    unfinished: bool = False
    changed: str = ""

    @property
    def removable(self) -> bool:
        """Whether no entry, no other subject and no run or rehearsal that goes on needs it, and it
        is as it was shown.
        """
        if self.needed_by or self.locked_by or self.ended_by:
            return False
        # What is no longer as it was shown must be looked at by a person first.
        if self.changed:
            return False
        return not self.shared and not self.unfinished

    def describe(self, cluster: str, *, own_run: str = "", own_command: str = "") -> str:
        """One line: what it is, which run made it, what needs it, the command that settles it.
        ``own_run`` is the run of the state folder that is looked from, ``own_command`` its last
        command: a roll-back is finished by a roll-back.
        """
        where = ""
        if self.namespace:
            where = f"{self.namespace}/"
        what = {
            "bridge": f"cluster-admin binding {self.name} of group {self.group}",
            "binding": f"binding {where}{self.name} of group {self.group}",
            "group": f"group {self.group} on the entry of {self.name}",
            "rehearsal": f"timer {where}{self.name} of a rehearsal",
        }[self.kind]
        made = f"{what} (plan {self.plan or 'not known'}, run {self.run or 'not known'})"
        if self.changed:
            return f"{made}: {self.changed}, and it was left as it is; look at it again"
        if self.locked_by:
            return f"{made}: in use by the run of {self.locked_by}"
        if self.ended_by:
            return f"{made}: a rehearsal that has not ended; {self.ended_by}"
        if own_run and self.run == own_run:
            finish = "apply"
            if own_command == "rollback":
                finish = "rollback"
            return (
                f"{made}: of the run in this state folder; finish it with `migrate {finish} PLAN`"
            )
        if self.needed_by:
            needs = ", ".join(self.needed_by)
            return (
                f"{made}: needed by {needs}; finish it with `migrate apply PLAN` or `migrate "
                f"rollback PLAN` of its plan"
            )
        if self.unfinished:
            return (
                f"{made}: its run is not finished and keeps a bridge; finish it with `migrate "
                f"apply PLAN` or `migrate rollback PLAN` of its plan"
            )
        if self.shared:
            return (
                f"{made}: another writer added subjects to it; delete it yourself once no subject "
                f"needs it"
            )
        return f"{made}: no entry needs it; remove it with `migrate rollback {cluster} --leftovers`"


@dataclass(frozen=True, slots=True)
class LeftoversOutcome:
    """``removed`` do not exist any more; ``kept`` are needed, or changed while the question was
    open. Exit code 0: nothing is left, 7: something that is needed, 5: something that changed.
    """

    cluster: str
    removed: tuple[Leftover, ...]
    kept: tuple[Leftover, ...]

    @property
    def exit_code(self) -> int:
        """The exit code."""
        if any(each.changed for each in self.kept):
            return 5
        if self.kept:
            return 7
        return 0
