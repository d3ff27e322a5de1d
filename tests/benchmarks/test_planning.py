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
from migrator.render.plan_table import plan_table
from tests.support import yardstick
from tests.support.benchmark_table import Measured
from tests.support.worlds import NOW, iam, role, user, world
from tests.support.yardstick import forget_readings, processor_seconds

pytestmark = pytest.mark.benchmark

SECONDS, SECONDS_FOR_TEN_THOUSAND, MEBIBYTES, GROWTH = 3.0, 5.0, 400, 1.1
PLANNING = 30.0  # times the yardstick, for 1,000 mappings
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
        forget_readings()
        start = time.process_time()
        plan = make_plan(snapshot, Decisions(), now=NOW)
        best = min(best, time.process_time() - start)
    return best, plan


@pytest.mark.usefixtures("as_in_a_command")
def test_thousand_mappings_plan_in_three_seconds(measured: Measured) -> None:
    taken, plan = seconds(big_cluster(1_000))
    assert plan.summary
    assert taken <= SECONDS
    measured(
        "plan: 1,000 mappings, 5,000 bindings, 2,000 roles",
        of=yardstick.OF,
        ideal=yardstick.seconds() * 1000,
        ours=taken * 1000,
        bound=PLANNING,
        unit="ms",
    )


@pytest.mark.usefixtures("as_in_a_command")
def test_planning_grows_with_the_rows_and_no_faster(measured: Measured) -> None:
    (small, _), (large, _) = seconds(big_cluster(1_000)), seconds(big_cluster(10_000))
    assert large <= SECONDS_FOR_TEN_THOUSAND
    measured(
        "plan: 10,000 mappings",
        of=yardstick.OF,
        ideal=yardstick.seconds(),
        ours=large,
        bound=10 * PLANNING,
    )
    measured(
        "plan: ten times the mappings",
        of="ten times the time",
        ideal=10,
        ours=large / small,
        bound=GROWTH,
        unit="times",
    )


@pytest.mark.usefixtures("as_in_a_command")
def test_a_plan_is_shown_in_time_that_grows_with_it(measured: Measured) -> None:
    """The same findings for all: a look at all of them for each would be seen."""
    taken = []
    for rows in (500, 5_000):
        plan = make_plan(big_cluster(rows), Decisions(), now=NOW)
        assert len(plan.findings) > rows / 10
        taken.append(processor_seconds(lambda plan=plan: plan_table(plan)))  # type: ignore[misc]
    measured(
        "plan: a table of ten times the principals",
        of="ten times the time",
        ideal=10,
        ours=taken[1] / taken[0],
        bound=GROWTH,
        unit="times",
    )


def test_thousand_mappings_plan_in_four_hundred_mebibytes(measured: Measured) -> None:
    code = (
        "import os; from tests.benchmarks.test_planning import big_cluster, seconds; "
        "from tests.support.process_memory import peak_of; "
        "seconds(big_cluster(1000)); print(peak_of(os.getpid()) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    measured(
        "plan: 1,000 mappings, memory",
        of="the limit",
        ideal=MEBIBYTES,
        ours=float(done.stdout),
        bound=1,
        unit="MiB",
    )
