"""Sequences of moves on small worlds, each drawn from a seed: what two operators and an
administrator do to a cluster.

The same seed gives the same moves. Where two processes run at once, which of them comes first is up
to the machine.
"""

import atexit
import json
import random
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from migrator.lab.judge.oracle_cluster import Kind, WrongDecision
from migrator.lab.kubernetes_api import kubernetes_api
from migrator.lab.lab_client import credentials_of
from migrator.lab.worlds.effects import Effect, KillPoint
from tests.support.crash_runs import POINTS, differences_in, forked, lasting, planned, session_of
from tests.support.crash_worlds import (
    CREATOR,
    MASTERS,
    NODE_GROUPS,
    OPERATOR,
    REGION,
    CrashWorld,
    binding,
    existing,
    masters,
    node,
    role,
    user,
    world,
)
from tests.support.forked_cli import ForkedCli
from tests.support.judged.oracle import JudgedOracle
from tests.support.kubernetes_lab import KubernetesLab, WireClient, token_of
from tests.support.lab_session import KILLED, LabSession

SECOND = role("second")
OPERATORS = {"first": OPERATOR, "second": SECOND}
_EVERYWHERE = (
    "plan.json",
    "new.json",
    "--out",
    "--yes",
    "--quiet",
    "--decisions",
    "decisions.yaml",
    "--image",
    "lab",
)
# Errors that say: plan again.
PLAN_AGAIN = {
    *("cluster-changed", "entry-changed", "unexpected-entries", "row-changed", "row-added"),
    *("principal-recreated", "principal-deleted", "binding-exists", "automatic-entry-differs"),
}
AT_WORK = (
    OPERATOR,
    SECOND,
    CREATOR,
)  # the creator is the administrator who edits; none of the three is edited
# principals go side by side: a write may follow an edit that came after its principal was read
IN_FLIGHT = 4

Name: TypeAlias = Literal["first", "second"]
Verb: TypeAlias = Literal["apply", "apply --only", "rollback", "rehearse", "plan"]
Change: TypeAlias = Literal[
    "comment", "delete row", "thin row", "delete entry", "thin entry", "re-create role"
]


# worlds


def everyone() -> CrashWorld:
    """One of each kind: a role with groups, a user, nodes, two administrators; nobody knows the
    creator.
    """
    instance, name = "i-0a1b2c3d4e5f60001", f"ip-10-0-0-1.{REGION}.compute.internal"
    return world(
        "everyone",
        {
            role("nodes"): ("system:node:{{EC2PrivateDNSName}}", NODE_GROUPS),
            role("dev"): ("dev:{{SessionName}}", ["devs", "readers"]),
            user("carol"): ("carol", ["readers"]),
        },
        roles=[
            {"name": "nodes", "trust": {"services": ["ec2.amazonaws.com"]}},
            {"name": "dev", "path": "/team/"},
        ],
        users=[{"name": "carol"}],
        account={
            "instanceProfiles": [{"name": "nodes", "role": "nodes"}],
            "instances": [
                {
                    "id": instance,
                    "region": REGION,
                    "privateDnsName": name,
                    "instanceProfile": "nodes",
                }
            ],
        },
        objects=[
            node(name, instance),
            binding("devs", "edit", "Group:devs", namespace="default"),
            binding("readers", "view", "Group:readers"),
        ],
    )


def creator_unknown() -> CrashWorld:
    """The creator has a row with a name and a group of its own, and no evidence says that it is the
    creator.
    """
    return world(
        "creator-unknown",
        {role("creator"): ("chief", [MASTERS, "oncall"]), role("dev"): ("dev", ["devs"])},
        roles=[{"name": "dev"}],
        objects=[
            binding("devs", "edit", "Group:devs", namespace="default"),
            binding("oncall", "view", "Group:oncall", namespace="default"),
        ],
    )


def creator_known() -> CrashWorld:
    """The operator knows who created the cluster; the creator has a row, and there is a role
    besides.
    """
    return world(
        "creator-known",
        {role("creator"): ("creator:{{SessionName}}", [MASTERS]), role("dev"): ("dev", ["devs"])},
        roles=[{"name": "dev"}],
        objects=[binding("devs", "edit", "Group:devs", namespace="default")],
        creator=CREATOR,
    )


WORLDS = {
    each.name: each
    for each in (existing(), masters(), everyone(), creator_known(), creator_unknown())
}


# what is drawn


