"""Stubs written into decisions.yaml: text in, text out, and what people wrote there stays as it is.

For every blocker a commented stub is put under its section; taking the ``#`` away and completing it
answers. ruamel.yaml reads the file before and after, so that the places of the sections are known
and the answers are shown to be the same ones. A question that is answered, or asked already, is not
asked again.
"""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from migrator.errors import Failed
from migrator.model.decision import Stub
from migrator.model.files.yaml_document import refuse_expansion
from migrator.model.files.yaml_text import yaml_key, yaml_lines
from migrator.render.escape import comment

_HEAD = (
    "What people decided about this cluster's migration. Each answer needs a reason, so that it "
    "can be reviewed.\n"
    "Questions are comments: take the # away, complete the answer, and run migrate plan "
    "--decisions again.\n"
)
_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Written:
    """The new text, and how many questions are new in it."""

    text: str
    added: int


def write_questions(text: str, questions: Sequence[Stub]) -> Written:
    """``text`` with every open question in it. Raises ``decisions-unreadable`` where it is not
    YAML.
    """
    before = _load(text)
    if not text.strip():
        text = "".join(f"# {line}\n" for line in _HEAD.splitlines())
    if not text.endswith("\n"):
        text += "\n"
    open_ones: dict[str, list[Stub]] = {}
    for stub in questions:
        if not (
            _answered(before, stub) or _asked(text, stub) or stub in open_ones.get(stub.section, ())
        ):
            open_ones.setdefault(stub.section, []).append(stub)
    for section, stubs in open_ones.items():
        text = _insert(text, section, stubs)
    if _plain(_load(text)) != _plain(before):  # pragma: no cover - shown by a property test
        raise Failed(
            "decisions-unreadable",
            "The questions could not be written without changing the answers.",
        )
    return Written(text, sum(map(len, open_ones.values())))


def _load(text: str) -> CommentedMap:
    try:
        refuse_expansion(text)
        document = YAML(typ="rt").load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise Failed("decisions-unreadable", "The decisions file is not YAML.", why=why) from error
    if document is None:
        return CommentedMap()
    if not isinstance(document, CommentedMap):
        raise Failed("decisions-unreadable", "The decisions file holds no mapping at its top.")
    return document


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """The answers; a section without any says as much as no section."""
    return {str(key): value for key, value in document.items() if value not in (None, {})}


def _answered(document: CommentedMap, stub: Stub) -> bool:
    section = document.get(stub.section)
    if stub.key is None:
        return section is not None
    return isinstance(section, Mapping) and any(str(key) == stub.key for key in section)


def _asked(text: str, stub: Stub) -> bool:
    """Whether the stub is there as a comment, under its own section: one ARN may be asked for in
    two sections.
    """
    section = re.search(rf"^(# )?{re.escape(yaml_key(stub.section))}:.*$", text, re.M)
    if section is None or stub.key is None:
        return section is not None
    rest = text[section.end() :]
    end = re.search(r"^[^#\s]" if section.group(1) is None else r"^(?!# )", rest[1:], re.M)
    region = rest[: end.start() + 1] if end else rest
    return re.search(rf"^\s*#\s*{re.escape(yaml_key(stub.key))}:(\s|$)", region, re.M) is not None


def _insert(text: str, section: str, stubs: Sequence[Stub]) -> str:
    """Put stubs under their section's line, in their order; a missing section is added at the
    end.
    """
    document, lines = _load(text), text.splitlines(keepends=True)
    value = document.get(section)
    closed = _is_closed(document, text)
    if closed or stubs[0].key is None or (value and value.fa.flow_style()):
        hint = (
            f"# (the section {section} is written in braces: add this inside them)\n"
            if value
            else ""
        )
        return text + hint + "".join(_lines_of(stub, "", _under_section(stub)) for stub in stubs)
    if section not in document:
        return f"{text}\n{section}:\n" + "".join(
            _lines_of(stub, "  ", {stub.key: stub.answer}) for stub in stubs
        )
    at: int = document.lc.key(section)[0]
    indent = "  "
    if value:
        indent = " " * value.lc.key(next(iter(value)))[1]
    # nothing yet, or an empty pair of braces: an empty block in which comments have their place
    else:
        tail = re.search(r"#.*$", lines[at])
        lines[at] = f"{section}:{'  ' + tail.group() if tail else ''}\n"
    block = "".join(_lines_of(stub, indent, {stub.key: stub.answer}) for stub in stubs)
    return "".join([*lines[: at + 1], block, *lines[at + 1 :]])


def _under_section(stub: Stub) -> dict[str, Any]:
    return {stub.section: stub.answer if stub.key is None else {stub.key: stub.answer}}


def _is_closed(document: CommentedMap, text: str) -> bool:
    """Whether no section can be added at the end: the whole file is written in braces, or ends with
    ``...``.
    """
    braces = bool(document.fa.flow_style()) or (
        not document and re.search(r"^[^#\s]", text, re.M) is not None
    )
    return braces or re.search(r"^\.\.\.", text, re.M) is not None


def _lines_of(stub: Stub, indent: str, answer: Mapping[Any, Any]) -> str:
    told = [line for text in stub.about for line in textwrap.wrap(comment(text), _WIDTH)]
    return "".join(
        f"{indent}# {line}".rstrip() + "\n" for line in (*told, *yaml_lines(dict(answer)))
    )
