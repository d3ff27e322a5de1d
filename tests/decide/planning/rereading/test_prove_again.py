"""A plan is proven again before it is used: the first contradiction is the refusal."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.planning.rereading.prove_again import prove_again
from migrator.errors import Failed
from migrator.model.plan import Plan
from tests.support.edited_plans import with_basis
from tests.support.worlds import (
    node_row,
    nodegroup,
    planned,
    profile,
    role,
    row,
    user,
    world,
)

DEV, NODES, PODS = role("dev"), role("nodes"), role("pods")


def of_everything() -> Plan:
    return planned(
        world(
            [row(DEV, "x", ("devs",)), node_row(NODES)],
            [row(user("ana"), "ana")],
            mode="CONFIG_MAP",
            nodegroups=(nodegroup(NODES), replace(nodegroup(NODES, status="DELETING"), name="old")),
            fargate_profiles=(profile(PODS),),
        )
    )


def without_key(basis: dict[str, Any]) -> None:
    del basis["rbac"]


def with_rows(*rows: list[Any]) -> Callable[[dict[str, Any]], object]:
    return lambda basis: basis.update(awsAuth={**basis["awsAuth"], "rows": rows})


def in_cluster(**changes: Any) -> Plan:  # noqa: ANN401 - any field
    return replace(of_everything(), cluster=replace(of_everything().cluster, **changes))


# The rule, a plan that breaks it, and what is said.
BROKEN: dict[str, tuple[Callable[[], Plan], str]] = {
    "the basis has its digest": (
        lambda: replace(of_everything(), snapshot_digest="sha256:0"),
        "The snapshotDigest is not that of the basis.",
    ),
    "the basis is of the cluster": (
        lambda: with_basis(of_everything(), lambda basis: basis.update(cluster="other")),
        "The basis was read from another cluster.",
    ),
    "the basis has the mode": (
        lambda: in_cluster(authentication_mode="API"),
        "The authentication mode is not that of the basis.",
    ),
    "the cluster's parts are those of its ARN": (
        lambda: in_cluster(region="us-east-1"),
        "Name, account, region and partition are not those of `arn:aws:eks:",
    ),
    "the basis is complete": (
        lambda: with_basis(of_everything(), without_key),
        "The basis lacks `rbac`.",
    ),
    "a part of the basis has its shape": (
        lambda: with_basis(of_everything(), lambda basis: basis.update(awsAuth=7)),
        "The basis has not the shape of a basis (TypeError",
    ),
    "a row of the basis has a place": (
        lambda: with_basis(of_everything(), with_rows(["mapRoles", DEV, "x", ["devs"], False])),
        "The basis has not the shape of a basis (ValueError",
    ),
}


def test_plan_as_it_was_made_is_taken() -> None:
    prove_again(of_everything())


@pytest.mark.parametrize("rule", BROKEN)
def test_plan_that_breaks_the_rule_is_refused(rule: str) -> None:
    broken, why = BROKEN[rule]
    with pytest.raises(Failed) as refused:
        prove_again(broken())
    assert refused.value.code == "plan-inconsistent"
    assert why in refused.value.why
