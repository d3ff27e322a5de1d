"""A reader of a page: every ``$`` line of its blocks is run as it is printed, in a folder of their
own, and ends with the exit code that the page says.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.cli_lab import Ran
from tests.support.forked_cli import forked_clis

_BLOCKS = re.compile(r"^ *```console\n(.*?)^ *```", re.S | re.M)
_EXIT_CODE = re.compile(r" +# exit code (\d+)$")
_ENV = re.compile(r'eval "\$\((migrate lab env[^)]*)\)"')
ROOT = Path(__file__).parents[2]


def lines_of(text: str) -> Iterator[tuple[str, int]]:
    """``(command, exit code)`` of every line; what follows a here-document's line belongs to it."""
    for block in map(textwrap.dedent, _BLOCKS.findall(text)):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            first, _, rest = part.rstrip("\n").partition("\n")
            said = _EXIT_CODE.search(first)
            code = int(said.group(1)) if said else 0
            yield "\n".join([_EXIT_CODE.sub("", first), *([rest] if rest else [])]), code


@dataclass
class Reader:
    """A person with a folder and a shell. ``environment`` changes as that of a shell does."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**kept, "PATH": path, **self.environment}
        # Pages name examples/ beside the reader's own files.
        if not (self.folder / "examples").exists():
            (self.folder / "examples").symlink_to(ROOT / "examples")

    def follow(
        self, page: Path, *, start_after: str = "", stop_before: str = ""
    ) -> list[tuple[str, Ran]]:
        """Run every line after one and up to another, as the page's reader does; what each said."""
        lines = list(lines_of(page.read_text(encoding="utf-8")))
        words = [line for line, _ in lines]
        begin = words.index(start_after) + 1 if start_after else 0
        end = words.index(stop_before) if stop_before else len(words)
        done = []
        for line, code in lines[begin:end]:
            ran = self.run(line)
            assert ran.code == code, f"{line}: {ran.code}, not {code}\n{ran.out}\n{ran.err}"
            done.append((line, ran))
        assert done
        return done

    def run(self, line: str) -> Ran:
        """Run a line. ``migrate`` alone is a child of this process, which saves its imports."""
        entered = _ENV.fullmatch(line)
        if entered:
            return self._enter(entered.group(1))
        words = shlex.split(line, comments=True)
        if words[0] == "migrate" and not {">", ">>", "2>", "|", "<<END"} & set(words):
            done = forked_clis().run(words[1:], self.folder, self.environment)
            return Ran(done.returncode, done.stdout, done.stderr)
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    def _enter(self, command: str) -> Ran:
        """What the printed lines do to a shell."""
        ran = self.run(f"{command} --output json")
        document = json.loads(ran.out or "{}")
        for name in document.get("unset", ()):
            self.environment.pop(name, None)
        self.environment |= document.get("set", {})
        return ran
