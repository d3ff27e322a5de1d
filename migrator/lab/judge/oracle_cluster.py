"""One cluster under the oracle: who may do what at a moment, held against what was right at the
start.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Literal, Protocol, TypeAlias

from migrator.decide.proving.how_known import request_text
from migrator.lab.judge.oracle_subjects import logins_of, named, probes_of
from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes.user import User
from migrator.lab.worlds.principals import Credential
from migrator.lab.worlds.world import World
from migrator.model.access_entry import AssociatedPolicy
from migrator.model.rbac import AccessRequest

Kind: TypeAlias = Literal["denied", "allowed"]
Age: TypeAlias = Literal["fresh", "remembered"]
State: TypeAlias = tuple[object, ...]
_Key: TypeAlias = tuple[Kind, AccessRequest, Age]


class AnswerListener(Protocol):
    """Hears what an oracle goes by, so that an evaluator outside of the lab can judge its answers.
    The world's lock is held.
    """

    def looked(self) -> None:
        """From now on the RBAC objects count as they are now."""

    def logged_in(self, credential: Credential, moment: datetime, user: User | None) -> None:
        """Who an existing principal is at a moment; None for a login that is refused."""

    def answered(
        self,
        user: User,
        moment: datetime,
        probes: tuple[AccessRequest, ...],
        answers: tuple[bool, ...],
    ) -> None:
        """Whether a user may make each of the probes at a moment."""


@dataclass(slots=True)
class WrongDecision:
    """An answer that is not what it was at the start, from ``since`` to ``until`` (None: still so)
    of lab time.

    ``effect`` is the number of the last effect before it; ``token`` says whether a fresh login gets
    the answer or a token that was accepted before the change and is still remembered. ``stated``:
    announced, so it does not count.
    """

    cluster: str
    principal_arn: str
    login: str
    kind: Kind
    request: str
    token: Age
    username: str
    reason: str
    since: datetime
    effect: int
    stated: bool
    until: datetime | None = None


@dataclass(slots=True)
class _Remembered:
    """A user whose token may still be remembered, until a moment."""

    user: User
    until: datetime
    known: tuple[State, frozenset[_Key]] | None = None


@dataclass(slots=True)
class _Login:
    """One login of one principal. ``right`` has an answer for every probe.

    ``also_right``: further answers that are right until ``settled``, while an administrator's edit
    comes into force.
    """

    credential: Credential
    right: tuple[bool, ...]
    user: User | None
    also_right: tuple[tuple[bool, ...], ...] = ()
    settled: datetime | None = None
    known: tuple[State, frozenset[_Key]] | None = None
    remembered: list[_Remembered] = field(default_factory=list)
    open: dict[_Key, WrongDecision] = field(default_factory=dict)

    def forget(self) -> None:
        """What is right has changed: what was worked out is worked out again."""
        self.known = None
        for each in self.remembered:
            each.known = None


def _key_in_order(key: _Key) -> tuple[Kind, Age, str]:
    """A sort key: wrong decisions are reported in the same order in every run."""
    kind, request, age = key
    return kind, age, request_text(request)


class ClusterOracle:
    """Judges one cluster. The caller holds the world's lock.

    ``stated`` gives, by principal ARN, the kinds of differences that were announced.
    """

    def __init__(
        self,
        world: World,
        api: KubernetesApi,
        *,
        each: int,
        most: int,
        stated: Mapping[str, Collection[Kind]],
        listener: AnswerListener | None = None,
    ) -> None:
        self._world, self._api, self._stated = world, api, stated
        self._listener = listener
        self.found: list[WrongDecision] = []
        self.questions = self.moments = 0
        self._rbac = api.authorizer.rbac
        self._looked = world.now()
        self._state: State = ()
        self._ids: frozenset[str] = frozenset()
        self._logins: dict[tuple[str, str | None], _Login] = {}
        users = (
            (user, self._policies(user, self._looked))
            for _, user in self._log_in(self._looked)
            if user
        )
        self.probes = probes_of(api, users, each=each, most=most)
        self._admit(self._looked)
        self._state = self._state_at(self._looked)

    @property
    def logins(self) -> int:
        """How many logins are asked about."""
        return len(self._logins)

    def look(self, now: datetime, effect: int) -> None:
        """Judge every moment since the last look at which a delayed change of access came into
        force, then this one.

        Until ``now`` RBAC is as at the last look: it has no delay, and each change of it calls
        this.
        """
        self._catch_up(now, effect)
        self._rbac = self._api.authorizer.rbac
        if self._listener is not None:
            self._listener.looked()
        self._judge(now, effect)

    def edited(self, principal_arns: Collection[str], now: datetime, effect: int) -> None:
        """From now on right is, for these principals, what they may do when everything done so far
        is in force.
        """
        self._catch_up(now, effect)
        moments = (now, *self._api.cluster.upcoming(now))
        for login in self._logins.values():
            if login.credential.principal_arn not in principal_arns:
                continue
            answers = [
                self._answers(self._user(login.credential, moment), moment) for moment in moments
            ]
            # A token from before keeps its name and groups. It loses the policies of a deleted
            # entry immediately.
            remembered = [self._answers(login.user, moment) for moment in moments]
            login.also_right = (*login.also_right, login.right, *answers[:-1], *remembered)
            login.right = answers[-1]
            login.settled = moments[-1] + self._world.settings.token_cache
            login.forget()
        self._state = ()

    def _catch_up(self, now: datetime, effect: int) -> None:
        """Judge every moment since the last look at which a delayed change came into force, or at
        which what is right changed with time.
        """
        for moment in self._upcoming():
            if moment < now:
                self._judge(moment, effect - 1)
        self._looked = now

    def _upcoming(self) -> list[datetime]:
        """Moments after the last look at which an answer may change: delayed changes of access, and
        ends of the time in which an edit's old answers count as right.
        """
        moments = set(self._api.cluster.upcoming(self._looked))
        for login in self._logins.values():
            if login.settled is not None and login.settled > self._looked:
                moments.add(login.settled)
        return sorted(moments)

    def look_ahead(self, effect: int) -> None:
        """Judge the moments to come as well, as if nothing more was done: the last look of all."""
        for moment in self._upcoming():
            self._judge(moment, effect)

    # who

    def _log_in(self, moment: datetime) -> Iterator[tuple[Credential, User | None]]:
        """Every login of the world with the user that it is at a moment; None where it is
        refused.
        """
        for credential in logins_of(self._world, self._api):
            yield credential, self._user(credential, moment)

    def _user(self, credential: Credential, moment: datetime) -> User | None:
        """The user of one login at a moment; None for a login that is refused, and for a deleted
        principal.
        """
        caller = self._world.caller_of(credential)
        if caller is None:
            return None
        user = self._api.user_at(caller, moment)
        if self._listener is not None:
            self._listener.logged_in(credential, moment, user)
        return user

    def _admit(self, moment: datetime) -> None:
        """Take in principals that are new: for them right is what they may do when they first
        appear.
        """
        ids = frozenset(principal.id for principal in self._world.principals())
        if ids == self._ids:
            return
        self._ids = ids
        for credential, user in self._log_in(moment):
            key = (credential.principal_id, credential.session_name)
            if key not in self._logins:
                self._logins[key] = _Login(credential, self._answers(user, moment), user)

    # what

    def _judge(self, moment: datetime, effect: int) -> None:
        """Judge one moment, if anything that decides access differs from the last one that was
        judged.
        """
        self._admit(moment)
        self._settle(moment)
        state = self._state_at(moment)
        if state == self._state:
            return
        self._state = state
        self.moments += 1
        for login in self._logins.values():
            self._judge_login(login, moment, effect)

    def _settle(self, moment: datetime) -> None:
        """What was right before an edit is no longer, once the edit is in force and no token from
        before remembered.
        """
        for login in self._logins.values():
            if login.settled is not None and login.settled <= moment:
                login.also_right, login.settled = (), None
                login.forget()
                self._state = ()

    def _state_at(self, moment: datetime) -> State:
        """What decides access at a moment; equal states give equal answers."""
        cluster = self._api.cluster
        versions = chain.from_iterable(cluster.history.values())
        in_force = sum(version.effective_from <= moment for version in versions)
        rows = self._api.authenticator.rows_at(moment)
        return cluster.mode(moment), in_force, rows, self._rbac, self._ids

    def _judge_login(self, login: _Login, moment: datetime, effect: int) -> None:
        """Judge one login: its fresh token, and those from before that are still remembered.

        A wrong answer is opened when it is first seen and closed when it is right again; one of a
        remembered token ends at the latest when the last such token is forgotten.
        """
        user = self._user(login.credential, moment)
        if user != login.user:
            if login.user is not None:
                until = moment + self._world.settings.token_cache
                login.remembered.append(_Remembered(login.user, until, login.known))
            login.user, login.known = user, None
        last = max((each.until for each in login.remembered), default=moment)
        login.remembered = [each for each in login.remembered if moment < each.until]
        wrong: set[_Key] = set()
        login.known = self._wrong(login, user, moment, "fresh", login.known)
        wrong |= login.known[1]
        if self._world.caller_of(login.credential) is not None:
            for each in login.remembered:
                each.known = self._wrong(login, each.user, moment, "remembered", each.known)
                wrong |= each.known[1]
        for key in login.open.keys() - wrong:
            until = moment
            if key[2] == "remembered":
                until = min(moment, last)
            login.open.pop(key).until = until
        for key in sorted(wrong - login.open.keys(), key=_key_in_order):
            login.open[key] = found = self._wrong_decision(login, key, moment, effect)
            self.found.append(found)

    def _wrong(
        self,
        login: _Login,
        user: User | None,
        moment: datetime,
        age: Age,
        known: tuple[State, frozenset[_Key]] | None,
    ) -> tuple[State, frozenset[_Key]]:
        """The wrong answers to a user at a moment, with the state that they follow from; ``known``
        is the last such pair, which is the same while the state is.

        No caller can log in as a deleted principal, so no answer to it is wrong.
        """
        policies: tuple[AssociatedPolicy, ...] = ()
        if user is not None:
            policies = self._policies(user, moment)
        state: State = (user, policies, self._rbac, age)
        if known is not None and known[0] == state:
            return known
        if self._world.caller_of(login.credential) is None:
            return state, frozenset()
        answers = self._answers(user, moment)
        rows = zip(self.probes, answers, login.right, *login.also_right, strict=True)
        wrong: set[_Key] = set()
        for probe, answer, *right in rows:
            if answer not in right:
                wrong.add(("allowed" if answer else "denied", probe, age))
        return state, frozenset(wrong)

    def _answers(self, user: User | None, moment: datetime) -> tuple[bool, ...]:
        """Whether a user may make each probe, in the order of the probes; a login that is refused
        may make none.
        """
        if user is None:
            return (False,) * len(self.probes)
        self.questions += len(self.probes)
        decide, rbac = self._api.authorizer.decide, self._rbac
        answers = tuple(
            decide(user, probe, moment=moment, rbac=rbac).allowed for probe in self.probes
        )
        if self._listener is not None:
            self._listener.answered(user, moment, self.probes, answers)
        return answers

    def _policies(self, user: User, moment: datetime) -> tuple[AssociatedPolicy, ...]:
        return self._api.authorizer.policies_of(user, moment)

    def _wrong_decision(
        self,
        login: _Login,
        key: _Key,
        moment: datetime,
        effect: int,
    ) -> WrongDecision:
        """What is reported of a wrong answer, with the reason that the authorizer gives for it
        now.
        """
        kind, request, age = key
        arn = login.credential.principal_arn
        user = login.user
        if age == "remembered":
            user = login.remembered[-1].user
        reason = username = ""
        if user is not None:
            decide = self._api.authorizer.decide
            reason = decide(user, request, moment=moment, rbac=self._rbac).reason
            username = user.username
        return WrongDecision(
            cluster=self._api.cluster.name,
            principal_arn=arn,
            login=named(arn, login.credential.session_name),
            kind=kind,
            request=request_text(request),
            token=age,
            username=username,
            reason=reason,
            since=moment,
            effect=effect,
            stated=kind in self._stated.get(arn, ()),
        )
