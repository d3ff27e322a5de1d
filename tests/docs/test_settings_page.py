"""reference/settings.md and the schema of migrate.yaml are generated from the options of all
commands. ``UPDATE_GOLDEN=1`` writes them.
"""

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from migrator.cli.main import cli
from migrator.cli.settings_file import read_settings
from migrator.model.canonical import pretty_bytes
from migrator.model.files.yaml_document import load_yaml
from tests.support.golden import assert_golden
from tests.support.settings_page import settings_page, settings_schema

ROOT = Path(__file__).parents[2]


def test_settings_page_is_what_the_options_say() -> None:
    assert_golden(ROOT / "playbooks" / "reference" / "settings.md", settings_page().encode())


def test_schema_is_what_the_options_say() -> None:
    Draft202012Validator.check_schema(settings_schema())
    place = ROOT / "examples" / "schemas" / "settings.schema.json"
    assert_golden(place, pretty_bytes(settings_schema()))


def _example() -> str:
    found = re.search(r"```yaml\n(.*?)```", settings_page(), re.S)
    assert found is not None
    return found[1]


def test_example_of_the_page_is_read_and_fits_the_schema(tmp_path: Path) -> None:
    (tmp_path / "migrate.yaml").write_text(_example())
    assert read_settings(tmp_path, cli)["region"] == "eu-west-1"
    Draft202012Validator(settings_schema()).validate(load_yaml(_example().encode()))


@pytest.mark.parametrize("text", ["yes: true", "regoin: x", "apply: {out: x}", "junit: x"])
def test_schema_refuses_what_the_reader_refuses(text: str) -> None:
    assert not Draft202012Validator(settings_schema()).is_valid(load_yaml(text.encode()))
