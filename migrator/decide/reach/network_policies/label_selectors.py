"""LabelSelectors of Kubernetes as a tree (Kubernetes API reference, LabelSelector): every condition
must hold; an empty one matches everything.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import starmap
from typing import Any, Final

from migrator.model.network_policies.selectors import (
    AllOf,
    Compare,
    Everything,
    Not,
    Operator,
    Selector,
    Unparsed,
)

_PRESENCE: Final[dict[str, Callable[[Selector], Selector]]] = {
    "Exists": lambda has: has,
    "DoesNotExist": Not,
}
_SET_OPERATORS: Final[dict[str, Operator]] = {"In": "in", "NotIn": "not in"}


def parse_label_selector(raw: object) -> Selector:
    """The selector; :class:`Unparsed` with the reason where the API server would not take it."""
    if not isinstance(raw, Mapping):
        return Unparsed("a label selector that is no object")
    unknown = sorted(map(str, set(raw) - {"matchLabels", "matchExpressions"}))
    if unknown:
        return Unparsed(f"a label selector with the field {unknown[0][:40]!r}")
    labels = raw.get("matchLabels") or {}
    expressions = raw.get("matchExpressions") or ()
    if not isinstance(labels, Mapping) or not isinstance(expressions, list | tuple):
        return Unparsed("a label selector whose conditions are no list")
    return _all_of([*starmap(_equal, labels.items()), *map(_expression, expressions)])


def _all_of(parts: Sequence[Selector]) -> Selector:
    """All the conditions as one selector; a single one is itself."""
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _equal(key: object, value: object) -> Selector:
    if isinstance(key, str) and isinstance(value, str):
        return Compare(key, "in", (value,))
    return Unparsed("a label selector with a value that is no text")


def _expression(raw: Any) -> Selector:  # noqa: ANN401 - text from the cluster
    """One of ``matchExpressions``: ``{key, operator, values}``."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("key"), str):
        return Unparsed("a label selector with an expression without a key")
    key, operator, values = raw["key"], raw.get("operator"), raw.get("values") or ()
    if operator in _SET_OPERATORS and _texts(values):
        return Compare(key, _SET_OPERATORS[operator], tuple(values))
    if operator in _PRESENCE and not values:
        return _PRESENCE[operator](Compare(key, "has"))
    return Unparsed(f"a label selector with the operator {str(operator)[:40]!r}")


def _texts(values: Any) -> bool:  # noqa: ANN401 - text from the cluster
    """Whether these are one or more texts."""
    if not values or not isinstance(values, list | tuple):
        return False
    return all(isinstance(each, str) for each in values)
