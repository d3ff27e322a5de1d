"""From evidence to verdicts: per principal, and one for the cluster. ``unknown`` is never ``ok``.

Evidence ages, and it is void once the state it was taken on has changed. A live or observed proof
counts in full only if it can be attributed to the entry: while the ConfigMap is still asked, a dead
or mistyped entry falls through to the row and every probe passes.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from migrator.decide.proving.how_known import request_text, tied
from migrator.model.access_entry import AccessEntry, AuthenticationMode
from migrator.model.canonical import digest_of
from migrator.model.evidence import PROOF_CLASSES, Evidence, PrincipalVerdict, ProbeResult, Verdict
from migrator.model.plan import PlannedPrincipal
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX, ProofClass

EVIDENCE_AGE = timedelta(hours=24)
_MOST_NAMED = 5


def state_digest(entry: AccessEntry | None, mode: AuthenticationMode | None) -> str:
    """What a piece of evidence was taken on: the entry without our own marker and bridge groups,
    and the mode.
    """
    if entry is None:
        return digest_of(["no entry", mode])
    groups = sorted(
        g for g in entry.kubernetes_groups if not g.startswith((MARKER_PREFIX, BRIDGE_PREFIX))
    )
    policies = sorted(
        [p.policy_arn, p.scope.type, sorted(p.scope.namespaces)] for p in entry.access_policies
    )
    return digest_of([entry.principal_arn, entry.type, entry.username, groups, policies, mode])


def attributable(evidence: Evidence) -> bool:
    """Whether the proof can be due to nothing but the entry. Rules evaluated and words given need
    no attribution.
    """
    return evidence.attribution != "none" or evidence.proof_class not in ("live", "observed")


def at_least(found: ProofClass, required: ProofClass) -> bool:
    """Whether a class of proof is as strong as the one required; a person's word, being explicit,
    always is.
    """
    return found == "attested" or PROOF_CLASSES.index(found) <= PROOF_CLASSES.index(required)


def verdict_of(
    principal: PlannedPrincipal,
    evidence: Iterable[Evidence],
    *,
    current: str,
    now: datetime,
    required: ProofClass | None = None,
    max_age: timedelta = EVIDENCE_AGE,
) -> PrincipalVerdict:
    """The verdict on one principal from its ``after`` evidence, in the order it was taken.

    ``current`` is the :func:`state_digest` of now. The newest evidence decides that something is
    wrong; the strongest that holds decides how well it is known to be right.
    """
    demanded = required or principal.required_proof
    arn = principal.principal_arn
    mine = [
        e
        for e in evidence
        if e.principal_arn == arn and e.phase == "after" and e.proof_class != "unverified"
    ]
    fresh = [e for e in mine if e.state_digest == current and _age(e, now) <= max_age]
    if not fresh:
        why = (
            "nothing was shown yet" if not mine else "what was shown is too old or of another state"
        )
        return PrincipalVerdict(arn, "unknown", "unverified", demanded, why)
    if not fresh[-1].holds:
        return PrincipalVerdict(
            arn, "failed", fresh[-1].proof_class, demanded, _failure(fresh[-1]), fresh[-1]
        )
    newest = fresh[-1]
    holding = [e for e in fresh if e.holds and _same_principal(e, newest)]
    best = min(
        reversed(holding),
        key=lambda e: (not attributable(e), not at_least(e.proof_class, demanded), _rank(e)),
    )
    enough = attributable(best) and at_least(best.proof_class, demanded)
    shown, how = _shown(best, newest)
    why = (
        how
        if enough
        else f"{how.rstrip('.')}; {demanded} proof, attributable to the entry, is demanded"
    )
    return PrincipalVerdict(
        arn, "ok" if enough else "partial", best.proof_class, demanded, why, shown
    )


def _same_principal(evidence: Evidence, newest: Evidence) -> bool:
    """Whether two logins were of one IAM principal: a role that was made anew has another unique
    id, and what was shown of the old one says nothing about it.
    """
    ids = [_principal_id(each) for each in (evidence, newest)]
    return None in ids or ids[0] == ids[1]


def _principal_id(evidence: Evidence) -> str | None:
    extra = evidence.subject.extra if evidence.subject is not None else {}
    return next(
        (values[0] for key, values in extra.items() if key.lower() == "principalid" and values),
        None,
    )


def _shown(best: Evidence, newest: Evidence) -> tuple[Evidence, str]:
    """What people are shown: the newest login, with what ties it to the entry where another one
    did.
    """
    if best.proof_class not in ("live", "observed"):
        return best, best.how
    if newest is best or newest.proof_class != "live":
        return best, "; ".join(filter(None, (best.how, tied(best.attribution))))
    return newest, "; ".join(filter(None, (newest.how, tied(best.attribution, best.at))))


def _rank(evidence: Evidence) -> int:
    return PROOF_CLASSES.index(evidence.proof_class)


def _age(evidence: Evidence, now: datetime) -> timedelta:
    return now - datetime.fromisoformat(evidence.at.replace("Z", "+00:00"))


def _failure(evidence: Evidence) -> str:
    wrong = [
        f"{request_text(r.probe.request)}: {_wrong(r)}"
        for r in sorted(evidence.probes, key=lambda result: result.probe.announced != "lost")
        if not r.right
    ]
    more = f"and {len(wrong) - _MOST_NAMED} more probes" if len(wrong) > _MOST_NAMED else ""
    return "; ".join(filter(None, (*evidence.differences, *wrong[:_MOST_NAMED], more)))


def _wrong(result: ProbeResult) -> str:
    if not result.allowed:
        return "denied, and must be allowed"
    if result.probe.announced == "lost":
        return f"announced as lost, and still allowed ({result.reason or 'no reason given'})"
    return "allowed, and must be denied"


def cluster_verdict(verdicts: Iterable[PrincipalVerdict]) -> Verdict:
    """One verdict for all: the worst of them. No principals at all is ``unknown``, not ``ok``."""
    found = {each.verdict for each in verdicts}
    for worst in ("failed", "unknown", "partial"):
        if worst in found:
            return worst
    return "ok" if found else "unknown"


def counts(verdicts: Iterable[PrincipalVerdict]) -> Mapping[Verdict, int]:
    """How many principals there are of each verdict, zeros too."""
    found = [each.verdict for each in verdicts]
    return {
        "ok": found.count("ok"),
        "partial": found.count("partial"),
        "failed": found.count("failed"),
        "unknown": found.count("unknown"),
    }
