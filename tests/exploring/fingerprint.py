"""What a stopped workflow can still depend on, as one number: equal numbers go on equally.

A coroutine that waits at a call is its stack: each function, the place in it, and the local
variables that are still read from there on. Objects count by their content, so that a run that was
interrupted and resumed is the same as one that was not, once nothing in it tells the two apart.
Loops are taken to hold their place in a local variable, as a ``for`` over distinct things does. On
the way out of a ``with`` a result is kept where nobody can see it: such a stack is like no other.
What only serves (ports, locks, functions) does not count.
"""

import dis
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from types import CodeType, FrameType, MethodType
from typing import Any, TypeAlias

from migrator.decide.running.actions import RunState
from migrator.decide.running.progress import StepState
from migrator.errors import MigratorError
from migrator.model.access_entry import AccessEntry
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.snapshot import Snapshot
from migrator.model.step import Step
from migrator.run.one_run import OneRun, StepPorts

_PLAIN = (str, bytes, int, float, bool, type(None), datetime, timedelta)
_BY_IDENTITY = (Plan, PlannedPrincipal, Snapshot)
_READS = frozenset(
    {
        "LOAD_FAST",
        "LOAD_FAST_CHECK",
        "LOAD_FAST_AND_CLEAR",
        "LOAD_FAST_LOAD_FAST",
        "LOAD_FAST_BORROW",
    }
)
_REMEMBERED = (StepState, AccessEntry)
_MOST_REMEMBERED = 200_000
_unlike = count(-1, -1)
_Known: TypeAlias = dict[int, tuple[Any, Any]]
_COUNTED = ("migrator.", "tests.exploring.commands")
# ``journal`` holds the run's own ``record`` and nothing else.
_ONE_RUN_ONLY = frozenset({"plan", "ports", "journal", "_lock", "_idle"})


def fingerprint(frame: FrameType | None, now: int, seed: int) -> int:
    """The number of a stack, from its innermost frame outwards. ``seed`` counts until the run has
    its id.
    """
    parts: list[Any] = [now]
    known: _Known = {}  # most functions of a stack hold the same run
    has_run = False
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module == "contextlib" and frame.f_code.co_name == "__exit__":
            return next(_unlike)
        if module.startswith(_COUNTED) or frame.f_code.co_name == "map":
            live = _live(frame.f_code, frame.f_lasti)
            values = tuple(
                (name, content(value, known))
                for name, value in frame.f_locals.items()
                if name in live
            )
            parts.append((id(frame.f_code), frame.f_lasti, values))
            has_run = has_run or any(isinstance(value, OneRun) for value in frame.f_locals.values())
        frame = frame.f_back
    return hash((*parts, 0 if has_run else seed))


@cache
def _live(code: CodeType, at: int) -> frozenset[str]:
    """The names that the code may still read from an offset on; all that other functions share with
    it.
    """
    instructions = list(dis.get_instructions(code))
    jumps = {*dis.hasjrel, *dis.hasjabs}
    start = at
    jumping = True
    while jumping:  # a jump back from behind makes everything behind its target alive
        targets = [
            int(each.argval)
            for each in instructions
            if each.offset >= start and each.opcode in jumps
        ]
        jumping = bool(targets) and min(targets) < start
        start = min([start, *targets])
    read = {
        str(each.argval) for each in instructions if each.offset > start and each.opname in _READS
    }
    return frozenset(read | {*code.co_cellvars, *code.co_freevars})


_remembered: dict[int, tuple[Any, Any]] = {}


def content(value: Any, known: _Known | None = None) -> Any:  # noqa: ANN401 - any local variable
    """Something hashable that is equal for equal contents. ``known`` are objects that were met
    before, while nothing has changed.
    """
    if isinstance(value, _PLAIN):
        return value
    if known is None:
        known = {}
    if isinstance(value, (tuple, list)):
        return tuple([content(item, known) for item in value])
    if isinstance(value, _BY_IDENTITY):
        return (type(value).__name__, id(value))
    if isinstance(value, Step):
        return value.id
    if isinstance(value, _REMEMBERED):
        return _once(value)
    if isinstance(value, MigratorError):
        return (value.code, value.message)
    found = known.get(id(value))
    if found is None:  # kept together: an object that ends would leave its number to another one
        found = known[id(value)] = (value, _content_of_object(value, known))
    return found[1]


def _content_of_object(value: Any, known: _Known) -> Any:  # noqa: ANN401 - any object
    if isinstance(value, Mapping):
        return frozenset(
            [(content(key, known), content(item, known)) for key, item in value.items()]
        )
    if isinstance(value, (frozenset, set)):
        return frozenset([content(item, known) for item in value])
    name = type(value).__name__
    if isinstance(value, OneRun):
        own = {
            key: content(item, known)
            for key, item in vars(value).items()
            if key not in _ONE_RUN_ONLY
        }
        return (name, frozenset(own.items()))
    if isinstance(value, RunState):
        return tuple(
            [content(each, known) for each in (value.progress, value.observed, value.run_request)]
        )
    if isinstance(
        value, MethodType
    ):  # what a run is handed as a function may remember what it read
        return (value.__name__, content(value.__self__, known))
    if isinstance(value, StepPorts) or not type(value).__module__.startswith(_COUNTED):
        return name
    if is_dataclass(value) and not isinstance(value, type):
        return (name, *[content(getattr(value, each.name), known) for each in fields(value)])
    return (
        name,
        frozenset(
            [(key, content(item, known)) for key, item in getattr(value, "__dict__", {}).items()]
        ),
    )


def _once(value: StepState | AccessEntry) -> Any:  # noqa: ANN401 - any content
    """Contents of values that stay as they are from call to call: worked out once."""
    known = _remembered.get(id(value))
    if known is None:
        if len(_remembered) > _MOST_REMEMBERED:
            _remembered.clear()
        if isinstance(value, StepState):
            effect = json.dumps(
                {k: value.effect[k] for k in sorted(value.effect) if k != "how"}, default=str
            )
            known = (value, hash((value.status, value.at, value.attempts, value.held, effect)))
        else:
            known = (
                value,
                hash(tuple(content(getattr(value, each.name)) for each in fields(value))),
            )
        _remembered[id(value)] = known
    return known[1]
