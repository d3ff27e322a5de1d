"""``python -m tests.exploring``: the worlds; ``explore WORLD [DEPTH [SECONDS]]``; ``replay WORLD
CHOICES``.
"""

import sys
from collections.abc import Iterator

from tests.exploring.explorer import explore
from tests.exploring.scenes import SCENES
from tests.exploring.story import HEAD, choices_of, line_of, story, text_of


def lines(arguments: list[str]) -> Iterator[str]:
    """What the command line prints."""
    match arguments:
        case ["explore", name, *limits]:
            depth, seconds = (*map(float, limits), *(99.0, 60.0)[len(limits) :])
            found = explore(SCENES[name](), depth=int(depth), seconds=seconds)
            yield from (HEAD, line_of(found))
            for trace in found.traces.values():
                yield (
                    f"\n{trace.wrong.text}\n  python -m tests.exploring replay {name} "
                    f"{text_of(trace.choices)}"
                )
                yield from story(SCENES[name](), trace.choices)
        case ["replay", name, choices]:
            yield from story(SCENES[name](), choices_of(choices))
        case _:
            for name, make in SCENES.items():
                yield f"{name:20} {make().about}"


if __name__ == "__main__":
    for each in lines(sys.argv[1:]):
        sys.stdout.write(each + "\n")
