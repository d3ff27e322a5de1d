"""The rows of aws-auth that are in force, from the text.

ruamel's parser in pure Python gives the events of the first YAML document; what Go's decoders make
of them is written here once more. The tool has another parser (libyaml) and decoders of its own. A
text on which two parsers may differ is left open: its section is in ``unjudged``.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

Value: TypeAlias = Any  # text, None, NotText, a list or a dict of these

SECTIONS = ("mapRoles", "mapUsers", "mapAccounts")
# A value that ParseMap passes over (configmap.go).
_NOTHING = ("", "``", '""', "''")
# What go-yaml v2 takes for null or a boolean (resolve.go).
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = frozenset(
    form
    for word in ("y", "yes", "on", "true", "n", "no", "off", "false")
    for form in (word, word.capitalize(), word.upper())
)
_INTEGER = re.compile(r"[-+]?(0x[0-9a-f]+|0b[01]+|0o[0-7]+|[0-9]+)|0b[-+][01]+", re.IGNORECASE)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_ENDLESS = re.compile(r"\.(nan|NaN|NAN)|[-+]?\.(inf|Inf|INF)")
# Tabs, breaks other than LF, control characters, odd escapes, directives, tags, complex keys:
# parsers differ, or Go refuses what a parser takes.
_RARE = re.compile(
    r"[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
    r"|\\([uU]0*[dD][89a-fA-F]|[/'])|^[%?]|^---.|[-:,\[{] *[!?]",
    re.MULTILINE,
)


class Row(NamedTuple):
    """One item that Go keeps. ``groups`` None: it has none."""

    arn: str
    username: str
    groups: tuple[str, ...] | None


class NotText(NamedTuple):
    """A scalar that Go does not decode into a string; ``written`` is its text."""

    written: str


class _Merge(str):
    """``<<`` without quotes, which as a key is no key."""


@dataclass
class AwsAuth:
    """What is in force, in the order of the document. ``unjudged`` names the sections that this
    evaluator leaves open.
    """

    roles: list[Row] = field(default_factory=list)
    users: list[Row] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    unjudged: set[str] = field(default_factory=set)


class _LostError(Exception):
    """Go reads nothing of the section."""


class _OpenError(Exception):
    """Another parser may read the section in another way."""


def read(data: Mapping[str, str] | None) -> AwsAuth:
    """The rows of a ConfigMap's ``data``: keys are exact, and a broken section is lost alone."""
    found = AwsAuth()
    for section in SECTIONS:
        text = (data or {}).get(section, "")
        if text.strip() in _NOTHING:
            continue
        try:
            _read_section(section, _first_document(text, as_json=section != "mapAccounts"), found)
        except _LostError:
            continue
        except _OpenError:
            found.unjudged.add(section)
    return found


def _read_section(section: str, value: Value, found: AwsAuth) -> None:
    # Go unmarshals into a list: any other type gives nothing.
    if not isinstance(value, list):
        return
    if section == "mapAccounts":
        found.accounts += [_account(item) for item in value if not isinstance(item, list | dict)]
        return
    rows = found.roles if section == "mapRoles" else found.users
    for item in value:
        row = _row(item, "rolearn" if section == "mapRoles" else "userarn")
        if row is not None:
            rows.append(row)


def _account(item: Value) -> str:
    """yaml.v2 decodes into strings: a number keeps its text, null is empty."""
    return item.written if isinstance(item, NotText) else item or ""


def _row(item: Value, arn_key: str) -> Row | None:
    """One item as encoding/json fills a struct; None where its validation drops it.

    An item with an ``sso`` matcher is no row for any login: with an ARN it is dropped, without one
    it waits for a feature gate that is off on EKS.
    """
    if not isinstance(item, dict):
        return None
    arn = _text(item, arn_key)
    if not arn or (arn_key == "rolearn" and _member(item, "sso") is not None):
        return None
    groups = _member(item, "groups")
    if not isinstance(groups, list):
        return Row(arn, _text(item, "username"), None)
    return Row(arn, _text(item, "username"), tuple(map(_string, groups)))


def _text(item: Mapping[Value, Value], name: str) -> str:
    return _string(_member(item, name))


def _string(value: Value) -> str:
    """A field keeps its zero value where the type is another one."""
    return value if isinstance(value, str) else ""


