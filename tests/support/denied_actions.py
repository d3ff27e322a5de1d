"""Commands whose caller may do everything but one thing, in a lab that goes back to how it was.

The world of :mod:`tests.support.stated_permissions`. Each command has a moment of one migration at
which it has something to do; every case begins with the cluster and the folder of that moment.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.reach.required_permissions import LOCKING, actions_of
from migrator.decide.reach.required_requests import (
    LOCK_REQUESTS,
    conditional_requests_of,
    kubernetes_needs_of,
)
from migrator.lab.kubernetes.authorizer import Authorizer, Decision
from migrator.lab.kubernetes.store import ObjectStore
from migrator.lab.kubernetes.user import User
from migrator.lab.kubernetes_api import kubernetes_api
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.principals import Permissions
from migrator.model.rbac import AccessRequest
from tests.support.forked_cli import ALONE
from tests.support.stated_permissions import (
    ACCOUNT,
    OPERATOR,
    Asked,
    Operator,
    operator_without_rights,
    stated_as,
)

Denied: TypeAlias = str | AccessRequest
_ANSWERS = ("--decisions", "decisions.yaml")
_PLANNED = ("plan", "demo", "--out", "plan.json", *_ANSWERS)
_APPLIED = ("apply", "plan.json", "--yes", *_ANSWERS)
_CUT_OVER = ("cutover", "plan.json", "--confirm", "demo", *_ANSWERS)
# What is done before the moment of a command, in the order of one migration.
_MOMENTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "before": (("observe", "demo"), _PLANNED, ("verify", "plan.json", "--baseline", *_ANSWERS)),
    "applied": (_APPLIED,),
    "cut over": (_CUT_OVER,),
}
# Each cut-over would need a rehearsal of its own.
_NO_REHEARSAL = ("waive_gates:\n", "waive_gates:\n  rehearsal: {by: test, reason: a lab}\n")
_NOT_SERVED = frozenset({"kyverno.io", "templates.gatekeeper.sh"})
# Read for network policies alone, of which there is none; "*": kinds of such groups.
_NOT_NEEDED = frozenset({"*", "endpointslices", "services", "serviceaccounts", "pods"})
# Moment and arguments of each command.
COMMANDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "snapshot": ("before", ("snapshot", "demo", "--out", "again.json")),
    "plan": ("before", ("plan", "demo", "--out", "again.json", *_ANSWERS)),
    "apply": ("before", _APPLIED),
    "plan after apply": ("applied", ("plan", "demo", "--out", "again.json", *_ANSWERS)),
    "observe": ("applied", ("observe", "demo", "--fresh")),
    "doctor": ("applied", ("doctor", "demo")),
    "status": ("applied", ("status", "plan.json")),
    "access": ("applied", ("access", "demo")),
    "drift": ("applied", ("drift", "plan.json", "--detailed-exitcode")),
    "report": ("applied", ("report", "plan.json", "--markdown", "-", *_ANSWERS)),
    "verify": ("applied", ("verify", "plan.json", *_ANSWERS)),
    "rehearse": (
        "applied",
        ("rehearse", "plan.json", "--for", "30m", "--image", "example/i:1", *_ANSWERS),
    ),
    "rollback": ("applied", ("rollback", "plan.json", "--yes")),
    "cutover": ("applied", _CUT_OVER),
    "retire": ("cut over", ("retire", "plan.json", "--yes")),
}


def needs(command: str) -> tuple[Denied, ...]:
    """What the list of permissions has for a command; what only some clusters serve comes last."""
    command = command.partition(" after ")[0]
    actions = dict.fromkeys(action for action, _ in actions_of(command))
    lock = LOCK_REQUESTS if command in LOCKING else ()
    conditional = (each.request for each in conditional_requests_of(command))
    requests = dict.fromkeys((*kubernetes_needs_of(command), *lock, *conditional))
    return (*actions, *requests)


def spelled(denied: Denied) -> str:
    """The id of a case."""
    if isinstance(denied, str):
        return denied
    resource = ".".join(filter(None, (denied.resource, denied.api_group)))
    return "-".join(filter(None, (denied.verb, resource, denied.namespace, denied.name)))


def is_asked(denied: Denied) -> bool:
    """Whether the cluster of this world has what the request asks for, as far as that is known."""
    if isinstance(denied, str):
        return True
    return denied.resource not in _NOT_NEEDED and denied.api_group not in _NOT_SERVED


class _AllButOne(Authorizer):
    """The cluster's authorizer, but that the operator may not do what is denied."""

    def __init__(self, real: Authorizer) -> None:
        super().__init__(real._in_force, real._store)
        self.denied: AccessRequest | None = None
        self.refused: set[AccessRequest] = set()

    def decide(
        self,
        user: User,
        request: AccessRequest,
        *,
        moment: datetime | None = None,
        rbac: RbacIndex | None = None,
    ) -> Decision:
        """What every login may do; what is denied to the operator is refused."""
        if (
            user.username == OPERATOR
            and self.denied is not None
            and stated_as(request, {self.denied})
        ):
            self.refused.add(request)
            return Decision(False)
        return super().decide(user, request, moment=moment, rbac=rbac)


