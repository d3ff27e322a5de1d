"""What a person does with the file that ``migrate plan --write-decisions`` writes: take the ``#``
away from one answer, and fill in what is in angle brackets.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from migrator.model.decision import Decisions, Stub
from migrator.model.files.decisions import decode_decisions
from migrator.model.files.yaml_document import load_yaml
from migrator.model.files.yaml_text import yaml_lines
from migrator.render.decisions_yaml import write_questions

FILLED = {"<your name>": "Ana", "<why>": "reviewed"}


def decisions_of(text: str) -> Decisions:
    """The answers in the text of a decisions.yaml."""
    return decode_decisions(load_yaml(text.encode()))


def answered(text: str, stubs: Iterable[Stub], choice: int, filled: Mapping[str, str]) -> str:
    """The text of decisions.yaml after the questions were written into it, and one of the numbered
    answers was taken.
    """
    stubs = list(stubs)
    written = write_questions(text, stubs).text
    for stub in stubs:
        if choice in stub.choices:
            written = _uncommented(written, stub)
    for placeholder, word in {**FILLED, **filled}.items():
        written = written.replace(placeholder, word)
    left = [line for line in written.splitlines() if re.match(r"^\s*[^#\s].*<[a-z ]+>", line)]
    assert left == [], "a place that the row of the table does not fill in"
    return written


def _uncommented(text: str, stub: Stub) -> str:
    # The answers of two sections may be the same lines: each is looked for below its section.
    section = re.search(rf"^(# )?{re.escape(stub.section)}:", text, re.M)
    at = section.start() if section else 0
    for lines in _spellings(stub):
        pattern = r"\n".join(rf"(?P<i{n}> *)# {re.escape(line)}" for n, line in enumerate(lines))
        found = re.compile(rf"^{pattern}$", re.M).search(text, at)
        if found is not None:
            bare = "\n".join(found[f"i{n}"] + line for n, line in enumerate(lines))
            return text[: found.start()] + bare + text[found.end() :]
    raise AssertionError(f"not in the file: {stub}")


def _spellings(stub: Stub) -> Iterable[list[str]]:
    """The stub under a section that is there, and with its section."""
    if stub.key is not None:
        yield yaml_lines({stub.key: stub.answer})
    whole: dict[str, Any] = {
        stub.section: stub.answer if stub.key is None else {stub.key: stub.answer}
    }
    yield yaml_lines(whole)
