"""Search: fewest disturbances first, then fewest moves; no state is visited twice."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.exploring.commands import planned, plans_encoded_once
from tests.exploring.judge import Wrong, difference, wanted_of, wrong_at_rest, wrong_now
from tests.exploring.moves import Ending, Move, Moves, Operator, Scene, State
from tests.exploring.world import Folder, World, login_of

# Ends that are no fault: a proof that only time brings, a roll-back that is to be ended first, a
# question to a person, an entry that a roll-back names because it has to stay.
SAID = (
    "proof of class",
    "rollback-unfinished",
    "plan-blocked",
    "EKS made the entry",
    "another run had left the entry",
    "not asked for",
)
# After these a trace goes on: what a command says or leaves at its end, which the next one may mend
# or make worse.
GOES_ON = frozenset({"stuck", "shadowed", "unfinished"})


@dataclass(frozen=True, slots=True)
class Trace:
    """What was chosen in each state on the way, and what is wrong at its end."""

    choices: tuple[int, ...]
    wrong: Wrong


@dataclass
class Found:
    """What a search found. ``depth``: up to so many disturbances, every order was tried;
    ``complete``: there are no more to try. ``seconds`` are the processor's.
    """

    scene: str
    states: int = 0
    transitions: int = 0
    depth: int = -1
    longest: int = 0
    seconds: float = 0.0
    complete: bool = False
    replays: int = 0
    processes: int = 0
    traces: dict[tuple[str, str], Trace] = field(default_factory=dict)


class _Place:
    """A visited state: how it was come to."""

    __slots__ = ("choice", "parent", "steps")

    def __init__(self, parent: "_Place | None", choice: int) -> None:
        self.parent, self.choice = parent, choice
        self.steps: int = parent.steps + 1 if parent else 0

    def choices(self) -> tuple[int, ...]:
        found = []
        at: _Place | None = self
        while at is not None and at.parent is not None:
            found.append(at.choice)
            at = at.parent
        return tuple(reversed(found))


def first_state(scene: Scene) -> State:
    """Nothing has happened yet; every operator has the plan."""
    cluster = scene.cluster
    made = planned(scene.facts.snapshot(cluster, 0), scene.decisions, accept_gap=scene.accept_gap)
    scene.keep(made)
    wanted = {
        arn: wanted_of(cluster, arn, login_of(cluster, arn), scene.named) for arn in cluster.lives
    }
    folders = tuple(Folder() for _ in range(max(scene.folders) + 1))
    world = World(cluster, folders, wanted, planned=dict(cluster.lives))
    return State(world, tuple(Operator(folder, made.digest) for folder in scene.folders))


def wrongs(before: State, move: Move, after: State, endings: tuple[Ending, ...]) -> Iterator[Wrong]:
    """What is wrong with a move and the state that it leads to."""
    yield from wrong_now(after.world, before.world)
    for each in endings:
        command = each.command.text
        if each.exit.code == 0 and each.command.verb != "rollback":
            for wrong in wrong_at_rest(after.world, each.command.only):
                yield Wrong(wrong.kind, wrong.who, f"`{command}`: {wrong.text}")
        if each.exit.code == 0 and each.command.verb == "rollback" and not each.command.only:
            yield from _left_by_roll_back(after)
        if each.exit.code == 0 and each.exit.left and not each.command.only:
            yield Wrong(
                "unfinished",
                each.command.verb,
                f"`{command}`: exit 0, and it is not done: {each.exit.why}",
            )
        if each.calm and each.exit.code != 0 and not each.exit.why.startswith(SAID):
            why = (
                f"`{command}`, which nothing disturbed, ends with {each.exit.code} "
                f"({each.exit.why})"
            )
            yield Wrong("stuck", each.command.verb, why)
        if (
            after.world.shadowed
            and (each.calm or each.exit.code == 0)
            and not each.exit.why.startswith(SAID)
        ):
            names = ", ".join(sorted(arn.rpartition("/")[2] for arn in after.world.shadowed))
            yield Wrong(
                "shadowed",
                names,
                f"`{command}` ends with {each.exit.code}; EKS's entry gives {names} less",
            )


def _left_by_roll_back(after: State) -> Iterator[Wrong]:
    busy = any(operator.process is not None for operator in after.operators)
    for binding in after.world.cluster.bindings:
        if not busy and binding.startswith("migrator-"):
            yield Wrong("exit 0", "bridge", f"`rollback`: exit 0, and binding {binding} is left")
    for arn in after.world.wanted:
        missing, _ = difference(after.world, arn)
        # An edit in the very second of the end comes after the last look.
        if missing and after.world.edited.get(arn, -1) < after.world.now:
            name = arn.rpartition("/")[2]
            yield Wrong("exit 0", name, f"`rollback`: exit 0, and {name} {missing}")


def explore(
    scene: Scene,
    *,
    depth: int = 99,
    seconds: float = 60.0,
    watch: Callable[[State], None] = lambda _: None,
) -> Found:
    """Explore a scene until no state is left, or a limit is met. ``watch`` is told of every state
    that is visited.
    """
    with plans_encoded_once():
        return _explored(scene, depth, seconds, watch)


def _explored(scene: Scene, depth: int, seconds: float, watch: Callable[[State], None]) -> Found:
    search = _Search(scene, depth, watch)
    began = time.process_time()
    level = 0
    while level < len(search.levels) and level <= depth:
        queue = search.levels[level]
        while queue:
            if time.process_time() - began > seconds:
                return _done(search.found, scene, began)
            state, place = queue.popleft()
            search.visit(state, place, level)
        search.found.depth = level
        level += 1
    search.found.complete = level >= len(search.levels) and not search.cut
    return _done(search.found, scene, began)


class _Search:
    """The states that were visited, and those that wait, by the disturbances on the way to them."""

    def __init__(self, scene: Scene, depth: int, watch: Callable[[State], None]) -> None:
        self.found = Found(scene.name)
        self.levels: list[deque[tuple[State, _Place]]] = [
            deque([(first_state(scene), _Place(None, 0))])
        ]
        # A move was left out because it disturbs once more than the depth allows.
        self.cut = False
        self._moves = Moves(scene)
        self._depth = depth
        self._watch = watch
        self._seen: set[int] = set()

    def visit(self, state: State, place: _Place, level: int) -> None:
        """Make every move of a state that was not visited yet."""
        if state.key in self._seen:
            return
        self._seen.add(state.key)
        self.found.states += 1
        self._watch(state)
        self.found.longest = max(self.found.longest, place.steps)
        for choice, move in enumerate(self._moves.of(state)):
            if level + move.cost > self._depth:
                self.cut = True
            else:
                self._make(state, move, _Place(place, choice), level)

    def _make(self, state: State, move: Move, there: _Place, level: int) -> None:
        after, endings = move.go()
        self.found.transitions += 1
        wrong = list(wrongs(state, move, after, endings))
        for each in wrong:
            name = (each.kind, each.who)
            if name not in self.found.traces:
                self.found.traces[name] = Trace(there.choices(), each)
        if any(each.kind not in GOES_ON for each in wrong):
            return
        if after.key in self._seen:
            return
        while len(self.levels) <= level + move.cost:
            self.levels.append(deque())
        self.levels[level + move.cost].append((after, there))


def _done(found: Found, scene: Scene, began: float) -> Found:
    found.seconds = time.process_time() - began
    found.replays, found.processes = scene.pool.replays, scene.pool.processes
    scene.pool.close()
    return found
