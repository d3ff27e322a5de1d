"""Whether a selector matches labels."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from migrator.decide.reach.network_policies.truth import Truth, every, negated, some
from migrator.errors import assert_never
from migrator.model.network_policies.selectors import (
    AllOf,
    AnyOf,
    Compare,
    Everything,
    Globally,
    Not,
    Selector,
    Unparsed,
)

Labels = Mapping[str, str]


def keys_of(selector: Selector) -> Iterator[str]:
    """The keys of the labels that a selector compares."""
    match selector:
        case Compare(key):
            yield key
        case Not(inner):
            yield from keys_of(inner)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from keys_of(part)
        case _:
            return


# Whether a label with a value holds; ``values`` are those of the selector.
_WITH_VALUE: Final[dict[str, Callable[[str, tuple[str, ...]], bool]]] = {
    "in": lambda value, values: value in values,
    "not in": lambda value, values: value not in values,
    "has": lambda value, values: True,
    "contains": lambda value, values: values[0] in value,
    "starts with": lambda value, values: value.startswith(values[0]),
    "ends with": lambda value, values: value.endswith(values[0]),
}


def selector_matches(
    selector: Selector,
    labels: Labels,
    *,
    all_means: bool = True,
    global_means: Truth = False,
) -> Truth:
    """Whether the labels match. ``all_means``, ``global_means``: what ``all()`` and ``global()``
    are for the object.
    """

    def walk(part: Selector) -> Truth:
        match part:
            case Compare(key, operator, values):
                if key not in labels:
                    return operator == "not in"
                return _WITH_VALUE[operator](labels[key], values)
            case Everything():
                return all_means
            case Globally():
                return global_means
            case Not(inner):
                return negated(walk(inner))
            case AllOf(parts):
                return every(map(walk, parts))
            case AnyOf(parts):
                return some(map(walk, parts))
            case Unparsed(why):
                return why
            case _:
                assert_never(part)

    return walk(selector)
