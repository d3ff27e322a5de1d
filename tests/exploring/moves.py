"""The moves out of a state, and the states they lead to.

A process is stopped at calls that others can notice or be noticed by (``shared``). What it does
between two of these is its own affair, so that it is done at once; where it dies on the way, each
journal that it may leave is a move. A move has a cost: 0 for what an undisturbed operator sees, 1
for each disturbance.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from migrator.model.decision import Decisions
from tests.exploring.answers import (
    DURABLE,
    PRIVATE,
    WRITES,
    Facts,
    holds_lock,
    mishaps,
    ordinary,
    released,
    shadowing,
)
from tests.exploring.commands import APPLY, Command, Made, workflow
from tests.exploring.judge import wanted_of
from tests.exploring.ports import Call
from tests.exploring.process import Answer, Exit, Pool, Process
from tests.exploring.world import (
    LEASE,
    Cluster,
    Entry,
    Folder,
    Lease,
    Login,
    Row,
    World,
    changed,
    later,
    login_of,
    with_entry,
    with_folder,
    with_lease,
    with_row,
)

STARTS = 5  # commands that one trace may start


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody with a terminal. ``process`` is None while nothing runs; ``kills`` are the folders
    that the process may leave if it dies now; ``calm``: nothing has disturbed the command since it
    was started; ``died``: the command whose process died last; ``begun``: this operator has started
    something; ``holds``: the process has the lock of its folder.
    """

    folder: int
    plan: str
    process: Process | None = None
    command: Command | None = None
    kills: tuple[Folder, ...] = ()
    calm: bool = False
    died: Command | None = None
    begun: bool = False
    holds: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for operators that can do the same."""
        return (
            self.folder,
            self.plan,
            id(self.process) if self.process else 0,
            self.calm,
            self.died,
            self.begun,
        )


@dataclass(frozen=True, slots=True)
class State:
    """A world with the operators in it. ``current`` made the last move."""

    world: World
    operators: tuple[Operator, ...]
    current: int = 0
    starts: int = 0

    @property
    def key(self) -> int:
        """Equal for equal states (by a 64-bit hash)."""
        return hash((self.world.key, tuple(o.key for o in self.operators), self.current))


@dataclass(frozen=True, slots=True)
class Ending:
    """A command that came to its end in a move."""

    operator: int
    command: Command
    exit: Exit
    calm: bool


Step = tuple[State, tuple[Ending, ...]]  # where a move leads, and what ended in it


@dataclass(frozen=True, slots=True)
class Move:
    """One way on. ``text`` says who does what; ``go`` gives the state after it and what ended in
    it.
    """

    text: str
    cost: int
    go: Callable[[], Step]
    quiet: bool = False


@dataclass
class Scene:
    """What a world is explored with: facts, operators, commands, and what others may do."""

    name: str
    about: str
    cluster: Cluster
    facts: Facts
    folders: tuple[int, ...] = (0,)  # one operator each, with the number of its folder
    commands: tuple[Command, ...] = (APPLY,)
    decisions: Decisions = field(default_factory=Decisions)
    rows: Mapping[str, tuple[Row | None, ...]] = field(
        default_factory=dict
    )  # what an administrator may make of them
    entries: Mapping[str, tuple[Entry | None, ...]] = field(default_factory=dict)
    born_again: tuple[str, ...] = ()
    lost: bool = True
    kill: bool = True
    old: bool = True
    edits: int = 1
    accept_gap: bool = False
    named: frozenset[str] = frozenset()  # usernames that a binding names
    starts: int = STARTS
    plans: dict[str, Made] = field(default_factory=dict)
    pool: Pool = field(default_factory=Pool)

    def keep(self, made: Made) -> None:
        """A plan that somebody has made."""
        self.plans[made.digest] = made
        self.facts.sequences[made.digest] = dict(made.plan.sequences)


def shared(call: Call) -> bool:
    """Whether others can notice the call, or be noticed by it."""
    return call[0] not in PRIVATE


class Moves:
    """The moves of one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def of(self, state: State) -> Iterator[Move]:
        """Every move out of a state; the ordinary one first."""
        running = [i for i, operator in enumerate(state.operators) if operator.process is not None]
        if not running:
            yield from self._starts(state, calm=True)
            yield from self._others(state)
            return
        order = sorted(running, key=lambda i: (i != state.current, i))
        for i in order:
            yield self._step(state, i, cost=int(i != order[0]))
        for i in order:
            yield from self._mishaps(state, i)
        for i in order:
            yield from self._kills(state, i)
        yield from self._others(state)
        yield from self._starts(state, calm=False)

    # processes

    def _step(self, state: State, i: int, *, cost: int) -> Move:
        operator = state.operators[i]
        now, process, call = self._front(state, i)
        if isinstance(call, Exit):
            return Move(f"{_who(i)} ends", cost, lambda: self._ended(state, i, call), quiet=True)

        def go() -> Step:
            world, answer = ordinary(now, operator.folder, call, self.scene.facts)
            calm = state if cost == 0 else _disturbed(state)
            return self._on(calm, i, process, world, answer, wrote=call[0] in WRITES)

        return Move(f"{_who(i)} {say(call)}", cost, go, quiet=call[0] not in WRITES)

    def _front(self, state: State, i: int) -> tuple[World, Process, Call | Exit]:
        """The world, the process and its next call. A look at the lock and the write after it are
        one move: a lock that is held is held for longer than a request takes
        (``lock_protocol.MARGIN_SECONDS``).
        """
        operator = state.operators[i]
        assert operator.process is not None
        process = operator.process
        if isinstance(process.pending, tuple) and process.pending[0] == "check lock":
            world, answer = ordinary(
                state.world, operator.folder, process.pending, self.scene.facts
            )
            if answer.error is None:
                process = process.after(answer)
                return world, process, process.pending
        return state.world, process, process.pending

    def _mishaps(self, state: State, i: int) -> Iterator[Move]:
        now, process, call = self._front(state, i)
        if isinstance(call, Exit):
            return
        for text, world, answer in mishaps(now, state.operators[i].folder, call, self.scene.facts):
            if ("judged" in text and not self.scene.old) or (
                "lost" in text and not self.scene.lost
            ):
                continue

            def go(world: World = world, answer: Answer = answer) -> Step:
                return self._on(
                    _disturbed(state), i, process, world, answer, wrote=call[0] in WRITES
                )

            yield Move(f"{_who(i)} {say(call)}: it {text}", 1, go)

    def _on(
        self, state: State, i: int, process: Process, world: World, answer: Answer, *, wrote: bool
    ) -> Step:
        """The process goes on with its answer, through everything that is its own affair, to its
        next shared call.
        """
        kills = (world.folders[state.operators[i].folder],) if wrote else ()
        return self._settle(state, i, world, process.after(answer), kills=kills)

    def _settle(
        self, state: State, i: int, world: World, process: Process, *, kills: tuple[Folder, ...]
    ) -> Step:
        operator = state.operators[i]
        while not isinstance(process.pending, Exit) and not shared(process.pending):
            call = process.pending
            if call[0] == "planned":
                operator = replace(operator, plan=call[1])
                world = replace(world, planned={**world.planned, **world.cluster.lives})
                process = process.after(Answer(None, call[1], world.now))
                continue
            before, (world, answer) = (
                world,
                ordinary(world, operator.folder, call, self.scene.facts),
            )
            ahead = process.after(answer)
            if call[0] == "check lock" and (answer.error or _writes(ahead)):
                world = before
                break
            process = ahead
            if call[0] in ("lock", "unlock") and answer.error is None:
                operator = replace(operator, holds=call[0] == "lock")
            if call[0] in DURABLE:
                kills = (*kills, world.folders[operator.folder])
        going = _with(state, i, replace(operator, process=process, kills=kills), world)
        if isinstance(process.pending, Exit) and not kills:
            return self._ended(going, i, process.pending)
        return going, ()

    def _ended(self, state: State, i: int, how: Exit) -> Step:
        operator = state.operators[i]
        assert operator.command is not None
        endings = (Ending(i, operator.command, how, operator.calm),)
        idle = replace(operator, process=None, command=None, kills=(), calm=False, died=None)
        return _with(state, i, idle, state.world), endings

    def _kills(self, state: State, i: int) -> Iterator[Move]:
        if not self.scene.kill:
            return
        operator = state.operators[i]
        for number, folder in enumerate(operator.kills):

            def go(folder: Folder = folder) -> Step:
                dead = replace(
                    operator,
                    process=None,
                    command=None,
                    kills=(),
                    calm=False,
                    died=operator.command,
                    holds=False,
                )
                world = with_folder(
                    state.world, operator.folder, released(folder) if operator.holds else folder
                )
                if operator.holds and holds_lock(world, operator.folder):
                    world = with_lease(world, Lease(operator.folder, world.now))
                return _with(_disturbed(state), i, dead, world), ()

            last = folder.lines[-1] if folder.lines else None
            left = (
                f"its journal ends with {last.event} {last.step or ''}".rstrip()
                if last
                else "its journal is empty"
            )
            yield Move(f"{_who(i)} dies ({number + 1}); {left}", 1, go)

    def _starts(self, state: State, *, calm: bool) -> Iterator[Move]:
        if state.starts >= self.scene.starts:
            return
        for i, operator in enumerate(state.operators):
            if operator.process is not None:
                continue
            for command in self.scene.commands:
                first = state.starts == 0 or (calm and operator.died == command)

                def go(
                    i: int = i, operator: Operator = operator, command: Command = command
                ) -> Step:
                    return self._started(state, i, operator, command, calm=calm)

                yield Move(f"{_who(i)} starts `{command.text}`", 0 if first else 1, go)

    def _started(
        self, state: State, i: int, operator: Operator, command: Command, *, calm: bool
    ) -> Step:
        scene = self.scene
        made = scene.plans[operator.plan]
        flow = workflow(command, made, scene.decisions, scene.keep)
        seed = state.starts + 1
        process = scene.pool.start(flow, (command, made.digest), state.world.now, seed)
        base = state if calm else _disturbed(state)
        alone = all(other.folder == operator.folder or not other.begun for other in state.operators)
        undisturbed = calm and alone and not state.world.edited and not state.world.cluster.late
        begun = replace(
            operator, process=process, command=command, calm=undisturbed, died=None, begun=True
        )
        base = replace(_with(base, i, begun, state.world), starts=state.starts + 1)
        return self._settle(base, i, state.world, process, kills=())

    # administrators, IAM, EKS

    def _others(self, state: State) -> Iterator[Move]:
        yield from self._sleeps(state)
        world = state.world
        for arn in sorted(world.cluster.late):
            yield Move(
                f"EKS makes its entry for {_name(arn)}",
                1,
                lambda arn=arn: (_late(state, arn), ()),  # type: ignore[misc]
            )
        if state.starts == 0:
            return
        if len(world.edited) + len(world.done) >= self.scene.edits:
            return
        yield from self._row_edits(state)
        yield from self._entry_edits(state)
        for arn in self.scene.born_again:
            lives = {**world.cluster.lives, arn: world.cluster.lives[arn] + 1}
            after = changed(world, lives=lives)
            yield self._edit(state, arn, f"{_name(arn)} is deleted and created again in IAM", after)

    def _sleeps(self, state: State) -> Iterator[Move]:
        world = state.world
        # Without another operator, no process finds the lock that has run out.
        if len(state.operators) < 2:
            return
        for i, operator in enumerate(state.operators):
            if not operator.holds:
                continue
            if not holds_lock(world, operator.folder):
                continue
            slept = replace(
                _disturbed(state),
                world=with_lease(later(world, LEASE), Lease(operator.folder, world.now)),
            )
            yield Move(
                f"{_who(i)}'s machine sleeps until its lock has run out",
                1,
                lambda slept=slept: (slept, ()),  # type: ignore[misc]
            )

    def _row_edits(self, state: State) -> Iterator[Move]:
        world = state.world
        for arn, rows in self.scene.rows.items():
            if arn not in world.cluster.rows:
                continue
            for row in rows:
                if row == world.cluster.rows[arn]:
                    continue
                what = "deletes the row"
                if row is not None:
                    what = f"changes the row to {_groups(row.groups)}"
                text = f"an administrator {what} of {_name(arn)}"
                yield self._edit(state, arn, text, with_row(world, arn, row))

    def _entry_edits(self, state: State) -> Iterator[Move]:
        world = state.world
        for arn, entries in self.scene.entries.items():
            if arn not in world.cluster.entries:
                continue
            for entry in entries:
                if entry == world.cluster.entries[arn]:
                    continue
                what = "deletes the entry"
                if entry is not None:
                    what = f"changes the entry to {_groups(entry.groups)}"
                text = f"an administrator {what} of {_name(arn)}"
                yield self._edit(state, arn, text, with_entry(world, arn, entry))

    def _edit(self, state: State, arn: str, text: str, world: World) -> Move:
        def go() -> Step:
            cluster, login = world.cluster, login_of(world.cluster, arn)
            row = cluster.rows.get(arn)
            if "row" in text:  # what an administrator wants is what the rows say
                cluster = replace(cluster, entries={}, _key=[])
                login = None if row is None else Login(row.username, frozenset(row.groups))
            run_request = wanted_of(cluster, arn, login, self.scene.named)
            edited = replace(
                world,
                wanted={**world.wanted, arn: run_request},
                edited={**world.edited, arn: world.now},
                known=tuple(each for each in world.known if each.arn != arn),
                done=world.done | {text},
            )
            return replace(_disturbed(state), world=edited), ()

        return Move(text, 1, go)


