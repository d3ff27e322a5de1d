"""Bindings of our own beside those of a reserved group, so that a new group name gives the same
permissions.

Existing bindings are never edited: Helm, Argo CD and EKS add-ons would revert that.
"""

import re

from migrator.decide.access.name_references import is_ours
from migrator.decide.planning.principals.plan_facts import PlanFacts
from migrator.model.canonical import digest_of
from migrator.model.step import CreateBinding

ADMIN_ROLE = "cluster-admin"


def parallel_bindings(group: str, new_name: str, facts: PlanFacts) -> tuple[CreateBinding, ...]:
    """One binding of ours for each binding of ``group``, to the same role, with ``new_name`` as the
    only subject.
    """
    return tuple(
        CreateBinding(
            binding_name=name_of_parallel(new_name, binding.namespace, binding.name),
            namespace=binding.namespace,
            role_kind=binding.role_kind,
            role_name=binding.role_name,
            group=new_name,
        )
        for binding in facts.names.bindings_of_group(group)
    )


def admin_binding(group: str, facts: PlanFacts) -> tuple[CreateBinding, ...]:
    """A binding of ``group`` to cluster-admin; none where a binding of another owner gives that
    already.
    """
    if is_admin_group(group, facts):
        return ()
    return (admin_binding_of(group),)


def admin_binding_of(group: str) -> CreateBinding:
    """Our own binding of ``group`` to cluster-admin."""
    return CreateBinding(
        f"migrator-{_slug(group)}-{_digest(group)}", None, "ClusterRole", ADMIN_ROLE, group
    )


def is_admin_group(group: str, facts: PlanFacts) -> bool:
    """Whether a binding that is not ours gives the group cluster-admin for the whole cluster."""
    found = facts.names.bindings_of_group(group)
    # A RoleBinding gives the role in one namespace alone. A binding of ours goes with a roll-back.
    lasting = [each for each in found if each.namespace is None and not is_ours(each)]
    return ADMIN_ROLE in {each.role_name for each in lasting}


def name_of_parallel(group: str, namespace: str | None, name: str) -> str:
    """Our name for the binding of ``group`` beside the binding ``name``: it differs for every group
    and binding.
    """
    return f"migrator-{_slug(name)}-{_digest(group, namespace or '', name)}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:180]


def _digest(*parts: str) -> str:
    return digest_of(list(parts)).removeprefix("sha256:")[:10]
