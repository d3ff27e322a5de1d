"""Whether logins that principals made themselves show an access entry to be right: class
``observed``.

A login counts for an entry only if nothing else can have admitted it: it carries the run's own
group, or no row of aws-auth is asked. A login from before the entry was certainly in force may have
come through the row or the entry, so it can only show that the entry is right, never that it is
wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from migrator.decide.proving.compare_subject import compare_subject
from migrator.decide.proving.expectations import is_ours
from migrator.decide.proving.how_known import clock_time
from migrator.decide.proving.node_proof import SPREAD
from migrator.model.evidence import Attribution, SelfSubject
from migrator.model.observation import SeenLogin, SeenRequest


@dataclass(frozen=True, slots=True)
class LoginJudgement:
    """The newest login that shows something, how it differs from what is right, and what ties it to
    the entry.
    """

    login: SeenLogin
    count: int
    attribution: Attribution
    differences: tuple[str, ...] = ()

    @property
    def subject(self) -> SelfSubject | None:
        """Who the login was; None where it was refused."""
        if self.login.refused:
            return None
        return SelfSubject(self.login.username, self.login.groups)

    @property
    def how(self) -> str:
        """One line for people, for example ``seen 3 times in the audit log, last at TIME``."""
        last = clock_time(self.login.at)
        if self.login.refused:
            return f"was refused, last at {last}"
        log = "the audit log"
        if self.login.source == "authenticator":
            log = "the authenticator's log"
        times = f"{self.count} times"
        if self.count == 1:
            times = "once"
        return f"seen {times} in {log}, last at {last}"


def judge_logins(
    username: str,
    groups: Sequence[str],
    logins: Iterable[SeenLogin],
    *,
    since: datetime,
    only_entry: Attribution = "none",
) -> LoginJudgement | None:
    """Judge one principal's logins against the name and groups that its entry gives.

    None where none tells anything. ``since``: when the entry got its present shape. ``only_entry``:
    why no row can have admitted a login (``api-mode``, ``rehearsal``, ``only-way``), ``none`` where
    one can.
    """
    mine = [login for login in logins if login.at >= since]
    mine.sort(key=lambda login: login.at)
    in_force = since + SPREAD
    sure: list[tuple[SeenLogin, tuple[str, ...]]] = []
    for login in mine:
        differences = _differences(username, groups, login)
        # Until the entry has reached the authenticator, the row may have answered.
        if differences and login.at < in_force:
            continue
        sure.append((login, differences))
    if not sure:
        return None
    last, differences = sure[-1]
    return LoginJudgement(
        login=last,
        count=len(sure),
        attribution=_attribution(last, only_entry),
        differences=differences,
    )


def with_requests(
    judged: LoginJudgement,
    requests: Iterable[SeenRequest],
    *,
    since: datetime,
    admin: bool,
) -> LoginJudgement | None:
    """The logins with what an access policy decided since.

    They are tied to the policy where one allowed something; None where nothing tells. To an
    ``admin``, who may do everything, nothing may have been denied.

    Requests are those of the audit log, whose annotation ``authorization.k8s.io/reason`` says what
    allowed them (Kubernetes, "Auditing").
    """
    # An impersonated request was decided for another identity.
    own = [request for request in requests if request.by != "impersonated"]
    mine = [request for request in own if request.at >= since]
    # Until the entry has reached the authenticator a denial can be due to the row.
    later = [request for request in mine if request.at >= since + SPREAD]
    denied = [request for request in later if not request.allowed]
    if admin and denied:
        last = max(denied, key=lambda request: request.at)
        difference = (
            f"{last.verb} {last.target or 'a path'} was denied at {clock_time(last.at)}, to an "
            f"administrator"
        )
        return replace(judged, differences=(difference,))
    # Only an entry can have an access policy: the reason in the audit log names it.
    allowed = [request for request in mine if request.allowed]
    if any(request.by == "access-policy" for request in allowed):
        return replace(judged, attribution="policy")
    return None


def _differences(username: str, groups: Sequence[str], login: SeenLogin) -> tuple[str, ...]:
    """How a login differs from the name and the groups of the entry; empty where it does not."""
    if login.refused:
        return (f"the login was refused: {login.refused}",)
    # The authenticator's log separates groups by blanks: a group with a blank reads as two.
    if login.source == "authenticator":
        groups = " ".join(groups).split()
    return compare_subject(username, groups, SelfSubject(login.username, login.groups))


def _attribution(login: SeenLogin, only_entry: Attribution) -> Attribution:
    """What ties a login to the entry; ``none`` where the row may have admitted it.

    ``only_entry`` says why no row can have, and is ``none`` where one can.
    """
    if only_entry != "none":
        return only_entry
    # No row gives a group with the run's random name.
    if any(map(is_ours, login.groups)):
        return "marker"
    return "none"
