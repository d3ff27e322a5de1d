"""The demo as a reader sees it before any installation: a picture of the access before and after,
and a recording of the terminal (asciinema cast, version 2), both of what a real demo printed.
"""

import io
import json
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

FOLDER = Path(__file__).parents[2] / "examples" / "demo"
WIDTH = 100
_MOST_LINES = 30  # of the recording's terminal
# What differs from one demo to the next: when it ran, where, and under which id.
_SETTLED = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"), "2026-11-22 09:00:00Z"),
    (re.compile(r"\(run [0-9a-f]{16}\)"), "(run 0123456789abcdef)"),
    (re.compile(r"30 min \d+ s"), "30 min 3 s"),
    (
        re.compile(r"Journal and backup:[^\n]*(?:\n[^\n]+)*"),
        "Journal and backup: demo/state/aws/111122223333/eu-central-1/demo",
    ),
)
# The same contrast in both: at least 4.5 to 1 of each colour on its paper (WCAG 2.2, 1.4.3).
_LIGHT = TerminalTheme(
    (255, 255, 255),
    (31, 35, 40),
    [(31, 35, 40), (177, 30, 40), (20, 96, 47), (113, 70, 0)] + [(61, 69, 80)] * 4,
)
_DARK = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [(230, 237, 243), (255, 123, 114), (86, 211, 100), (227, 179, 65)] + [(160, 170, 180)] * 4,
)
THEMES = {"light": _LIGHT, "dark": _DARK}
# That of rich, without its fonts from another server and without the window around it.
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>Access of each principal before and after the migration of the demo</title>
<rect width="100%" height="100%" rx="8" fill="PAPER"/>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: \
{char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" \
height="{terminal_height}"/></clipPath>
{lines}
</defs>
<g transform="translate({terminal_x}, {terminal_y})" \
clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def settled(said: str) -> str:
    """What a demo said, without what differs from one to the next."""
    for pattern, text in _SETTLED:
        said = pattern.sub(text, said)
    return said


def access_lines(said: str) -> list[str]:
    """The table of the access before and after, with the verdict on the cluster."""
    inside = said[said.index("  BEFORE, BY AWS-AUTH") :]
    end = inside.index("\n\n")
    return inside[:end].splitlines()


def access_picture(said: str, theme: str) -> str:
    """The table as SVG for a paper of that theme."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for line in access_lines(said):
        console.print(_colored(line), soft_wrap=True)
    paper = _SVG.replace("PAPER", THEMES[theme].background_color.hex)
    svg = console.export_svg(theme=THEMES[theme], code_format=paper, unique_id=f"access-{theme}")
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


def _colored(line: str) -> Text:
    text = Text(line)
    text.highlight_regex(r"^(?:ok|not asked)(?=  )", "bold green" if line[:2] == "ok" else "yellow")
    text.highlight_regex(r"(?<=  )\d{12}:\S+$", "bold")
    text.highlight_regex(r"^\S+$", "bold")  # the end of a name that is folded
    text.highlight_regex(r"ok$", "bold green")
    return text


def recording(said: str) -> str:
    """The cast: commands are typed, what they print follows. Times are made up: a demo takes as
    long as its machine lets it.
    """
    header = {
        "version": 2,
        "width": WIDTH,
        "height": _MOST_LINES,
        "title": "migrate lab demo: from aws-auth to access entries, with proof",
    }
    at, lines = 0.0, [json.dumps(header)]
    for line in ("$ migrate lab demo", *said.splitlines()):
        at += 1.2 if line.startswith(("$ ", "=== ")) else 0.12
        lines.append(json.dumps([round(at, 2), "o", f"{line}\r\n"]))
    return "".join(f"{line}\n" for line in lines)


def pictures(said: str) -> dict[str, str]:
    """Every file of ``examples/demo`` by its name."""
    quiet = settled(said)
    return {
        "access-light.svg": access_picture(quiet, "light"),
        "access-dark.svg": access_picture(quiet, "dark"),
        "migration.cast": recording(quiet),
    }
