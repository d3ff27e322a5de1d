"""What is installed with the package.

``python -m tests.support.bill_of_materials DIR`` writes

    DIR/bill-of-materials.cdx.json    CycloneDX 1.6: each package with version, licence and address
    DIR/licences.md                   the same for people

for the package with all extras that its users install, in the versions that are installed here,
which are those of requirements/dev.txt. The same versions give the same bytes.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
NAME = "eks-access-migrator"
EXTRAS = ("lab", "fleet")


def requirements_of(requires: Sequence[str], extras: Sequence[str]) -> Iterator[Requirement]:
    """Those that hold on this system, with the extras that were asked for."""
    for each in map(Requirement, requires):
        if each.marker is None or any(
            each.marker.evaluate({"extra": extra}) for extra in (*extras, "")
        ):
            yield each


def packages(name: str, extras: Sequence[str]) -> Mapping[str, tuple[Distribution, list[str]]]:
    """Everything that is installed with a package: its canonical name, and those it needs.

    :raises PackageNotFoundError: where one is not installed here.
    """
    found: dict[str, tuple[Distribution, list[str]]] = {}
    asked: dict[str, set[str]] = {}
    left = [(canonicalize_name(name), frozenset(extras))]
    while left:
        current, wanted = left.pop()
        if current in found and wanted <= asked[current]:
            continue
        asked[current] = asked.get(current, set()) | wanted
        here = distribution(current)
        needed = [*requirements_of(here.requires or [], sorted(asked[current]))]
        # An extra may ask for the package itself with other extras.
        names = {canonicalize_name(each.name) for each in needed} - {current}
        found[current] = (here, sorted(names))
        left.extend((canonicalize_name(each.name), frozenset(each.extras)) for each in needed)
    return dict(sorted(found.items()))


def licence(found: Distribution) -> str:
    """The SPDX expression where the package gives one, else what it says, else "not stated"."""
    expression = _stated(found, "License-Expression")
    if expression:
        return expression
    named = [
        each.rpartition(" :: ")[2]
        for each in found.metadata.get_all("Classifier") or []
        if each.startswith("License :: ") and each != "License :: OSI Approved"
    ]
    # Some packages have the whole text there.
    stated = _stated(found, "License").strip()
    if named:
        return ", ".join(named)
    return stated if stated and "\n" not in stated and len(stated) < 100 else "not stated"


def _stated(found: Distribution, field: str) -> str:
    return str((found.metadata.get_all(field) or [""])[0])


def bill_of_materials(found: Mapping[str, tuple[Distribution, list[str]]]) -> dict[str, Any]:
    """The document, with the package itself as its subject."""
    subject = _component(NAME, found[NAME][0], "application")
    others = [
        _component(name, each, "library") for name, (each, _) in found.items() if name != NAME
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": others,
        "dependencies": [
            {
                "ref": _address(name, each),
                "dependsOn": [_address(needed, found[needed][0]) for needed in needs],
            }
            for name, (each, needs) in found.items()
        ],
    }


def _component(name: str, found: Distribution, kind: str) -> dict[str, Any]:
    stated = licence(found)
    expression = _stated(found, "License-Expression")
    shown = {"expression": expression} if expression else {"license": {"name": stated}}
    return {
        "type": kind,
        "bom-ref": _address(name, found),
        "name": name,
        "version": found.version,
        "description": " ".join(_stated(found, "Summary").split()),
        "licenses": [shown],
        "purl": _address(name, found),
    }


def _address(name: str, found: Distribution) -> str:
    """As https://github.com/package-url/purl-spec has it for PyPI."""
    return f"pkg:pypi/{name}@{found.version}"


def licences(found: Mapping[str, tuple[Distribution, list[str]]]) -> str:
    """A table for people; what packages write is cut to one line without marks of a table."""
    lines = ["# Licences", "", "| package | version | licence |", "|---|---|---|"]
    for name, (each, _) in found.items():
        stated = re.sub(r"[|\s]+", " ", licence(each))
        lines.append(f"| {name} | {each.version} | {stated} |")
    return "".join(f"{line}\n" for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Write both files into a folder."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = packages(NAME, EXTRAS)
    except PackageNotFoundError as error:
        sys.stderr.write(f"{error}: make install\n")
        return 1
    document = json.dumps(bill_of_materials(found), indent=2, ensure_ascii=False)
    (folder / "bill-of-materials.cdx.json").write_text(f"{document}\n", encoding="utf-8")
    (folder / "licences.md").write_text(licences(found), encoding="utf-8")
    sys.stdout.write(f"{len(found)} packages\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
