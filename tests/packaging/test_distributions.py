"""Wheel and sdist: the same bytes from every build, complete, and fit to be published."""

import email
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from trove_classifiers import classifiers

from migrator.cli.program_name import SHOWN
from tests.support.every_python import ROOT

EPOCH = 1_700_000_000  # a second: some time in November 2023


def build(source: Path, target: Path, **changes: str) -> list[Path]:
    """Wheel and sdist of a folder, made without a network."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target)],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), **changes},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return sorted(target.iterdir())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The sdist and the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    wheel, sdist = sorted(build(ROOT, folder / "a"), key=lambda path: path.suffix == ".gz")
    yield sdist, wheel
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def metadata(built: tuple[Path, Path]) -> Message:
    with zipfile.ZipFile(built[1]) as wheel:
        (name,) = (each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(wheel.read(name))


def test_the_wheel_has_what_the_package_has_and_nothing_else(built: tuple[Path, Path]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "migrator", "man"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    pages = "eks_access_migrator-0.1.0.data/data/share/"
    assert names == {f"{pages}{each}" if each.startswith("man/") else each for each in listed}


def test_another_build_elsewhere_and_later_gives_the_same_bytes(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    """From the sdist: no repository, other times, other permissions, another time zone."""
    shutil.unpack_archive(built[0], tmp_path)
    (source,) = tmp_path.iterdir()
    later = time.time() - 5_000_000
    for path in source.rglob("*"):
        os.utime(path, (later, later))
        path.chmod(path.stat().st_mode & 0o700)
    again = build(source, tmp_path / "b", TZ="Asia/Kathmandu", LC_ALL="C", PYTHONHASHSEED="7")
    assert {path.name: path.read_bytes() for path in again} == {
        path.name: path.read_bytes() for path in built
    }


def test_the_sdist_has_every_file_of_the_repository(built: tuple[Path, Path]) -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    # Of no use without the repository.
    assert {each for each in listed if (ROOT / each).exists()} - names == {
        ".pre-commit-config.yaml"
    }
    assert names - {*listed} >= {"PKG-INFO"}


def test_programs_are_in_the_wheel(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        (name,) = (each for each in wheel.namelist() if each.endswith("entry_points.txt"))
        text = wheel.read(name).decode()
    lines = text.splitlines()
    assert lines[0] == "[console_scripts]"
    completion = "migrator.cli.kubectl_completion:complete_for_kubectl"
    assert sorted(filter(None, lines[1:])) == sorted(
        [
            *(f"{file} = migrator.cli.main:main" for file in SHOWN),
            f"kubectl_complete-eks_access = {completion}",
        ]
    )


def test_metadata_are_complete(metadata: Message) -> None:
    assert metadata["Name"] == "eks-access-migrator"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Summary"]
    assert metadata["Keywords"]
    extras = {*(metadata.get_all("Provides-Extra") or ())}
    assert extras == {"dev", "docs", "fleet", "lab", "test"}
    found = metadata.get_all("Classifier") or []
    assert set(found) <= classifiers
    assert found == sorted(found, key=lambda each: each.split(" :: ")[0])


def test_no_address_is_given_for_what_has_none(metadata: Message) -> None:
    """There is no public repository, issue tracker or site of the project."""
    urls = dict(each.split(", ", 1) for each in metadata.get_all("Project-URL") or ())
    assert {*urls} == {"Access entries in the EKS User Guide"}
    assert all(url.startswith("https://docs.aws.amazon.com/") for url in urls.values())


def test_the_index_would_take_both(built: tuple[Path, Path]) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, built)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("PASSED") == 2
