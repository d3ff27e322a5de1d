"""How a cluster differs from the basis of a plan, in words, what concerns principals first.

A basis is the normalised object of ``planning/proof/basis.py``: rows, entries, principals, node
groups, RBAC. Each line names the object that changed in full, because it is what a person looks
for.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

_Part = Any
_UNREAD = "was not read"
# What a person looks for first stands first.
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


def basis_lines(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line a difference, in the order of what they concern; empty where both are equal."""
    keys = [key for key in _ORDER if key in before or key in now]
    keys += sorted({*before, *now} - set(keys), key=str)
    lines: list[str] = []
    for key in keys:
        lines += _section(key, before, now)
    return lines


def _section(key: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    if key not in now:
        return [f"{key} is no longer there, was {value_words(before[key])}"]
    if key not in before:
        return [f"{key} is new: {value_words(now[key])}"]
    old, new = _listed(before[key]), _listed(now[key])
    if old == new:
        return []
    # Whatever the words do not see is still a difference: a plan ends by it.
    return list(_WORDS.get(key, _other)(key, old, new)) or [f"{key} was changed"]


def value_words(value: Any) -> str:  # noqa: ANN401 - a JSON value
    """A JSON value for people: a text as it is, between backticks; a list as its items."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return f"`{value}`"
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(f"`{item}`" for item in value) or "none"
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a frozen mapping of the model
    return dict(value) if isinstance(value, Mapping) else str(value)


def _mode(_: str, old: _Part, new: _Part) -> Iterator[str]:
    yield f"the authentication mode is {new}; when the plan was made: {old}"


def _aws_auth(_: str, old: _Part, new: _Part) -> Iterator[str]:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        yield from _other("awsAuth", old, new)
        return
    yield from _rows(old.get("rows") or (), new.get("rows") or ())
    yield from _accounts(set(old.get("accounts") or ()), set(new.get("accounts") or ()))
    if old.get("problems") != new.get("problems"):
        yield from _other("problems of aws-auth", old.get("problems"), new.get("problems"))


def _accounts(old: set[str], new: set[str]) -> Iterator[str]:
    for account in sorted(new - old):
        yield f"mapAccounts of aws-auth has a new account, {account}"
    for account in sorted(old - new):
        yield f"mapAccounts of aws-auth no longer has account {account}"


def _rows(old: Sequence[_Part], new: Sequence[_Part]) -> Iterator[str]:
    """Rows are compared by their ARN: a row that only moved is no other row."""
    had, has = _by_arn(old), _by_arn(new)
    for arn in dict.fromkeys((*had, *has)):
        before, after = had.get(arn, []), has.get(arn, [])
        if before == after:
            continue
        if not after:
            yield f"aws-auth no longer has a row for {arn}, which gave {' or '.join(before)}"
        elif not before:
            yield f"aws-auth has a new row for {arn}: {' or '.join(after)}"
        else:
            yield f"the row for {arn} gives {' or '.join(after)}; before: {' or '.join(before)}"
    if had == has and _listed(old) != _listed(new):
        yield "the rows of aws-auth have another order or spelling"


def _by_arn(rows: Sequence[_Part]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for _, arn, username, groups, *_rest in rows:
        given = f"username {value_words(username)}, groups {value_words(_listed(groups))}"
        found.setdefault(str(arn), []).append(given)
    return found


def _listed(value: _Part) -> _Part:
    """Tuples of a basis made in memory and lists of one read from a file are the same."""
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    return value


def _members(name: str) -> Callable[[str, _Part, _Part], Iterator[str]]:
    """The words about objects that a section has by name; ``name`` says what they are."""

    def words(key: str, old: _Part, new: _Part) -> Iterator[str]:
        if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
            yield from _read_or_not(name, old, new)
            return
        for each in sorted({*old, *new}, key=str):
            if each not in new:
                yield f"{name} {each} is no longer there"
            elif each not in old:
                yield f"{name} {each} is new: {_fields(new[each])}"
            elif _listed(old[each]) != _listed(new[each]):
                yield f"{name} {each}: {_changed(old[each], new[each])}"

    return words


def _read_or_not(name: str, old: _Part, new: _Part) -> Iterator[str]:
    if old is None:
        yield f"{name}: {_UNREAD} for the plan, and is read now"
    elif new is None:
        yield f"{name}: {_UNREAD} this time"
    else:
        yield from _other(name, old, new)


def _fields(value: _Part) -> str:
    if not isinstance(value, Mapping):
        return value_words(value)
    said = [f"{key} {value_words(_listed(value[key]))}" for key in value if value[key]]
    return ", ".join(said) or "without anything"


def _changed(old: _Part, new: _Part) -> str:
    """The fields of one object that differ. A digest says nothing to a person."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return "it was changed"
    said = []
    for key in dict.fromkeys((*old, *new)):
        was, found = _listed(old.get(key)), _listed(new.get(key))
        if was != found:
            said.append(f"{key} is {value_words(found)}, was {value_words(was)}")
    return "; ".join(said)


def _references(_: str, old: _Part, new: _Part) -> Iterator[str]:
    if old is None or new is None:
        yield from _read_or_not("what names groups and usernames", old, new)
        return
    had, has = [tuple(each) for each in old], [tuple(each) for each in new]
    for each in has:
        if each not in had:
            yield f"{_object_of(each)} names `{each[-1]}` now"
    for each in had:
        if each not in has:
            yield f"{_object_of(each)} no longer names `{each[-1]}`"


def _object_of(reference: tuple[str, ...]) -> str:
    kind, *place = reference
    return f"{kind} {'/'.join(filter(None, place[:2]))}"


def _other(key: str, old: _Part, new: _Part) -> Iterator[str]:
    if _listed(old) != _listed(new):
        yield f"{key} is {value_words(_listed(new))}, was {value_words(_listed(old))}"


_WORDS: Mapping[str, Callable[[str, _Part, _Part], Iterator[str]]] = {
    "authenticationMode": _mode,
    "awsAuth": _aws_auth,
    "accessEntries": _members("access entry"),
    "iamPrincipals": _members("principal"),
    "nodegroups": _members("node group"),
    "fargateProfiles": _members("Fargate profile"),
    "accountsRead": _members("what was read of account"),
    "rbac": _members("RBAC"),
    "groupReferences": _references,
}
