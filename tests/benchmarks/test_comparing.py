"""Speed of access decisions and comparisons: what a big cluster costs, in CPU time and memory of
one run.
"""

import random
import time
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import pytest

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.compare_access import compare
from migrator.decide.access.probes import probes_for
from migrator.model.access_entry import Identity
from migrator.model.rbac import RbacState
from tests.support import rbac_vectors, yardstick
from tests.support.access import bind, group, policy, role, rule, user
from tests.support.benchmark_table import Measured

pytestmark = pytest.mark.benchmark
T = TypeVar("T")
# Times the yardstick.
DECISIONS, COMPARISONS, CHOICES = 0.5, 100.0, 130.0

VERBS = ("get list watch", "get", "create update patch delete", "*")
KINDS = (
    "pods pods/log",
    "secrets",
    "configmaps services",
    "deployments deployments/scale",
    "*",
    "*/status",
)
GROUPS = ("core", "apps", "batch core", "*", "cert-manager.io")


def _measured(call: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def _big_cluster() -> RbacState:
    """2,000 roles, 5,000 bindings in 400 namespaces and cluster-wide, to 1,500 users and 300
    groups.
    """
    chance = random.Random(7)
    roles = [
        role(
            f"role-{n}",
            *(
                rule(
                    chance.choice(VERBS),
                    chance.choice(KINDS),
                    chance.choice(GROUPS),
                    "a" if n % 9 == 0 else "",
                )
                for _ in range(chance.randint(1, 12))
            ),
        )
        for n in range(2000)
    ]
    bindings = [
        bind(
            f"binding-{n}",
            f"role-{chance.randrange(2000)}",
            *(
                user(f"dev:user-{chance.randrange(1500)}")
                if chance.random() < 0.4
                else group(f"team-{chance.randrange(300)}")
                for _ in range(chance.randint(1, 4))
            ),
            namespace=None if chance.random() < 0.1 else f"ns-{chance.randrange(400)}",
        )
        for n in range(5000)
    ]
    return RbacState(tuple(roles), tuple(bindings))


def _principals() -> list[tuple[Identity, Identity]]:
    """1,000 logins before and after: most stay, admins become policy holders, some change names or
    lose groups.
    """
    admin = (policy("AmazonEKSClusterAdminPolicy"),)
    found: list[tuple[Identity, Identity]] = []
    for n in range(1000):
        groups = (f"team-{n % 300}", f"team-{(n * 7) % 300}")
        before = Identity(f"dev:user-{n}", groups, "config-map")
        match n % 10:
            case 0:
                before = Identity(f"admin-{n}", ("system:masters", *groups), "config-map")
                found.append((before, Identity(f"admin-{n}", groups, "access-entry", admin)))
            case 1:
                found.append(
                    (
                        before,
                        Identity(f"arn:aws:iam::111122223333:user/{n}", groups, "access-entry"),
                    )
                )
            case 2:
                found.append((before, Identity(before.username, groups[:1], "access-entry")))
            case 3:
                template = Identity("dev:{{SessionName}}", groups, "config-map")
                found.append((template, Identity("dev:{{SessionName}}", groups, "access-entry")))
            case _:
                found.append((before, Identity(before.username, groups, "access-entry")))
    return found


def test_recorded_reviews_are_answered_20_000_times_a_second(measured: Measured) -> None:
    index, questions = RbacIndex(rbac_vectors.state()), rbac_vectors.questions()
    for name, groups, request, _ in questions:
        index.allows(name, groups, request)
    rounds = 20
    _, seconds = _measured(
        lambda: [index.allows(n, g, r) for _ in range(rounds) for n, g, r, _ in questions]
    )
    rate = rounds * len(questions) / seconds
    assert rate >= 20_000
    measured(
        "compare: 1,000 RBAC decisions",
        of=yardstick.OF,
        ideal=yardstick.seconds() * 1000,
        ours=1e6 / rate,
        bound=DECISIONS,
        unit="ms",
    )


def test_a_thousand_principals_among_five_thousand_bindings_compare_in_two_seconds(
    measured: Measured,
) -> None:
    state, principals = _big_cluster(), _principals()
    index, indexed = _measured(lambda: RbacIndex(state))
    changes, compared = _measured(
        lambda: [compare(before, after, index) for before, after in principals]
    )
    rows = sum(len(change.gained) + len(change.lost) for change in changes)
    assert rows > 0
    assert not any(change.gained or change.lost for change in changes[3::10])
    assert any(change.lost for change in changes[2::10])
    assert indexed + compared <= 2.0
    what = "compare: 1,000 principals among 5,000 bindings"
    measured(
        what, of=yardstick.OF, ideal=yardstick.seconds(), ours=indexed + compared, bound=COMPARISONS
    )
    tracemalloc.start()
    again = RbacIndex(state)
    kept = [compare(before, after, again) for before, after in principals]
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    assert kept == changes
    measured(f"{what}, memory", of="the limit", ideal=150, ours=peak, bound=1, unit="MB")


def test_probes_for_300_principals_with_sixty_bindings_each_take_five_seconds(
    measured: Measured,
) -> None:
    index = RbacIndex(_big_cluster())
    logins = [before for before, _ in _principals()[:300]]
    chosen, seconds = _measured(lambda: [probes_for(login, index, limit=30) for login in logins])
    assert all(len(probes) <= 30 for probes in chosen)
    assert seconds <= 5.0
    measured(
        "verify: choice of 30 probes for 300 principals",
        of=yardstick.OF,
        ideal=yardstick.seconds(),
        ours=seconds,
        bound=CHOICES,
    )
