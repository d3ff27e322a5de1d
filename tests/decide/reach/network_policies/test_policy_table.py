"""The written table of policy sets: each rule of precedence with its source and the answer."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from migrator.model.network_policies.packets import Pod
from tests.decide.reach.network_policies.table_cluster import LABELS, answers, full, raw_policies

TABLE: list[dict[str, Any]] = YAML(typ="safe").load(
    (Path(__file__).parent / "policy_table.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case["name"].replace(" ", "-"))
def test_case(case: dict[str, Any]) -> None:
    plugins = None if case["plugin"] == "unreadable" else case["plugin"]
    raw = raw_policies([full(each) for each in case["objects"]], plugins, case.get("unread", ()))
    given = case.get("pod", {})
    pod = Pod(given.get("namespace", "team"), given.get("labels", LABELS), "runner")
    found = answers(raw, pod)
    assert [answer.state for answer in found] == case["expect"]
    assert case.get("why", "") in " ".join(answer.why for answer in found)
    # Every answer but a plain yes says why.
    assert all(answer.why for answer in found if answer.state != "yes")


def test_table_is_large_and_has_sources() -> None:
    assert len(TABLE) >= 40
    assert len({case["name"] for case in TABLE}) == len(TABLE)
    assert all(case["source"] for case in TABLE)
