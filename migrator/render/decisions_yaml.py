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
        if _answered(before, stub) or _asked(text, stub):
            continue
        section = open_ones.setdefault(stub.section, [])
        # Two findings may ask the same.
        if stub not in section:
            section.append(stub)
    for name, stubs in open_ones.items():
        text = _insert(text, name, stubs)
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
    if _is_apart(document, text, section, stubs):
        hint = ""
        if value:
            hint = f"# (the section {section} is written in braces: add this inside them)\n"
        return text + hint + "".join(_lines_of(stub, "", _under_section(stub)) for stub in stubs)
    if section not in document:
        return f"{text}\n{section}:\n{_block(stubs, '  ')}"
    at: int = document.lc.key(section)[0]
    indent = "  "
    if value:
        indent = " " * value.lc.key(next(iter(value)))[1]
    else:
        lines[at] = _opened(section, lines[at])
    return "".join([*lines[: at + 1], _block(stubs, indent), *lines[at + 1 :]])


def _is_apart(document: CommentedMap, text: str, section: str, stubs: Sequence[Stub]) -> bool:
    """Whether the stubs cannot be put into the section: it is written in braces, or has no keys."""
    if _is_closed(document, text) or stubs[0].key is None:
        return True
    value = document.get(section)
    return bool(value) and bool(value.fa.flow_style())


def _opened(section: str, line: str) -> str:
    """The line of a section without anything, or with an empty pair of braces, as the beginning of
    a block in which comments have their place.
    """
    tail = re.search(r"#.*$", line)
    if tail is None:
        return f"{section}:\n"
    return f"{section}:  {tail.group()}\n"


def _block(stubs: Sequence[Stub], indent: str) -> str:
    return "".join(_lines_of(stub, indent, {stub.key: stub.answer}) for stub in stubs)


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
    lines: list[str] = []
    for text in stub.about:
        lines += textwrap.wrap(comment(text), _WIDTH)
    lines += yaml_lines(dict(answer))
    return "".join(f"{indent}# {line}".rstrip() + "\n" for line in lines)