def _member(item: Mapping[Value, Value], name: str) -> Value:
    """The member of a name in any case."""
    found = [value for key, value in item.items() if isinstance(key, str) and key.lower() == name]
    # Several spellings are decoded into one field one after the other, which may leave parts.
    if len(found) > 1:
        raise _OpenError
    return found[0] if found else None


# the document


def _first_document(text: str, *, as_json: bool) -> Value:
    """The value of the first document, None for a text without one. mapAccounts is the one section
    that Go does not turn into JSON on the way, which has no value for all that YAML has.
    """
    if _RARE.search(text):
        raise _OpenError
    parser = YAML(typ="safe", pure=True)
    parser.version = (1, 1)
    try:
        events = list(_until_its_end(parser.parse(text)))
    except YAMLError:
        raise _LostError from None
    if not events:
        return None
    composer = _Composer(iter(events))
    value = composer.value()
    if as_json and (composer.no_json or not _is_json(value, set())):
        raise _LostError
    return value


def _is_json(value: Value, seen: set[int]) -> bool:
    """Whether JSON has a value for it: none for infinities, NaN and keys of null."""
    if isinstance(value, NotText):
        return not _ENDLESS.fullmatch(value.written)
    if not isinstance(value, list | dict) or id(value) in seen:
        return True
    seen.add(id(value))
    if isinstance(value, list):
        return all(_is_json(item, seen) for item in value)
    return None not in value and all(_is_json(item, seen) for item in value.values())


def _until_its_end(events: Iterator[Event]) -> Iterator[Event]:
    """The events of the first document's nodes."""
    for event in events:
        if isinstance(event, DocumentEndEvent):
            return
        if isinstance(event, AliasEvent | ScalarEvent | _STARTS | _ENDS):
            yield event


_STARTS = MappingStartEvent | SequenceStartEvent
_ENDS = MappingEndEvent | SequenceEndEvent


class _Composer:
    """Makes a value of the events, which are consumed. ``no_json``: a collection is a key, or what
    is merged is no mapping.
    """

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._anchors: dict[str, Value] = {}
        self.no_json = False

    def value(self) -> Value:
        """The value that begins with the next event."""
        return self._of(next(self._events))

    def _of(self, event: Any) -> Value:  # noqa: ANN401 - ruamel's types know no anchors
        if isinstance(event, AliasEvent):
            # An alias inside of its own anchor is refused, as is one without an anchor.
            if event.anchor not in self._anchors:
                raise _LostError
            return self._anchors[event.anchor]
        value = self._new(event)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _new(self, event: Any) -> Value:  # noqa: ANN401 - as above
        if isinstance(event, SequenceStartEvent):
            return list(self._items())
        if isinstance(event, MappingStartEvent):
            return self._mapping()
        return _scalar(event)

    def _items(self) -> Iterator[Value]:
        for event in self._events:
            if isinstance(event, _ENDS):
                return
            yield self._of(event)

    def _mapping(self) -> Value:
        """The last of two equal keys wins; a collection is no key."""
        found: dict[Value, Value] = {}
        items = list(self._items())
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, list | dict):
                self.no_json = True
            elif isinstance(key, _Merge):
                self._merge(found, value)
            else:
                found[key] = value
        return found

    def _merge(self, into: dict[Value, Value], value: Value) -> None:
        """Of several mappings the first one wins; what is there already is overwritten."""
        for each in reversed(value if isinstance(value, list) else [value]):
            if isinstance(each, dict):
                into.update(each)
            else:
                self.no_json = True


def _scalar(event: ScalarEvent) -> Value:
    if event.tag is not None:
        raise _OpenError
    text = str(event.value)
    if not event.implicit[0]:
        return text
    if text in _NULLS:
        return None
    if text == "<<":
        return _Merge(text)
    is_text = not (text in _BOOLEANS or _ENDLESS.fullmatch(text) or _is_number(text))
    return text if is_text else NotText(text)


def _is_number(text: str) -> bool:
    """Underscores are passed over, and a number that no float64 holds is text."""
    digits = text.replace("_", "") if text[0] in "+-.0123456789" else text
    if _INTEGER.fullmatch(digits):
        # From 2**63 on the meaning hangs on the place of the number.
        if len(digits) > 17:
            raise _OpenError
        return True
    return bool(_FLOAT.fullmatch(digits)) and math.isfinite(float(digits))
