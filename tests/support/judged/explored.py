"""The states that the explorer visits: who logs in as what, and who administers the cluster, by its
small model of EKS and by the evaluator.
"""

from typing import Any

from tests.exploring.answers import allowed
from tests.exploring.judge import access_of
from tests.exploring.moves import State
from tests.exploring.world import Bound, login_of
from tests.exploring.world import Cluster as Explored
from tests.support.judge.aws_auth import AwsAuth, Row
from tests.support.judge.logins import Caller, Cluster, Login, logins
from tests.support.judge.reviews import Judge, Objects, Request, User, completed
from tests.support.judge.tally import TALLY, Tally
from tests.support.judged.lab import policies_of

# The model leaves templates of names as they are, and so a login's values are their templates.
_INSTANCE, _NODE = "i-0a1b2c3d4e5f60001", "{{EC2PrivateDNSName}}"
_EVERYTHING = Request("*", "*", "*")
_CLUSTER_ADMIN = {
    "metadata": {"name": "cluster-admin"},
    "rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
}


class JudgedStates:
    """Judges each different cluster once: to be given to ``explore`` as ``watch``."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._seen: set[Any] = set()

    def __call__(self, state: State) -> None:
        """Judge every principal of a state."""
        cluster = state.world.cluster
        if cluster.key in self._seen:
            return
        self._seen.add(cluster.key)
        facts, judge = _facts(cluster), Judge(_objects(cluster))
        for arn, life in cluster.lives.items():
            login = _login(facts, arn, life)
            admin = False
            if login is not None:
                held = policies_of(_id(arn, life), facts)
                user = User(login.username, completed(*login), held)
                admin = bool(judge.may(user, _EVERYTHING))
            self._compare(cluster, arn, login, admin)

    def _compare(self, cluster: Explored, arn: str, login: Login | None, admin: bool) -> None:
        answered = login_of(cluster, arn)
        found = None if answered is None else (answered.username, answered.groups)
        judged = None if login is None else (login.username, frozenset(login.groups))
        self.tally.compare("logins", judged, found, (arn, cluster))
        access = access_of(cluster, arn, answered)
        for said in (allowed(cluster, arn)[0], access is not None and access.admin):
            self.tally.compare("reviews", admin, said, (arn, cluster))

    def check(self) -> None:
        """Count what was judged, and raise where an answer differs."""
        TALLY.add(self.tally)
        self.tally.check()


def _id(arn: str, life: int) -> str:
    return f"{arn}#{life}"


def _facts(cluster: Explored) -> Cluster:
    entries = [
        {
            "principalArn": arn,
            "principalId": _id(arn, entry.pinned),
            "username": _written(entry.username),
            "kubernetesGroups": entry.groups,
            "policies": [(policy, ()) for policy in entry.policies],
        }
        for arn, entry in cluster.entries.items()
        if cluster.mode != "CONFIG_MAP"
    ]
    roles = [Row(arn, _written(row.username), row.groups) for arn, row in cluster.rows.items()]
    # EKS makes an entry of this type for the one who made the cluster alone.
    made = [arn for arn, entry in cluster.automatic.items() if entry.type == "STANDARD"]
    return Cluster(cluster.mode, entries, AwsAuth(roles), made[0] if made else "")


def _written(name: str) -> str:
    """A name that looks like no template of a person's name, which here has no value."""
    return name.replace("{{SessionName}}", "{{ SessionName }}")


def _login(facts: Cluster, arn: str, life: int) -> Login | None:
    if life == 0:
        return None
    (login,) = logins(Caller(arn, _id(arn, life), _INSTANCE, "", _NODE), facts)
    if login is None:
        return None
    return Login(login.username.replace("{{ SessionName }}", "{{SessionName}}"), login.groups)


def _objects(cluster: Explored) -> Objects:
    bindings = [_binding(name, bound) for name, bound in cluster.bindings.items()]
    return Objects(cluster_roles=[_CLUSTER_ADMIN], cluster_role_bindings=bindings)


def _binding(name: str, bound: Bound) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "roleRef": {"kind": "ClusterRole", "name": bound.role},
        "subjects": [{"kind": "Group", "name": bound.group}],
    }
