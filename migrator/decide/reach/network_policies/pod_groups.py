"""SecurityGroupPolicies (vpcresources.k8s.aws): security groups of pods in place of their node's.

Source: EKS user guide, "Assign security groups to individual Pods": a policy selects pods of its
namespace by their labels, by those of their ServiceAccount, or by both, and then both must match.
"""

from collections.abc import Iterator
from typing import Final

from migrator.decide.reach.network_policies.label_selectors import parse_label_selector
from migrator.decide.reach.network_policies.match_rule import UNREAD_ACCOUNTS, account_labels
from migrator.decide.reach.network_policies.match_selector import selector_matches
from migrator.decide.reach.network_policies.raw_fields import (
    NotUnderstood,
    Raw,
    name_of,
    only,
    part,
    texts,
)
from migrator.decide.reach.network_policies.truth import Truth, every
from migrator.model.network_policies.on_nodes import PodGroups
from migrator.model.network_policies.packets import Pod, PolicyWorld

SECURITY_GROUP_POLICY: Final = ("vpcresources.k8s.aws", "SecurityGroupPolicy")


def parse_pod_groups(raw: Raw) -> PodGroups:
    """The policy; one with a doubt where it is not understood."""
    namespace, name = name_of(raw)
    try:
        spec = part(raw, "spec")
        only(spec, ("podSelector", "serviceAccountSelector", "securityGroups"), "spec")
        pods, accounts = spec.get("podSelector"), spec.get("serviceAccountSelector")
        return PodGroups(
            name,
            namespace,
            None if pods is None else parse_label_selector(pods),
            None if accounts is None else parse_label_selector(accounts),
            tuple(texts(part(spec, "securityGroups"), "groupIds")),
        )
    except NotUnderstood as error:
        return PodGroups(name, namespace, doubt=str(error))


def groups_given(pod: Pod, world: PolicyWorld) -> Iterator[str]:
    """What decides about a pod by security groups of its own, for people."""
    for each in world.on_nodes.pod_groups:
        selected = every(_conditions(each, pod, world))
        if selected is False:
            continue
        groups = ", ".join(each.groups[:5])
        title = f"SecurityGroupPolicy {each.namespace}/{each.name}"
        gives = "may give" if isinstance(selected, str) else "gives"
        yield f"{title} {gives} the pod security groups {groups}".rstrip()


def _conditions(each: PodGroups, pod: Pod, world: PolicyWorld) -> Iterator[Truth]:
    yield each.namespace == pod.namespace
    yield each.doubt or True
    if each.pods is not None:
        yield selector_matches(each.pods, pod.labels)
    if each.accounts is not None:
        known = account_labels(pod, world)
        yield UNREAD_ACCOUNTS if known is None else selector_matches(each.accounts, known)
