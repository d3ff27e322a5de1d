"""How a cluster differs from the basis of a plan, in words, what concerns principals first.

A basis is the normalised object of ``planning/proof/basis.py``: rows, entries, principals, node
groups, RBAC. Each line names the object that changed in full, because it is what a person looks
for.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

_Value: TypeAlias = Any  # a JSON value
_Object: TypeAlias = dict[str, Any]

# What a person looks for first.
_ORDER = (
    "authenticationMode",
    "awsAuth",
    "accessEntries",
    "iamPrincipals",
    "nodegroups",
    "fargateProfiles",
    "rbac",
    "groupReferences",
)
# The sections that have their objects by name, and what these objects are.
_NAMED = {
    "accessEntries": "access entry",
    "iamPrincipals": "principal",
    "nodegroups": "node group",
    "fargateProfiles": "Fargate profile",
    "accountsRead": "what was read of account",
    "rbac": "RBAC",
}


def basis_lines(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line a difference, in the order of what they concern; empty where both are equal."""
    old, new = _json(before), _json(now)
    first = [key for key in _ORDER if key in {*old, *new}]
    others = sorted({*old, *new} - {*first})
    lines: list[str] = []
    for key in (*first, *others):
        lines += _section(key, old, new)
    return lines


def _json(basis: Mapping[str, Any]) -> _Object:
    """Tuples of a basis made in memory and lists of one read from a file are the same."""
    text = json.dumps(basis, default=dict)
    found: _Object = json.loads(text)
    return found


def _section(key: str, before: _Object, now: _Object) -> list[str]:
    """The lines about one part of the basis."""
    if key not in now:
        return [f"{key} is no longer there, was {value_words(before[key])}"]
    if key not in before:
        return [f"{key} is new: {value_words(now[key])}"]
    old, new = before[key], now[key]
    if old == new:
        return []
    words = _WORDS.get(key, _other)
    # A part that was not read is another state than an empty one.
    if old is None or new is None:
        words = _other
    # Whatever the words do not see is still a difference: a plan ends by it. The basis of a file
    # may have any shape.
    try:
        lines = list(words(key, old, new))
    except (AttributeError, KeyError, TypeError, ValueError):
        lines = []
    return lines or [f"{key} was changed"]


def value_words(value: _Value) -> str:
    """A JSON value for people: a text between backticks, a list of texts as its items."""
    if value is None or value == []:
        return "none"
    if isinstance(value, str):
        return f"`{value}`"
    texts = value if isinstance(value, list) else [value]
    if set(map(type, texts)) == {str}:
        return ", ".join(map(value_words, texts))
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _mode(key: str, old: _Value, new: _Value) -> Iterator[str]:
    yield f"the authentication mode is {new}; when the plan was made: {old}"


def _aws_auth(key: str, old: _Object, new: _Object) -> Iterator[str]:
    yield from _rows(old["rows"], new["rows"])
    yield from _accounts(old["accounts"], new["accounts"])
    if old["problems"] != new["problems"]:
        yield from _other("problems of aws-auth", old["problems"], new["problems"])


def _accounts(old: list[str], new: list[str]) -> Iterator[str]:
    for account in sorted({*new} - {*old}):
        yield f"mapAccounts of aws-auth has a new account, {account}"
    for account in sorted({*old} - {*new}):
        yield f"mapAccounts of aws-auth no longer has account {account}"


def _rows(old: list[_Value], new: list[_Value]) -> Iterator[str]:
    """Rows are compared by their ARN: a row that only moved is no other row."""
    had, has = _by_arn(old), _by_arn(new)
    for arn in dict.fromkeys((*had, *has)):
        before, after = had.get(arn), has.get(arn)
        if before == after:
            continue
        if after is None:
            yield f"aws-auth no longer has a row for {arn}, which gave {before}"
        elif before is None:
            yield f"aws-auth has a new row for {arn}: {after}"
        else:
            yield f"the row for {arn} gives {after}; before: {before}"
    if had == has and old != new:
        yield "the rows of aws-auth have another order or spelling"


def _by_arn(rows: list[_Value]) -> dict[str, str]:
    """What the rows of each ARN give."""
    found: dict[str, str] = {}
    for _, arn, username, groups, *_rest in rows:
        given = f"username {value_words(username)}, groups {value_words(groups)}"
        if arn in found:
            given = f"{found[arn]} or {given}"
        found[arn] = given
    return found


def _members(key: str, old: _Object, new: _Object) -> Iterator[str]:
    """The words about objects that a section has by name."""
    kind = _NAMED[key]
    for name in sorted({*old, *new}):
        if name not in new:
            yield f"{kind} {name} is no longer there"
            continue
        if name not in old:
            yield f"{kind} {name} is new: {_fields(new[name])}"
            continue
        if old[name] != new[name]:
            yield f"{kind} {name}: {_changed(old[name], new[name])}"


def _fields(value: _Value) -> str:
    """What a new object has."""
    if not isinstance(value, dict):
        return value_words(value)
    said: list[str] = []
    for key, field in value.items():
        # An empty field says nothing about a new object.
        if field:
            said.append(f"{key} {value_words(field)}")
    return ", ".join(said)


def _changed(old: _Value, new: _Value) -> str:
    """The fields of one object that differ. A digest says nothing to a person."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return "it was changed"
    said: list[str] = []
    for key in dict.fromkeys((*old, *new)):
        was, found = old.get(key), new.get(key)
        if was != found:
            said.append(f"{key} is {value_words(found)}, was {value_words(was)}")
    return "; ".join(said)


def _references(key: str, old: list[_Value], new: list[_Value]) -> Iterator[str]:
    """The words about what names groups and usernames outside RBAC."""
    for each in new:
        if each not in old:
            yield f"{_place(each)} names `{each[-1]}` now"
    for each in old:
        if each not in new:
            yield f"{_place(each)} no longer names `{each[-1]}`"


def _place(reference: list[str]) -> str:
    """The kind, the namespace and the name of an object."""
    kind, namespace, name, *_rest = reference
    if namespace:
        return f"{kind} {namespace}/{name}"
    return f"{kind} {name}"


def _other(key: str, old: _Value, new: _Value) -> Iterator[str]:
    """A part whose values say enough. None: it was not read."""
    name = _NAMED.get(key, key)
    if old is None:
        yield f"{name}: was not read for the plan, and is read now"
        return
    if new is None:
        yield f"{name}: was read for the plan, and was not read this time"
        return
    yield f"{name} is {value_words(new)}, was {value_words(old)}"


_Words: TypeAlias = Callable[[str, Any, Any], Iterator[str]]
_WORDS: Mapping[str, _Words] = {
    "authenticationMode": _mode,
    "awsAuth": _aws_auth,
    "groupReferences": _references,
    **dict.fromkeys(_NAMED, _members),
}
