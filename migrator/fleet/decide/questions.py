"""Open questions of a fleet: who blocks which clusters, and which selector means exactly these.

An answer must never mean a cluster by accident: another one that has the principal, or that could
not be read and may have it, is kept out of the selector. An operator who answers for it, too, says
so by hand.
"""

from collections.abc import Iterable

from migrator.fleet.decide.selecting import selector_for
from migrator.fleet.model.fleet import FleetCluster
from migrator.fleet.model.outcome import ClusterFacts
from migrator.fleet.model.report import OpenQuestion
from migrator.model.canonical import canonical_bytes
from migrator.model.decision import Stub
from migrator.model.principal import last_part

_ABOUT_ONE = frozenset({"principals", "accept_loss", "accept_gain"})  # sections whose keys are ARNs


def open_questions(
    facts: Iterable[ClusterFacts], clusters: Iterable[FleetCluster]
) -> tuple[OpenQuestion, ...]:
    """Who blocks which clusters: one principal for the same reasons, with the same answers, is one
    question. Those of the most clusters come first.

    Each has the selector that means exactly its clusters among those that the answer could mean;
    None where it may be given for the whole fleet.
    """
    everything = tuple(facts)
    by_arn = {cluster.arn: cluster for cluster in clusters}
    groups: dict[tuple[str | None, tuple[str, ...], bytes], list[ClusterFacts]] = {}
    for each in everything:
        for principal, codes in _blocking(each).items():
            groups.setdefault((principal, codes, _answers(each, principal)), []).append(each)
    found: list[OpenQuestion] = []
    for (principal, codes, _), asking in groups.items():
        asking.sort(key=lambda each: each.arn)
        arns = list(dict.fromkeys(each.arn for each in asking))
        # The answers are the same in all of them, what is said about them may differ.
        stubs = asking[0].stubs.get(principal or "", ())
        others = _others(everything, set(arns), _about(principal, stubs))
        where = selector_for([by_arn[arn] for arn in arns], [by_arn[arn] for arn in others])
        found.append(OpenQuestion(principal, codes, tuple(arns), stubs, where))
    found.sort(key=_most_clusters_first)
    return tuple(found)


def _most_clusters_first(
    question: OpenQuestion,
) -> tuple[int, tuple[str, ...], str, tuple[str, ...]]:
    """A sort key; codes, principal and clusters make the order the same in every run."""
    return (
        -len(question.clusters),
        question.codes,
        question.principal_arn or "",
        question.clusters,
    )


def _about(principal: str | None, stubs: Iterable[Stub]) -> str | None:
    """The principal that the answers are about; None where one is about more than that."""
    if all(stub.section in _ABOUT_ONE for stub in stubs):
        return principal
    return None


def _others(facts: Iterable[ClusterFacts], asking: set[str], about: str | None) -> list[str]:
    """The ARNs of the clusters that do not ask, and that the answer could mean."""
    found: list[str] = []
    for each in facts:
        if each.arn in asking:
            continue
        if _may_concern(each, about):
            found.append(each.arn)
    return found


def _blocking(facts: ClusterFacts) -> dict[str | None, tuple[str, ...]]:
    """The codes of blocking findings by principal; None is the cluster itself. One principal may
    have several.
    """
    codes: dict[str | None, set[str]] = {}
    for finding in facts.findings:
        if finding.severity == "block":
            codes.setdefault(finding.principal_arn, set()).add(finding.code)
    return {principal: tuple(sorted(found)) for principal, found in codes.items()}


def _answers(facts: ClusterFacts, principal: str | None) -> bytes:
    """What tells one question from another: the answers that could be given, without what is said
    about them.
    """
    return canonical_bytes(
        [[s.section, s.key, s.answer] for s in facts.stubs.get(principal or "", ())]
    )


def _may_concern(facts: ClusterFacts, principal: str | None) -> bool:
    """Whether an answer about the principal could mean this cluster: it has it, or that is unknown
    because it has no plan.

    None is an answer about groups or sections, which any cluster may have.
    """
    if principal is None:
        return True
    # Without a plan it is not known which principals the cluster has.
    if facts.plan_digest is None:
        return True
    return _name(principal) in {_name(arn) for arn in facts.principals}


def _name(arn: str) -> tuple[str, str]:
    """Account and name of a principal. Answers find a principal by the ARN of its row, too, which
    is without a path for a role. Names have no case in IAM.
    """
    account = ""
    if arn.count(":") >= 5:
        account = arn.split(":")[4]
    return account, last_part(arn).lower()
