"""The class of proof that the cut-over requires for a principal.

A principal that logged in within the log window, and every node role, must be seen live or in the
logs; the rest may be simulated. Without a complete window every principal counts as active.
``proof_policy`` may ask for another class by kind.
"""

from collections.abc import Mapping

from migrator.decide.planning.principals.candidate_principals import (
    CandidatePrincipal,
    is_role_of_eks,
    liveness_of,
)
from migrator.decide.planning.principals.plan_facts import CLUSTER_ADMIN, PlanFacts
from migrator.decide.reading.row_keys import principal_key
from migrator.model.access_entry import SERVICE_LINKED_MARK, EntrySpec
from migrator.model.principal import parse_arn
from migrator.model.step import ProofClass

PROOF_KINDS = ("node", "admin", "user", "role")


def proof_kind(principal_arn: str, entry: EntrySpec | None) -> str:
    """``node``, ``admin``, ``user`` or ``role``: what ``proof_policy`` in decisions.yaml
    distinguishes.
    """
    if entry is not None:
        if entry.type != "STANDARD":
            return "node"
        if is_admin(entry):
            return "admin"
    arn = parse_arn(principal_arn)
    if arn is None:
        return "role"
    return "user" if arn.kind == "user" else "role"


def is_admin(entry: EntrySpec) -> bool:
    """Whether an entry holds AmazonEKSClusterAdminPolicy for the whole cluster."""
    # EKS API: the same policy with a namespace as its scope gives everything in that namespace
    # alone.
    held = {(policy.policy_name, policy.scope.type) for policy in entry.access_policies}
    return (CLUSTER_ADMIN, "cluster") in held


def asked_proof(
    principal_arn: str, entry: EntrySpec | None, proof_policy: Mapping[str, ProofClass]
) -> ProofClass | None:
    """What ``proof_policy`` asks for this principal; None where it says nothing."""
    # No login as EKS's own role is possible, and EKS keeps its entry.
    if entry is None or SERVICE_LINKED_MARK in principal_arn:
        return "simulated"
    return proof_policy.get(proof_kind(principal_arn, entry))


def needs_no_login(candidate: CandidatePrincipal, facts: PlanFacts) -> bool:
    """Whether EKS made the entry for a role of its own and the entry certainly decides: no run
    changes it, no row is asked instead, and no login as the role is possible.
    """
    entry = candidate.entry
    if entry is None or not is_role_of_eks(candidate.arn, facts.snapshot):
        return False
    return liveness_of(candidate) == "live"


def required_proof(principal_arn: str, entry: EntrySpec | None, facts: PlanFacts) -> ProofClass:
    """The weakest class that cut-over accepts for a principal with this entry; ``simulated`` where
    there is none.
    """
    asked = asked_proof(principal_arn, entry, facts.decisions.proof_policy)
    if asked is not None:
        return asked
    # Every node role must be seen live or in the logs.
    if proof_kind(principal_arn, entry) == "node":
        return "observed"
    usage = facts.snapshot.usage
    # Without a complete window every principal counts as active.
    if usage is None or not usage.complete:
        return "observed"
    if principal_key(principal_arn) in facts.logins:
        return "observed"
    return "simulated"
