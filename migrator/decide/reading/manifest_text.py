"""A file that people have, as text and as documents: the outer half of reading aws-auth from a
file.

UTF-8 or UTF-16, with or without a byte order mark, YAML or JSON, one document or several (kubectl
and eksctl print JSON documents one behind the other). Bounded: a file larger than a ConfigMap can
be, and documents that nest without an end, are refused before they cost anything.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, NoReturn

from migrator.decide.reading.go_yaml.compose import Document, compose_all
from migrator.decide.reading.go_yaml.decode import decode
from migrator.decide.reading.go_yaml.nodes import Node
from migrator.decide.reading.go_yaml.problems import YamlProblem
from migrator.decide.reading.go_yaml.resolve import NotText
from migrator.errors import Failed
from migrator.model.aws_auth import MAX_BYTES, MAX_FILE_BYTES

_MAX_NESTING: Final = 100
READ_THE_CLUSTER: Final = (
    "read the cluster instead: kubectl -n kube-system get configmap aws-auth -o yaml"
)
_JSON_SPACE = re.compile(r"[ \t\r\n]*")

# The authenticator's own templates are meant to be in the map; all others are still to be filled by
# some tool.
_OWN_TEMPLATE = re.compile(
    r"\{\{(?:EC2PrivateDNSName|AccountID|SessionName|SessionNameRaw|AccessKeyID)\}\}"
)
_TEMPLATES: Final = (
    (re.compile(r"\{\{[^{}\n]{0,200}\}\}|\{[%#][^{}\n]{0,200}"), "a Jinja, Helm or Go template"),
    (re.compile(r"[$%]\{[^}\n]{0,200}\}|\$[A-Z_][A-Z0-9_]+"), "a shell or Terraform variable"),
    (re.compile(r"<[A-Za-z_][^<>@\n]{0,100}>"), "a placeholder"),
)
_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#.*$")
# What a file begins with that is no text: PNG, the archives of charts and of office programs, PDF.
_MAGIC: Final = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
)


class FileDocument(NamedTuple):
    """One document of a file as plain JSON, and the keys that it has twice."""

    value: Any
    duplicates: tuple[str, ...]


def refuse_file(
    code: str,
    message: str,
    why: str,
    remedy: str = READ_THE_CLUSTER,
) -> NoReturn:
    """Raise Failed: the file is not read, and the remedy is to read the cluster."""
    raise Failed(code, message, why=why, remedy=remedy) from None


def decode_text(content: bytes) -> str:
    """The file as text without a byte order mark. Raises Failed ``manifest-too-large`` and
    ``manifest-encoding`` for what no Kubernetes tool writes.
    """
    if len(content) > MAX_FILE_BYTES:
        refuse_file(
            "manifest-too-large",
            "the file is over 4 MiB",
            "Kubernetes limits a ConfigMap to 1 MiB",
        )
    for magic, what in _MAGIC:
        if content.startswith(magic):
            refuse_file(
                "manifest-encoding", f"the file is {what}, and no text", "kubectl writes UTF-8"
            )
    try:
        text = content.decode(_encoding(content)).removeprefix("\ufeff")
    except UnicodeDecodeError as problem:
        refuse_file(
            "manifest-encoding",
            "the file is text in no encoding that Kubernetes tools write",
            str(problem.reason),
        )
    if len(text.encode()) > MAX_BYTES:
        refuse_file(
            "manifest-too-large",
            "the file is over 1 MiB",
            "Kubernetes limits a ConfigMap to 1 MiB",
        )
    return text


def _encoding(content: bytes) -> str:
    """The encoding of a file, by its first bytes."""
    # PowerShell's ``>`` writes UTF-16 with a byte order mark.
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # Without a mark: a manifest starts with ASCII, of which UTF-16 makes every second byte zero.
    zeros = [byte == 0 for byte in content[:4]]
    if zeros == [False, True, False, True]:
        return "utf-16-le"
    if zeros == [True, False, True, False]:
        return "utf-16-be"
    return "utf-8"


def find_template(text: str) -> str | None:
    """What kind of template the text still holds, with an example, outside comments."""
    text = _OWN_TEMPLATE.sub("", _COMMENT.sub("", text))
    for pattern, kind in _TEMPLATES:
        example = pattern.search(text)
        if example:
            return f"{kind}: {example[0][:60]}"
    return None


def documents(text: str) -> Iterator[FileDocument]:
    """Every document of the file. Empty ones are left out.

    A file that starts with a brace or a bracket is tried as JSON first. Raises YamlProblem.
    """
    if text.lstrip().startswith(("{", "[")):
        parsed = _as_json(text)
        if parsed is not None:
            yield from parsed
            return
    for document in compose_all(text):
        root = decode(document)
        if root is None:
            continue
        # What is below is read by recursion.
        if root.nesting > _MAX_NESTING:
            message = f"it has more than {_MAX_NESTING} levels"
            raise YamlProblem("doubtful", root.line, root.column, message)
        yield FileDocument(_to_python(root, {}), tuple(_duplicate_keys(document)))


def _as_json(text: str) -> list[FileDocument] | None:
    """The JSON documents of a file with their duplicate keys; None for what is no JSON.

    It may still be YAML in flow style.
    """
    duplicates: list[str] = []

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        """One object of the file; of equal keys the last one wins.

        They are kept for the refusal.
        """
        times = Counter(key for key, _ in members)
        duplicates.extend(key for key, count in times.items() if count > 1)
        return dict(members)

    decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_constant=_no_constant)
    found: list[FileDocument] = []
    at = _behind_space(text, 0)
    try:
        while at < len(text):
            duplicates.clear()
            value, end = decoder.raw_decode(text, at)
            # Half a surrogate pair is a ValueError, too.
            json.dumps(value, ensure_ascii=False).encode()
            found.append(FileDocument(value, tuple(duplicates)))
            at = _behind_space(text, end)
    except (ValueError, RecursionError):
        return None
    return found


def _behind_space(text: str, at: int) -> int:
    """Where the next character is that is no space of JSON."""
    space = _JSON_SPACE.match(text, at)
    return at if space is None else space.end()


def _no_constant(name: str) -> NoReturn:
    """NaN and the infinities are Python's own: ``kubectl`` refuses them."""
    raise ValueError(f"{name} is not JSON")


def _duplicate_keys(document: Document) -> Iterator[str]:
    """Keys that a mapping of the document has several times, merge keys included."""
    for node in document.nodes:
        if node.kind != "mapping":
            continue
        seen: set[object] = set()
        # Keys and values take turns.
        for key in node.children[::2]:
            value: object = key.resolved.value
            if key.is_merge_key:
                value = "<<"
            if value in seen:
                yield str(value)
            seen.add(value)


def _to_python(node: Node, done: dict[int, Any]) -> Any:  # noqa: ANN401 - plain JSON
    """Plain JSON of a decoded node. What aliases share stays shared.

    ``done`` are the collections that have been made already, by the node's identity. Recursion is
    bounded by the nesting that was checked before. Raises YamlProblem.
    """
    if node.kind == "scalar":
        if isinstance(node.value, NotText):
            return node.value.value
        return node.value
    if id(node) in done:
        return done[id(node)]
    if node.kind == "sequence":
        done[id(node)] = [_to_python(child.resolved, done) for child in node.children]
        return done[id(node)]
    # kubectl makes a string of such a key; what string is not the same in all versions.
    if any(not isinstance(key, str) for key in node.items):
        raise YamlProblem("lost", node.line, node.column, "it has a key that is no string")
    done[id(node)] = {key: _to_python(child, done) for key, child in node.items.items()}
    return done[id(node)]
