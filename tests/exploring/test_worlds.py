"""Every world to a depth that fits the time of each test run; ``make test-crash`` goes on to the
end.

A violation fails the test with its story. Those that were found are written down in ``bugs.md``
beside this folder. Logins and administrators of every state are judged independently as well
(``tests/support/judged/explored.py``).
"""

import os
import sys

import pytest

from tests.exploring.explorer import Found, explore
from tests.exploring.scenes import SCENES
from tests.exploring.story import HEAD, line_of, story, text_of
from tests.support.judged.explored import JudgedStates

# Of processor time, for all worlds together, in ``make test-crash``.
MINUTES = float(os.environ.get("EXPLORE_MINUTES", "20"))

# How many disturbances are tried in every order, in each test run.
DEPTHS = {"dead-standard": 2, "managed-nodes": 2, "own-nodes": 2}


def failures(found: Found) -> str:
    """The stories of the violations."""
    told = []
    for trace in found.traces.values():
        told.append(f"python -m tests.exploring replay {found.scene} {text_of(trace.choices)}")
        told += story(SCENES[found.scene](), trace.choices)
    return "\n".join(told)


@pytest.mark.parametrize("name", SCENES)
def test_nobody_loses_or_gains_access_in_any_order(name: str) -> None:
    depth, judged = DEPTHS.get(name, 1), JudgedStates()
    found = explore(SCENES[name](), depth=depth, seconds=120, watch=judged)
    judged.check()
    assert found.depth == depth
    assert not failures(found), failures(found)


@pytest.mark.crash
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", SCENES)
def test_nobody_loses_or_gains_access_to_the_end_of_the_world(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until no state is left, or the world's part of the time is over."""
    judged = JudgedStates()
    found = explore(SCENES[name](), seconds=MINUTES * 60 / len(SCENES), watch=judged)
    judged.check()
    with capsys.disabled():
        sys.stdout.write(f"\n{HEAD}\n{line_of(found)}\n")
    assert not failures(found), failures(found)
