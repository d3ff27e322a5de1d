"""Rows that the text of aws-auth holds and the authenticator never reads.

It reads the first YAML document of three data keys, and of each the items of the list at its top
(aws-iam-authenticator ``pkg/mapper/configmap/configmap.go``). A row behind a second ``---``, inside
another row, or under another key was never in force: people who read the text take it for access.
What is found here grants nothing and decides nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from migrator.decide.reading.go_yaml.compose import compose_all
from migrator.decide.reading.go_yaml.nodes import Node
from migrator.decide.reading.go_yaml.problems import YamlProblem
from migrator.decide.reading.go_yaml.source import MAX_BYTES
from migrator.decide.reading.text_folding import fold
from migrator.model.aws_auth import SECTIONS, AwsAuth

_ARN_FIELDS: Final = frozenset({fold("rolearn"), fold("userarn")})
_ARN_LINE = re.compile(
    r"""\s*(?:-\s+)?\{?\s*["']?(?:role|user)arn["']?\s*:\s*(\S+)""", re.IGNORECASE
)
_ANY_ARN = re.compile("(?:role|user)arn", re.IGNORECASE)
_ACCOUNT = re.compile("[0-9]{12}", re.ASCII)
_BEHIND: Final = "behind the first YAML document (`---`), where reading ends"


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """A row (or an account of mapAccounts) by its data key, its line inside the key's text (from
    1), what it names, and why it is not read.
    """

    key: str
    line: int
    name: str
    reason: str


def unread_rows(data: Mapping[str, str], read: AwsAuth) -> tuple[UnreadRow, ...]:
    """The rows that are never read, by key and line; ``read`` is what is read of the same data.

    Whatever the texts hold, this returns; a text that cannot be parsed is looked through line by
    line where it is not read anyway. A section that names no more ARNs than were read is not
    parsed a second time.
    """
    values: Mapping[str, object] = data  # a snapshot made by hand may hold anything
    texts = {key: text for key, text in values.items() if isinstance(text, str)}
    # Such data is in no ConfigMap, and the sections are doubtful already.
    if sum(map(len, texts.values())) > MAX_BYTES:
        return ()
    found: list[UnreadRow] = []
    for key, text in texts.items():
        if key not in SECTIONS:
            found += _under_unknown_key(key, text)
        elif _may_hold_more(key, text, read):
            found += _in_section(key, text)
    return tuple(sorted(found, key=lambda row: (row.key, row.line)))


def _may_hold_more(key: str, text: str, read: AwsAuth) -> bool:
    """Whether a section may hold rows beside those that were read: parsing costs time.

    The text counts, comments included: it errs to yes.
    """
    # Accounts have no field that could be counted, and no account is inside another one.
    if key == "mapAccounts":
        return "---" in text
    rows = [row for row in read.rows if row.section == key and not row.sso]
    return len(_ANY_ARN.findall(text)) > len(rows)


def _in_section(key: str, text: str) -> Iterator[UnreadRow]:
    """Rows of a section that are behind its first document, or inside another row."""
    # The last line of what was parsed, for what comes after it.
    last = 0
    try:
        for number, document in enumerate(compose_all(text)):
            root = document.root
            last = max((node.line for node in document.nodes), default=0)
            if root is None:
                continue
            if number == 0:
                yield from _inside_rows(key, root)
            else:
                yield from _all_rows(key, root, _BEHIND)
    except YamlProblem:
        # Damage in the first document loses the section, which has its own finding.
        if last:
            yield from _by_lines(key, text, last, _BEHIND)


def _under_unknown_key(key: str, text: str) -> Iterator[UnreadRow]:
    """Rows under a data key that the authenticator does not read.

    Without the field of an ARN the text is something else, and is not parsed.
    """
    if not _ANY_ARN.search(text):
        return
    reason = f"under the key `{key}`, which is not read"
    try:
        roots = [document.root for document in compose_all(text)]
    except YamlProblem:
        yield from _by_lines(key, text, 0, reason)
        return
    for root in roots:
        if root is not None:
            yield from _all_rows(key, root, reason)


def _inside_rows(key: str, root: Node) -> Iterator[UnreadRow]:
    """Rows that are values inside the items of the list."""
    if root.kind != "sequence":
        return
    for index, item in enumerate(root.children):
        reason = f"inside another row, {key}[{index}]"
        for child in item.children:
            yield from _all_rows(key, child, reason)


def _all_rows(key: str, root: Node, reason: str) -> Iterator[UnreadRow]:
    """Every mapping with the field of an ARN, in document order, whatever is around it."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        name = _named(node)
        if name:
            yield UnreadRow(key, node.line, name, reason)
        is_account = key == "mapAccounts" and _ACCOUNT.fullmatch(node.text) is not None
        if is_account:
            yield UnreadRow(key, node.line, node.text, reason)
        waiting += reversed(node.children)


def _named(node: Node) -> str:
    """The ARN of a mapping that is a row; empty for any other node.

    Keys match in any case, as in a row that is read (``encoding/json``).
    """
    if node.kind != "mapping":
        return ""
    pairs = zip(node.children[::2], node.children[1::2], strict=False)
    for field, value in pairs:
        if fold(field.text) in _ARN_FIELDS:
            return value.resolved.text
    return ""


def _by_lines(
    key: str,
    text: str,
    after: int,
    reason: str,
) -> Iterator[UnreadRow]:
    """Rows of a text that cannot be parsed, by the lines that look like a row's ARN.

    Lines up to ``after`` were parsed.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if number <= after:
            continue
        match = _ARN_LINE.match(line)
        if match is not None:
            yield UnreadRow(key, number, match[1].strip("\"',}"), reason)
