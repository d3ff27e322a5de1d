"""From evidence to verdicts: per principal, and one for the cluster. ``unknown`` is never ``ok``.

Evidence ages, and it is void once the state it was taken on has changed. A live or observed proof
counts in full only if it can be attributed to the entry: while the ConfigMap is still asked, a dead
or mistyped entry falls through to the row and every probe passes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from migrator.decide.proving.how_known import request_text, tied
from migrator.model.access_entry import AccessEntry, AuthenticationMode
from migrator.model.canonical import digest_of
from migrator.model.evidence import PROOF_CLASSES, Evidence, PrincipalVerdict, ProbeResult, Verdict
from migrator.model.long_lists import first_lines
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
    """Whether a class of proof is as strong as the one required."""
    # A person attested the access by name and reason: cut-over accepts that.
    if found == "attested":
        return True
    return PROOF_CLASSES.index(found) <= PROOF_CLASSES.index(required)


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
    mine = [each for each in evidence if _is_after(each, arn)]
    # Evidence is void once the entry or the mode has changed, and it ages.
    of_now = [each for each in mine if each.state_digest == current]
    fresh = [each for each in of_now if _age(each, now) <= max_age]
    if not mine:
        return PrincipalVerdict(arn, "unknown", "unverified", demanded, "nothing was shown yet")
    if not fresh:
        why = "what was shown is too old or of another state"
        return PrincipalVerdict(arn, "unknown", "unverified", demanded, why)
    newest = fresh[-1]
    # The newest evidence shows the access as it is now: earlier success does not outweigh it.
    if not newest.holds:
        why = _failure(newest)
        return PrincipalVerdict(arn, "failed", newest.proof_class, demanded, why, newest)
    holding = [each for each in fresh if each.holds]
    best = _strongest([each for each in holding if _same_principal(each, newest)], demanded)
    shown, how = _shown(best, newest)
    # A login that falls through to the row passes every probe: a proof that cannot be attributed to
    # the entry is not enough.
    if attributable(best) and at_least(best.proof_class, demanded):
        return PrincipalVerdict(arn, "ok", best.proof_class, demanded, how, shown)
    why = f"{how.rstrip('.')}; {demanded} proof, attributable to the entry, is demanded"
    return PrincipalVerdict(arn, "partial", best.proof_class, demanded, why, shown)


def _is_after(evidence: Evidence, principal_arn: str) -> bool:
    """Whether this is a proof of the principal's access after the change."""
    if evidence.principal_arn != principal_arn or evidence.phase != "after":
        return False
    return evidence.proof_class != "unverified"


def _strongest(holding: Sequence[Evidence], demanded: ProofClass) -> Evidence:
    """Attributable before not attributable, enough before too weak, then by class; of equals the
    newest.
    """

    def weakness(evidence: Evidence) -> tuple[bool, bool, int]:
        enough = at_least(evidence.proof_class, demanded)
        return not attributable(evidence), not enough, _rank(evidence)

    return min(reversed(holding), key=weakness)


def _same_principal(evidence: Evidence, newest: Evidence) -> bool:
    """Whether two logins were of one IAM principal: a role that was created again has another
    unique id, and what was shown of the old one says nothing about it.
    """
    ids = [_principal_id(each) for each in (evidence, newest)]
    return None in ids or ids[0] == ids[1]


def _principal_id(evidence: Evidence) -> str | None:
    if evidence.subject is None:
        return None
    # The API server lowers the keys of `extra` that come over HTTP headers (impersonation).
    for key, values in evidence.subject.extra.items():
        if key.lower() == "principalid" and values:
            return values[0]
    return None


def _shown(best: Evidence, newest: Evidence) -> tuple[Evidence, str]:
    """What people are shown: the newest login, with what ties it to the entry where another one
    did.
    """
    # Only logins are tied to an entry.
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
    results = [result for result in evidence.probes if not result.right]
    # A permission that was announced as lost and is still there comes first.
    results.sort(key=lambda result: result.probe.announced != "lost")
    wrong = [f"{request_text(result.probe.request)}: {_wrong(result)}" for result in results]
    texts = [*evidence.differences, *first_lines(wrong, _MOST_NAMED, "probes")]
    return "; ".join(text for text in texts if text)


def _wrong(result: ProbeResult) -> str:
    if not result.allowed:
        return "denied, and must be allowed"
    if result.probe.announced == "lost":
        return f"announced as lost, and still allowed ({result.reason or 'no reason given'})"
    return "allowed, and must be denied"


def cluster_verdict(verdicts: Iterable[PrincipalVerdict]) -> Verdict:
    """One verdict for all: the worst of them. No principals at all is ``unknown``, not ``ok``."""
    found = {each.verdict for each in verdicts}
    if not found:
        return "unknown"
    for worst in ("failed", "unknown", "partial"):
        if worst in found:
            return worst
    return "ok"


def counts(verdicts: Iterable[PrincipalVerdict]) -> Mapping[Verdict, int]:
    """How many principals there are of each verdict, zeros too."""
    found = [each.verdict for each in verdicts]
    return {
        "ok": found.count("ok"),
        "partial": found.count("partial"),
        "failed": found.count("failed"),
        "unknown": found.count("unknown"),
    }