@dataclass(frozen=True)
class Edit:
    """What the administrator does, that many effects after the command began; ``of``: whose, as a
    part of 1.
    """

    change: Change
    after: int
    of: float


@dataclass(frozen=True)
class Move:
    """A command of one operator, and what happens meanwhile. ``pause``: seconds of lab time before
    it.

    ``beside``: a command of the other operator that begins that many effects later.
    """

    by: Name
    verb: Verb
    of: float
    kill: tuple[int, KillPoint] | None = None
    edit: Edit | None = None
    beside: "tuple[int, Move] | None" = None
    pause: int = 0


@dataclass(frozen=True)
class Drawn:
    """A seed's sequence.

    ``own_plan``: the second operator plans, instead of copying the first one's plan. ``obey``:
    after an error that says so, operators plan again before their next command.
    """

    seed: int
    world: str
    own_plan: bool
    obey: bool
    moves: tuple[Move, ...]
    last: Move

    @property
    def name(self) -> str:
        """How the tests name it."""
        return f"seed-{self.seed}-{self.world}"


def drawn(seed: int) -> Drawn:
    """The sequence of a seed."""
    draw = random.Random(f"sequence {seed}")
    names = list(WORLDS)
    moves = tuple(_move(draw) for _ in range(draw.randint(2, 5)))
    last = Move(
        draw.choice(("first", "first", "second")),
        draw.choice(("apply", "rollback")),
        0.0,
        pause=120,
    )
    return Drawn(
        seed, names[seed % len(names)], draw.random() < 0.5, draw.random() < 0.7, moves, last
    )


def _move(draw: random.Random) -> Move:
    verb: Verb = draw.choices(
        ("apply", "apply --only", "rollback", "rehearse", "plan"), (9, 3, 6, 1, 2)
    )[0]
    by: Name = draw.choice(("first", "first", "second"))
    move = Move(by, verb, draw.random(), pause=draw.choice((0, 0, 60)))
    match draw.choice(("nothing", "kill", "edit", "edit", "beside")):
        case "kill":
            return replace(move, kill=(draw.randint(1, 16), draw.choice(POINTS)))
        case "edit":
            changes: tuple[Change, ...] = (
                "comment",
                "delete row",
                "thin row",
                "delete entry",
                "thin entry",
                "re-create role",
            )
            if verb == "rehearse":
                # Rows are blank meanwhile: what is right then is not what an edit leaves right.
                changes = ("comment",)
            return replace(
                move, edit=Edit(draw.choice(changes), draw.randint(0, 14), draw.random())
            )
        case "beside":
            other: Name = "second" if by == "first" else "first"
            verbs: tuple[Verb, ...] = ("apply", "rollback", "apply --only")
            return replace(
                move, beside=(draw.randint(0, 10), Move(other, draw.choice(verbs), draw.random()))
            )
        case _:
            return move


# what is played


@dataclass(frozen=True)
class Prepared:
    """A world's first plan and answers, the differences it states, and the cluster before and after
    it undisturbed.
    """

    world: CrashWorld
    files: Mapping[str, str]
    stated: Mapping[str, tuple[Kind, ...]]
    before: object
    after: Mapping[str, Any] | None


@cache
def prepared(name: str) -> Prepared:
    """Plan a world, and apply the plan; ``after`` is None where it does not come to its end."""
    found = WORLDS[name]
    with TemporaryDirectory(prefix=f"{name}-") as place, session_of(found, Path(place)) as session:
        files = planned(session, found)
        before = lasting(session)
        done = session.migrate("apply", "plan.json", "--yes", "--decisions", "decisions.yaml")
        after = session.end_state() if done.returncode == 0 else None
        return Prepared(found, files, differences_in(files["plan.json"]), before, after)


@cache
def _second_fork() -> ForkedCli:
    """Commands of two operators go at once only from two processes that fork."""
    one = ForkedCli()
    atexit.register(one.close)
    return one


@dataclass(frozen=True)
class Operator:
    """An administrator at work, with credentials, a folder and a state of their own."""

    name: Name
    session: LabSession
    folder: Path

    def migrate(
        self, *arguments: str, kill: tuple[int, KillPoint] | None = None
    ) -> CompletedProcess[str]:
        """Run a command in the own folder; with ``kill`` it dies at that effect of the lab's
        log.
        """
        environment = self.session.environment()
        keys = credentials_of(self.session.folder / "lab", OPERATORS[self.name])
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        parts = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        environment |= {name: keys[part] for name, part in zip(names, parts, strict=True)}
        cli = forked() if self.name == "first" else _second_fork()
        effects = self.session.world.effects

        def started(pid: int) -> None:
            if kill is not None:
                effects.order_kill(pid, *kill)

        done = cli.run(arguments, self.folder, environment, started)
        if kill is not None:
            effects.cancel_kill()
        return done


