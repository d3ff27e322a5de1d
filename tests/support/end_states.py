"""Every end state of a migration on one lab, a cluster each, and how each command ends in it: of
one cluster and of a fleet. What a command changes is put back before the next one.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from migrator.app.operator import Operator
from migrator.app.settings import Settings
from migrator.decide.running.dead_man import NAME as TIMER
from migrator.decide.steps.bindings import PLAN_LABEL, RUN_LABEL
from migrator.fleet.app.report import FleetReportRequest
from migrator.fleet.app.report import report as fleet_report
from migrator.fleet.cli.files import read_fleet
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.store import Key, ObjectStore, Place
from migrator.lab.kubernetes_api import kubernetes_api
from migrator.lab.worlds.effects import Effect
from migrator.lab.worlds.lab_cluster import EntryVersion, LabUpdate
from migrator.model.cluster_lock import LEASE_NAME, LOCK_NAMESPACE
from migrator.model.step import BRIDGE_PREFIX, MANAGED_BY, MANAGED_BY_LABEL
from tests.support.cli_lab import Ran
from tests.support.pairs_lab import ACCOUNT, ON_PLANS, REGION, Ended, PairsLab, pairs_lab

HOME = f"arn:aws:iam::{ACCOUNT}:role"
DEVELOPER = f"{HOME}/developer"
# Its trust policy names another account, so that no log-in as it can be made from here.
PARTNER = {"name": "partner", "trust": {"aws": ["arn:aws:iam::999999999999:root"]}}
PARTNER_ROW = f'- {{rolearn: "{HOME}/partner", username: partner, groups: [developers]}}\n'
VENDOR_ROW = '- {rolearn: "arn:aws:iam::999999999999:role/vendor", username: v, groups: [v]}\n'
WAY = ("--profile", "single", "--region", REGION)
COMMANDS = ("status", *ON_PLANS)
WAIVERS = {
    "waive_gates": {
        "rehearsal": {"by": "test", "reason": "a lab"},
        "nodes": {"by": "test", "reason": "no nodes"},
    }
}
ANSWERS = ("--decisions", "decisions.yaml")
_TAKE_ANSWERS = ("apply", "verify", "rehearse", "gates", "cutover")


@dataclass(frozen=True)
class State:
    """``by`` brings the cluster of this name into the state, from the one that ``after`` says.
    ``codes``: the exit code of each of :data:`COMMANDS`; ``stage``: what a status of the fleet
    calls it.
    """

    name: str
    words: str
    codes: str
    stage: str
    after: str = ""
    by: Callable[[PairsLab, str], None] = lambda _pairs, _name: None


def _single(command: str, *more: str) -> Callable[[PairsLab, str], None]:
    def do(pairs: PairsLab, name: str) -> None:
        ended = pairs.single(command, name, *more, *_answers(command))
        assert ended.exit_code in (0, 7), ended

    return do


def _answers(command: str) -> tuple[str, ...]:
    return ANSWERS if command in _TAKE_ANSWERS else ()


def _killed(
    command: str, at: Callable[[Effect], bool], *more: str
) -> Callable[[PairsLab, str], None]:
    """The command, killed (SIGKILL) when it has done the effect and has no answer yet."""

    def do(pairs: PairsLab, name: str) -> None:
        found: list[int] = []

        def kill(effect: Effect) -> None:
            if found and at(effect):
                effects.order_kill(found.pop(), effect.n, "answer-lost")

        effects = pairs.lab.world.effects
        effects.listeners.append(kill)
        try:
            with suppress(AssertionError):
                pairs.single(command, name, *more, *_answers(command), started=found.append)
        finally:
            effects.listeners.remove(kill)
        assert not found, f"{command} was not killed"
        _forget_lock(pairs, name)

    return do


def _forget_lock(pairs: PairsLab, name: str) -> None:
    """The lock of a process that died has expired."""
    _delete(pairs, name, "coordination.k8s.io/v1", "Lease", LEASE_NAME)


def _delete(pairs: PairsLab, cluster: str, api_version: str, kind: str, name: str) -> None:
    where = {"cluster": cluster, "region": REGION, "namespace": LOCK_NAMESPACE}
    what = {"apiVersion": api_version, "kind": kind, "name": name}
    pairs.lab.world.controls["deleteObject"]({**where, **what})


def _writes(operation: str) -> Callable[[Effect], bool]:
    return lambda effect: effect.operation == operation


def _no_plan(pairs: PairsLab, name: str) -> None:
    shutil.rmtree(pairs.plan_file(name).parent)


def _other_folder(pairs: PairsLab, name: str) -> None:
    """Only the plan is in this folder; the run was made from another one."""
    for path in pairs.plan_file(name).parent.iterdir():
        if path.name == "plan.json":
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _edited(pairs: PairsLab, name: str) -> None:
    pairs.control(name, "touchAwsAuth", change="edit")


def _bridge(pairs: PairsLab, name: str) -> None:
    """A run of another plan died and left its binding to cluster-admin."""
    run = "00aa00aa00aa00aa"
    labels = {MANAGED_BY_LABEL: MANAGED_BY, PLAN_LABEL: "0" * 16, RUN_LABEL: run}
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": f"m:{run}"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{BRIDGE_PREFIX}{run}", "labels": labels},
        "roleRef": role,
        "subjects": [group],
    }
    pairs.control(name, "putObject", object=binding)


_APPLY = _single("apply")
_MADE = _writes("eks:CreateAccessEntry")
_UNMADE = _writes("eks:DeleteAccessEntry")
_SWITCHED = _writes("eks:UpdateClusterConfig")


def _blanked(effect: Effect) -> bool:
    patched = effect.operation == "kubernetes:patch configmaps"
    return patched and effect.detail.get("name") == "aws-auth"


def _emptied(pairs: PairsLab, name: str) -> None:
    pairs.control(name, "writeAwsAuth", data={"mapRoles": ""})


def _rehearsal_killed(pairs: PairsLab, name: str) -> None:
    """Its timer is deleted, too: by its clock it would end this state."""
    _killed("rehearse", _blanked)(pairs, name)
    _delete(pairs, name, "batch/v1", "Job", TIMER)


STATES = (
    State("unplanned", "discovered, no plan", "11111111", "not planned", by=_no_plan),
    State("blocked", "planned, findings block", "33633304", "blocked"),
    State("planned", "planned only", "70644404", "planned"),
    State(
        "part",
        "`apply --only` of one principal",
        "70644404",
        "applying",
        by=_single("apply", "--only", DEVELOPER),
    ),
    State("killed", "apply killed mid-run", "10644404", "applying", by=_killed("apply", _MADE)),
    State("proof-open", "a principal waits for its proof", "77644404", "applying", by=_APPLY),
    State("applied", "applied and proven", "00000004", "verified", "applied"),
    State("bridge", "a bridge of another run is left", "77000074", "verified", "applied", _bridge),
    State("changed", "another writer changed aws-auth", "55054404", "verified", "applied", _edited),
    State(
        "elsewhere",
        "another state folder has the run",
        "10644404",
        "planned",
        "applied",
        _other_folder,
    ),
    State(
        "emptied", "another writer emptied aws-auth", "55044444", "verified", "applied", _emptied
    ),
    State(
        "blank",
        "rehearsal killed, aws-auth blank, no timer",
        "14074444",
        "verified",
        "applied",
        _rehearsal_killed,
    ),
    State(
        "part-back",
        "`rollback --only` of one principal",
        "00644404",
        "rolling back",
        "applied",
        _single("rollback", "--only", DEVELOPER),
    ),
    State(
        "back-killed",
        "roll-back killed mid-run",
        "14644404",
        "rolling back",
        "applied",
        _killed("rollback", _UNMADE),
    ),
    State("rolled-back", "rolled back", "00644404", "planned", "applied", _single("rollback")),
    State(
        "switched",
        "cut-over killed, not verified",
        "77000047",
        "verified",
        "applied",
        _killed("cutover", _SWITCHED),
    ),
    State(
        "cut-over", "cut over and verified", "00000040", "cut over", "applied", _single("cutover")
    ),
    State("retired", "aws-auth retired", "00000040", "retired", "cut-over", _single("retire")),
)


@dataclass(frozen=True)
class _Kept:
    """A cluster as it was."""

    history: dict[str, list[EntryVersion]]
    updates: list[LabUpdate]
    tags: dict[str, str]
    objects: dict[Key, dict[Place, Json]]
    files: dict[Path, bytes]


class EndStates:
    """A cluster in each state, and how the commands end on it."""

    def __init__(self, pairs: PairsLab) -> None:
        self.pairs = pairs
        self._kept: dict[str, _Kept] = {}

    def bring_about(self) -> None:
        """Every cluster into the state that it is named after."""
        applied = [state.name for state in STATES if state.after]
        for command in ("apply", "verify"):
            for name, ended in self.pairs.fleet(command, applied).items():
                assert ended.exit_code == 0, (name, ended)
        for state in STATES:
            if state.after == "cut-over":
                _single("cutover")(self.pairs, state.name)
            state.by(self.pairs, state.name)
            self.keep(state.name)

    def keep(self, name: str) -> None:
        """Remember the cluster as it is now."""
        cluster, folder = self.pairs.cluster(name), self.pairs.plan_file(name).parent
        store = kubernetes_api(self.pairs.lab.world, cluster).registry.store
        with self.pairs.lab.world.lock, store.lock:
            self._kept[name] = _Kept(
                {arn: list(versions) for arn, versions in cluster.history.items()},
                [replace(each) for each in cluster.updates],
                dict(cluster.tags),
                {key: _places(store, key) for key in list(store.keys())},
                {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()},
            )

    def put_back(self, name: str) -> None:
        """The cluster as it was when it was kept, and the files of its folder."""
        self._put(name, self._kept[name])

    def _put(self, name: str, kept: _Kept) -> None:
        cluster, folder = self.pairs.cluster(name), self.pairs.plan_file(name).parent
        store = kubernetes_api(self.pairs.lab.world, cluster).registry.store
        with self.pairs.lab.world.lock, store.lock:
            cluster.history.clear()
            cluster.history.update({arn: list(each) for arn, each in kept.history.items()})
            cluster.updates[:] = [replace(each) for each in kept.updates]
            cluster.tags.clear()
            cluster.tags.update(kept.tags)
            for key in {*store.keys(), *kept.objects}:
                _put_places(store, key, kept.objects.get(key, {}))
            cluster.changed()
        shutil.rmtree(folder, ignore_errors=True)
        for path, content in kept.files.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)

    def single(self, command: str, name: str, *more: str) -> Ran:
        """The command on the cluster alone."""
        if command == "status":
            return self.pairs.migrate("status", str(self.pairs.plan_file(name)), *WAY, *more)
        options = [name if each == "NAME" else each for each in ON_PLANS[command][0]]
        spelled = "cutover" if command == "gates" else command
        plan = str(self.pairs.plan_file(name))
        return self.pairs.migrate(spelled, plan, *options, *_answers(command), *more, *WAY)

    def fleet(self, command: str) -> dict[str, Ended]:
        """The command of the fleet on all of them."""
        return self.pairs.fleet(command, [state.name for state in STATES], *_answers(command))

    def open_rows(self) -> dict[str, bool]:
        """By cluster, whether a status of the fleet counts it as open."""
        work = self.pairs.cli.work
        request = FleetReportRequest(file=read_fleet(str(work / "fleet.yaml")), named="fleet.yaml")
        report = fleet_report(request, Operator(Settings(state_dir=str(work / ".migrate"))))
        return {row.cluster.name: row.is_open for row in report.rows}


@contextmanager
def end_states(place: Path) -> Iterator[EndStates]:
    """The lab, with every cluster in its state."""
    rows = {"blocked": VENDOR_ROW, "proof-open": PARTNER_ROW}
    names = [state.name for state in STATES]
    with pairs_lab(place, names, rows=rows, roles=(PARTNER,)) as pairs:
        pairs.lab.world.controls["settings"]({"updateSeconds": 0})
        (pairs.cli.work / "decisions.yaml").write_text(json.dumps(WAIVERS), encoding="utf-8")
        made = EndStates(pairs)
        made.bring_about()
        yield made


def _places(store: ObjectStore, key: Key) -> dict[Place, Json]:
    objects = {}
    for each in store.items(key)[0]:
        metadata = each["metadata"]
        objects[metadata.get("namespace", ""), metadata["name"]] = each
    return objects


def _put_places(store: ObjectStore, key: Key, wanted: Mapping[Place, Json]) -> None:
    now = _places(store, key)
    for place in now.keys() - wanted.keys():
        store.remove(key, *place)
    for place, found in wanted.items():
        if now.get(place) != found:
            store.put(key, *place, found)


FLEET_OWN = 8  # of a fleet of which a cluster is not done
# A fleet rehearses after it has put aws-auth back.
_FLEET_ALONE = {("blank", "rehearse"): "0"}
# By its files nothing is left there: a fleet's status asks nothing of the cluster.
_AT_REST = frozenset(
    {
        "applied",
        "bridge",
        "changed",
        "emptied",
        "part-back",
        "rolled-back",
        "cut-over",
        "retired",
    }
)


def fleet_codes(state: State) -> dict[str, str]:
    """The exit code of the cluster in the result of each command of a fleet."""
    single = dict(zip(COMMANDS, state.codes, strict=True))
    return {each: _FLEET_ALONE.get((state.name, each), code) for each, code in single.items()}


def is_open(state: State) -> bool:
    """Whether a status of the fleet says that something is left."""
    return state.name not in _AT_REST
