"""While ``migrate apply`` runs, is killed and resumes, somebody logs in over the wire all the time
and asks reviews.

The oracle looks from inside; this looks from where everybody else stands: fresh tokens, TLS,
SelfSubjectReview and SelfSubjectAccessReview, as fast as they are answered.
"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from migrator.lab.kubernetes_api import kubernetes_api
from migrator.lab.lab_client import control
from tests.support.crash_runs import APPLY, prepared, session_of
from tests.support.crash_worlds import CREATOR, OPERATOR, role, user
from tests.support.kubernetes_lab import KubernetesLab, WireClient, token_of
from tests.support.lab_session import KILLED, LabSession

LOGINS = (
    OPERATOR,
    CREATOR,
    role("second"),
    role("stranger"),
    role("admin", "/team/"),
    role("oncall"),
    user("root-ish"),
)
PROBES = (
    {"verb": "*", "group": "*", "resource": "*"},
    {"verb": "get", "resource": "secrets", "namespace": "kube-system"},
    {"verb": "list", "resource": "pods", "namespace": "default"},
    {"verb": "impersonate", "resource": "users"},
)


@dataclass
class Prober:
    """Asks until it is told to stop. ``wrong``: answers that are not those of the beginning."""

    session: LabSession
    rounds: int = 0
    wrong: list[object] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        world = self.session.world
        cluster = next(iter(world.clusters.values()))
        self._client = WireClient(KubernetesLab(world, cluster, kubernetes_api(world, cluster)))
        self.right = {arn: self.answers(arn) for arn in LOGINS}

    def answers(self, arn: str) -> tuple[str, ...]:
        """Whether the principal may log in, and each probe's answer, by a token that nobody has
        seen before.
        """
        world = self.session.world
        expires = 60 + next(self._numbers) % 800
        token = token_of(world, arn, cluster="prod", endpoint=str(world.endpoint), expires=expires)
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        who = self._client.ask(
            token, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review
        )
        return (str(who.code), *(self._may(token, probe) for probe in PROBES))

    def _may(self, token: str, attributes: dict[str, str]) -> str:
        spec = {"resourceAttributes": attributes}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": spec,
        }
        found = self._client.ask(
            token, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review
        )
        return str(found.body["status"].get("allowed")) if found.code == 201 else str(found.code)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask in a thread of its own while the block runs."""
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                for arn in LOGINS:
                    found = self.answers(arn)
                    if found != self.right[arn]:
                        self.wrong.append(
                            (arn, found, self.right[arn], len(self.session.effects()))
                        )
                self.rounds += 1

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        try:
            yield
        finally:
            over.set()
            asking.join()
            self._client.close()


@pytest.mark.crash
@pytest.mark.xdist_group("masters")
def test_whoever_logs_in_over_the_wire_meanwhile_never_gets_a_wrong_answer(tmp_path: Path) -> None:
    found = prepared("masters")
    with session_of(found.world, tmp_path, found.files) as session:
        session.world.latency.set("eks:*", 0.1)  # time to be asked between any two effects
        prober = Prober(session)
        assert {answers[1] for answers in prober.right.values()} == {"True", "401"}
        assert prober.right[role("stranger")][0] == "401"
        with prober.asking():
            killed = session.migrate(*APPLY, kill=(len(found.effects) // 2, "answer-lost"))
            assert killed.returncode == KILLED
            while_it_ran = prober.rounds
            session.run(*APPLY)
        assert session.end_state() == found.after
        assert prober.wrong == []
        assert while_it_ran >= 5
        assert prober.rounds >= while_it_ran + 5


@pytest.mark.crash
@pytest.mark.xdist_group("no-bridge")
def test_without_a_bridge_whoever_logs_in_over_the_wire_sees_the_gap(tmp_path: Path) -> None:
    """A prober that never sees anything would prove nothing."""
    found = prepared("no-bridge")
    with session_of(found.world, tmp_path, found.files) as session:
        session.world.latency.set("eks:AssociateAccessPolicy", 0.5)
        control(session.folder / "lab", "POST", "world", {"settings": {"propagationSeconds": 0}})
        prober = Prober(session)
        with prober.asking():
            session.run(*APPLY)
        assert prober.wrong
