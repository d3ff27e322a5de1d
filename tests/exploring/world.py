"""The world as one frozen value: an EKS cluster, its principals in IAM, the state folders, and the
time.

The rules of EKS that it keeps (EKS user guide, "Grant IAM users access to Kubernetes with EKS
access entries"): modes go forward one step; an entry is pinned to the unique id that its principal
had when it was made, and a live one shadows the row at once; without a live entry the row answers
unless the mode is API; an access policy counts only as long as its entry exists; the first mode
step makes entries for the creator and for managed nodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from migrator.decide.running.progress import Progress
from migrator.model.access_entry import AuthenticationMode, EntryType
from migrator.model.journal import Event

ACCOUNT = "111122223333"
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
MASTERS = "system:masters"
PROPAGATION = (
    30  # seconds in which a login may still be judged by the entry as it was (EKS user guide)
)
LEASE = 30  # seconds for which a Lease outlives its process
REMEMBERED = 120  # seconds for which kube-apiserver knows whom a token belongs to (its default)
NEXT_MODE: Mapping[str, AuthenticationMode] = {
    "CONFIG_MAP": "API_AND_CONFIG_MAP",
    "API_AND_CONFIG_MAP": "API",
}


def role(name: str) -> str:
    """The ARN of a role of the cluster's account."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of mapRoles gives."""

    username: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """An access entry. ``pinned`` is the number of the principal's life that it was made for;
    ``made`` the second in which EKS made an automatic one.
    """

    type: EntryType
    username: str
    groups: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    pinned: int = 1
    tags: tuple[tuple[str, str], ...] = ()
    automatic: bool = False
    made: int = 0


@dataclass(frozen=True, slots=True)
class Bound:
    """A ClusterRoleBinding: one group, one ClusterRole."""

    group: str
    role: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """Who a login is inside the cluster."""

    username: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lease:
    """The lock of record. ``machine`` is the folder of its holder; ``renewed`` the second of its
    last renewal, None while it is renewed all the time.
    """

    machine: int
    renewed: int | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """EKS and IAM. ``lives`` counts how often each principal was created, 0 while it does not
    exist. ``automatic`` are the entries that EKS will make at the first mode step, ``late`` those
    that it has yet to make after it.
    """

    mode: AuthenticationMode = "CONFIG_MAP"
    rows: Mapping[str, Row] = field(default_factory=dict)
    entries: Mapping[str, Entry] = field(default_factory=dict)
    bindings: Mapping[str, Bound] = field(default_factory=dict)
    lives: Mapping[str, int] = field(default_factory=dict)
    automatic: Mapping[str, Entry] = field(default_factory=dict)
    late: frozenset[str] = frozenset()
    updates: int = 0
    version: int = 1  # of aws-auth
    lease: Lease | None = None
    objects: Mapping[str, str] = field(
        default_factory=dict
    )  # what else is in kube-system, as JSON, by "Kind name"
    _key: list[Any] = field(default_factory=list, compare=False, repr=False)

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for equal clusters; made once."""
        if not self._key:
            parts = (
                self.rows,
                self.entries,
                self.bindings,
                self.lives,
                self.automatic,
                self.objects,
            )
            own = (self.mode, self.late, self.updates, self.version, self.lease)
            self._key.append((*own, *(frozenset(p.items()) for p in parts)))
        found: tuple[Any, ...] = self._key[0]
        return found


@dataclass(frozen=True, slots=True)
class Line:
    """A record of a journal, with its time in seconds of the world."""

    at: int
    step: str | None
    event: Event
    effect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Folder:
    """A state folder. ``progress`` is what its journal amounts to, by plan; ``key`` stands for what
    is read of it.
    """

    lines: tuple[Line, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    owner: str = ""
    progress: Mapping[str, Progress] = field(default_factory=dict)
    plan: str = ""  # whose run the last line belongs to
    key: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """A login that the cluster may still know: ``since`` which second it is no longer the right
    one.
    """

    arn: str
    login: Login
    since: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """The access that a principal is to have: ``groups`` are those that carry access beside
    administration.
    """

    username: str | None
    groups: frozenset[str]
    admin: bool


@dataclass(frozen=True, slots=True)
class World:
    """Everything but the processes. ``wanted`` holds what each principal is to have, None for no
    login at all; ``edited`` when an administrator last had a hand in it; ``shadowed`` whose row EKS
    itself shadowed with less.
    """

    cluster: Cluster
    folders: tuple[Folder, ...]
    wanted: Mapping[str, Wanted | None]
    now: int = 0
    known: tuple[Known, ...] = ()
    edited: Mapping[str, int] = field(default_factory=dict)
    shadowed: frozenset[str] = frozenset()
    planned: Mapping[str, int] = field(
        default_factory=dict
    )  # the life of each principal that plans were made for
    done: frozenset[str] = frozenset()  # one-time moves of others that were made

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for equal worlds."""
        return (
            self.cluster.key,
            tuple((folder.key, folder.owner) for folder in self.folders),
            frozenset(self.wanted.items()),
            self.now,
            frozenset(self.known),
            frozenset(self.edited.items()),
            self.shadowed,
            frozenset(self.planned.items()),
            self.done,
        )


