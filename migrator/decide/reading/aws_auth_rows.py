"""Rows of mapRoles, mapUsers and mapAccounts, decoded as the authenticator decodes them.

mapRoles and mapUsers go through Go's ``encoding/json`` into ``RoleMapping`` and ``UserMapping``
(aws-iam-authenticator ``pkg/config/types.go``), and each row is then validated alone
(``pkg/config/mapper.go``). A value of the wrong type does not stop decoding: its field keeps what
it has (nothing, as a rule), the row stays. Keys match in any case; where several spellings occur,
they are applied in byte order, so the last one wins. mapAccounts is decoded by yaml.v2 into
strings, which keeps the literal text of numbers.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from migrator.decide.reading.go_yaml.compose import Document
from migrator.decide.reading.go_yaml.decode import decode_scalar
from migrator.decide.reading.go_yaml.nodes import Node, ScalarNode
from migrator.decide.reading.go_yaml.problems import YamlProblem, lost
from migrator.decide.reading.text_folding import fold
from migrator.model.aws_auth import (
    AUTHENTICATOR_PARTITIONS,
    AccountRow,
    DroppedRow,
    RowMapping,
    Section,
)

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_PERMISSION_SET = re.compile(r"[0-9A-Za-z_+=,.@-]{1,32}")

_ARN_FIELD: Final[Mapping[Section, str]] = {"mapRoles": "rolearn", "mapUsers": "userarn"}
_LONGEST_MEANING: Final = 500  # characters of a suggestion
_ROW_FIELDS: Final[Mapping[Section, Mapping[str, str]]] = {
    "mapRoles": {fold(name): name for name in ("rolearn", "sso", "username", "groups", "userid")},
    "mapUsers": {fold(name): name for name in ("userarn", "username", "groups", "userid")},
}
_SSO_FIELDS: Final = {fold(name): name for name in ("permissionSetName", "accountID", "partition")}


@dataclass(slots=True)
class RowsRead:
    """What one section gave. ``error`` is True where the authenticator logs a parse or validation
    error.
    """

    rows: list[RowMapping] = field(default_factory=list)
    accounts: list[AccountRow] = field(default_factory=list)
    dropped: list[DroppedRow] = field(default_factory=list)
    problem: YamlProblem | None = None
    error: bool = False


def read_rows(section: Section, root: Node | None) -> RowsRead:
    """The rows of a decoded mapRoles or mapUsers document.

    Anything but a list (or nothing) gives none and is a problem of the whole section: Go returns
    the error and keeps no row (``pkg/mapper/configmap/configmap.go``, ParseMap). ``root`` None is a
    section without a document.
    """
    result = RowsRead()
    if root is None:
        return result
    # Go unmarshals null into a list without an error: the list stays empty.
    if root.kind == "scalar" and root.value is None:
        return result
    if root.kind != "sequence":
        what = "a single value"
        if root.kind == "mapping":
            what = "a mapping"
        message = f"it is {what} where a list of rows is expected"
        result.problem = lost(root.line, root.column, message)
        result.error = True
        return result
    for index, item in enumerate(root.children):
        _read_row(section, index, item, result)
    return result


def _read_row(
    section: Section,
    index: int,
    item: Node,
    result: RowsRead,
) -> None:
    """Adds one row to the result, kept or dropped.

    A row is dropped for what its own validation says, and the rows around it stay.
    """
    row = _Struct(_ROW_FIELDS[section])
    node = item.resolved
    if node.kind == "mapping":
        row.decode(node)
    # encoding/json: null is no error and gives an empty row; every other value is one.
    elif node.kind == "sequence" or node.value is not None:
        row.errors = True
    arn = row.texts.get(_ARN_FIELD[section], "")
    reason = _why_dropped(_ARN_FIELD[section], arn, row.sso)
    if reason is not None:
        result.dropped.append(DroppedRow(section, index, item.line, item.column, reason))
        result.error = True
        return
    # A field of the wrong type keeps its zero value and the row stays (encoding/json,
    # UnmarshalTypeError).
    result.error = result.error or row.errors
    if row.sso is not None:
        arn = _sso_pattern(row.sso)
    # None is a row without groups, () a row with an empty list: users see which of them it is.
    groups = None
    if row.groups is not None:
        groups = tuple(row.groups)
    result.rows.append(
        RowMapping(
            section=section,
            index=index,
            line=item.line,
            column=item.column,
            arn=arn,
            username=row.texts.get("username", ""),
            groups=groups,
            sso=row.sso is not None,
            suggests=tuple(row.suggestions()),
        )
    )


def _why_dropped(arn_field: str, arn: str, sso: Mapping[str, str] | None) -> str | None:
    """The ``Validate`` of RoleMapping and UserMapping (``pkg/config/mapper.go``): None for a kept
    row.

    ``arn_field`` is ``rolearn`` or ``userarn``; ``sso`` are the fields of the SSO matcher, None
    where the row has none.
    """
    if sso is None and not arn:
        return f"it has no {arn_field}"
    if sso is None:
        return None
    if arn:
        return "it has both rolearn and sso"
    if not _ACCOUNT_ID.fullmatch(sso.get("accountID", "")):
        return "its sso accountID is no quoted number of 12 digits"
    if not _PERMISSION_SET.fullmatch(sso.get("permissionSetName", "")):
        return "its sso permissionSetName is not valid"
    partition = sso.get("partition", "")
    # Without one the authenticator takes the partition `aws`.
    if partition and partition not in AUTHENTICATOR_PARTITIONS:
        return "its sso partition is not one that the authenticator knows"
    return None


def _sso_pattern(sso: Mapping[str, str]) -> str:
    """The pattern that the authenticator would match (``pkg/config/mapper.go``).

    It has no partition as soon as one is given, which is a fault of the authenticator.
    """
    partition = "aws"
    if sso.get("partition"):
        partition = ""
    account = sso.get("accountID", "")
    name = sso.get("permissionSetName", "").lower()
    return f"arn:{partition}:iam::{account}:role/awsreservedsso_{name}_*"


class _Struct:
    """A Go struct being filled by ``encoding/json``."""

    __slots__ = ("_backing", "_fields", "_seen", "errors", "groups", "sso", "texts")

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields
        self.texts: dict[str, str] = {}
        self.groups: list[str] | None = None
        self.sso: dict[str, str] | None = None
        self.errors = False
        # A slice that is decoded into again keeps its elements until they are overwritten.
        self._backing: list[str] = []
        self._seen: dict[str, Node] = {}

    def decode(self, node: Node) -> None:
        """Apply an object."""
        for name, value in _members(node, self._fields):
            self._assign(name, value)

    def _assign(self, name: str, value: Node) -> None:
        self._seen[name] = value
        if name == "groups":
            self._assign_groups(value)
        elif name == "sso":
            self._assign_sso(value)
        else:
            self.errors |= not _assign_text(self.texts, name, value)

    def _assign_groups(self, value: Node) -> None:
        """Decodes into a slice of strings, as ``encoding/json`` does.

        Elements of an earlier list under the same key show through where the later list has null or
        a value of another type.
        """
        # encoding/json: null empties a slice, another type is an error and leaves it as it is.
        if value.kind == "scalar" and value.value is None:
            self.groups = None
            self._backing = []
            return
        if value.kind != "sequence":
            self.errors = True
            return
        if not value.children:
            self._backing = []
        for position, child in enumerate(value.children):
            if position == len(self._backing):
                self._backing.append("")
            self._assign_group(position, child.resolved)
        self.groups = self._backing[: len(value.children)]

    def _assign_group(self, position: int, element: Node) -> None:
        """Decodes one element into the slice that is there already."""
        if element.kind == "scalar" and isinstance(element.value, str):
            self._backing[position] = element.value
            return
        # null leaves the element as it is; another type is an error.
        if element.kind != "scalar" or element.value is not None:
            self.errors = True

    def _assign_sso(self, value: Node) -> None:
        """Decodes into the struct of the SSO matcher; null takes the struct away."""
        if value.kind == "scalar" and value.value is None:
            self.sso = None
            return
        # A pointer to a struct is made before its value is decoded, and kept when the key comes
        # again (encoding/json, indirect).
        if self.sso is None:
            self.sso = {}
        if value.kind != "mapping":
            self.errors = True
            return
        for name, member in _members(value, _SSO_FIELDS):
            self.errors |= not _assign_text(self.sso, name, member)

    def suggestions(self) -> Iterator[str]:
        """Field by field, what the text seems to mean where decoding left nothing.

        Each is a text for people, ``groups[0]: system:masters``: nothing is salvaged from it.
        """
        for name, value in self._seen.items():
            if name == "groups":
                yield from _suggested_groups(value, self.groups or [])
                continue
            # Other fields are no names of people: a guess at them would be a guess at an ARN.
            if name != "username":
                continue
            if self.texts.get(name):
                continue
            meant = _meaning(value)
            if meant:
                yield f"{name}: {meant}"


def _members(node: Node, fields: Mapping[str, str]) -> Iterator[tuple[str, Node]]:
    """An object's known members, as ``(field, value)``, in the order that its JSON has them.

    ``sigs.k8s.io/yaml`` sorts an object's keys; ``encoding/json`` matches a field's name in
    whatever case. ``fields`` maps folded names to names.
    """
    keys = [key for key in node.items if isinstance(key, str)]
    for key in sorted(keys):
        name = fields.get(fold(key))
        # encoding/json passes unknown members over (DisallowUnknownFields is not set).
        if name is not None:
            yield name, node.items[key]


def _assign_text(texts: dict[str, str], name: str, value: Node) -> bool:
    """Decode into a string field; False where the value is of another type.

    null leaves the field as it is and is no error.
    """
    if value.kind != "scalar":
        return False
    if value.value is None:
        return True
    if not isinstance(value.value, str):
        return False
    texts[name] = value.value
    return True


def _meaning(node: Node) -> str:
    """What a value of the wrong type seems to mean; ``""`` for nothing.

    At most ``_LONGEST_MEANING`` characters: the text is shown in a finding.
    """
    if node.kind == "scalar":
        if node.value is None:
            return ""
        return node.text[:_LONGEST_MEANING]
    parts: list[str] = []
    # "- system: masters" is a mapping: the blank after the colon makes it one.
    if node.kind == "mapping":
        for key, value in node.items.items():
            if isinstance(key, str):
                parts.append(f"{key}:{value.text}")
    else:
        parts = [child.resolved.text for child in node.children]
    text = ", ".join(part for part in parts if part)
    return text[:_LONGEST_MEANING]


def _suggested_groups(value: Node, decoded: list[str]) -> Iterator[str]:
    """What the groups seem to mean where decoding left nothing; ``decoded`` is what it gave."""
    if value.kind != "sequence":
        meant = _groups_of_text(_meaning(value))
        if meant and not decoded:
            yield f"groups: {meant}"
        return
    # Every item of the list has its group, which is empty where the item was no text.
    for position, (child, group) in enumerate(zip(value.children, decoded, strict=False)):
        meant = _meant_group(child, group)
        if meant:
            yield f"groups[{position}]: {meant}"


def _groups_of_text(text: str) -> str:
    """The groups that a text instead of a list seems to name.

    ``-system:masters`` is a list whose dash lacks its blank.
    """
    words = text.replace(" - ", " ").split()
    return ", ".join(word.removeprefix("-").strip("'\"") for word in words)


def _meant_group(written: Node, decoded: str) -> str:
    """What an item of the list seems to mean beyond the group that was decoded; ``""`` for
    nothing.
    """
    if not decoded:
        return _meaning(written.resolved)
    # YAML folds a list that is indented too far into one text.
    if " - " in decoded:
        return ", ".join(part for part in decoded.split(" - ") if part)
    return ""


def read_accounts(document: Document) -> RowsRead:
    """The elements of mapAccounts.

    Decoding stops at a tag that does not fit; what came before it is kept, as yaml.v2 keeps it.
    """
    result = RowsRead()
    root = document.root
    if root is None:
        return result
    try:
        if root.kind == "sequence":
            _read_account_list(root, result)
        elif not _is_null(root):
            raise lost(root.line, root.column, "it is no list of account ids")
    except YamlProblem as problem:
        result.problem = problem.with_traceback(None)
        result.error = True
    return result


def _is_null(root: Node) -> bool:
    if not isinstance(root, ScalarNode):
        return False
    decode_scalar(root)
    return root.value is None


def _account_text(node: ScalarNode) -> str:
    """An account as yaml.v2 decodes it into a string.

    Numbers keep their spelling, so that leading zeros stay; null is empty.
    """
    decode_scalar(node)
    if node.value is None:
        return ""
    if isinstance(node.value, str):
        return node.value
    return node.text


def _read_account_list(root: Node, result: RowsRead) -> None:
    """Adds every account of a list to the result.

    Raises YamlProblem, after what Go kept was added.
    """
    texts: list[tuple[Node, int, str]] = []
    try:
        for index, item in enumerate(root.children):
            node = item.resolved
            if not isinstance(node, ScalarNode):
                reason = f"it is a {node.kind}, not an account id"
                dropped = DroppedRow("mapAccounts", index, item.line, item.column, reason)
                result.dropped.append(dropped)
                result.error = True
                continue
            texts.append((item, index, _account_text(node)))
    except YamlProblem:
        # Go made the list in its full length before it met the problem: the rest of it is empty
        # texts.
        left = len(root.children) - len(texts)
        texts += [(item, index, "") for index, item in enumerate(root.children)][-left:]
        raise
    finally:
        for item, index, text in texts:
            result.accounts.append(AccountRow(index, item.line, item.column, text))
