"""Before the one-way mode step: an operator who may not make the plan's bindings is told so."""

import pytest

from migrator.errors import Blocked
from migrator.model.access_entry import Identity
from migrator.model.decision import Acceptance
from migrator.run.apply_plan import ApplyOptions, apply_plan
from tests.support.memory_ports import OPERATOR
from tests.support.memory_runs import ALICE, CREATOR, DEVS, DIGEST, PlanBuilder, World, company


def test_operator_who_may_not_make_bindings_is_blocked_before_anything_is_written() -> None:
    cluster, plan = company()
    cluster.rows[OPERATOR] = Identity("operator", ("devs",), "config-map")
    with pytest.raises(Blocked) as error:
        apply_plan(plan, DIGEST, World(cluster).ports())
    assert (error.value.code, error.value.exit_code) == ("bindings-not-allowed", 3)
    assert "create rbac.authorization.k8s.io/clusterrolebindings" in error.value.why
    assert "--accept-gap" in error.value.remedy
    assert (cluster.effects, cluster.mode) == ([], "CONFIG_MAP")


def test_operator_whom_nobody_can_ask_about_is_blocked_too() -> None:
    cluster, plan = company()
    cluster.unassumable.add(OPERATOR)
    with pytest.raises(Blocked, match="you may not make them"):
        apply_plan(plan, DIGEST, World(cluster).ports())
    assert cluster.effects == []


def test_plan_without_bindings_asks_for_none() -> None:
    cluster, _ = company()
    cluster.rows[OPERATOR] = Identity("operator", ("devs",), "config-map")
    cluster.mode = "API_AND_CONFIG_MAP"
    builder = PlanBuilder()
    builder.standard(DEVS, "dev", ("devs",))
    outcome = apply_plan(builder.plan(cluster), DIGEST, World(cluster).ports())
    assert outcome.error is None
    assert f"create {DEVS}" in cluster.effects


@pytest.mark.parametrize(
    ("until", "waived"), [("2020-01-01", False), ("no date", False), ("2999-01-01", True)]
)
def test_waiver_of_the_second_admin_ends_with_its_date_in_apply_too(
    until: str, waived: bool
) -> None:
    cluster, plan = company()
    cluster.unassumable |= {ALICE, CREATOR}
    options = ApplyOptions(
        waive_gates={"second-admin": Acceptance("Jo", "one-admin cluster", until)}
    )
    apply_plan(plan, DIGEST, World(cluster).ports(), options)
    assert (OPERATOR in cluster.entries) is waived
