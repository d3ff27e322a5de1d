"""What the world answers to one call of a process, and what the call does to the world.

``ordinary`` is the one answer of a day on which nothing goes wrong; ``mishaps`` are the others: a
write that is lost, a write whose answer is lost, a login that is judged by the entry as it was.
"""

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from migrator.decide.running.progress import Progress, StepState, advance
from migrator.errors import Failed, Interrupted, MigratorError, Refused
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, AuthenticationMode, EntrySpec
from migrator.model.evidence import SelfSubject
from migrator.model.journal import Record
from migrator.model.principal import AccountRead, IamPrincipal
from migrator.model.rbac import Binding, Subject
from migrator.model.snapshot import Creator, Nodegroup, Snapshot
from migrator.model.step import Sequence
from tests.exploring.judge import access_of, lacks
from tests.exploring.ports import EPOCH, OPERATOR, Call
from tests.exploring.process import Answer
from tests.exploring.world import (
    ACCOUNT,
    ADMIN_POLICY,
    LEASE,
    NEXT_MODE,
    PROPAGATION,
    Bound,
    Cluster,
    Entry,
    Folder,
    Lease,
    Line,
    Login,
    World,
    alive,
    later,
    login_of,
    switched,
    with_binding,
    with_entry,
    with_folder,
    with_lease,
)
from tests.support.worlds import world as snapshot_with

# Calls that nobody but the process itself can notice, or that only its own state folder answers.
PRIVATE = frozenset(
    {
        "read file",
        "write file",
        "append",
        "read journal",
        "lock",
        "unlock",
        "become",
        "planned",
        "check lock",
    }
)
DURABLE = frozenset({"append", "write file"})
AWS_WRITES = frozenset(
    {
        "create entry",
        "update entry",
        "delete entry",
        "associate policy",
        "disassociate policy",
        "switch mode",
    }
)
CLUSTER_WRITES = frozenset({"bind", "unbind", "write aws-auth", "delete aws-auth"})
WRITES = AWS_WRITES | CLUSTER_WRITES
_BORN = datetime(2024, 1, 10, 12, tzinfo=timezone.utc)

Outcome = tuple[World, Answer]


class Facts:
    """What a world has beside its cluster: the creator as far as it is known, other bindings, node
    groups.
    """

    def __init__(self, *, creator: str | None = None, others: tuple[Binding, ...] = ()) -> None:
        self.creator, self.others = creator, others
        self.nodegroups: tuple[Nodegroup, ...] = ()
        self.services: Mapping[str, tuple[str, ...]] = {}
        self.cannot_become: frozenset[str] = frozenset()
        self.sequences: dict[str, dict[str, Sequence]] = {}  # of every plan, by its digest
        self._snapshots: dict[Hashable, Snapshot] = {}

    def snapshot(self, cluster: Cluster, now: int) -> Snapshot:
        """Everything as one read of it shows it."""
        cluster = replace(cluster, lease=None, _key=[]) if cluster.lease else cluster
        key = (cluster.key, now)
        if key not in self._snapshots:
            self._snapshots[key] = self._read(cluster, now)
        return self._snapshots[key]

    def _read(self, cluster: Cluster, now: int) -> Snapshot:
        bindings = tuple(
            Binding(
                name,
                None,
                "ClusterRole",
                bound.role,
                (Subject("Group", bound.group),),
                dict(bound.labels),
            )
            for name, bound in sorted(cluster.bindings.items())
        )
        read = snapshot_with(
            mode=cluster.mode, data=aws_auth(cluster)["data"], principals=self._principals(cluster)
        )
        assert read.rbac is not None
        entries = None
        if cluster.mode != "CONFIG_MAP":
            entries = tuple(shown(arn, cluster.entries[arn]) for arn in sorted(cluster.entries))
        return replace(
            read,
            taken_at=(EPOCH + timedelta(seconds=now)).isoformat(),
            cluster_raw={**read.cluster_raw, "status": "ACTIVE"},
            caller_arn=OPERATOR,
            caller_chain=(OPERATOR,),
            access_entries=entries,
            rbac=replace(read.rbac, bindings=(*self.others, *bindings)),
            accounts_read=(AccountRead(ACCOUNT, roles=True, users=True),),
            creator=Creator(self.creator, "CloudTrail") if self.creator else None,
            nodegroups=self.nodegroups,
        )

    def _principals(self, cluster: Cluster) -> list[IamPrincipal]:
        return [
            IamPrincipal(arn, _id(arn, life), _born(life), self.services.get(arn, ()))
            for arn, life in sorted(cluster.lives.items())
            if life
        ]


def _id(arn: str, life: int) -> str:
    return f"AROA{arn.rpartition('/')[2].upper()}{life}"