def alive(cluster: Cluster, arn: str) -> Entry | None:
    """The entry that answers a login of the principal, None where none does."""
    entry = cluster.entries.get(arn)
    if entry is None or cluster.mode == "CONFIG_MAP" or entry.pinned != cluster.lives.get(arn, 0):
        return None
    return entry


def login_of(cluster: Cluster, arn: str) -> Login | None:
    """Who the principal is to the cluster now."""
    if cluster.lives.get(arn, 0) == 0:
        return None
    entry = alive(cluster, arn)
    if entry is not None:
        return Login(entry.username, frozenset(entry.groups))
    row = cluster.rows.get(arn)
    if row is not None and cluster.mode != "API":
        return Login(row.username, frozenset(row.groups))
    if (
        cluster.mode == "CONFIG_MAP"
        and arn in cluster.automatic
        and cluster.automatic[arn].type == "STANDARD"
    ):
        return Login("kubernetes-admin", frozenset({MASTERS}))
    return None


def changed(world: World, **changes: Any) -> World:  # noqa: ANN401 - fields of Cluster
    """The world with another cluster; who was known under another name is remembered for a
    while.
    """
    before = world.cluster
    after = replace(before, _key=[], **changes)
    known = list(world.known)
    for arn in world.wanted:
        was = login_of(before, arn)
        if was is not None and was != login_of(after, arn):
            known = [each for each in known if (each.arn, each.login) != (arn, was)]
            known.append(Known(arn, was, world.now))
    return replace(world, cluster=after, known=tuple(known))


def later(world: World, seconds: int) -> World:
    """The world after some time."""
    now = world.now + seconds
    known = world.known
    if known and known[0].since + REMEMBERED < now:
        known = tuple(each for each in known if each.since + REMEMBERED >= now)
    return replace(world, now=now, known=known)


def with_entry(world: World, arn: str, entry: Entry | None) -> World:
    """An entry put or taken away."""
    entries = {key: value for key, value in world.cluster.entries.items() if key != arn}
    if entry is not None:
        entries[arn] = entry
    return changed(world, entries=entries)


def with_row(world: World, arn: str, row: Row | None) -> World:
    """A row put, changed or taken away; rows keep their order."""
    rows = dict(world.cluster.rows)
    if row is None:
        rows.pop(arn, None)
    else:
        rows[arn] = row
    return changed(world, rows=rows, version=world.cluster.version + 1)


def with_binding(world: World, name: str, bound: Bound | None) -> World:
    """A binding put or taken away."""
    bindings = {key: value for key, value in world.cluster.bindings.items() if key != name}
    if bound is not None:
        bindings[name] = bound
    return changed(world, bindings=bindings)


def switched(world: World, mode: AuthenticationMode, *, late: bool) -> World:
    """The mode changed; EKS makes its automatic entries at once, or only later."""
    entries = dict(world.cluster.entries)
    due = world.cluster.automatic if mode == "API_AND_CONFIG_MAP" else {}
    if not late:
        entries |= {arn: replace(entry, made=world.now) for arn, entry in due.items()}
    return changed(
        world,
        mode=mode,
        entries=entries,
        late=frozenset(due) if late else frozenset(),
        updates=world.cluster.updates + 1,
    )


def with_lease(world: World, lease: Lease | None) -> World:
    """The lock of record taken, left or let go."""
    return replace(world, cluster=replace(world.cluster, lease=lease, _key=[]))


def with_folder(world: World, place: int, folder: Folder) -> World:
    """One state folder changed."""
    return replace(world, folders=(*world.folders[:place], folder, *world.folders[place + 1 :]))
