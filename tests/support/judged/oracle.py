"""The lab's oracle with the evaluator beside it: every login and every answer that the oracle goes
by is worked out a second time.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from migrator.lab.judge.oracle import Oracle
from migrator.lab.judge.oracle_cluster import Kind, WrongDecision
from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes.user import User as LabUser
from migrator.lab.worlds.principals import Credential
from migrator.lab.worlds.world import World
from migrator.model.rbac import AccessRequest
from tests.support.judge.logins import Login, logins
from tests.support.judge.reviews import Request, User, completed
from tests.support.judge.tally import TALLY, Tally
from tests.support.judged.lab import LabFacts, policies_of


class JudgedOracle(Oracle):
    """An oracle whose answers are judged: it raises an AssertionError where one differs."""

    def __init__(
        self,
        world: World,
        *,
        clusters: Collection[str] | None = None,
        stated: Mapping[str, Collection[Kind]] | None = None,
    ) -> None:
        self.tally = Tally()
        super().__init__(
            world,
            clusters=clusters,
            stated=stated,
            listener=lambda api: _Listener(world, api, self.tally),
        )

    def stop(self) -> None:
        """End, and hold every answer so far against the evaluator's."""
        super().stop()
        TALLY.add(self.tally)
        self.tally.check()

    def wrong(self, *, stated: bool = False) -> Sequence[WrongDecision]:
        """Wrong answers so far, each of which was judged."""
        self.tally.check()
        return super().wrong(stated=stated)


class _Listener:
    """Judges what it hears. Equal questions on one state are judged once."""

    def __init__(self, world: World, api: KubernetesApi, tally: Tally) -> None:
        self._facts, self._tally = LabFacts(world, api), tally
        self._judge = self._facts.judge()
        self._judged: dict[Any, tuple[bool, ...]] = {}

    def looked(self) -> None:
        """RBAC objects count as they are now."""
        newest = self._facts.judge()
        if newest is not self._judge:
            self._judge, self._judged = newest, {}

    def logged_in(self, credential: Credential, moment: datetime, user: LabUser | None) -> None:
        """One of the logins that the evaluator holds possible."""
        cluster = self._facts.cluster_at(moment)
        if cluster.aws_auth.unjudged and cluster.mode != "API":
            self._tally.leave_open("logins")
            return
        caller = self._facts.caller(
            credential.principal_arn,
            credential.principal_id,
            credential.session_name or "",
            credential.access_key_id,
        )
        possible = tuple(map(_complete, logins(caller, cluster)))
        found = None if user is None else (user.username, user.groups)
        wanted = found if found in possible else possible[0]
        self._tally.compare("logins", wanted, found, (caller, cluster.mode, moment))

    def answered(
        self,
        user: LabUser,
        moment: datetime,
        probes: tuple[AccessRequest, ...],
        answers: tuple[bool, ...],
    ) -> None:
        """A request that only a policy without published rules could allow is refused by the
        lab.
        """
        held = policies_of(user.principal_id, self._facts.cluster_at(moment))
        asking = User(user.username, user.groups, held)
        for probe, wanted, found in zip(
            probes, self._answers(asking, probes), answers, strict=True
        ):
            self._tally.compare("reviews", wanted, found, (asking, probe, moment))

    def _answers(self, user: User, probes: tuple[AccessRequest, ...]) -> tuple[bool, ...]:
        key = (user, probes)
        if key not in self._judged:
            found = (self._judge.may(user, request_of(probe)) for probe in probes)
            self._judged[key] = tuple(map(bool, found))
        return self._judged[key]


def request_of(asked: AccessRequest) -> Request:
    """The lab's request in the evaluator's terms."""
    return Request(
        asked.verb,
        asked.api_group,
        asked.resource,
        asked.subresource,
        asked.namespace or "",
        asked.name,
        asked.path,
    )


def _complete(login: Login | None) -> tuple[str, tuple[str, ...]] | None:
    """A login with the groups that kube-apiserver adds."""
    if login is None:
        return None
    return login.username, completed(*login)