def _born(life: int) -> datetime:
    return _BORN + timedelta(days=life)


@lru_cache(maxsize=10_000)
def shown(arn: str, entry: Entry) -> AccessEntry:
    """An entry as EKS shows it. Its date tells for which life of the principal it was made, or when
    EKS made it.
    """
    created = (
        EPOCH + timedelta(seconds=entry.made)
        if entry.automatic
        else _born(entry.pinned) + timedelta(hours=1)
    )
    return AccessEntry(
        arn,
        entry.type,
        entry.username,
        entry.groups,
        tuple(AssociatedPolicy(policy) for policy in entry.policies),
        created,
        None,
        "",
        dict(entry.tags),
    )


def aws_auth(cluster: Cluster) -> dict[str, Any]:
    """The ConfigMap as the API server shows it."""
    rows = [
        {"rolearn": arn, "username": r.username, "groups": list(r.groups)}
        for arn, r in cluster.rows.items()
    ]
    return {
        "metadata": {
            "name": "aws-auth",
            "namespace": "kube-system",
            "resourceVersion": str(cluster.version),
        },
        "data": {"mapRoles": json.dumps(rows)},
    }


def ordinary(world: World, place: int, call: Call, facts: Facts) -> Outcome:
    """The world after the call, and its answer. ``place`` is the process's folder."""
    try:
        after, value, key = _ANSWERS[call[0]](world, place, call, facts)
    except MigratorError as error:
        return world, Answer(None, ("error", error.code), world.now, error)
    return after, Answer(value, key, after.now)


def mishaps(
    world: World, place: int, call: Call, facts: Facts
) -> Iterator[tuple[str, World, Answer]]:
    """Everything else that may come of the call, each in words."""
    name = call[0]
    if name in WRITES:
        code = "aws-no-answer" if name in AWS_WRITES else "api-server-no-answer"
        error = Failed(code, "No answer came.")
        lost = Answer(None, ("error", code), world.now, error)
        yield "is lost on its way", world, lost
        after, answer = ordinary(world, place, call, facts)
        if answer.error is None:
            yield "has its effect, but its answer is lost", after, lost
    if name == "switch mode" and world.cluster.automatic:
        after, answer = ordinary(world, place, call, facts)
        if answer.error is None:
            after = switched(world, call[1], late=True)
            yield (
                "has its effect, and EKS makes its own entries only later",
                after,
                replace(answer, now=after.now),
            )
    if name == "log in":
        for each in world.known:
            if each.arn == call[1] and each.since + PROPAGATION > world.now:
                subject = _subject(each.login)
                key = ("old", each.login)
                yield (
                    f"is judged by what was true before ({each.login.username})",
                    world,
                    Answer(subject, key, world.now),
                )


# one function a call: the world after it, the value, and a key that stands for the value

_Parts = tuple[World, Any, Hashable]


