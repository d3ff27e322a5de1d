"""The oracle checks, after every change, that every principal may do what it could do at the
start, and nothing more.

It runs inside the lab and so misses nothing. It checks at every effect of a client, and at every
moment at which a delayed change comes into force. Each time it logs in every principal and
evaluates every probe, with the authenticator and the authorizer that answer requests. A gap of one
millisecond counts. It also checks tokens from before a change, as long as the API server would
remember them.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from migrator.lab.judge.oracle_cluster import AnswerListener, ClusterOracle, Kind, WrongDecision
from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes.cluster_api import kubernetes_api
from migrator.lab.worlds.effects import Effect
from migrator.lab.worlds.world import World

_SHOWN = 200


class Oracle:
    """Judges a world from the moment it is made until :meth:`stop`; what is right is the access at
    that moment.

    ``clusters``: names, all without. ``each`` and ``most`` limit the probes (:func:`probes_of`).
    ``stated`` names, by principal ARN, differences that a plan announces: ``denied`` for access
    that goes, ``allowed`` for what comes. ``listener`` makes one that hears the
    answers of a cluster.
    """

    def __init__(
        self,
        world: World,
        *,
        clusters: Collection[str] | None = None,
        each: int = 12,
        most: int = 240,
        stated: Mapping[str, Collection[Kind]] | None = None,
        listener: Callable[[KubernetesApi], AnswerListener] | None = None,
    ) -> None:
        self._world = world
        with world.lock:
            if world.oracle is not None:
                world.oracle.stop()
            judged = list(world.clusters.values())
            if clusters is not None:
                judged = [cluster for cluster in judged if cluster.name in clusters]
            self._clusters = []
            for api in (kubernetes_api(world, cluster) for cluster in judged):
                self._clusters.append(
                    ClusterOracle(
                        world,
                        api,
                        each=each,
                        most=most,
                        stated=stated or {},
                        listener=listener(api) if listener else None,
                    )
                )
            world.oracle = self
            world.effects.listeners.append(self._after)

    def stop(self) -> None:
        """Look a last time, also at what is still to come into force, then no more."""
        with self._world.lock:
            if self._world.oracle is self:
                self.look()
                for cluster in self._clusters:
                    cluster.look_ahead(len(self._world.effects))
                self._world.oracle = None
                self._world.effects.listeners.remove(self._after)

    def look(self) -> None:
        """Judge now, and every moment since the last look. The lab calls this after effects and
        control requests.
        """
        with self._world.lock:
            now, effects = self._world.now(), len(self._world.effects)
            for cluster in self._clusters:
                cluster.look(now, effects)

    def edited(self, principal_arns: Collection[str], effect: Effect) -> None:
        """An administrator changed what these principals may do, on purpose, by ``effect``, which
        is the last one.

        What is right for them is, from now on, what they may do once everything done so far is in
        force. Until then, and as long as tokens are remembered, what was right before counts as
        well. Called before the effect is judged.
        """
        with self._world.lock:
            for cluster in self._clusters:
                cluster.edited(principal_arns, effect.at, effect.n)

    def wrong(self, *, stated: bool = False) -> Sequence[WrongDecision]:
        """Wrong answers so far, those that were not announced (or, with ``stated``, those that
        were).
        """
        with self._world.lock:
            every = chain.from_iterable(cluster.found for cluster in self._clusters)
            return [found for found in every if found.stated == stated]

    def report(self) -> Mapping[str, Any]:
        """Counts, and the first wrong answers. What is still to be judged up to now is judged
        first.
        """
        if self._world.oracle is self:
            self.look()
        wrong, stated = self.wrong(), self.wrong(stated=True)
        return {
            "wrongDenials": sum(found.kind == "denied" for found in wrong),
            "wrongAllows": sum(found.kind == "allowed" for found in wrong),
            "stated": len(stated),
            "logins": sum(cluster.logins for cluster in self._clusters),
            "probes": sum(len(cluster.probes) for cluster in self._clusters),
            "moments": sum(cluster.moments for cluster in self._clusters),
            "questions": sum(cluster.questions for cluster in self._clusters),
            "principals": dict(Counter(found.login for found in wrong)),
            "wrong": [_shown(found) for found in wrong[:_SHOWN]],
        }

    def _after(self, effect: Effect) -> None:
        for cluster in self._clusters:
            cluster.look(effect.at, effect.n)


def control_oracle(world: World, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{on: true, clusters, each, most, stated: {ARN: [denied, allowed]}}`` starts (or restarts)
    the oracle; ``{on: false}`` ends it.

    Returns the report of the oracle that was started or ended. Raises ValueError for other members,
    and where there is none to end.
    """
    known = {"on", "clusters", "each", "most", "stated"}
    if unknown := set(body) - known:
        raise ValueError(f"unknown members of oracle: {', '.join(sorted(unknown))}")
    if not body.get("on", True):
        if world.oracle is None:
            raise ValueError("no oracle looks at this world")
        ended = world.oracle
        ended.stop()
        report: Mapping[str, Any] = ended.report()
        return report
    options = {key: value for key, value in body.items() if key != "on"}
    for arn, kinds in options.get("stated", {}).items():
        if wrong := set(kinds) - {"denied", "allowed"}:
            raise ValueError(
                f"stated differences of {arn} are denied or allowed, not {', '.join(sorted(wrong))}"
            )
    return Oracle(world, **options).report()


def _shown(found: WrongDecision) -> Mapping[str, Any]:
    """A wrong decision with its times in ISO 8601; ``until`` is null while the answer is still
    wrong.
    """
    shown = asdict(found)
    shown["since"] = found.since.isoformat()
    if found.until is not None:
        shown["until"] = found.until.isoformat()
    return shown
