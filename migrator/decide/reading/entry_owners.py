"""Which tools reconcile an access entry, as far as its tags show.

A tool that owns an entry writes it again: what a plan changed of it is lost then. Sources of the
tags: documentation of AWS Controllers for Kubernetes (default resource tags), Crossplane
(``crossplane-*`` tags of provider-aws), Cluster API Provider AWS (ownership tag; issue 6176 of its
repository), AWS CloudFormation (resource tags), eksctl. Terraform and Pulumi set no tag of their
own: such a tag comes from the default tags that a team gave them.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from migrator.model.access_entry import AccessEntry


class _Mark(NamedTuple):
    """The beginning of a tag's key, the tool, and what that tool does to an entry."""

    key: str
    tool: str
    does: str


_RECREATES: Final = "Cluster API Provider AWS"
# The first that fits names the tool: eksctl makes its stacks with CloudFormation.
_MARKS: Final = (
    _Mark("services.k8s.aws/", "ACK", "its controller writes the entry again within hours"),
    _Mark("crossplane-", "Crossplane", "it writes the entry again within minutes"),
    _Mark(
        "sigs.k8s.io/cluster-api-provider-aws/",
        _RECREATES,
        "it deletes the entry and makes it again without username and policies",
    ),
    _Mark("alpha.eksctl.io/", "eksctl", "the next eksctl command on its stack writes it again"),
    _Mark("eksctl.cluster.k8s.io/", "eksctl", "the next eksctl command on its stack writes it"),
    _Mark("aws:cloudformation:", "CloudFormation", "the next update of its stack writes it again"),
)
# Tags that teams give by convention, with the tool's name as the value.
_BY_VALUE: Final = frozenset({"managedby", "managed-by", "managed_by", "provisioner"})
_TOOLS: Final = {"terraform": "Terraform", "opentofu": "OpenTofu", "pulumi": "Pulumi"}


def reconcilers_of(entries: Iterable[AccessEntry], changed: frozenset[str]) -> tuple[str, ...]:
    """Tools that write entries again which a migration needs as they are, one text an entry.

    ``changed``: principals whose existing entry the plan changes. Another tool's entry that the
    plan keeps may stay that tool's: what it writes is what is there. Cluster API Provider AWS drops
    policies at each reconciliation, so its entries are named always.
    """
    found: list[str] = []
    for entry in entries:
        owner = _owner_of(entry.tags)
        if owner is None:
            continue
        tool, text = owner
        if entry.principal_arn in changed or tool == _RECREATES:
            found.append(f"the entry of {entry.principal_arn}: {text}")
    return tuple(found)


def _owner_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The tool, and its name with the tag that shows it and what it does; None without such a tag.

    Marks that a tool sets come before conventions of teams. EKS tags have text values; case counts
    in keys of tools and not in conventions.
    """
    for mark in _MARKS:
        for key in tags:
            if key.startswith(mark.key):
                return mark.tool, f"{mark.tool} (tag {key}): {mark.does}"
    for key, value in tags.items():
        if key.lower() not in _BY_VALUE:
            continue
        tool = _TOOLS.get(value.lower())
        if tool is not None:
            return tool, f"{tool} (tag {key}={value}): its next run writes the entry again"
    # Teams write a key of the tool's name as well: terraform=true.
    for key in tags:
        if key.lower() in _TOOLS:
            tool = _TOOLS[key.lower()]
            return tool, f"{tool} (tag {key}): its next run writes the entry again"
    return None
