"""Evidence: what was seen of a principal's access, when, on which state, and to what it can be attributed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from migrator.model.rbac import AccessRequest
from migrator.model.step import ProofClass

Verdict: TypeAlias = Literal["ok", "partial", "failed", "unknown"]
Phase: TypeAlias = Literal["before", "after"]
Attribution: TypeAlias = Literal["marker", "policy", "node", "rehearsal", "api-mode", "none"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A question asked as the principal, and the answer that is right."""

    request: AccessRequest
    expected: bool


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The answer to a probe. ``reason`` is the authorizer's own."""

    probe: Probe
    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SelfSubject:
    """SelfSubjectReview's answer for a login: name, groups, extra. None instead of this: the login was refused."""

    username: str
    groups: tuple[str, ...]
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One proof of one principal. ``state_digest`` is void once the entry, the row or the mode changes."""

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

    @property
    def holds(self) -> bool:
        """True when nothing differs from what is right."""
        return not self.differences and all(r.allowed == r.probe.expected for r in self.probes)
