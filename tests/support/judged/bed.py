"""What the evaluator says of the questions that are put to a bed, embedded or real."""

from collections.abc import Sequence
from typing import Any

from tests.support.control_plane.bed import Bed
from tests.support.control_plane.random_logins import Asked, Entry, Round
from tests.support.control_plane.random_reviews import Review
from tests.support.judge.aws_auth import read
from tests.support.judge.logins import Caller, Cluster, Login, logins
from tests.support.judge.reviews import Judge, Objects, Request, User, completed
from tests.support.judge.tally import Tally
from tests.support.kubernetes_lab import POLICY, Json

_RBAC, _CORE = "/apis/rbac.authorization.k8s.io/v1", "/api/v1"
_WHO_AM_I = Request("create", "authentication.k8s.io", "selfsubjectreviews")


def objects_of(bed: Bed) -> Objects:
    """The RBAC objects and the pods as the cluster shows them."""

    def found(plural: str, version: str = _RBAC) -> list[Json]:
        items: list[Json] = bed.ask(bed.admin(), "GET", f"{version}/{plural}").body["items"]
        return items

    return Objects(
        cluster_roles=found("clusterroles"),
        cluster_role_bindings=found("clusterrolebindings"),
        roles=found("roles"),
        role_bindings=found("rolebindings"),
        pods=found("pods", _CORE),
    )


def caller_of(bed: Bed, asked: Asked) -> Caller:
    """A login with the keys that its token was made with, and the running node of its name."""
    world = bed.lab.world
    keys = world.credentials_of(asked.arn, asked.session or "s1")
    instance = world.accounts[bed.lab.cluster.account].instances.get(asked.session)
    running = instance is not None and instance.state == "running"
    name = instance.private_dns_name if instance is not None and running else None
    return Caller(asked.arn, asked.id, asked.session, keys.access_key_id, name)


def cluster_of(made: Round, entries: Sequence[Entry]) -> Cluster:
    """What decides the logins of a round."""
    shown: list[dict[str, Any]] = [
        {
            "principalArn": entry.arn,
            "principalId": entry.pinned,
            "username": entry.username,
            "kubernetesGroups": entry.groups,
        }
        for entry in entries
    ]
    return Cluster(made.mode, shown, read(made.data))


def judge_login(
    tally: Tally, judge: Judge, caller: Caller, cluster: Cluster, answer: Json | None
) -> None:
    """Hold an answer to SelfSubjectReview against the logins that the evaluator holds possible."""
    possible = [_answer_to(judge, login) for login in logins(caller, cluster)]
    found = _shown(answer)
    tally.compare(
        "logins",
        found if found in possible else possible[0],
        found,
        (caller, cluster.mode, cluster.aws_auth.unjudged),
    )


def _answer_to(judge: Judge, login: Login | None) -> object:
    """Username and groups; the username alone where the login may not ask who it is."""
    if login is None:
        return None
    groups = completed(*login)
    if not judge.may(User(login.username, groups), _WHO_AM_I):
        return ("refused", login.username)
    return (login.username, sorted(set(groups)))


def _shown(answer: Json | None) -> object:
    if answer is None:
        return None
    if "refused" in answer:
        return ("refused", answer["refused"].partition('User "')[2].partition('" cannot')[0])
    return (answer.get("username", ""), sorted(set(answer.get("groups", ()))))


def judge_review(tally: Tally, judge: Judge, review: Review, allowed: bool) -> None:
    """Hold the answer to an access review against the evaluator's.

    Where only a policy without published rules could allow it, the answer is left open.
    """
    user = User(review.user, review.groups)
    if review.holder is not None:
        name, groups, policies = review.holder
        held = tuple((POLICY + policy, scope.namespaces) for policy, scope in policies)
        user = User(name, completed(name, groups), held)
    judged = judge.may(user, Request(**review.attributes))
    if judged is None:
        tally.leave_open("reviews")
    else:
        tally.compare("reviews", judged, allowed, (user, review.attributes))