@dataclass
class Ran:
    """A command that ended. ``effects``: numbers of the first one that it can have made, and the
    last.
    """

    move: Move
    arguments: tuple[str, ...]
    done: CompletedProcess[str]
    effects: tuple[int, int]
    story: str

    @property
    def code(self) -> int:
        """Exit code."""
        return self.done.returncode

    @property
    def error(self) -> str:
        """The error's code, empty where there is none."""
        return str((re.findall(r"\[([a-z-]+)\]$", self.done.stderr, re.M) or [""])[-1])

    @property
    def text(self) -> str:
        """All that it printed, on one line."""
        return " ".join((self.done.stdout + " " + self.done.stderr).split())


@dataclass(frozen=True)
class Edited:
    """What an administrator changed: whose, and by which effect."""

    change: Change
    arn: str
    effect: int


@dataclass
class Play:
    """A sequence being played. ``story``: one line a move."""

    drawn: Drawn
    prepared: Prepared
    session: LabSession
    operators: Mapping[str, Operator]
    story: list[str] = field(default_factory=list)
    ran: list[Ran] = field(default_factory=list)
    edited: list[Edited] = field(default_factory=list)
    oracle: JudgedOracle = field(init=False)
    _editing: tuple[Change, str] | None = None
    _waiting: list[tuple[int, threading.Event]] = field(default_factory=list)
    plans_of: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.session.world.effects.listeners.append(
            self._seen
        )  # before the oracle's: it judges by what is right now
        self.oracle = JudgedOracle(self.session.world, stated=self.prepared.stated)

    @property
    def cluster(self) -> str:
        """Its name."""
        return self.prepared.world.cluster

    def run(self, move: Move) -> list[Ran]:
        """Play one move; the commands that ran."""
        self.session.world.clock.advance(timedelta(seconds=move.pause))
        begun = len(self.session.effects())
        ended: list[Ran] = []
        beside: list[threading.Thread] = []
        if move.edit is not None:
            beside.append(self._later(move.edit.after, lambda: self._edit(move.edit)))
        if move.beside is not None:
            after, other = move.beside
            beside.append(self._later(after, lambda: ended.append(self._command(other, begun))))
        ended.append(self._command(move, begun))
        for _, event in self._waiting:
            event.set()
        for each in beside:
            each.join()
        self._waiting.clear()
        return ended

    def _later(self, after: int, act: Any) -> threading.Thread:  # noqa: ANN401 - a function
        come = threading.Event()
        self._waiting.append((len(self.session.effects()) + after, come))
        if after == 0:
            come.set()

        def wait() -> None:
            come.wait()
            act()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread

    def _seen(self, effect: Effect) -> None:
        for number, event in self._waiting:
            if effect.n >= number:
                event.set()
        if self._editing is not None and (
            "creator" in effect.who or effect.who in ("kubernetes-admin", "chief")
        ):
            change, arn = self._editing
            self.edited.append(Edited(change, arn, effect.n))
            if change not in ("comment", "re-create role"):
                self.oracle.edited([arn], effect)

    # commands

    def _command(self, move: Move, begun: int) -> Ran:
        operator = self.operators[move.by]
        note = self._plan(operator) + self._plan_again(operator)
        arguments = self._arguments(move, operator)
        kill = (begun + move.kill[0], move.kill[1]) if move.kill is not None else None
        done = (
            self._new_plan(operator)
            if move.verb == "plan"
            else operator.migrate(*arguments, kill=kill)
        )
        ran = Ran(move, arguments, done, (begun + 1, len(self.session.effects())), "")
        how = (
            f" (killed at effect {kill[0]}, {kill[1]})"
            if ran.code == KILLED and kill is not None
            else ""
        )
        error = f" [{ran.error}]" if ran.error else ""
        pause = f"{move.pause} s later " if move.pause else ""
        shown = " ".join(word for word in arguments if word not in _EVERYWHERE)
        ran.story = f"{pause}{move.by}: {shown}{note}{how}: {ran.code}{error}"
        self.ran.append(ran)
        self.story.append(f"{ran.story}, effects {ran.effects[0]} to {ran.effects[1]}")
        return ran

    def _plan(self, operator: Operator) -> str:
        """The second operator's plan: a copy of the first one's, or one of the moment of the first
        command.
        """
        if operator.name == "first" or (operator.folder / "plan.json").exists():
            return ""
        for name, text in self.prepared.files.items():
            (operator.folder / name).write_text(text, encoding="utf-8")
        if not self.drawn.own_plan:
            return " (with a copy of the plan)"
        return f" (with a plan of their own: {self._new_plan(operator).returncode})"

    def _plan_again(self, operator: Operator) -> str:
        """What the error of the operator's last command says to do, where it says so."""
        last = next((ran for ran in reversed(self.ran) if ran.move.by == operator.name), None)
        if not self.drawn.obey or last is None or last.error not in PLAN_AGAIN:
            return ""
        return f" (planned again: {self._new_plan(operator).returncode})"

    def _new_plan(self, operator: Operator) -> CompletedProcess[str]:
        """Plan; answers about principals that the plan no longer knows are taken out first, as its
        error says.
        """
        done = operator.migrate(*self._planning())
        if done.returncode == 1 and "answers what the plan does not ask" in done.stderr:
            answers = json.loads((operator.folder / "decisions.yaml").read_text(encoding="utf-8"))
            said = " ".join(done.stderr.split())
            answers["verify_as"] = {
                arn: way for arn, way in answers["verify_as"].items() if arn not in said
            }
            (operator.folder / "decisions.yaml").write_text(json.dumps(answers), encoding="utf-8")
            done = operator.migrate(*self._planning())
        if done.returncode in (0, 3):
            (operator.folder / "new.json").replace(operator.folder / "plan.json")
            self.plans_of.add("own")
        return done

    def _planning(self) -> tuple[str, ...]:
        options = ("--out", "new.json", "--decisions", "decisions.yaml", "--quiet")
        return ("plan", self.cluster, *options, *self.prepared.world.plan_options)

    def _arguments(self, move: Move, operator: Operator) -> tuple[str, ...]:
        answers = ("--decisions", "decisions.yaml")
        match move.verb:
            case "apply":
                return ("apply", "plan.json", "--yes", *answers)
            case "apply --only":
                plan = json.loads((operator.folder / "plan.json").read_text(encoding="utf-8"))
                arns = sorted(
                    {step["principalArn"] for step in plan["steps"] if step.get("principalArn")}
                )
                if not arns:
                    return ("apply", "plan.json", "--yes", *answers)
                return (
                    "apply",
                    "plan.json",
                    "--yes",
                    "--only",
                    arns[int(move.of * len(arns))],
                    *answers,
                )
            case "rollback":
                return ("rollback", "plan.json", "--yes")
            case "rehearse":
                return ("rehearse", "plan.json", "--image", "lab", "--for", "20m", *answers)
            case "plan":
                return self._planning()

    # the administrator

    def _edit(self, edit: Edit | None) -> None:
        if edit is None:
            return
        arns = [
            each["principalArn"]
            for each in json.loads(self.prepared.files["plan.json"])["principals"]
            if each["principalArn"] not in AT_WORK
            and each["action"] in ("create", "update", "recreate")
        ]
        arn = arns[int(edit.of * len(arns))]
        before = len(self.edited)
        self._editing = (edit.change, arn)
        try:
            with suppress(
                BotoCoreError, ClientError
            ):  # there is no such entry, or the role is in use
                self._change(edit.change, arn)
        finally:
            self._editing = None
        found = self.edited[before:]
        shown = f"effect {found[0].effect}" if found else "there was nothing to do"
        what = (
            edit.change
            if edit.change == "comment"
            else f"{edit.change} of {arn.rpartition(':')[2]}"
        )
        self.story.append(f"   meanwhile the administrator: {what}, {shown}")

    def _change(self, change: Change, arn: str) -> None:
        eks, name = self._client("eks"), {"clusterName": self.cluster, "principalArn": arn}
        match change:
            case "comment" | "delete row" | "thin row":
                self._edit_aws_auth(change, arn)
            case "delete entry":
                eks.delete_access_entry(**name)
            case "thin entry":
                held = eks.list_associated_access_policies(**name)["associatedAccessPolicies"]
                if held:
                    eks.disassociate_access_policy(**name, policyArn=held[0]["policyArn"])
                else:
                    eks.update_access_entry(**name, kubernetesGroups=[])
            case "re-create role":
                iam, (path, _, role_name) = (
                    self._client("iam"),
                    arn.partition(":role")[2].rpartition("/"),
                )
                if ":role/" not in arn:
                    return
                trust = json.dumps(
                    iam.get_role(RoleName=role_name)["Role"]["AssumeRolePolicyDocument"]
                )
                iam.delete_role(RoleName=role_name)
                iam.create_role(RoleName=role_name, Path=f"{path}/", AssumeRolePolicyDocument=trust)

    def _client(self, service: str) -> Any:  # noqa: ANN401 - boto3 has no types here
        found = self.session.world.credentials_of(CREATOR)
        keys = boto3.Session(
            found.access_key_id, found.secret_access_key, found.session_token, region_name=REGION
        )
        config = Config(retries={"total_max_attempts": 1})
        return keys.client(service, endpoint_url=self.session.world.endpoint, config=config)

    def _edit_aws_auth(self, change: Change, arn: str) -> None:
        lab = self.session.world
        cluster = lab.cluster(self.cluster)
        client = WireClient(KubernetesLab(lab, cluster, kubernetes_api(lab, cluster)))
        target = "/api/v1/namespaces/kube-system/configmaps/aws-auth"
        try:
            for _ in range(5):
                token = token_of(lab, CREATOR, cluster=self.cluster, endpoint=str(lab.endpoint))
                found = client.ask(token, "GET", target).body
                data = {key: _edited_rows(text, change, arn) for key, text in found["data"].items()}
                if data == found["data"]:
                    return
                if client.ask(token, "PUT", target, {**found, "data": data}).code == 200:
                    return
        finally:
            client.close()

    # what is seen

    def bridges(self) -> list[str]:
        """Bindings of ours to cluster-admin."""
        lab = self.session.world
        store = kubernetes_api(lab, lab.cluster(self.cluster)).registry.store
        found = store.items(("rbac.authorization.k8s.io", "clusterrolebindings"))[0]
        names = [
            each["metadata"]["name"] for each in found if each["roleRef"]["name"] == "cluster-admin"
        ]
        return [name for name in names if name.startswith("migrator-")]

    def state(self) -> Mapping[str, Any]:
        """The cluster's end state."""
        return self.session.end_state()

    def lasting(self) -> object:
        """What a roll-back gives back, of this one cluster."""
        return lasting(self.session)

    def wrong(self) -> list[WrongDecision]:
        """Wrong answers, but those that a write brought which was on its way when the administrator
        edited.

        Such a write is told: the command that made it does not end with 0, and names the principal.
        """
        return [each for each in self.oracle.wrong() if not self._crossed(each)]

    def _crossed(self, wrong: WrongDecision) -> bool:
        for edited in (each for each in self.edited if each.arn == wrong.principal_arn):
            late = range(edited.effect + 1, edited.effect + 1 + IN_FLIGHT)
            made = [
                e
                for e in self.session.effects()
                if e.n in late and e.detail.get("principalArn") == edited.arn
            ]
            for ran in self.ran:
                told = ran.code != 0 and edited.arn.rpartition("/")[2] in ran.text
                if told and any(ran.effects[0] <= e.n <= ran.effects[1] for e in made):
                    return True
        return False


