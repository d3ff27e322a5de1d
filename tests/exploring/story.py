"""A trace as a short story: one line a move that changes something, and what the cluster then
is.
"""

import re
from collections.abc import Iterator

from tests.exploring.explorer import Found, first_state, wrongs
from tests.exploring.judge import BRIDGE, MARKER, difference
from tests.exploring.moves import Moves, Scene
from tests.exploring.world import World, alive

HEAD = (
    f"{'world':16} {'states':>9} {'transitions':>11} {'depth':>9} {'longest':>7} "
    f"{'seconds':>7} "
    f"{'violations':>10}"
)


def line_of(found: Found) -> str:
    """One line of the table of what was explored."""
    depth = "all" if found.complete else str(found.depth)
    numbers = (
        f"{found.states:9} {found.transitions:11} {depth:>9} {found.longest:7} {found.seconds:7.1f}"
    )
    return f"{found.scene:16} {numbers} {len(found.traces):10}"


def text_of(choices: tuple[int, ...]) -> str:
    """Choices as a word: runs of the ordinary move as a number of zeros (``0*17.3.0*4``)."""
    parts: list[str] = []
    run = 0
    for choice in (*choices, None):
        if choice == 0:
            run += 1
            continue
        if run:
            parts.append(f"0*{run}" if run > 1 else "0")
        run = 0
        if choice is not None:
            parts.append(str(choice))
    return ".".join(parts)


def choices_of(text: str) -> tuple[int, ...]:
    """The choices that a word stands for."""
    found: list[int] = []
    for part in filter(None, text.split(".")):
        choice, _, times = part.partition("*")
        found += [int(choice)] * int(times or 1)
    return tuple(found)


def story(scene: Scene, choices: tuple[int, ...]) -> Iterator[str]:
    """The story of a trace, told by replaying it."""
    moves, state = Moves(scene), first_state(scene)
    yield f"{scene.name}: {scene.about}. {_cluster(state.world)}"
    for number, choice in enumerate(choices, 1):
        move = list(moves.of(state))[choice]
        after, endings = move.go()
        if not move.quiet or move.cost or endings:
            shown = (
                f" -> {_cluster(after.world)}"
                if after.world.cluster.key != state.world.cluster.key
                else ""
            )
            yield f"{number:4} {after.world.now:4} s  {_plain(move.text)}{shown}"
        for each in endings:
            ending = f"{each.exit.code} {each.exit.why}"
            yield f"{'':12}`{each.command.text}` ends with {ending}".rstrip()
        for wrong in wrongs(state, move, after, endings):
            yield f"{'':12}WRONG ({wrong.kind}): {wrong.text}"
        state = after
    scene.pool.close()


def _cluster(world: World) -> str:
    cluster = world.cluster
    parts: list[str] = [cluster.mode] if cluster.mode != "API_AND_CONFIG_MAP" else []
    for arn, entry in cluster.entries.items():
        has = [*map(_short, entry.groups), *("admin policy" for _ in entry.policies)]
        dead = "" if alive(cluster, arn) or cluster.mode == "CONFIG_MAP" else " (dead)"
        parts.append(f"{arn.rpartition('/')[2]}{dead} = {' + '.join(has) or 'nothing'}")
    parts += [f"{_short(bound.group)} binding" for bound in cluster.bindings.values()]
    for arn in world.wanted:
        missing, more = difference(world, arn)
        name = arn.rpartition("/")[2]
        parts += [f"DENIED: {name} {missing}"] * bool(missing) + [f"ALLOWED: {name} {more}"] * bool(
            more
        )
    return "[" + ", ".join(parts) + "]"


def _plain(text: str) -> str:
    text = re.sub(r"migrator-bridge[-:]0*", "bridge ", text)
    return re.sub(f"{MARKER}0*", "marker ", text)


def _short(text: str) -> str:
    """Names of a run without its id, which is the same all the time."""
    for prefix, name in ((BRIDGE, "bridge"), (MARKER, "marker")):
        if text.startswith(prefix):
            return f"{name} {text.removeprefix(prefix).lstrip('0')}"
    return text
