"""Print findings of a plan as workflow commands of GitHub Actions, at their rows of a manifest.

Usage: annotations.py plan.json aws-auth.yaml. Source of the form: GitHub documentation, "Workflow
commands for GitHub Actions".
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

LEVELS = {"block": "error", "warn": "warning"}


def annotations(plan: dict, manifest: str, name: str) -> Iterator[str]:
    """One line for each finding that blocks or warns."""
    for finding in plan["findings"]:
        level = LEVELS.get(finding["severity"])
        if level is None:
            continue
        line = line_of(manifest, finding["source"], finding["line"])
        title = f"{finding['code']} {finding['source'] or ''}".strip()
        message = f"{finding['message']} Do: {finding['remedy']}"
        yield f"::{level} file={value(name)},line={line},title={value(title)}::{text(message)}"


def line_of(manifest: str, source: str | None, line: int | None) -> int:
    """Line of a row in the manifest. A plan counts inside the section; only a literal block keeps
    its lines.
    """
    section = (source or "").partition("[")[0]
    for number, content in enumerate(manifest.splitlines(), 1):
        found = re.match(r"\s*[\"']?(\w+)[\"']?:\s*(\|[-+0-9]*)?", content)
        if found is None or found.group(1) != section:
            continue
        return number + (line or 0) if found.group(2) else number
    return 1


def text(message: str) -> str:
    """A message as a workflow command takes it: one line, with nothing that ends it."""
    shown = "".join(
        char if char.isprintable() or char in "\r\n" else f"\\u{ord(char):04x}" for char in message
    )
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def value(name: str) -> str:
    """A value of a property, in which colon and comma are separators."""
    return text(name).replace(":", "%3A").replace(",", "%2C")


def main() -> None:
    """Print the annotations; nothing where the manifest is not in this repository."""
    plan, manifest = Path(sys.argv[1]), Path(sys.argv[2])
    if not manifest.exists():
        return
    document = json.loads(plan.read_bytes())
    content = manifest.read_bytes()
    # PowerShell writes UTF-16, which migrate reads as well.
    rows = content.decode(json.detect_encoding(content), "replace")
    for line in annotations(document, rows, str(manifest)):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
