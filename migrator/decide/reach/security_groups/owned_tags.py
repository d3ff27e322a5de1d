"""On which groups the cluster's tag should be.

Sources: kubernetes/cloud-provider-aws and the AWS Load Balancer Controller (a node has exactly one
group with the tag ``kubernetes.io/cluster/NAME``); EKS user guide, "View Amazon EKS security group
requirements for clusters" (EKS puts the tag on the cluster group again when the cluster is
updated).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

Groups = frozenset[str]
# How many choices are tried: more than any cluster's groups need.
_CHOICES: Final = 10_000


def tag_choice(
    sets: Sequence[Sequence[str]], cluster_group: str, rank: Callable[[str], int]
) -> Groups | None:
    """Groups of which each set has exactly one; with the cluster group where that can be, because
    EKS tags it again. Of the others those of the lowest rank are tried first. None: there is no
    such choice.
    """
    wanted = [frozenset(each) for each in sets]
    first = [cluster_group] if any(cluster_group in each for each in wanted) else []
    budget = iter(range(_CHOICES))
    for chosen in (frozenset(first), frozenset[str]()):
        found = _complete(wanted, chosen, rank, budget)
        if found is not None:
            return found
    return None


def _complete(
    sets: Sequence[Groups],
    chosen: Groups,
    rank: Callable[[str], int],
    budget: Iterator[int],
) -> Groups | None:
    """More groups beside those that are chosen; None where they leave a set without one, or give it
    two.
    """
    if next(budget, None) is None or any(len(each & chosen) > 1 for each in sets):
        return None
    for each in sets:
        if each & chosen:
            continue
        for group in sorted(each, key=lambda name: (rank(name), name)):
            found = _complete(sets, chosen | {group}, rank, budget)
            if found is not None:
                return found
        return None
    return chosen
