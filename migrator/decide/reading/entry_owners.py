"""Which tools reconcile an access entry, as far as its tags show.

A tool that owns an entry writes it again: what a plan changed of it is lost then. Sources of the
tags: documentation of AWS Controllers for Kubernetes (default resource tags), Crossplane
(``crossplane-*`` tags of provider-aws), Cluster API Provider AWS (ownership tag; issue 6176 of its
repository), AWS CloudFormation (resource tags), eksctl. Terraform and Pulumi set no tag of their
own: such a tag comes from the default tags that a team gave them. A tag that looks like the mark of
a program and names no known tool is unknown by name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from migrator.decide.reading.manager_marks import CLUSTER_API, looks_managed, tools_named
from migrator.model.access_entry import AccessEntry


class _Mark(NamedTuple):
    """The beginning of a tag's key in lower case, and the tool that sets it."""

    key: str
    tool: str


_MARKS: Final = (
    _Mark("services.k8s.aws/", "ACK"),
    _Mark("crossplane-", "Crossplane"),
    _Mark("sigs.k8s.io/cluster-api-provider-aws/", CLUSTER_API),
    _Mark("alpha.eksctl.io/", "eksctl"),
    _Mark("eksctl.cluster.k8s.io/", "eksctl"),
    _Mark("aws:cloudformation:", "CloudFormation"),
    _Mark("aws-cdk:", "AWS CDK"),
)
_DOES: Final = {
    "ACK": "its controller writes the entry again within hours",
    "Crossplane": "it writes the entry again within minutes",
    CLUSTER_API: "it deletes the entry and makes it again without username and policies",
    "eksctl": "the next eksctl command on its stack writes it again",
    "CloudFormation": "the next update of its stack writes it again",
    "AWS CDK": "the next deployment of its stack writes it again",
    "Argo CD": "its next sync writes the entry again",
}
_NEXT_RUN: Final = "its next run writes the entry again"


@dataclass(frozen=True, slots=True)
class EntryReconcilers:
    """Who writes entries again, one text for each entry and tool or tag. ``known``: tools, each
    with what it does. ``unknown``: tags that look like the mark of a program that no list knows.
    """

    known: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def reconcilers_of(entries: Iterable[AccessEntry], changed: frozenset[str]) -> EntryReconcilers:
    """All that write entries again which a migration needs as they are.

    ``changed``: principals whose existing entry the plan changes. Another tool's entry that the
    plan keeps may stay that tool's: what it writes is what is there. Cluster API Provider AWS drops
    policies at each reconciliation, so its entries are named always.
    """
    known: list[str] = []
    unknown: list[str] = []
    for entry in entries:
        where = f"the entry of {entry.principal_arn}"
        is_changed = entry.principal_arn in changed
        for tool, tag in _tools_of(entry.tags).items():
            if is_changed or tool == CLUSTER_API:
                known.append(f"{where}: {tool} (tag {tag}): {_DOES.get(tool, _NEXT_RUN)}")
        if is_changed:
            unknown += [f"{where}: unknown (tag {tag})" for tag in _unknown_tags(entry.tags)]
    return EntryReconcilers(tuple(known), tuple(unknown))


def _tools_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Each known tool, and the first tag that shows it."""
    found: dict[str, str] = {}
    for key, value in sorted(tags.items()):
        for tool in _known(key, value):
            found.setdefault(tool, f"{key}={value}")
    # eksctl makes its stacks with CloudFormation.
    if "eksctl" in found:
        found.pop("CloudFormation", None)
    return found


def _known(key: str, value: str) -> tuple[str, ...]:
    """Known tools that a tag shows. Marks that a tool sets come before conventions of teams."""
    for mark in _MARKS:
        if key.lower().startswith(mark.key):
            return (mark.tool,)
    return tools_named(key, value)


def _unknown_tags(tags: Mapping[str, str]) -> Iterator[str]:
    """Tags that look like the mark of a program, and show no known tool."""
    for key, value in sorted(tags.items()):
        if _known(key, value):
            continue
        if looks_managed(key, value):
            yield f"{key}={value}"
