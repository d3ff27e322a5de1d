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
        return None if self.login.refused else SelfSubject(self.login.username, self.login.groups)

    @property
    def how(self) -> str:
        """One line for people."""
        log = "the authenticator's log" if self.login.source == "authenticator" else "the audit log"
        times = "once" if self.count == 1 else f"{self.count} times"
        what = "was refused" if self.login.refused else f"seen {times} in {log}"
        return f"{what}, last at {clock_time(self.login.at)}"


def judge_logins(
    username: str,
    groups: Sequence[str],
    logins: Iterable[SeenLogin],
    *,
    since: datetime,
    only_entry: Attribution = "none",
) -> LoginJudgement | None:
    """Judge one principal's logins against the name and groups that its entry gives; None where
    none tells anything.

    ``since``: when the entry got its present shape. ``only_entry``: why no row can have let a login
    in (``api-mode``, ``rehearsal``, ``only-way``), ``none`` where one can.
    """
    mine = sorted((login for login in logins if login.at >= since), key=lambda login: login.at)
    sure: list[tuple[SeenLogin, tuple[str, ...]]] = []
    for login in mine:
        differences = _differences(username, groups, login)
        # Until the entry has reached the authenticator, the row may have answered.
        if not differences or login.at >= since + SPREAD:
            sure.append((login, differences))
    if not sure:
        return None
    last, differences = sure[-1]
    return LoginJudgement(last, len(sure), _attribution(last, only_entry), differences)


def with_requests(
    judged: LoginJudgement, requests: Iterable[SeenRequest], *, since: datetime, admin: bool
) -> LoginJudgement | None:
    """The logins with what an access policy decided since: tied to the policy where one allowed
    something, None where nothing tells. To an ``admin``, who may do everything, nothing may have
    been denied.
    """
    # An impersonated request was decided for another identity.
    own = [request for request in requests if request.by != "impersonated"]
    mine = [request for request in own if request.at >= since]
    # Until the entry has reached the authenticator a denial can be due to the row.
    later = [request for request in mine if request.at >= since + SPREAD]
    denied = [request for request in later if not request.allowed]
    if admin and denied:
        return replace(judged, differences=(_denied_administrator(denied),))
    # Only an entry can have an access policy: the reason in the audit log names it.
    if any(request.allowed and request.by == "access-policy" for request in mine):
        return replace(judged, attribution="policy")
    return None


def _denied_administrator(denied: Sequence[SeenRequest]) -> str:
    last = max(denied, key=lambda request: request.at)
    return (
        f"{last.verb} {last.target or 'a path'} was denied at {clock_time(last.at)}, to an "
        f"administrator"
    )


def _differences(username: str, groups: Sequence[str], login: SeenLogin) -> tuple[str, ...]:
    if login.refused:
        return (f"the login was refused: {login.refused}",)
    # The authenticator's log separates groups by blanks: a group with a blank reads as two.
    if login.source == "authenticator":
        groups = " ".join(groups).split()
    return compare_subject(username, groups, SelfSubject(login.username, login.groups))


def _attribution(login: SeenLogin, only_entry: Attribution) -> Attribution:
    if only_entry != "none":
        return only_entry
    # No row gives a group with the run's random name.
    if any(is_ours(group) for group in login.groups):
        return "marker"
    return "none"
