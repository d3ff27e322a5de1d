"""The command that adds an extra to what is installed."""

import json
import shlex
import sys

import pytest

from migrator.adapters import installed_package
from migrator.adapters.installed_package import NAME, install_command

WHEEL = "file:///home/jo/my%20wheels/eks_access_migrator-1.0.0-py3-none-any.whl"


class Recorded:
    """A distribution with this origin; None: the index had it."""

    def __init__(self, text: str | None) -> None:
        self._text = text

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self._text


@pytest.mark.parametrize(
    ("prefix", "recorded", "command"),
    [
        (
            "/home/jo/v",
            json.dumps({"url": WHEEL}),
            ["pip", "install", f"{WHEEL[7:].replace('%20', ' ')}[lab]"],
        ),
        (
            "/home/jo/.local/share/pipx/venvs/eks-access-migrator",
            json.dumps({"url": "file:///src/migrate", "dir_info": {"editable": True}}),
            ["pipx", "install", "--force", "/src/migrate[lab]"],
        ),
        (
            "/home/jo/.local/share/uv/tools/eks-access-migrator",
            json.dumps({"url": "https://wheels.example.com/m.whl"}),
            ["uv", "tool", "install", "--force", f"{NAME}[lab] @ https://wheels.example.com/m.whl"],
        ),
        ("/usr", None, ["pip", "install", f"{NAME}[lab]"]),
        ("/usr", "", ["pip", "install", f"{NAME}[lab]"]),
        ("/usr", "damaged", ["pip", "install", f"{NAME}[lab]"]),
        ("/usr", "[]", ["pip", "install", f"{NAME}[lab]"]),
    ],
)
def test_extra_comes_from_where_the_program_came_from(
    prefix: str, recorded: str | None, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(installed_package, "distribution", lambda _: Recorded(recorded))
    assert shlex.split(install_command("lab")) == command
