"""What a code means, as text and as a document."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table

from migrator.model.code_meaning import CodeMeaning
from migrator.render.text import foreign, text_of

_INDENT = "      "


def code_text(
    meanings: Iterable[CodeMeaning],
    *,
    width: int = 100,
) -> str:
    """Four parts, each on separate lines; the texts are this package's own."""
    parts: list[str] = []
    for meaning in meanings:
        lines = _lines(meaning, width)
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _lines(
    meaning: CodeMeaning,
    width: int,
) -> Iterator[str]:
    yield f"{meaning.code}  ({meaning.sort}, {meaning.weight})"
    texts = [("what", meaning.what), ("why", meaning.why), ("do", meaning.remedy)]
    if meaning.evidence:
        texts.append(("rule", meaning.evidence))
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=len(_INDENT) - 1)
    table.add_column(overflow="fold")
    for label, text in texts:
        table.add_row(f"{label}:", foreign(text))
    yield from text_of(table, width=width).splitlines()
    if meaning.example:
        yield "example:"
        yield from (f"{_INDENT}{line}" for line in meaning.example.splitlines())
    if meaning.reference:
        yield f"see:  {meaning.reference}"


def code_document(
    meanings: Iterable[CodeMeaning],
) -> list[dict[str, Any]]:
    """One object a meaning."""
    return [_document(meaning) for meaning in meanings]


def _document(
    meaning: CodeMeaning,
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "code": meaning.code,
        "sort": meaning.sort,
        "weight": meaning.weight,
        "what": meaning.what,
        "why": meaning.why,
        "remedy": meaning.remedy,
    }
    # What a code does not have is null.
    document["example"] = meaning.example or None
    document["reference"] = meaning.reference or None
    document["evidence"] = meaning.evidence.partition(":")[0] or None
    return document
