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
from migrator.model.evidence import (
    PROOF_CLASSES,
    Evidence,
    PrincipalVerdict,
    ProbeResult,
    SelfSubject,
    Verdict,
)
from migrator.model.long_lists import first_lines
from migrator.model.moments import moment_of_text
from migrator.model.plan import PlannedPrincipal
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX, ProofClass

EVIDENCE_AGE = timedelta(hours=24)
_MOST_NAMED = 5
_OF_EARLIER = (
    "a login with the bridge's cluster-admin, or before the last write of the entry, does not "
    "count: log in again"
)


def state_digest(entry: AccessEntry | None, mode: AuthenticationMode | None) -> str:
    """What a piece of evidence was taken on: the entry without our own groups, and the mode.

    Order in lists does not count. ``entry`` None is a principal without an entry.
    """
    if entry is None:
        return digest_of(["no entry", mode])
    ours = (MARKER_PREFIX, BRIDGE_PREFIX)
    # A run takes its groups from the entry after the proof: the proof must stay valid.
    groups = sorted(group for group in entry.kubernetes_groups if not group.startswith(ours))
    policies: list[list[object]] = []
    for policy in entry.access_policies:
        scope = policy.scope
        policies.append([policy.policy_arn, scope.type, sorted(scope.namespaces)])
    policies.sort()
    return digest_of([entry.principal_arn, entry.type, entry.username, groups, policies, mode])


def attributable(evidence: Evidence) -> bool:
    """Whether the proof can be due to nothing but the entry.

    Rules evaluated and words given need no attribution: they are about the entry alone.
    """
    if evidence.attribution != "none":
        return True
    return evidence.proof_class not in ("live", "observed")


def is_of_final_entry(evidence: Evidence, written: datetime | None) -> bool:
    """Whether the proof is of the entry as its last write left it; ``written`` is when that was.

    A login that held a bridge group had cluster-admin by the bridge, whatever the entry gives. One
    in the logs from before ``written`` shows another shape of the entry, but for the marker, which
    gives nothing: to take it away changes no access. A login of this tool follows the reading of
    the entry, and times of two clocks say nothing about it.
    """
    if evidence.proof_class not in ("live", "observed"):
        return True
    if evidence.subject is not None and _has_bridge(evidence.subject):
        return False
    if evidence.proof_class == "live" or evidence.attribution == "marker":
        return True
    return written is None or _moment(evidence) >= written


def still_shown_by_nodes(
    kept: Sequence[Evidence],
    arn: str,
    state: str,
    now: datetime,
) -> Evidence | None:
    """The newest evidence that nodes of the role logged in through the entry as it is now; None
    where it is too old, where something after it did not hold, or where the entry or the mode is
    another since. ``kept``: the oldest first; ``state``: the digest of entry and mode.
    """
    of_role = [each for each in kept if each.principal_arn == arn and each.phase == "after"]
    for each in reversed(of_role):
        if each.state_digest != state or not each.holds:
            return None
        if _moment(each) < now - EVIDENCE_AGE:
            return None
        if (each.proof_class, each.attribution) == ("observed", "node"):
            return each
    return None


def _has_bridge(subject: SelfSubject) -> bool:
    """Whether a login had the access of a bridge."""
    return any(group.startswith(BRIDGE_PREFIX) for group in subject.groups)


def at_least(found: ProofClass, required: ProofClass) -> bool:
    """Whether a class of proof is as strong as the one required.

    The order is that of ``PROOF_CLASSES``, the strongest first.
    """
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
    written: datetime | None = None,
    required: ProofClass | None = None,
    max_age: timedelta = EVIDENCE_AGE,
) -> PrincipalVerdict:
    """The verdict on one principal from its ``after`` evidence, in the order it was taken.

    ``current`` is the :func:`state_digest` of now, ``written`` the time of the entry's last write
    (None: not known). ``required`` is the class that is demanded, that
    of the plan where it is None. The newest evidence decides that something is wrong; the strongest
    that holds decides how well it is known to be right.
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
        return PrincipalVerdict(
            arn,
            "failed",
            newest.proof_class,
            demanded,
            why,
            newest,
        )
    holding = [each for each in fresh if each.holds]
    of_one = [each for each in holding if _same_principal(each, newest)]
    # Evidence of an earlier shape of the entry says how well it is known only where there is no
    # other.
    of_final = [each for each in of_one if is_of_final_entry(each, written)]
    best = _strongest(of_final or of_one, demanded)
    shown, how = _shown(best, newest)
    # A login that falls through to the row passes every probe: a proof that cannot be attributed to
    # the entry is not enough.
    if of_final and attributable(best) and at_least(best.proof_class, demanded):
        return PrincipalVerdict(
            arn,
            "ok",
            best.proof_class,
            demanded,
            how,
            shown,
        )
    if len(of_final) < len(of_one):
        how = f"{how.rstrip('.')}; {_OF_EARLIER}"
    why = f"{how.rstrip('.')}; {demanded} proof, attributable to the entry, is demanded"
    return PrincipalVerdict(
        arn,
        "partial",
        best.proof_class,
        demanded,
        why,
        shown,
    )


def _is_after(evidence: Evidence, principal_arn: str) -> bool:
    """Whether this is a proof of the principal's access after the change."""
    if evidence.principal_arn != principal_arn:
        return False
    if evidence.phase != "after":
        return False
    return evidence.proof_class != "unverified"


