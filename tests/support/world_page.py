"""Makes the tables of ``playbooks/reference/lab-worlds.md`` from the schema of world files."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "playbooks" / "reference" / "lab-worlds.md"
_SCHEMA = ROOT / "examples" / "schemas" / "world.schema.json"
_MARK = "<!-- From here on made from examples/schemas/world.schema.json -->\n"


def page() -> str:
    """The page: what people wrote, and a table for each kind of part."""
    schema = json.loads(_SCHEMA.read_bytes())
    head = PAGE.read_text(encoding="utf-8").partition(_MARK)[0]
    parts = [("World", schema), *sorted(schema["$defs"].items())]
    tables = ["\n".join(_table(name, part)) for name, part in parts]
    return head + _MARK + "\n" + "\n\n".join(tables) + "\n"


def _table(name: str, part: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n\n{part['description']}\n"
    yield "| key | kind | meaning |\n|---|---|---|"
    required = part.get("required", [])
    for key, value in sorted(part["properties"].items()):
        needed = " (needed)" if key in required else ""
        text = value.get("description") or f"See {_name(value)}."
        yield f"| `{key}` | {_kind(value)} | {text}{needed} |"


def _name(value: Mapping[str, Any]) -> str:
    return str(value["$ref"]).rpartition("/")[2]


def _kind(value: Mapping[str, Any]) -> str:
    """A type in one word, and what a list holds."""
    if "$ref" in value:
        return _name(value)
    if "enum" in value or "const" in value:
        return "text"
    if value["type"] == "array":
        return f"list of {_kind(value['items'])}"
    return {"string": "text"}.get(str(value["type"]), str(value["type"]))