COMMENT = "# reviewed\n"


def _edited_rows(text: str, change: Change, arn: str) -> str:
    """A section of aws-auth after an edit; rows of these worlds are one line each."""
    if change == "comment":
        return COMMENT + text
    lines = []
    for line in text.splitlines(keepends=True):
        if f"/{arn.rpartition('/')[2]}'" not in line:
            lines.append(line)
        elif change == "thin row":
            lines.append(re.sub(r"groups: \['[^']*'(, )?", "groups: [", line))
    return "".join(lines)


@contextmanager
def played(sequence: Drawn, folder: Path) -> Iterator[Play]:
    """A fresh lab, two operators with a folder each, and the oracle."""
    found = prepared(sequence.world)
    with session_of(found.world, folder / "first", found.files) as session:
        (folder / "second").mkdir()
        names: tuple[Name, ...] = ("first", "second")
        play = Play(
            sequence,
            found,
            session,
            {name: Operator(name, session, folder / name) for name in names},
        )
        yield play


def shown(found: Sequence[WrongDecision]) -> list[str]:
    """Wrong answers in a few words."""
    return [
        f"{each.login} {each.kind} {each.request} ({each.token}, after effect {each.effect}, "
        f"{each.since:%H:%M:%S} to"
        f" {each.until or 'the end'}): {each.reason}"
        for each in found[:4]
    ]