def _read_all(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    found = facts.snapshot(world.cluster, world.now)
    return world, found, (id(found), world.now)


def _list_entries(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    if world.cluster.mode == "CONFIG_MAP":
        return world, None, None
    entries = world.cluster.entries
    found = [
        {
            "principalArn": arn,
            "type": e.type,
            "username": e.username,
            "kubernetesGroups": list(e.groups),
            "tags": dict(e.tags),
            "associatedAccessPolicies": [
                {"policyArn": p, "accessScope": {"type": "cluster"}} for p in e.policies
            ],
        }
        for arn, e in sorted(entries.items())
    ]
    return world, found, tuple(sorted(entries.items(), key=lambda item: item[0]))


def _read_entry(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    if world.cluster.mode == "CONFIG_MAP":
        return world, None, None
    entry = world.cluster.entries.get(call[1])
    return world, None if entry is None else shown(call[1], entry), entry


def _create_entry(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    _, arn, spec, tags = call
    cluster = world.cluster
    if cluster.mode == "CONFIG_MAP":
        raise Failed("unsupported-mode", "There are no entries in this mode.")
    if cluster.lives.get(arn, 0) == 0:
        raise Failed("invalid-principal", f"{arn} is invalid")
    if arn in cluster.entries:
        raise Failed("entry-exists", f"{arn} is in use")
    entry = _made(arn, spec, cluster.lives[arn], tags)
    return _better(with_entry(world, arn, entry), arn), None, None


def _made(arn: str, spec: EntrySpec, life: int, tags: tuple[tuple[str, str], ...]) -> Entry:
    if spec.type == "STANDARD":
        return Entry(
            spec.type, spec.username or default_name(arn), spec.kubernetes_groups, (), life, tags
        )
    return Entry(spec.type, "system:node:{{EC2PrivateDNSName}}", ("system:nodes",), (), life, tags)


def default_name(arn: str) -> str:
    """The username that EKS gives an entry made without one."""
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{arn.rpartition('/')[2]}/{{{{SessionName}}}}"


def _existing(world: World, arn: str) -> Entry:
    if arn not in world.cluster.entries:
        raise Failed("entry-not-found", f"{arn} has no entry")
    return world.cluster.entries[arn]


def _update_entry(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    _, arn, spec = call
    old = _existing(world, arn)
    new = replace(old, username=spec.username or default_name(arn), groups=spec.kubernetes_groups)
    return _better(with_entry(world, arn, new), arn), None, None


def _delete_entry(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    _existing(world, call[1])
    return _better(with_entry(world, call[1], None), call[1]), None, None


def _associate(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    old = _existing(world, call[1])
    policies = (*(p for p in old.policies if p != call[2]), call[2])
    return _better(with_entry(world, call[1], replace(old, policies=policies)), call[1]), None, None


def _disassociate(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    old = _existing(world, call[1])
    return (
        with_entry(
            world, call[1], replace(old, policies=tuple(p for p in old.policies if p != call[2]))
        ),
        None,
        None,
    )


def _better(world: World, arn: str) -> World:
    """Once somebody whose row EKS shadowed has everything again, less is wrong from then on."""
    has = access_of(world.cluster, arn, login_of(world.cluster, arn))
    if arn in world.shadowed and not lacks(has, world.wanted[arn]):
        return replace(world, shadowed=world.shadowed - {arn})
    return world


def shadowing(world: World, before: World) -> World:
    """Whose rows the entries that EKS has just made shadow with less: nobody can help that before
    it is seen.
    """
    new = world.cluster.entries.keys() - before.cluster.entries.keys()
    less = {
        arn
        for arn in new
        if lacks(access_of(world.cluster, arn, login_of(world.cluster, arn)), world.wanted.get(arn))
    }
    return replace(world, shadowed=world.shadowed | less)


def _read_mode(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    return world, (world.cluster.mode, "ACTIVE"), world.cluster.mode


def _switch(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    to: AuthenticationMode = call[1]
    if NEXT_MODE.get(world.cluster.mode) != to:
        raise Failed("unsupported-change", f"from {world.cluster.mode} to {to}")
    after = switched(world, to, late=False)
    return shadowing(after, world), f"update-{after.cluster.updates}", after.cluster.updates


def _read_update(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    return world, ("Successful", []), None


def _read_aws_auth(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    return (
        world,
        aws_auth(world.cluster),
        (world.cluster.version, tuple(world.cluster.rows.items())),
    )


def _read_binding(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    bound = world.cluster.bindings.get(call[1])
    return world, None if bound is None else _binding(call[1], bound), bound


def _list_bindings(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    bindings = sorted(world.cluster.bindings.items())
    return world, [_binding(name, bound) for name, bound in bindings], tuple(bindings)


def _binding(name: str, bound: Bound) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": dict(bound.labels)},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": bound.role},
        "subjects": [{"apiGroup": group, "kind": "Group", "name": bound.group}],
    }


def _bind(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    _, name, group, cluster_role, labels = call
    return with_binding(world, name, Bound(group, cluster_role, labels)), None, None


def _unbind(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    return with_binding(world, call[1], None), None, None


def _log_in(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    login = login_of(world.cluster, call[1])
    return world, None if login is None else _subject(login), login


def _subject(login: Login) -> SelfSubject:
    return SelfSubject(login.username, (*sorted(login.groups), "system:authenticated"))


def _may(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    found = allowed(world.cluster, call[1])
    return world, found, found


def allowed(cluster: Cluster, arn: str) -> tuple[bool, str]:
    login = login_of(cluster, arn)
    if login is None:
        return False, ""
    if "system:masters" in login.groups:
        return True, ""
    for name, bound in cluster.bindings.items():
        if bound.role == "cluster-admin" and bound.group in login.groups:
            return True, f'RBAC: allowed by ClusterRoleBinding "{name}"'
    entry = alive(cluster, arn)
    if entry is not None and ADMIN_POLICY in entry.policies:
        return True, "EKS Access Policy: allowed"
    return False, ""


def _read_principal(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    life = world.cluster.lives.get(call[1], 0)
    return world, {"arn": call[1], "id": _id(call[1], life)} if life else None, life


def _become(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    if call[1] in facts.cannot_become:
        raise Failed("cannot-become", f"cannot log in as {call[1]}")
    return world, None, None


def _sleep(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    return later(world, call[1]), None, None


# the lock of record


def holds_lock(world: World, place: int) -> bool:
    """Whether the Lease is of a process with this folder."""
    return world.cluster.lease is not None and world.cluster.lease.machine == place


def _take_lock(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    """A dead process's lock is taken at once on its own machine, elsewhere once it has run out."""
    found = world.cluster.lease
    if found is not None and found.renewed is None:
        raise Refused("locked", "Another run works on this cluster.")
    if found is not None and found.renewed is not None and found.machine != place:
        world = later(world, max(0, found.renewed + LEASE - world.now))
    return with_lease(world, Lease(place)), None, None


def _check_lock(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    """A lock that ran out and that nobody took is renewed."""
    found = world.cluster.lease
    if found is None or found.machine != place:
        raise Interrupted("cluster-lock-lost", "Another run has the lock, or may have it.")
    return world if found.renewed is None else with_lease(world, Lease(place)), None, None


def _let_lock_go(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    """What was taken over meanwhile stays, and the run says that it had lost it."""
    if not holds_lock(world, place):
        raise Interrupted("cluster-lock-lost", "Another run may have written to the cluster.")
    return with_lease(world, None), None, None


# the state folder


def _read_file(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    content = world.folders[place].files.get(call[1])
    return world, content, content


def _write_file(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    folder = world.folders[place]
    kept = folder.files.get(call[1])
    if kept == call[2]:
        return world, None, None
    files = {**folder.files, call[1]: call[2]}
    name, content = call[1], call[2]
    key = folder.key if name == "plan.json" else hash((folder.key, name, content))
    return with_folder(world, place, replace(folder, files=files, key=key)), None, None


def _append(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    """A journal counts by what the product's own fold makes of it: two that amount to the same are
    the same.
    """
    _, step, event, effect = call
    folder = world.folders[place]
    record = Record(0, "", _moment(world.now), step, event, effect)
    plan = effect["planDigest"] if event == "run-started" else folder.plan
    before = folder.progress.get(plan, Progress())
    after = advance(before, facts.sequences[plan], record)
    key = (
        folder.key
        ^ _progress_key(plan, before)
        ^ _progress_key(plan, after)
        ^ hash(folder.plan)
        ^ hash(plan)
    )
    for step_id in after.states:
        if before.states.get(step_id) is not after.states[step_id]:
            key ^= _step_key(plan, step_id, before.of(step_id)) ^ _step_key(
                plan, step_id, after.of(step_id)
            )
    lines = (*folder.lines, Line(world.now, step, event, effect))
    progress = {**folder.progress, plan: after}
    return (
        with_folder(
            world, place, replace(folder, lines=lines, progress=progress, plan=plan, key=key)
        ),
        None,
        None,
    )


def _progress_key(plan: str, progress: Progress) -> int:
    own = (
        (each.name, repr(getattr(progress, each.name)))
        for each in fields(progress)
        if each.name != "states"
    )
    return hash((plan, *own))


def _step_key(plan: str, step_id: str, state: StepState) -> int:
    effect = json.dumps(
        {key: state.effect[key] for key in sorted(state.effect) if key != "how"}, default=str
    )
    return hash((plan, step_id, state.status, state.at, state.attempts, state.held, effect))


def _moment(second: int) -> str:
    return (EPOCH + timedelta(seconds=second)).isoformat()


def _read_journal(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    folder = world.folders[place]
    records = tuple(
        Record(n, "", _moment(line.at), line.step, line.event, line.effect)
        for n, line in enumerate(folder.lines, 1)
    )
    return world, records, folder.key


def _lock(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    folder = world.folders[place]
    if folder.owner:
        raise Refused("locked", f"{folder.owner} holds the lock")
    return with_folder(world, place, replace(folder, owner=call[1])), None, None


def _unlock(world: World, place: int, call: Call, facts: Facts) -> _Parts:
    return with_folder(world, place, released(world.folders[place])), None, None


def released(folder: Folder) -> Folder:
    """The folder without a lock: it ends with its process."""
    return replace(folder, owner="") if folder.owner else folder


_ANSWERS = {
    "read all": _read_all,
    "list entries": _list_entries,
    "read entry": _read_entry,
    "create entry": _create_entry,
    "update entry": _update_entry,
    "delete entry": _delete_entry,
    "associate policy": _associate,
    "disassociate policy": _disassociate,
    "read mode": _read_mode,
    "switch mode": _switch,
    "read update": _read_update,
    "read aws-auth": _read_aws_auth,
    "read binding": _read_binding,
    "list bindings": _list_bindings,
    "bind": _bind,
    "unbind": _unbind,
    "log in": _log_in,
    "may": _may,
    "become": _become,
    "read principal": _read_principal,
    "sleep": _sleep,
    "take lock": _take_lock,
    "check lock": _check_lock,
    "let lock go": _let_lock_go,
    "read file": _read_file,
    "write file": _write_file,
    "append": _append,
    "read journal": _read_journal,
    "lock": _lock,
    "unlock": _unlock,
}