@dataclass(frozen=True)
class _Kept:
    """A moment: what the cluster and the folder were."""

    updates: tuple[Any, ...]
    history: Mapping[str, tuple[Any, ...]]
    tags: Mapping[str, str]
    objects: Mapping[tuple[str, str], Mapping[tuple[str, str], Any]]
    log: tuple[Any, ...]
    folder: Path


class DenyingLab:
    """A lab whose operator may do everything but one thing at a time."""

    def __init__(self, operator: Operator, authorizer: _AllButOne, store: ObjectStore) -> None:
        self._operator, self._authorizer, self._store = operator, authorizer, store
        self._moments: dict[str, _Kept] = {}
        self._answers: dict[str, tuple[Asked, Mapping[str, Any]]] = {}

    @property
    def cluster(self) -> LabCluster:
        """The only one."""
        (cluster,) = self._operator.session.world.clusters.values()
        return cluster

    def end_state(self) -> Mapping[str, Any]:
        """What cannot be seen in a folder."""
        return self._operator.session.end_state()

    def deny(self, denied: Denied | None) -> None:
        """From now on the operator may do everything but this."""
        role = self._operator.session.world.accounts[ACCOUNT].roles[OPERATOR]
        actions = (denied,) if isinstance(denied, str) else ()
        role.permissions = Permissions(denied=actions)
        self._authorizer.denied = denied if isinstance(denied, AccessRequest) else None

    def run(self, command: str) -> Asked:
        """Run the command."""
        return self._ask(COMMANDS[command][1])

    def _ask(self, arguments: tuple[str, ...]) -> Asked:
        self._authorizer.refused.clear()
        asked = self._operator.run(*arguments)
        asked.refused |= {str(request) for request in self._authorizer.refused}
        return asked

    def go_to(self, command: str) -> None:
        """The moment of a command, with everything allowed."""
        self.deny(None)
        wanted, _ = COMMANDS[command]
        for moment, before in _MOMENTS.items():
            if moment not in self._moments:
                for arguments in before:
                    done = self._ask(arguments)
                    assert done.code == 0, done.said
                self._moments[moment] = self._keep(moment)
            self._restore(self._moments[moment])
            if moment == wanted:
                return

    def answer(self, command: str) -> tuple[Asked, Mapping[str, Any]]:
        """What the command says and leaves where everything is allowed; it is run once."""
        if command not in self._answers:
            self.go_to(command)
            self._answers[command] = self.run(command), self.end_state()
        return self._answers[command]

    def written(self, name: str) -> str | None:
        """A file of the operator's folder; None where it is not there."""
        path = self._operator.session.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else None

    def _keep(self, moment: str) -> _Kept:
        folder = self._operator.session.folder
        copy = folder.parent / f"{folder.name}-{moment}"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("lab"))
        cluster = self.cluster
        return _Kept(
            tuple(cluster.updates),
            {arn: tuple(versions) for arn, versions in cluster.history.items()},
            dict(cluster.tags),
            {key: dict(places) for key, places in self._store._objects.items()},
            tuple(cluster.logs._lines),
            copy,
        )

    def _restore(self, kept: _Kept) -> None:
        cluster, folder = self.cluster, self._operator.session.folder
        with self._operator.session.world.lock:
            cluster.updates[:] = kept.updates
            cluster.history.clear()
            cluster.history.update((arn, [*found]) for arn, found in kept.history.items())
            cluster.tags.clear()
            cluster.tags.update(kept.tags)
            self._restore_objects(kept)
            # What others logged in as meanwhile would be evidence of entries that are back.
            cluster.logs._lines[:] = kept.log
            cluster.changed()
        for path in folder.iterdir():
            if path.name == "lab":
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(kept.folder, folder, dirs_exist_ok=True)

    def _restore_objects(self, kept: _Kept) -> None:
        store = self._store
        for key in {*kept.objects, *store._objects}:
            then, now = kept.objects.get(key, {}), dict(store._objects.get(key, {}))
            for place in now.keys() - then.keys():
                store.remove(key, *place)
            for place, found in then.items():
                if now.get(place) is not found:
                    store.put(key, *place, found)


@contextmanager
def denying_lab(folder: Path) -> Iterator[DenyingLab]:
    """The demo world in a lab that runs."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch, operator_without_rights(folder) as operator:
        # Lines are not broken, so that they can be compared.
        patch.setenv("COLUMNS", "1000")
        # Nobody else works on the cluster: a lock without its Lease is not waited for.
        patch.setenv(ALONE, "yes")
        world = operator.session.world
        (cluster,) = world.clusters.values()
        api = kubernetes_api(world, cluster)
        authorizer = _AllButOne(api.authorizer)
        api.authorizer = api._reviews._authorizer = authorizer
        answers = folder / "decisions.yaml"
        text = answers.read_text(encoding="utf-8").replace(*_NO_REHEARSAL)
        answers.write_text(text, encoding="utf-8")
        yield DenyingLab(operator, authorizer, api.registry.store)
