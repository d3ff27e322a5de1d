"""Whether a log-in of a principal must be admitted: by what aws-auth admits before, and by what the
plan announces.

The entry that a plan makes is no measure here: one that admits more log-ins than the row did, and
that no finding announced, is what this is meant to find.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.decide.access.log_in_population import (
    admits,
    kind_of_session,
    population_of,
    sessions_of,
    together,
    without,
)
from migrator.decide.planning.entries.entry_identity import identity_of_entry
from migrator.model.access_entry import AccessEntry
from migrator.model.evidence import Evidence, LogInAttempt, Phase, SelfSubject
from migrator.model.log_ins import LogIns, SessionKind, log_in_words
from migrator.model.plan import PlannedPrincipal

# ``ended``: admitted before, and the plan announces that it is refused after.
Expectation: TypeAlias = Literal["admitted", "refused", "ended"]


@dataclass(frozen=True, slots=True)
class ExpectedLogIn:
    """What is right for a log-in by one session of a principal."""

    expectation: Expectation
    sessions: SessionKind

    @property
    def words(self) -> str:
        """Which sessions these are."""
        return log_in_words(LogIns(self.sessions))

    def attempt(self, subject: SelfSubject | None) -> LogInAttempt:
        """The log-in as evidence."""
        return LogInAttempt(self.sessions, admitted=subject is not None)

    def differences(self, subject: SelfSubject | None, phase: Phase) -> tuple[str, ...]:
        """What is wrong with a log-in that must be refused; empty where it was refused."""
        if subject is None:
            return ()
        works = f"the login works, as {subject.username!r}, and"
        if self.expectation == "ended":
            return (f"{works} the plan says that it ends: {self.words}",)
        if phase == "before":
            return (f"{works} the plan says that it is refused: {self.words}",)
        return (f"{works} did not before: {self.words}",)


def expected_log_in(
    principal: PlannedPrincipal,
    phase: Phase,
    session_name: str,
    earlier: Iterable[Evidence],
) -> ExpectedLogIn:
    """Whether a log-in by a session of this name must be admitted.

    ``phase`` says whether the entry decides yet. ``earlier`` is the evidence on record, oldest
    first: what a baseline saw refused must stay refused, too.
    """
    arn, access = principal.principal_arn, principal.access
    kind = kind_of_session(arn, session_name)
    was = admits(population_of(principal.before, arn), kind, session_name)
    if phase == "before" and was:
        return ExpectedLogIn("admitted", kind)
    if phase == "before":
        return ExpectedLogIn("refused", kind)
    # Plans of earlier versions announce a new grant by its finding alone.
    if "new-grant" in principal.findings:
        return ExpectedLogIn("admitted", kind)
    if admits(access.log_ins_gained, kind, session_name):
        return ExpectedLogIn("admitted", kind)
    if not was:
        return ExpectedLogIn("refused", kind)
    # What was measured counts more than what the rules say of the row.
    if _refused_in_baseline(arn, kind, earlier):
        return ExpectedLogIn("refused", kind)
    if admits(access.log_ins_lost, kind, session_name):
        return ExpectedLogIn("ended", kind)
    return ExpectedLogIn("admitted", kind)


def unannounced_log_ins(principal: PlannedPrincipal, entry: AccessEntry | None) -> tuple[str, ...]:
    """What an entry admits, as it was read, beyond what was admitted before and what the plan
    announces.

    The entry is judged, not a login: it takes time to reach the authenticator, and the credentials
    of many principals cannot be obtained.
    """
    # Without an entry nothing is admitted; without a decision there is nothing to compare with.
    if entry is None:
        return ()
    if principal.action == "block":
        return ()
    # ambiguous-user: the identity before is taken at random. new-grant: plans of earlier versions
    # announce it by this finding alone.
    if not {"ambiguous-user", "new-grant"}.isdisjoint(principal.findings):
        return ()
    arn = principal.principal_arn
    known = together((population_of(principal.before, arn), principal.access.log_ins_gained))
    more = without(population_of(identity_of_entry(entry), arn), known)
    return tuple(
        f"the entry admits log-ins that were refused before: {log_in_words(each)}" for each in more
    )


def is_usual_refusal(principal: PlannedPrincipal, error: str) -> bool:
    """Whether a refused login of the principal is one that was refused before, too.

    A mapping was found, and it admits only some sessions. ``error`` is the authenticator's text
    (``pkg/server/server.go``).
    """
    # No mapping was found at all: this is no refusal of one kind of session.
    if "identity is not mapped" in error:
        return False
    arn = principal.principal_arn
    every = tuple(map(LogIns, sessions_of(arn)))
    return bool(without(every, population_of(principal.before, arn)))


def _refused_in_baseline(arn: str, kind: SessionKind, earlier: Iterable[Evidence]) -> bool:
    """Whether the newest baseline that tried a log-in of this kind saw it refused."""
    admitted = True
    for evidence in earlier:
        if evidence.principal_arn != arn:
            continue
        if evidence.phase != "before":
            continue
        # A baseline that did not try this kind says nothing about it.
        tried = (each.admitted for each in evidence.log_ins if each.sessions == kind)
        admitted = next(tried, admitted)
    return not admitted
