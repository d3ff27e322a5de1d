"""A file that claims to be the aws-auth ConfigMap, read strictly: when in doubt, the cluster is to
be read instead.

A file is a first look, never the truth: people keep templates, half-edited copies and dumps of
other objects. So this takes what ``kubectl get -o yaml`` or ``-o json`` prints (an object, a list,
several documents; UTF-8 or UTF-16 with or without a byte order mark, any line ends) and refuses
everything that the API server would not hold exactly so.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, NoReturn

from migrator.decide.reading.go_yaml.compose import Document, compose_all
from migrator.decide.reading.go_yaml.decode import decode
from migrator.decide.reading.go_yaml.nodes import Node
from migrator.decide.reading.go_yaml.problems import YamlProblem
from migrator.decide.reading.go_yaml.resolve import NotText
from migrator.errors import Failed
from migrator.model.aws_auth import SECTIONS

MAX_BYTES: Final = 1 << 20  # Kubernetes: a ConfigMap holds at most 1 MiB
_MAX_NESTING: Final = 100
_REMEDY: Final = "read the cluster instead: kubectl -n kube-system get configmap aws-auth -o yaml"

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
# kubectl's describer: the name at the top, and a ruler under each key of the data.
_DESCRIBED = re.compile(
    r"\A\s*Name:[ \t]+\S+[ \t]*\r?\n(?s:.*?)^Data[ \t]*\r?\n====[ \t]*\r?$", re.M
)
_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#.*$")


class _Object(NamedTuple):
    """An object of the file, and the keys that its document has twice."""

    content: Mapping[str, Any]
    duplicates: tuple[str, ...]


def read_manifest(content: bytes) -> dict[str, Any]:
    """The ConfigMap object in a file, ``data`` included even when it is empty.

    Raises Failed with one of the codes ``manifest-too-large``, ``manifest-encoding``,
    ``manifest-template``, ``manifest-unparseable``, ``manifest-duplicate-key``,
    ``manifest-not-aws-auth`` and ``manifest-data``.
    """
    text = _decode_text(content)
    if _DESCRIBED.search(text):
        _refuse(
            "manifest-not-aws-auth",
            "the file is what `kubectl describe configmap` prints, and not the ConfigMap",
            "its layout is for people: the text that the authenticator reads is not in it",
        )
    try:
        objects = list(_objects(text))
    except YamlProblem as problem:
        # A file that is to be rendered first is rarely YAML: this says more than the parser.
        template = _find_template(text)
        if template:
            _refuse(
                "manifest-template",
                f"the file still holds {template}",
                "it has to be rendered first",
            )
        place = f"line {problem.line}, column {problem.column}"
        _refuse(
            "manifest-unparseable",
            f"the file is no manifest that kubectl would take ({place})",
            problem.message,
        )
    found = _pick(objects)
    if found.duplicates:
        keys = ", ".join(sorted(set(found.duplicates)))
        _refuse(
            "manifest-duplicate-key",
            f"the manifest has {keys} twice",
            "only one of them is in the cluster",
        )
    return {**found.content, "data": _checked_data(found.content)}


def _refuse(code: str, message: str, why: str) -> NoReturn:
    """Raise Failed: the file is not read, and the remedy is to read the cluster."""
    raise Failed(code, message, why=why, remedy=_REMEDY) from None


def _decode_text(content: bytes) -> str:
    """The file as text without a byte order mark. Raises Failed for what no Kubernetes tool
    writes.
    """
    # No encoding makes more than four bytes of a character.
    if len(content) > 4 * MAX_BYTES:
        _refuse(
            "manifest-too-large",
            "the file is over 4 MiB",
            "Kubernetes limits a ConfigMap to 1 MiB",
        )
    try:
        text = content.decode(_encoding(content)).removeprefix("\ufeff")
    except UnicodeDecodeError as problem:
        _refuse(
            "manifest-encoding",
            "the file is text in no encoding that Kubernetes tools write",
            str(problem.reason),
        )
    if len(text.encode()) > MAX_BYTES:
        _refuse(
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


def _objects(text: str) -> Iterator[_Object]:
    """Every object of the file, lists opened. Raises YamlProblem.

    ``kubectl get`` prints several objects as a ``List``; a ``ConfigMapList`` is one, too. Duplicate
    keys are those of the whole document.
    """
    for value, duplicates in _documents(text):
        items = value.get("items")
        kind = str(value.get("kind", ""))
        if not kind.endswith("List") or not isinstance(items, list):
            yield _Object(value, duplicates)
            continue
        for item in items:
            if isinstance(item, dict):
                yield _Object(item, duplicates)


def _documents(text: str) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Every document that is an object, as plain JSON, with the keys that it has twice.

    A file that starts with a brace is tried as JSON first. Raises YamlProblem.
    """
    if text.lstrip().startswith("{"):
        parsed = _as_json(text)
        if parsed is not None:
            yield parsed
            return
    for document in compose_all(text):
        root = decode(document)
        if root is None or root.kind != "mapping":
            continue
        # What is below is read by recursion.
        if root.nesting > _MAX_NESTING:
            message = f"it has more than {_MAX_NESTING} levels"
            raise YamlProblem("doubtful", root.line, root.column, message)
        yield _to_python(root, {}), tuple(_duplicate_keys(document))


