"""What the operator must be allowed so that the bindings of a plan can be made and go again."""

from migrator.decide.running.binding_permissions import requests_for_bindings
from migrator.decide.running.progress import Progress, StepState
from migrator.model.rbac import AccessRequest
from migrator.model.step import CreateBinding
from tests.support.memory_ports import Cluster
from tests.support.memory_runs import PlanBuilder, company

_GROUP = "rbac.authorization.k8s.io"
IN_SHOP = CreateBinding("b", "shop", "Role", "reader", "devs")
OF_ADMINS = CreateBinding("a", "shop", "ClusterRole", "cluster-admin", "admins")


def plan_of(*effects: CreateBinding) -> tuple[AccessRequest, ...]:
    build = PlanBuilder()
    for effect in effects:
        build.add(effect)
    return requests_for_bindings(build.plan(Cluster()), Progress())


def test_a_bridge_asks_for_bindings_of_the_cluster_and_to_bind_cluster_admin() -> None:
    plan = company()[1]
    asked = requests_for_bindings(plan, Progress())
    assert AccessRequest("bind", _GROUP, "clusterroles", name="cluster-admin") in asked
    assert {request.resource for request in asked} == {"clusterrolebindings", "clusterroles"}
    made = {step.id: StepState("done") for step in plan.steps}
    assert requests_for_bindings(plan, Progress(states=made)) == ()


def test_a_binding_in_a_namespace_is_asked_for_there_and_lesser_roles_need_no_bind() -> None:
    asked = plan_of(IN_SHOP)
    assert [(r.verb, r.resource, r.namespace) for r in asked] == [
        (verb, "rolebindings", "shop") for verb in ("get", "create", "patch", "delete")
    ]
    assert AccessRequest(
        "bind", _GROUP, "clusterroles", name="cluster-admin", namespace="shop"
    ) in plan_of(OF_ADMINS)
