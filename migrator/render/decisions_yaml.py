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
        if _answered(before, stub):
            continue
        if _asked(text, stub):
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
    """The document; empty for a text without one. Raises ``Failed`` ``decisions-unreadable``."""
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
    answers: dict[str, Any] = {}
    for key, value in document.items():
        if value not in (None, {}):
            answers[str(key)] = value
    return answers


def _answered(document: CommentedMap, stub: Stub) -> bool:
    """Whether the file has the answer that the stub asks for."""
    section = document.get(stub.section)
    # The section itself is the answer.
    if stub.key is None:
        return section is not None
    if not isinstance(section, Mapping):
        return False
    # YAML reads an account id as a number.
    return stub.key in map(str, section)


def _asked(text: str, stub: Stub) -> bool:
    """Whether the stub is there as a comment, under its own section: one ARN may be asked for in
    two sections.
    """
    section = re.search(rf"^(# )?{re.escape(yaml_key(stub.section))}:.*$", text, re.M)
    if section is None:
        return False
    if stub.key is None:
        return True
    region = text[section.end() :]
    # A section that is a comment itself ends with its comment, another one at the next section.
    is_comment = section.group(1) is not None
    end = re.search(r"^(?!# )" if is_comment else r"^[^#\s]", region[1:], re.M)
    if end is not None:
        region = region[: end.start() + 1]
    key = re.escape(yaml_key(stub.key))
    return re.search(rf"^\s*#\s*{key}:(\s|$)", region, re.M) is not None


def _insert(text: str, section: str, stubs: Sequence[Stub]) -> str:
    """Put stubs under their section's line, in their order; a missing section is added at the
    end.
    """
    document, lines = _load(text), text.splitlines(keepends=True)
    value = document.get(section)
    if _is_apart(document, text, section, stubs):
        if value:
            text += f"# (the section {section} is written in braces: add this inside them)\n"
        for stub in stubs:
            text += _lines_of(stub, "", _under_section(stub))
        return text
    if section not in document:
        return f"{text}\n{section}:\n{_block(stubs, '  ')}"
    at: int = document.lc.key(section)[0]
    indent = "  "
    if value:
        indent = " " * value.lc.key(next(iter(value)))[1]
    else:
        lines[at] = _opened(section, lines[at])
    return "".join([*lines[: at + 1], _block(stubs, indent), *lines[at + 1 :]])


def _is_apart(
    document: CommentedMap,
    text: str,
    section: str,
    stubs: Sequence[Stub],
) -> bool:
    """Whether the stubs cannot be put into the section: it is written in braces, or has no keys."""
    if _is_closed(document, text):
        return True
    if stubs[0].key is None:
        return True
    value = document.get(section)
    # An empty pair of braces is opened.
    if not value:
        return False
    return bool(value.fa.flow_style())


def _opened(section: str, line: str) -> str:
    """The line of a section without anything, or with an empty pair of braces, as the beginning of
    a block in which comments have their place.
    """
    tail = re.search(r"#.*$", line)
    if tail is None:
        return f"{section}:\n"
    return f"{section}:  {tail.group()}\n"


def _block(stubs: Sequence[Stub], indent: str) -> str:
    """The stubs as they are written under their section's line."""
    return "".join(_lines_of(stub, indent, {stub.key: stub.answer}) for stub in stubs)


def _under_section(stub: Stub) -> dict[str, Any]:
    """The answer of a stub that names its section itself."""
    if stub.key is None:
        return {stub.section: stub.answer}
    return {stub.section: {stub.key: stub.answer}}


def _is_closed(document: CommentedMap, text: str) -> bool:
    """Whether no section can be added at the end: the whole file is written in braces, or ends with
    ``...``.
    """
    if document.fa.flow_style():
        return True
    # An empty pair of braces, or `null`, is no block either.
    if not document and re.search(r"^[^#\s]", text, re.M) is not None:
        return True
    return re.search(r"^\.\.\.", text, re.M) is not None


def _lines_of(stub: Stub, indent: str, answer: Mapping[Any, Any]) -> str:
    """One stub: what the question is about, then the answer to complete, all as comments."""
    lines: list[str] = []
    for text in stub.about:
        lines += textwrap.wrap(comment(text), _WIDTH)
    lines += yaml_lines(dict(answer))
    return "".join(f"{indent}# {line}".rstrip() + "\n" for line in lines)
