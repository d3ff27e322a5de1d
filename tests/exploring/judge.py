"""An independent judge of a state: from rows, entries and bindings alone, who may do what, and is
that right.

Nothing of :mod:`migrator.decide` is used here. Access of a principal is its username, its ordinary
groups, and whether it administers the cluster, however that comes about.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.exploring.world import (
    ADMIN_POLICY,
    MASTERS,
    REMEMBERED,
    Cluster,
    Login,
    Wanted,
    World,
    alive,
    login_of,
)

# An id that was read counts so many seconds: the row, which names an ARN, admits the new principal
# as it did the old one, and the look at the end reads ids again.
IDS_COUNT_FOR = 60
BRIDGE, MARKER = "migrator-bridge:", "migrator-probe:"
_NO_ACCESS = frozenset({MASTERS, "system:bootstrappers", "system:authenticated"})


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong, in one line; ``kind`` and ``who`` tell which violations are the same."""

    kind: str
    who: str
    text: str


def access_of(cluster: Cluster, arn: str, login: Login | None) -> Wanted | None:
    """What somebody known under ``login`` may do."""
    if login is None:
        return None
    groups = frozenset(
        g for g in login.groups if g not in _NO_ACCESS and not g.startswith((BRIDGE, MARKER))
    )
    return Wanted(login.username, groups, _administers(cluster, arn, login))


def wanted_of(
    cluster: Cluster, arn: str, login: Login | None, named: frozenset[str]
) -> Wanted | None:
    """What somebody known under ``login`` is to have from now on. A username counts where something
    names it.
    """
    access = access_of(cluster, arn, login)
    return access if access is None or access.username in named else replace(access, username=None)


def _administers(cluster: Cluster, arn: str, login: Login) -> bool:
    if MASTERS in login.groups:
        return True
    entry = alive(cluster, arn)
    if entry is not None and ADMIN_POLICY in entry.policies:
        return True
    return any(
        bound.role == "cluster-admin" and bound.group in login.groups
        for bound in cluster.bindings.values()
    )


def lacks(has: Wanted | None, wanted: Wanted | None) -> str:
    """What is missing, in words; empty when nothing is."""
    if wanted is None:
        return ""
    if has is None:
        return "cannot log in"
    if wanted.admin and not has.admin:
        return "is no administrator"
    missing = wanted.groups - has.groups
    if missing:
        return f"lacks {', '.join(sorted(missing))}"
    if wanted.username is not None and has.username != wanted.username:
        return f"is {has.username}, not {wanted.username}"
    return ""


def exceeds(has: Wanted | None, wanted: Wanted | None) -> str:
    """What is too much, in words; empty when nothing is."""
    if has is None:
        return ""
    if wanted is None:
        return "can log in"
    if has.admin and not wanted.admin:
        return "is an administrator"
    more = has.groups - wanted.groups
    return f"has {', '.join(sorted(more))}" if more else ""


def wrong_now(world: World, earlier: World) -> Iterator[Wrong]:
    """Who is denied or allowed wrongly in this state, whatever goes on. ``earlier`` is the state
    before the move.
    """
    cluster = world.cluster
    for arn, wanted in world.wanted.items():
        name = arn.rpartition("/")[2]
        has = access_of(cluster, arn, login_of(cluster, arn))
        missing, more = lacks(has, wanted), exceeds(has, wanted)
        # An entry that an administrator's edit of the row left behind is for a later look of the
        # tool. What the tool does after the edit is wrong, unless no time passed since: a look and
        # the write after it are two moments.
        if arn in world.edited:
            missed, had = difference(earlier, arn)
            late = world.edited[arn] < world.now
            missing, more = (
                missing if late and missing != missed else "",
                more if late and more != had else "",
            )
        if missing and arn not in world.shadowed:
            yield Wrong("denied", name, f"{name} {missing}")
        if more:
            yield Wrong("allowed", name, f"{name} {more}")
        if _made_for_another(world, earlier, arn):
            yield Wrong(
                "another principal",
                name,
                f"the entry of {name} was made for another principal of that name",
            )
    yield from _wrong_by_an_older_login(world)


def difference(world: World, arn: str) -> tuple[str, str]:
    """What a principal lacks, and what it has too much, in words."""
    has, wanted = access_of(world.cluster, arn, login_of(world.cluster, arn)), world.wanted.get(arn)
    return lacks(has, wanted), exceeds(has, wanted)


def _made_for_another(world: World, earlier: World, arn: str) -> bool:
    """Whether an entry was made just now for a principal that is not the one of the plan."""
    entry = world.cluster.entries.get(arn)
    if entry is None or arn in earlier.cluster.entries or entry.automatic:
        return False
    return (
        entry.pinned != world.planned.get(arn, entry.pinned)
        and world.edited.get(arn, -1) < world.now - IDS_COUNT_FOR
    )


def _wrong_by_an_older_login(world: World) -> Iterator[Wrong]:
    """An administrator whom the API server still knows under the name and groups of a moment
    ago.
    """
    for each in world.known:
        wanted = world.wanted.get(each.arn)
        if (
            wanted is None
            or not wanted.admin
            or world.now > each.since + REMEMBERED
            or each.arn in world.edited
        ):
            continue
        if not _administers(world.cluster, each.arn, each.login):
            name = each.arn.rpartition("/")[2]
            yield Wrong(
                "denied later", name, f"{name}, still known by an older login, is no administrator"
            )


def wrong_at_rest(world: World, only: tuple[str, ...] = ()) -> Iterator[Wrong]:
    """What a command that says 0 may not leave behind: anybody's access wrong, and anything of a
    run's own. ``only``: the principals that it was asked for.
    """
    cluster = world.cluster
    for arn, wanted in world.wanted.items():
        # an edit in the very second of the end comes after the last look
        if (only and arn not in only) or world.edited.get(arn, -1) >= world.now:
            continue
        name = arn.rpartition("/")[2]
        has = access_of(cluster, arn, login_of(cluster, arn))
        why = lacks(has, wanted) or exceeds(has, wanted)
        if why:
            yield Wrong("exit 0", name, f"exit 0, and {name} {why}")
        entry = cluster.entries.get(arn)
        if entry is not None and cluster.mode != "CONFIG_MAP" and alive(cluster, arn) is None:
            yield Wrong(
                "exit 0",
                name,
                f"exit 0, and the entry of {name} is dead: its principal was created again",
            )
    for binding, bound in cluster.bindings.items():
        if bound.group.startswith(BRIDGE):
            yield Wrong(
                "exit 0", "bridge", f"exit 0, and binding {binding} to {bound.role} is left"
            )
    for arn, entry in cluster.entries.items():
        if only and arn not in only:
            continue
        if any(group.startswith((BRIDGE, MARKER)) for group in entry.groups):
            name = arn.rpartition("/")[2]
            yield Wrong(
                "exit 0",
                name,
                f"exit 0, and the entry of {name} still has a group of the run's own",
            )
