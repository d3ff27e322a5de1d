"""Principals of a plan that was read, compared with the basis: rows, identity before, action,
entry.

Every row and entry of the basis belongs to exactly one principal. The entry is the one that the row
gives; what it has besides must be announced by a finding of the principal that names it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from migrator.decide.findings.findings_catalogue import accounts_for
from migrator.decide.planning.entries.automatic_entry import is_creators
from migrator.decide.planning.entries.creator import HIDDEN_CREATOR
from migrator.decide.planning.entries.desired_entry import identities_at_random, identity_of_rows
from migrator.decide.planning.entries.entry_identity import identity_of_entry, same_entry, spec_of
from migrator.decide.planning.principals.candidate_principals import CandidatePrincipal, liveness_of
from migrator.decide.planning.principals.plan_facts import NodeUse, PlanFacts
from migrator.decide.planning.rereading.check_entry import check_entry
from migrator.decide.planning.rereading.check_log_ins import check_log_ins
from migrator.decide.planning.rereading.inconsistency import Inconsistency, policy_keys
from migrator.decide.planning.rereading.plan_read import PlanRead
from migrator.decide.reading.row_keys import canonical_arn
from migrator.model.access_entry import NOBODY, AccessEntry, EntrySpec, Identity
from migrator.model.plan import PlannedPrincipal
from migrator.model.principal import parse_arn

_ONE_LIVE_NODE = NodeUse(live=1)
_GETS_ENTRY = frozenset({"create", "recreate", "update", "await"})
_POLICY = frozenset({"live", "observed", "simulated"})
_UPDATES = frozenset({"entry-half-made", "answered", "automatic-entry-completed"})
# Why a principal that can log in today gets no entry (desired_entry, classify_node, answers).
_LEAVES_OUT = frozenset({"stays-in-config-map", "loss-accepted", "fargate-unused"})


def check_principals(read: PlanRead) -> Iterator[Inconsistency]:
    """Each principal against the basis; none missing, none twice, none invented."""
    counts = Counter(principal.principal_arn for principal in read.plan.principals)
    for arn, count in counts.items():
        if count > 1:
            yield Inconsistency(f"principal {arn}", "The plan has it twice.")
    # A principal that the plan forgets loses its access at the cut-over.
    for candidate in read.unplanned:
        yield Inconsistency(
            f"principal {candidate.arn}",
            "The basis names it, and the plan has no principal for it.",
        )
    for principal in read.plan.principals:
        candidate = read.subject_of(principal)
        if principal.principal_arn in read.of_basis:
            yield from _check_named(principal, candidate, read.facts)
        else:
            yield from _check_unnamed(principal, candidate, read.facts)
        yield from _check_action(principal, candidate, read.facts)
        yield from _check_access(principal)
        yield from _check_proof(principal)
        yield from check_log_ins(principal, read)
        yield from _check_ambiguity(principal, candidate, read.facts)
        # An entry that is kept was compared with the one in the basis.
        gets_entry = principal.action in _GETS_ENTRY
        if gets_entry and principal.entry is not None:
            yield from check_entry(principal, principal.entry, read)


def _where(principal: PlannedPrincipal) -> str:
    """The principal as an inconsistency names it."""
    return f"principal {principal.principal_arn} with the action {principal.action}"


def _check_named(
    principal: PlannedPrincipal, candidate: CandidatePrincipal, facts: PlanFacts
) -> Iterator[Inconsistency]:
    """A principal that the basis names: its rows, its unique id and its identity before are what
    the basis gives.
    """
    where = _where(principal)
    sources = tuple(row.source for row in candidate.rows)
    if principal.sources != sources:
        rows = ", ".join(sources) or "none"
        yield Inconsistency(where, f"Its rows are {rows} in the basis.")
    known_id = None
    if candidate.found.principal is not None:
        known_id = candidate.found.principal.id
    # The entry is pinned to the unique id (EKS user guide, "Create access entries").
    if principal.principal_id != known_id:
        yield Inconsistency(where, "Its principalId is not the one in the basis.")
    befores = _befores(principal, candidate, facts)
    if not any(_same_identity(principal.before, before) for before in befores):
        yield Inconsistency(where, "Its identity before is not what the basis gives.")


def _befores(
    principal: PlannedPrincipal, candidate: CandidatePrincipal, facts: PlanFacts
) -> Iterator[Identity]:
    """The identities that the principal may have before, as far as the basis shows: live nodes and
    the creator are not in it.
    """
    entry = candidate.entry
    if entry is not None:
        yield identity_of_entry(entry)
        # A live entry decides before the row. A dead one matches no log-in, and one that EKS made
        # at our own mode step shadows the row only since then.
        is_dead = liveness_of(candidate) == "dead"
        if not is_dead and not _is_completed(principal, entry):
            return
    yield identity_of_rows(candidate, facts)
    # Live nodes are not in the basis: they make a row alive that the trust policy refutes.
    yield identity_of_rows(replace(candidate, use=_ONE_LIVE_NODE), facts)
    yield from identities_at_random(candidate, facts)
    if _is_creator(principal, facts):
        yield HIDDEN_CREATOR
    # No row decides: mapAccounts does, where no entry is alive.
    has_row = candidate.match is not None and candidate.match.kind != "dead"
    if not has_row and _is_of_mapped_account(candidate, facts):
        yield Identity(canonical_arn(principal.principal_arn), (), "config-map")


def _is_completed(principal: PlannedPrincipal, entry: AccessEntry) -> bool:
    """Whether EKS made the entry at our own mode step, so that the row is the identity before. The
    state folder recorded that when the plan was made; here the entry must at least have the shape
    that EKS gives it.
    """
    if "automatic-entry-completed" not in principal.findings:
        return False
    return is_creators(entry)


def _is_creator(principal: PlannedPrincipal, facts: PlanFacts) -> bool:
    """Whether the plan says that EKS will make the principal's entry because it created the
    cluster: at the switch from CONFIG_MAP only.
    """
    if facts.mode != "CONFIG_MAP":
        return False
    return "creator-becomes-entry" in principal.findings


def _same_identity(one: Identity, other: Identity) -> bool:
    """The basis sorts groups and policies."""
    if (one.username, one.via) != (other.username, other.via):
        return False
    if sorted(one.groups) != sorted(other.groups):
        return False
    return policy_keys(one) == policy_keys(other)


def _check_unnamed(
    principal: PlannedPrincipal, candidate: CandidatePrincipal, facts: PlanFacts
) -> Iterator[Inconsistency]:
    """A principal that neither row nor entry names: a role of live nodes, the creator, or one out
    of mapAccounts.
    """
    where = _where(principal)
    if principal.sources:
        yield Inconsistency(where, "The basis gives its rows to another principal.")
    # No identity: a role of live nodes without a row. The other one is what mapAccounts gives.
    if _is_creator(principal, facts):
        allowed = (HIDDEN_CREATOR, NOBODY)
    else:
        allowed = (NOBODY, Identity(canonical_arn(principal.principal_arn), (), "config-map"))
    if principal.before not in allowed:
        yield Inconsistency(
            where, "Its identity before comes from no row and no entry of the basis."
        )
    known = candidate.found.principal
    if known is not None and principal.principal_id != known.id:
        yield Inconsistency(where, "Its principalId is not the one in the basis.")
    # A new entry for a principal that nothing lets log in today would be a new grant.
    if principal.action == "create" and not _is_of_mapped_account(candidate, facts):
        yield Inconsistency(where, "Neither a row nor mapAccounts of the basis names it.")


def _is_of_mapped_account(candidate: CandidatePrincipal, facts: PlanFacts) -> bool:
    """Whether ``mapAccounts`` admits the principal: every principal of such an account
    (aws-iam-authenticator, configmap.go).
    """
    arn = parse_arn(candidate.arn)
    if arn is None:
        return False
    return arn.account in {row.account for row in facts.aws_auth.accounts}


def _check_action(
    principal: PlannedPrincipal, candidate: CandidatePrincipal, facts: PlanFacts
) -> Iterator[Inconsistency]:
    """The action compared with the existing entry, and the entry that the action leaves."""
    where = _where(principal)
    has_entry = principal.entry is not None
    if principal.action in ("skip", "block"):
        if has_entry:
            yield Inconsistency(where, "It can have no entry.")
    elif not has_entry:
        yield Inconsistency(where, "It must have an entry.")
    if principal.proposed is not None and principal.action != "block":
        yield Inconsistency(where, "Only a blocked principal has a proposed entry.")
    why = _why_not(principal, candidate, facts)
    if why:
        yield Inconsistency(where, why)


def _why_not(principal: PlannedPrincipal, candidate: CandidatePrincipal, facts: PlanFacts) -> str:
    """Why the action cannot fit the existing entry; empty where it can."""
    by_eks = _made_by_eks(principal, candidate, facts)
    match principal.action:
        case "create":
            return _why_not_create(candidate, by_eks=by_eks)
        case "recreate" if not _has_dead_entry(candidate):
            return "The basis has no dead access entry for it."
        case "update" if not _has_reason_to_update(principal, candidate):
            return "No access entry and no finding asks for an update."
        case "keep" if not _keeps(candidate, principal.entry):
            return "Its entry is not the one in the basis."
        case "await" if not by_eks:
            return "Nothing says that EKS makes an entry for it."
        case "skip":
            return _why_not_skip(principal, by_eks=by_eks)
        case _:
            return ""


def _has_dead_entry(candidate: CandidatePrincipal) -> bool:
    """Whether the basis has an entry of the principal that matches no log-in."""
    if candidate.entry is None:
        return False
    return liveness_of(candidate) == "dead"


def _has_reason_to_update(principal: PlannedPrincipal, candidate: CandidatePrincipal) -> bool:
    """Whether a finding announces the change of an entry that exists."""
    if candidate.entry is None:
        return False
    # An entry that exists decides already: changing it is a change of access.
    return not _UPDATES.isdisjoint(principal.findings)


def _why_not_create(candidate: CandidatePrincipal, *, by_eks: bool) -> str:
    """Why no entry can be created; empty where one can. ``by_eks``: EKS makes one itself."""
    # EKS API: a principal has one entry; CreateAccessEntry is refused where there is one.
    if candidate.entry is not None:
        return "The basis has an access entry for it."
    if by_eks:
        return "EKS makes this entry itself at the mode switch."
    return ""


def _why_not_skip(principal: PlannedPrincipal, *, by_eks: bool) -> str:
    """Why the principal cannot be left without an entry; empty where it can."""
    # It has nothing to lose.
    if principal.before.via == "none":
        return ""
    if _LEAVES_OUT.isdisjoint(principal.findings):
        return "It can log in today, and no finding says why it is left out."
    # EKS's entry decides before the row from the mode switch on, whatever the plan leaves out.
    if by_eks:
        return "EKS makes an entry for it at the mode switch, so that it cannot be left out."
    return ""


def _keeps(candidate: CandidatePrincipal, planned: EntrySpec | None) -> bool:
    """Whether the entry of the plan is the one that the basis has."""
    entry = candidate.entry
    if planned is None:
        return False
    # There is nothing that could be kept.
    if entry is None:
        return False
    found = spec_of(entry)
    if not same_entry(candidate.arn, found, planned):
        return False
    if entry.type == "STANDARD":
        return True
    # same_entry compares only the type for node types; such an entry has no username and no groups
    bare = EntrySpec(entry.type, None, (), planned.access_policies)
    if planned != bare:
        return False
    return policy_keys(planned) == policy_keys(found)


def _made_by_eks(
    principal: PlannedPrincipal, candidate: CandidatePrincipal, facts: PlanFacts
) -> bool:
    """Whether EKS makes the entry at the switch: for managed node groups, Fargate profiles and the
    creator.
    """
    if facts.mode != "CONFIG_MAP":
        return False
    if candidate.use.nodegroups:
        return True
    if candidate.use.profiles:
        return True
    return _is_creator(principal, facts)


def _check_proof(principal: PlannedPrincipal) -> Iterator[Inconsistency]:
    """The class of proof that cut-over requires: one that `proof_policy` can ask for. Which one
    depends on the policy and on the logins that were seen, which are not in the plan: the proofs
    gate names the principals that are proven by rules alone.
    """
    proof = principal.required_proof
    if proof in _POLICY:
        return
    yield Inconsistency(_where(principal), f"No policy asks for the proof `{proof}`.")


def _check_access(principal: PlannedPrincipal) -> Iterator[Inconsistency]:
    """Announced gains and losses have a finding that accounts for them."""
    # A blocked principal gets no entry: what it would gain or lose is shown for the decision.
    if principal.action == "block":
        return
    where, access = _where(principal), principal.access
    for difference, rows in (("gain", access.gained), ("loss", access.lost)):
        if not rows:
            continue
        if not accounts_for(principal.findings, difference):
            yield Inconsistency(
                where, f"It has a {difference} of access that no finding accounts for."
            )
    # Its entry is not touched.
    is_changed = bool(access.gained or access.lost)
    if principal.action == "keep" and is_changed:
        yield Inconsistency(where, "A principal that is kept gains and loses nothing.")


def _check_ambiguity(
    principal: PlannedPrincipal, candidate: CandidatePrincipal, facts: PlanFacts
) -> Iterator[Inconsistency]:
    """Where two spellings give a principal different identities, the identity before is not
    compared: it must be one of them.
    """
    if "ambiguous-user" not in principal.findings:
        return
    if identities_at_random(candidate, facts):
        return
    yield Inconsistency(_where(principal), "Its rows do not differ by spelling.")
