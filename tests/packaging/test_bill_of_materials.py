"""The bill of materials names everything that is installed with the package, in a valid form."""

import json
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from tests.support.bill_of_materials import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bill")
    assert main([str(folder)]) == 0
    return folder


def test_the_bill_is_valid_and_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    text = (folder / "bill-of-materials.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    broken = text.replace('"type": "library"', '"type": "nonsense"', 1)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None
    assert main([str(tmp_path)]) == 0
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_what_commands_load_is_in_the_bill(folder: Path) -> None:
    """By the names that are imported, instead of the metadata of packages."""
    imported = (
        *("boto3", "botocore", "click", "cryptography", "deepdiff", "distributed", "filelock"),
        *("jinja2", "kubernetes", "markupsafe", "msgspec", "rich", "s3transfer", "tornado"),
        *("urllib3", "websocket", "yaml", "dask", "dateutil"),
    )
    document = json.loads((folder / "bill-of-materials.cdx.json").read_bytes())
    named = {each["name"] for each in document["components"]}
    owners = packages_distributions()
    for name in imported:
        assert {canonicalize_name(each) for each in owners[name]} & named, name


def test_every_package_has_a_licence_that_is_stated(folder: Path) -> None:
    document = json.loads((folder / "bill-of-materials.cdx.json").read_bytes())
    table = (folder / "licences.md").read_text("utf-8").splitlines()[4:]
    assert len(table) == len(document["components"]) + 1
    assert not [line for line in table if line.endswith("| not stated |")]
    assert not [line for line in table if "GPL" in line and "LGPL" not in line]


def test_what_one_package_needs_is_in_the_bill_too(folder: Path) -> None:
    document = json.loads((folder / "bill-of-materials.cdx.json").read_bytes())
    references = {each["bom-ref"] for each in document["components"]}
    references.add(document["metadata"]["component"]["bom-ref"])
    assert {each["ref"] for each in document["dependencies"]} == references
    assert {ref for each in document["dependencies"] for ref in each["dependsOn"]} <= references
    (own,) = (each for each in document["dependencies"] if "eks-access-migrator" in each["ref"])
    assert any("/cryptography@" in each for each in own["dependsOn"])
