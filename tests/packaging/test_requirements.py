"""requirements/dev.txt, which `make install` installs, is what pyproject.toml asks for."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.every_python import ROOT, promised

PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
VERSIONS = promised(PYPROJECT)
SYSTEMS = ("linux", "darwin")


def asked() -> list[Requirement]:
    """What the package, its extras and its build need, by the one form in which it is written."""
    tables = PYPROJECT.partition("[project.scripts]")[0]
    quoted = re.findall(r'"([A-Za-z0-9._-]+(?:\[[a-z0-9,-]+\])?(?:>=|<|==)[^"]+)"', tables)
    return [*map(Requirement, quoted)]


def entries(text: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Each pinned package with its hashes."""
    joined = re.sub(r"^ *#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    for line in filter(str.strip, joined.splitlines()):
        named, *hashes = re.split(r"\s+--hash=", line.strip())
        yield Requirement(named), hashes


@pytest.fixture(scope="module")
def pinned() -> list[tuple[Requirement, list[str]]]:
    return [*entries((ROOT / "requirements" / "dev.txt").read_text("utf-8"))]


def holds(marker: Marker | None, version: str, system: str) -> bool:
    if marker is None:
        return True
    environment = {
        "python_version": version,
        "python_full_version": f"{version}.1",
        "sys_platform": system,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    return marker.evaluate({**environment, "extra": ""})


def test_every_package_has_one_version_and_hashes(
    pinned: list[tuple[Requirement, list[str]]],
) -> None:
    for package, hashes in pinned:
        (specifier,) = package.specifier
        assert specifier.operator == "=="
        assert hashes, package.name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_versions_are_what_the_project_asks_for_on_each_python(
    pinned: list[tuple[Requirement, list[str]]], version: str, system: str
) -> None:
    """Read without resolving: a line of pyproject.toml that was changed without `make lock`."""
    there = {
        canonicalize_name(package.name): next(iter(package.specifier)).version
        for package, _ in pinned
        if holds(package.marker, version, system)
    }
    wanted = [each for each in asked() if holds(each.marker, version, system)]
    assert len(wanted) > 30
    for each in wanted:
        found = there.get(canonicalize_name(each.name))
        assert found is not None, f"{each.name} is not in requirements/dev.txt: make lock"
        assert each.specifier.contains(found), f"{each} has {found}: make lock"


def test_a_line_that_was_not_locked_is_found(tmp_path: Path) -> None:
    text = 'boto3==1.1 ; sys_platform == "linux" \\\n    --hash=sha256:00\n    # via x\n'
    ((package, hashes),) = entries(text)
    assert (package.name, hashes) == ("boto3", ["sha256:00"])
    assert not any(each.specifier.contains("1.1") for each in asked() if each.name == "boto3")
    assert not holds(package.marker, "3.10", "darwin")