def _late(state: State, arn: str) -> State:
    world = state.world
    entry = replace(world.cluster.automatic[arn], made=world.now)
    entries = dict(world.cluster.entries)
    if arn not in entries:
        entries[arn] = entry
    after = changed(world, entries=entries, late=world.cluster.late - {arn})
    return replace(_disturbed(state), world=shadowing(after, world))


def _writes(process: Process) -> bool:
    return isinstance(process.pending, tuple) and process.pending[0] in WRITES


def _with(state: State, i: int, operator: Operator, world: World) -> State:
    operators = (*state.operators[:i], operator, *state.operators[i + 1 :])
    return replace(state, world=world, operators=operators, current=i)


def _disturbed(state: State) -> State:
    """Nobody is undisturbed any more."""
    if not any(operator.calm for operator in state.operators):
        return state
    return replace(
        state, operators=tuple(replace(operator, calm=False) for operator in state.operators)
    )


def _who(i: int) -> str:
    return "AB"[i]


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _groups(groups: tuple[str, ...]) -> str:
    return ", ".join(groups) or "no groups"


def say(call: Call) -> str:
    """A call in words."""
    name, *rest = call
    match name:
        case "create entry" | "update entry":
            return f"{name} {_name(rest[0])}: {_groups(rest[1].kubernetes_groups)}"
        case "bind":
            return f"bind {rest[1]} to {rest[2]}"
        case "sleep":
            return f"waits {rest[0]} s"
        case _:
            return " ".join([name, *(_name(str(each)) for each in rest[:1])])
