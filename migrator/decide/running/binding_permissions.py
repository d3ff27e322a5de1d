"""The permissions of the API server that the operator needs to make and delete the bindings of a
plan.

A binding is read, and applied by the server (``patch``, and ``create`` where it is not there yet).
Making one needs ``bind`` on its role or everything that the role allows (Kubernetes, "Using RBAC
Authorization", privilege escalation prevention): ``bind`` is asked for cluster-admin, which
includes it, and not for lesser roles, whose rules may be held without it.
"""

from migrator.decide.planning.entries.parallel_bindings import ADMIN_ROLE
from migrator.decide.running.progress import SETTLED, Progress
from migrator.model.plan import Plan
from migrator.model.rbac import AccessRequest
from migrator.model.step import CreateBinding, CreateBridge

_GROUP = "rbac.authorization.k8s.io"
_VERBS = ("get", "create", "patch", "delete")


def requests_for_bindings(plan: Plan, progress: Progress) -> tuple[AccessRequest, ...]:
    """The requests of every binding that is still to be made, each once; none where no binding
    is.
    """
    found: dict[AccessRequest, None] = {}
    for step in plan.steps:
        if not isinstance(step.effect, CreateBridge | CreateBinding):
            continue
        if progress.of(step.id).status in SETTLED:
            continue
        found |= dict.fromkeys(_requests(step.effect))
    return tuple(found)


def _requests(effect: CreateBridge | CreateBinding) -> tuple[AccessRequest, ...]:
    """The requests of one binding. ``namespace`` None asks about the whole cluster."""
    if isinstance(effect, CreateBridge):
        namespace, kind, name = None, "ClusterRole", ADMIN_ROLE
    else:
        namespace, kind, name = effect.namespace, effect.role_kind, effect.role_name
    where = "rolebindings"
    if namespace is None:
        where = "clusterrolebindings"
    writes = tuple(AccessRequest(verb, _GROUP, where, namespace=namespace) for verb in _VERBS)
    if (kind, name) != ("ClusterRole", ADMIN_ROLE):
        return writes
    return (*writes, AccessRequest("bind", _GROUP, "clusterroles", name=name, namespace=namespace))