def _as_json(text: str) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """A JSON object with its duplicate keys; None for what is no JSON.

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

    try:
        value: dict[str, Any] = json.loads(
            text, object_pairs_hook=pairs, parse_constant=_no_constant
        )
        # Half a surrogate pair is a ValueError, too.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value, tuple(duplicates)


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


def _pick(objects: list[_Object]) -> _Object:
    """The one object that is aws-auth. Raises Failed where there is none, or more than one."""
    config_maps = [found for found in objects if found.content.get("kind") == "ConfigMap"]
    named = [found for found in config_maps if _metadata(found, "name") == "aws-auth"]
    code = "manifest-not-aws-auth"
    if not config_maps:
        _refuse(
            code,
            "the file holds no ConfigMap",
            "aws-auth is the ConfigMap of that name in kube-system",
        )
    if not named:
        names = ", ".join(sorted({str(_metadata(found, "name")) for found in config_maps}))
        _refuse(
            code,
            f"the ConfigMap is not named aws-auth but {names}",
            "the authenticator reads no other",
        )
    if len(named) > 1:
        _refuse(
            code,
            "the file holds several ConfigMaps named aws-auth",
            "only one of them is in the cluster",
        )
    namespace = _metadata(named[0], "namespace")
    if namespace != "kube-system":
        where = f"is for namespace {namespace}"
        if namespace is None:
            where = "names no namespace"
        _refuse(
            code,
            f"the manifest {where}",
            "the authenticator reads aws-auth of kube-system only",
        )
    return named[0]


def _metadata(found: _Object, key: str) -> Any:  # noqa: ANN401 - plain JSON
    """A field of the object's metadata; None where it has none, or where it is no object."""
    metadata = found.content.get("metadata")
    if not isinstance(metadata, dict):
        return None
    return metadata.get(key)


def _checked_data(config_map: Mapping[str, Any]) -> dict[str, str]:
    """``data`` of the ConfigMap, all of it text. Raises Failed for what the API server refuses or
    drops.
    """
    misplaced = [section for section in SECTIONS if section in config_map]
    if misplaced:
        _refuse(
            "manifest-data",
            f"{', '.join(misplaced)} is not under data",
            "the API server drops unknown fields",
        )
    data = config_map.get("data")
    if data is None:
        return {}
    if not isinstance(data, dict):
        _refuse("manifest-data", "data is no mapping", "the API server refuses such a ConfigMap")
    for key, value in data.items():
        if not isinstance(value, str):
            hint = "it needs quotes"
            if isinstance(value, (list, dict)):
                hint = "a block needs its '|'"
            _refuse(
                "manifest-data",
                f"data.{key} is not text ({hint})",
                "the API server refuses such a ConfigMap",
            )
        template = _find_template(value)
        if template:
            _refuse(
                "manifest-template",
                f"data.{key} still holds {template}",
                "it has to be rendered first",
            )
    return data


def _find_template(text: str) -> str | None:
    """What kind of template the text still holds, with an example, outside comments."""
    text = _OWN_TEMPLATE.sub("", _COMMENT.sub("", text))
    for pattern, kind in _TEMPLATES:
        example = pattern.search(text)
        if example:
            return f"{kind}: {example[0][:60]}"
    return None
