"""How this program was installed, as far as its metadata says: the command that adds an extra.

The name of the distribution alone is no remedy: it asks a package index, which may not have it, or
may have it from somebody else. Sources: Python packaging user guide, "Recording the Direct URL
Origin of installed distributions" (PEP 610); pipx and uv documentation for where they keep tools.
"""

import json
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

NAME = "eks-access-migrator"
# What is in the path of an environment that a tool made, and the tool's command.
_TOOLS = (
    (("pipx", "venvs"), "pipx install --force"),
    (("uv", "tools"), "uv tool install --force"),
)


def install_command(extra: str) -> str:
    """The command that installs the same with an extra, for a POSIX shell."""
    place = _place()
    wanted = f"{place}[{extra}]"
    if "://" in place:
        wanted = f"{NAME}[{extra}] @ {place}"
    return f"{_tool(Path(sys.prefix))} {shlex.quote(wanted)}"


def _tool(prefix: Path) -> str:
    """What installed into the environment of this process."""
    for folders, command in _TOOLS:
        if any(pair == folders for pair in zip(prefix.parts, prefix.parts[1:], strict=False)):
            return command
    return "pip install"


def _place() -> str:
    """The wheel, the folder or the address that it was installed from; the bare name where an index
    had it.
    """
    try:
        recorded = distribution(NAME).read_text("direct_url.json")
        url = str(json.loads(recorded or "{}").get("url", ""))
    except (PackageNotFoundError, ValueError, AttributeError):
        return NAME
    parts = urlsplit(url)
    if parts.scheme == "file":
        return unquote(parts.path)
    return url or NAME
