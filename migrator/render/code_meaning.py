"""What a code means, as text and as a document."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from migrator.model.code_meaning import CodeMeaning

_INDENT = "      "


def code_text(meanings: Iterable[CodeMeaning], *, width: int = 100) -> str:
    """Four parts, each on lines of its own; the texts are this package's own."""
    return "\n\n".join("\n".join(_lines(meaning, width)) for meaning in meanings) + "\n"


def _lines(meaning: CodeMeaning, width: int) -> Iterator[str]:
    yield f"{meaning.code}  ({meaning.sort}, {meaning.weight})"
    for label, text in (("what", meaning.what), ("why", meaning.why), ("do", meaning.remedy)):
        first = f"{label}:".ljust(len(_INDENT))
        yield from textwrap.wrap(
            text,
            width,
            initial_indent=first,
            subsequent_indent=_INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
    if meaning.example:
        yield "example:"
        yield from (f"{_INDENT}{line}" for line in meaning.example.splitlines())
    if meaning.reference:
        yield f"see:  {meaning.reference}"


def code_document(meanings: Iterable[CodeMeaning]) -> list[dict[str, Any]]:
    """One object a meaning."""
    return [
        {
            "code": meaning.code,
            "sort": meaning.sort,
            "weight": meaning.weight,
            "what": meaning.what,
            "why": meaning.why,
            "remedy": meaning.remedy,
            "example": meaning.example or None,
            "reference": meaning.reference or None,
        }
        for meaning in meanings
    ]
