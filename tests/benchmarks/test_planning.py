"""What planning a big cluster costs: CPU time of one run, memory at its highest, growth with the
rows.
"""

import random
import subprocess
import sys
import time
from typing import Literal

import pytest

from migrator.decide.planning.make_plan import make_plan
from migrator.model.decision import Decisions
from migrator.model.plan import Plan
from migrator.model.rbac import Binding, PolicyRule, RbacState, Role, Subject
from migrator.model.snapshot import Snapshot
from tests.support.worlds import NOW, iam, role, user, world

pytestmark = pytest.mark.benchmark

SECONDS, MEBIBYTES, GROWTH = 3.0, 400, 12.0
BINDINGS, ROLES = 5_000, 2_000
_NAMES = ("dev-{}", "dev:{{{{SessionName}}}}", "{{{{SessionName}}}}", "u{}", "")


def big_cluster(rows: int) -> Snapshot:
    """``rows`` mappings, half roles and half users, of all kinds of names; every tenth an admin."""
    chance = random.Random(11)
    half = rows // 2
    groups = [f"team-{n % 300}" for n in range(half)]
    roles = "".join(
        f"- rolearn: {role(f'r{n}')}\n  username: '{chance.choice(_NAMES).format(n)}'\n"
        f"  groups: [{'system:masters' if n % 10 == 0 else groups[n]}]\n"
        for n in range(half)
    )
    users = "".join(
        f"- userarn: {user(f'x{n}')}\n  username: x{n}\n  groups: [{groups[n]}]\n"
        for n in range(half)
    )
    principals = [iam(role(f"path/r{n}")) for n in range(half)] + [
        iam(user(f"x{n}")) for n in range(half)
    ]
    data = {"mapRoles": roles, "mapUsers": users}
    assert sum(map(len, data.values())) < 1 << 20
    return world(data=data, principals=principals, rbac=_rbac(chance, half), mode="CONFIG_MAP")


def _rbac(chance: random.Random, half: int) -> RbacState:
    kinds = ("pods", "secrets", "deployments", "jobs", "configmaps")
    roles = tuple(
        Role(
            f"role-{n}",
            None if n % 3 == 0 else f"ns-{n % 200}",
            (
                PolicyRule(("get", "list"), ("",), (chance.choice(kinds),)),
                PolicyRule(("create",), ("apps",), ("*",)),
            ),
            {},
        )
        for n in range(ROLES)
    )
    bindings = []
    for n in range(BINDINGS):
        bound = roles[n % ROLES]
        subjects = (
            Subject("Group", f"team-{n % 300}"),
            Subject("User", f"dev-{chance.randrange(half)}"),
        )
        kind: Literal["Role", "ClusterRole"] = "ClusterRole" if bound.namespace is None else "Role"
        bindings.append(Binding(f"b{n}", bound.namespace, kind, bound.name, subjects, {}))
    return RbacState(roles, tuple(bindings))


def seconds(snapshot: Snapshot) -> tuple[float, Plan]:
    """CPU seconds of planning it, the best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        plan = make_plan(snapshot, Decisions(), now=NOW)
        best = min(best, time.process_time() - start)
    return best, plan


def test_thousand_mappings_plan_in_three_seconds() -> None:
    taken, plan = seconds(big_cluster(1_000))
    print(f"1,000 mappings, 5,000 bindings, 2,000 roles: {taken:.2f} s CPU, {plan.summary}")  # noqa: T201 - the result
    assert taken <= SECONDS


def test_planning_grows_with_the_rows_and_no_faster() -> None:
    small, large = seconds(big_cluster(1_000))[0], seconds(big_cluster(10_000))[0]
    print(f"10,000 mappings: {large:.2f} s CPU, {large / small:.1f} times those of 1,000")  # noqa: T201 - the result
    assert large / small <= GROWTH


def test_thousand_mappings_plan_in_four_hundred_mebibytes() -> None:
    code = (
        "import resource; from tests.benchmarks.test_planning import big_cluster, seconds; "
        "seconds(big_cluster(1000));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(f"1,000 mappings: {done.stdout.strip()} MiB at most")  # noqa: T201 - the result
    assert int(done.stdout) <= MEBIBYTES
