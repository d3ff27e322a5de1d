"""A file that claims to be the aws-auth ConfigMap, read strictly: when in doubt, the cluster is to
be read instead.

A file is a first look, never the truth: people keep templates, half-edited copies and dumps of
other objects. So this takes what ``kubectl get -o yaml`` or ``-o json`` prints (an object, a list,
several documents; UTF-8 or UTF-16 with or without a byte order mark, any line ends) and refuses
everything that the API server would not hold exactly so.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from migrator.decide.reading.go_yaml.problems import YamlProblem
from migrator.decide.reading.manifest_text import (
    FileDocument,
    decode_text,
    documents,
    find_template,
    refuse_file,
)
from migrator.decide.reading.other_files import DESCRIBED, OtherFile, other_file, unparseable
from migrator.model.aws_auth import SECTIONS


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
    text = decode_text(content)
    return manifest_in(text, documents_of(text))


def documents_of(text: str) -> tuple[FileDocument, ...]:
    """The documents of a file. Raises Failed: ``manifest-unparseable``, and what names a file that
    is something else.
    """
    # Short output of kubectl describe may be YAML by accident.
    if DESCRIBED.pattern.search(text):
        _refuse_other(DESCRIBED.file)
    try:
        return tuple(documents(text))
    except YamlProblem as problem:
        # A file that is something else, or is to be rendered first, is rarely YAML: its name says
        # more than the parser.
        other = unparseable(text)
        if other is not None:
            _refuse_other(other)
        place = f"line {problem.line}, column {problem.column}"
        refuse_file(
            "manifest-unparseable",
            f"the file is no manifest that kubectl would take ({place})",
            problem.message,
        )


def manifest_in(text: str, found: Sequence[FileDocument]) -> dict[str, Any]:
    """The ConfigMap aws-auth among the documents of a file. Raises as :func:`read_manifest`."""
    picked = _pick(list(_objects(found)), text, found)
    refuse_duplicates(picked.duplicates)
    return {**picked.content, "data": _checked_data(picked.content)}


def refuse_duplicates(keys: Sequence[str]) -> None:
    """Raises Failed ``manifest-duplicate-key`` where a document has keys twice."""
    if not keys:
        return
    refuse_file(
        "manifest-duplicate-key",
        f"the manifest has {', '.join(sorted(set(keys)))} twice",
        "only one of them is in the cluster",
    )


def _refuse_other(file: OtherFile) -> NoReturn:
    """Raise Failed for a file that is something else."""
    refuse_file(file.code, file.what, file.why, file.remedy)


def _objects(found: Sequence[FileDocument]) -> Iterator[_Object]:
    """Every object of the file, lists opened.

    ``kubectl get`` prints several objects as a ``List``; a ``ConfigMapList`` is one, too. Duplicate
    keys are those of the whole document.
    """
    for value, duplicates in found:
        if not isinstance(value, dict):
            continue
        items = value.get("items")
        kind = str(value.get("kind", ""))
        if not kind.endswith("List") or not isinstance(items, list):
            yield _Object(value, duplicates)
            continue
        for item in items:
            if isinstance(item, dict):
                yield _Object(item, duplicates)


def _pick(objects: list[_Object], text: str, found: Sequence[FileDocument]) -> _Object:
    """The one object that is aws-auth. Raises Failed where there is none, or more than one."""
    config_maps = [each for each in objects if each.content.get("kind") == "ConfigMap"]
    named = [each for each in config_maps if _metadata(each, "name") == "aws-auth"]
    code = "manifest-not-aws-auth"
    if not config_maps:
        _refuse_other(other_file(text, found))
    if not named:
        names = ", ".join(sorted({str(_metadata(each, "name")) for each in config_maps}))
        refuse_file(
            code,
            f"the ConfigMap is not named aws-auth but {names}",
            "the authenticator reads no other",
        )
    if len(named) > 1:
        refuse_file(
            code,
            "the file holds several ConfigMaps named aws-auth",
            "only one of them is in the cluster",
        )
    namespace = _metadata(named[0], "namespace")
    if namespace != "kube-system":
        where = f"is for namespace {namespace}"
        why = "the authenticator reads aws-auth of kube-system only"
        if namespace is None:
            where = "names no namespace"
            why = f"{why}; patches and bases of Kustomize have none, and are not what is in force"
        refuse_file(code, f"the manifest {where}", why)
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
        refuse_file(
            "manifest-data",
            f"{', '.join(misplaced)} is not under data",
            "the API server drops unknown fields",
        )
    data = config_map.get("data")
    if data is None:
        return {}
    if not isinstance(data, dict):
        refuse_file(
            "manifest-data", "data is no mapping", "the API server refuses such a ConfigMap"
        )
    for key, value in data.items():
        if not isinstance(value, str):
            hint = "it needs quotes"
            if isinstance(value, (list, dict)):
                hint = "a block needs its '|'"
            refuse_file(
                "manifest-data",
                f"data.{key} is not text ({hint})",
                "the API server refuses such a ConfigMap",
            )
        template = find_template(value)
        if template:
            refuse_file(
                "manifest-template",
                f"data.{key} still holds {template}",
                "it has to be rendered first",
            )
    return data
