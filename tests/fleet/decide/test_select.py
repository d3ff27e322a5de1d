"""Selectors: every condition given must hold, and what is missing meets none."""

import pytest

from migrator.fleet.decide.select import in_unit, selects
from migrator.fleet.model.fleet import Selector
from tests.support.fleet_values import cluster

PROD = cluster(
    "orders",
    tags={"stage": "prod"},
    account_tags={"owner": "shop"},
    unit="/Workloads/Prod",
    version="1.31",
)


@pytest.mark.parametrize(
    "selector",
    [
        Selector(),
        Selector(clusters=("orders",)),
        Selector(clusters=("ord*",)),
        Selector(clusters=(PROD.arn,)),
        Selector(accounts=(PROD.account,)),
        Selector(accounts=("team-*",)),
        Selector(regions=("eu-*",)),
        Selector(units=("/Workloads",)),
        Selector(versions=("1.3?",)),
        Selector(modes=("CONFIG_MAP",)),
        Selector(tags={"stage": "prod"}),
        Selector(account_tags={"owner": "*"}),
        Selector(clusters=("orders",), tags={"stage": "p*"}, not_clusters=("billing",)),
    ],
)
def test_a_cluster_that_meets_every_condition_is_selected(selector: Selector) -> None:
    assert selects(selector, PROD)


@pytest.mark.parametrize(
    "selector",
    [
        Selector(clusters=("billing",)),
        Selector(clusters=("orders",), not_clusters=("ord*",)),
        Selector(accounts=("999999999999",)),
        Selector(regions=("us-*",)),
        Selector(units=("/Workloads/Dev",)),
        Selector(versions=("1.30",)),
        Selector(modes=("API",)),
        Selector(tags={"stage": "prod", "team": "*"}),
        Selector(account_tags={"stage": "prod"}),
        Selector(clusters=("ORDERS",)),
    ],
)
def test_one_condition_that_fails_leaves_a_cluster_out(selector: Selector) -> None:
    assert not selects(selector, PROD)


@pytest.mark.parametrize(
    ("unit", "pattern", "inside"),
    [
        ("/Workloads/Prod", "/Workloads", True),
        ("/Workloads", "/Workloads/", True),
        ("/WorkloadsOld", "/Workloads", False),
        ("/Workloads/Prod", "/*/Prod", True),
        ("/", "/", True),
        ("/Workloads", "/", True),
    ],
)
def test_a_unit_means_what_is_below_it_too(unit: str, pattern: str, *, inside: bool) -> None:
    assert in_unit(unit, pattern) is inside
