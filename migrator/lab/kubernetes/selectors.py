"""Label and field selectors of lists, watches and deletecollection.

Source: apimachinery ``pkg/labels``, ``pkg/fields``.
"""

import re
from collections.abc import Callable, Collection, Mapping

from migrator.lab.kubernetes.json_types import Json, Value
from migrator.lab.kubernetes.status import bad_request

Matcher = Callable[[Json], bool]
LabelTest = Callable[[Mapping[str, str]], bool]

_SET = re.compile(r"\s*(?P<key>[\w./-]+)\s+(?P<operator>in|notin)\s+\((?P<values>[^)]*)\)\s*")
_EQUAL = re.compile(r"\s*(?P<key>[\w./-]+)\s*(?P<operator>==|!=|=)\s*(?P<value>[\w.-]*)\s*")
_EXISTS = re.compile(r"\s*(?P<absent>!?)\s*(?P<key>[\w./-]+)\s*")
_TERMS = re.compile(r",(?![^(]*\))")


def label_matcher(selector: str) -> Matcher:
    """A test for objects; raises a 400 ApiError for a selector that does not parse."""
    tests = [_label_term(term) for term in _TERMS.split(selector)] if selector.strip() else []

    def matches(found: Json) -> bool:
        labels = found.get("metadata", {}).get("labels") or {}
        return all(test(labels) for test in tests)

    return matches


def _label_term(term: str) -> LabelTest:
    """A test for one requirement: ``key in (a, b)``, ``key notin (a)``, ``key=value``,
    ``key!=value``, ``key`` or ``!key`` (Kubernetes documentation, "Labels and Selectors", "API").
    """
    if match := _SET.fullmatch(term):
        values = {value.strip() for value in match["values"].split(",")}
        return _one_of(match["key"], values, wanted=match["operator"] == "in")
    if match := _EQUAL.fullmatch(term):
        return _one_of(match["key"], [match["value"]], wanted=match["operator"] != "!=")
    if match := _EXISTS.fullmatch(term):
        key = match["key"]
        if match["absent"]:
            return lambda labels: key not in labels
        return lambda labels: key in labels
    raise bad_request(f"unable to parse requirement: invalid label selector: {term!r}")


def _one_of(
    key: str, values: Collection[str], *, wanted: bool
) -> Callable[[Mapping[str, str]], bool]:
    """A test of a label. A label that is not set is not one of any values, so ``!=`` and ``notin``
    select what lacks it (apimachinery ``pkg/labels/selector.go``, Requirement.Matches).
    """
    return lambda labels: (labels.get(key) in values) == wanted


def field_matcher(selector: str) -> Matcher:
    """A test for objects by dotted paths (``metadata.name=aws-auth``), equal or unequal.

    Raises a 400 ApiError for a term of another form. The real server knows few fields of each kind;
    the lab compares any.
    """
    tests: list[Matcher] = []
    for term in selector.split(",") if selector.strip() else []:
        match = re.fullmatch(r"\s*([\w.]+)\s*(==|!=|=)\s*(.*?)\s*", term)
        if match is None:
            raise bad_request(f"invalid field selector: {term!r}")
        path, operator, value = match.groups()
        tests.append(_field_term(path.split("."), value, wanted=operator != "!="))
    return lambda found: all(test(found) for test in tests)


def _field_term(path: list[str], value: str, *, wanted: bool) -> Matcher:
    """A test of one field: a path that leads to nothing is an empty text."""

    def test(found: Json) -> bool:
        at: Value = found
        for part in path:
            at = at.get(part) if isinstance(at, dict) else None
        return (_as_text(at) == value) == wanted

    return test


def _as_text(value: Value) -> str:
    """A field as a field selector compares it: what is not set is empty."""
    if value is None:
        return ""
    # Go prints ``true``, Python ``True``.
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
