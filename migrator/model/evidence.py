"""Evidence: what was seen of a principal's access, when, on which state, and to what it can be
attributed.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from migrator.errors import Failed
from migrator.model.log_ins import SessionKind
from migrator.model.rbac import AccessRequest
from migrator.model.step import ProofClass

# Strongest first. A class is enough where it, or a weaker one, is demanded.
PROOF_CLASSES: tuple[ProofClass, ...] = ("live", "observed", "simulated", "attested", "unverified")

Verdict: TypeAlias = Literal["ok", "partial", "failed", "unknown"]
Phase: TypeAlias = Literal["before", "after"]
# What ties a login to the entry. ``only-way``: aws-auth has nothing that could let this principal
# in.
Attribution: TypeAlias = Literal[
    "marker", "policy", "node", "rehearsal", "api-mode", "only-way", "none"
]


# A difference of access that the plan announces.
Announced: TypeAlias = Literal["gained", "lost"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A question asked as the principal, and the answer that is right.

    ``announced``: the question is the witness of a difference that the plan announces; None for
    every other probe.
    """

    request: AccessRequest
    expected: bool
    announced: Announced | None = None


@dataclass(frozen=True, slots=True)
class OwnProbe:
    """A question that a person wants asked, of one principal or (None) of every principal."""

    probe: Probe
    principal_arn: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The answer to a probe. ``reason`` is the authorizer's own."""

    probe: Probe
    allowed: bool
    reason: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer is no fault. An announced gain that is not there is none: nothing is
        gained or lost.
        """
        if self.allowed == self.probe.expected:
            return True
        return self.probe.announced == "gained" and not self.allowed


@dataclass(frozen=True, slots=True)
class SelfSubject:
    """SelfSubjectReview's answer for a login: name, groups, extra. None instead of this: the login
    was refused.

    ``may_ask`` False: the cluster admits the login and does not let it ask about itself (HTTP 403).
    Then its name is known, and its groups and permissions were not seen.
    """

    username: str
    groups: tuple[str, ...]
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    may_ask: bool = True


@dataclass(frozen=True, slots=True)
class LogInAttempt:
    """A log-in as the principal that was tried, by which kind of session, and whether the cluster
    admitted it.
    """

    sessions: SessionKind
    admitted: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """One proof of one principal. ``state_digest`` is void once the entry, the row or the mode
    changes.

    ``log_ins`` are those that migrate tried itself, refused ones included; ``differences`` says
    what is wrong with one.
    """

    principal_arn: str
    proof_class: ProofClass
    phase: Phase
    at: str
    state_digest: str
    attribution: Attribution = "none"
    subject: SelfSubject | None = None
    probes: tuple[ProbeResult, ...] = ()
    differences: tuple[str, ...] = ()
    how: str = ""
    log_ins: tuple[LogInAttempt, ...] = ()

    @property
    def holds(self) -> bool:
        """True when nothing differs from what is right."""
        if self.differences:
            return False
        return all(result.right for result in self.probes)


@dataclass(frozen=True, slots=True)
class PrincipalVerdict:
    """What is known of one principal, and how it is known: ``why`` is one line for people."""

    principal_arn: str
    verdict: Verdict
    proof_class: ProofClass
    required: ProofClass
    why: str
    evidence: Evidence | None = None


def evidence_to_document(evidence: Evidence) -> dict[str, Any]:
    """The evidence as one JSON object: a line of ``evidence.jsonl``. It holds no token and no key,
    not even the id of the access key that SelfSubjectReview tells.
    """
    document = asdict(evidence)
    if document["subject"] is not None:
        extra = document["subject"]["extra"]
        document["subject"]["extra"] = {
            key: extra[key] for key in extra if key.lower() != "accesskeyid"
        }
    return document


def evidence_from_document(document: Mapping[str, Any]) -> Evidence:
    """The evidence in one line of ``evidence.jsonl``. Raises ``Failed("evidence-damaged")``."""
    try:
        subject = document["subject"]
        return Evidence(
            principal_arn=document["principal_arn"],
            proof_class=document["proof_class"],
            phase=document["phase"],
            at=document["at"],
            state_digest=document["state_digest"],
            attribution=document["attribution"],
            subject=None if subject is None else _subject(subject),
            probes=tuple(map(_result, document["probes"])),
            differences=tuple(document["differences"]),
            how=document["how"],
            # absent from evidence of earlier versions
            log_ins=tuple(
                LogInAttempt(each["sessions"], each["admitted"])
                for each in document.get("log_ins", ())
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Failed(
            "evidence-damaged",
            "A line of the evidence cannot be read.",
            why=f"{type(error).__name__}: a field is missing or has the wrong shape.",
            remedy="Move evidence.jsonl away and verify again.",
        ) from error


def _subject(document: Mapping[str, Any]) -> SelfSubject:
    extra = {key: tuple(values) for key, values in document["extra"].items()}
    return SelfSubject(
        document["username"],
        tuple(document["groups"]),
        extra,
        # absent from evidence of earlier versions
        document.get("may_ask", True),
    )


def _result(document: Mapping[str, Any]) -> ProbeResult:
    probe = document["probe"]
    return ProbeResult(
        # absent from evidence of earlier versions
        Probe(AccessRequest(**probe["request"]), probe["expected"], probe.get("announced")),
        document["allowed"],
        document["reason"],
    )


def by_principal(evidence: Iterable[Evidence]) -> dict[str, list[Evidence]]:
    """The evidence on each principal, by its ARN, in the order in which it was taken."""
    found: dict[str, list[Evidence]] = {}
    for each in evidence:
        found.setdefault(each.principal_arn, []).append(each)
    return found


def evidence_in(content: bytes) -> tuple[Evidence, ...]:
    """Everything in an ``evidence.jsonl``, oldest first; a torn last line is left out.

    Raises ``Failed("evidence-damaged")``.
    """
    found = []
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            document = None
        found.append(evidence_from_document(document if isinstance(document, dict) else {}))
    return tuple(found)