def _strongest(holding: Sequence[Evidence], demanded: ProofClass) -> Evidence:
    """The evidence that shows the most; ``holding`` is not empty and in the order it was taken.

    Attributable before not attributable, enough before too weak, then by class; of equals the
    newest.
    """

    def weakness(evidence: Evidence) -> tuple[bool, bool, int]:
        """Smaller is stronger."""
        enough = at_least(evidence.proof_class, demanded)
        rank = PROOF_CLASSES.index(evidence.proof_class)
        return not attributable(evidence), not enough, rank

    return min(reversed(holding), key=weakness)


def _same_principal(evidence: Evidence, newest: Evidence) -> bool:
    """Whether two logins were of one IAM principal.

    A role that was created again has another unique id (IAM user guide, "IAM identifiers"), and
    what was shown of the old one says nothing about it.
    """
    one, other = _principal_id(evidence), _principal_id(newest)
    # Not every way of logging in shows the id: without it nothing speaks against one principal.
    if one is None or other is None:
        return True
    return one == other


def _principal_id(evidence: Evidence) -> str | None:
    """The unique id in the session that was seen, ``AROA…`` or ``AIDA…``; None where it is not
    shown.
    """
    if evidence.subject is None:
        return None
    # The API server lowers the keys of `extra` that come over HTTP headers (impersonation).
    for key, values in evidence.subject.extra.items():
        if key.lower() != "principalid":
            continue
        if values:
            return values[0]
    return None


def _shown(best: Evidence, newest: Evidence) -> tuple[Evidence, str]:
    """What people are shown: evidence and one line.

    It is the newest login, with what ties it to the entry where another one did.
    """
    # Only logins are tied to an entry.
    if best.proof_class not in ("live", "observed"):
        return best, best.how
    shown = newest
    tie = tied(best.attribution, best.at)
    # The tie is of the login itself: its time is in the text already.
    if newest is best or newest.proof_class != "live":
        shown = best
        tie = tied(best.attribution)
    return shown, "; ".join(filter(None, (shown.how, tie)))


def _age(evidence: Evidence, now: datetime) -> timedelta:
    """How long ago the evidence was taken."""
    return now - _moment(evidence)


def _moment(evidence: Evidence) -> datetime:
    """When the evidence was taken; its time is ISO 8601, in UTC."""
    return moment_of_text(evidence.at)


def _failure(evidence: Evidence) -> str:
    """Why evidence does not hold, in one line: differences of the login, then wrong answers.

    At most ``_MOST_NAMED`` answers are named; empty texts are left out.
    """
    results = [result for result in evidence.probes if not result.right]
    # A permission that was announced as lost and is still there comes first.
    results.sort(key=lambda result: result.probe.announced != "lost")
    wrong = [f"{request_text(result.probe.request)}: {_wrong(result)}" for result in results]
    texts = [*evidence.differences, *first_lines(wrong, _MOST_NAMED, "probes")]
    return "; ".join(text for text in texts if text)


def _wrong(result: ProbeResult) -> str:
    """What is wrong with one answer."""
    if not result.allowed:
        return "denied, and must be allowed"
    if result.probe.announced == "lost":
        return f"announced as lost, and still allowed ({result.reason or 'no reason given'})"
    return "allowed, and must be denied"


def cluster_verdict(verdicts: Iterable[PrincipalVerdict]) -> Verdict:
    """One verdict for all: the worst of them.

    No principals at all is ``unknown``, not ``ok``: nothing was shown. A principal of which nothing
    is known is worse than one that is shown in part.
    """
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
