"""What a report is made from: evidence, journal, gates, the cluster as it is now. Nothing is asked
anew or written.
"""

from dataclasses import replace

import pytest

from migrator.errors import Failed, Refused
from migrator.model.decision import Acceptance
from migrator.model.plan import Plan
from migrator.model.report import Report
from migrator.run.apply_plan import apply_plan
from migrator.run.cut_over import CutOverOptions, cut_over
from migrator.run.make_report import make_report
from migrator.run.verify_access import VerifyOptions, verify_access
from tests.support.memory_runs import DEVS, DIGEST, NODES, World, company

OPTIONS = CutOverOptions(
    waive_gates={
        "rehearsal": Acceptance("Jo", "a test cluster"),
        "nodes": Acceptance("Jo", "looked at by hand"),
    },
    waive_verification={NODES: Acceptance("Jo", "seen in the logs")},
)


def applied() -> tuple[World, Plan]:
    cluster, plan = company()
    world = World(cluster)
    world.approver.typed = "prod"
    verify_access(plan, world.ports(), VerifyOptions(baseline=True))
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 7
    return world, plan


def report_on(world: World, plan: Plan, options: CutOverOptions = OPTIONS) -> Report:
    """A report; the world is the same after it."""
    effects, files = list(world.cluster.effects), dict(world.store.files)
    records = len(world.store.journal())
    report = make_report(plan, DIGEST, world.ports(), options)
    assert world.cluster.effects == effects
    assert world.store.files == files
    assert len(world.store.journal()) == records
    return report


def test_before_anything_is_run_everybody_is_unknown_and_the_gates_are_closed() -> None:
    cluster, plan = company()
    report = report_on(World(cluster), plan)
    assert report.verification.verdict == "unknown"
    assert (report.verification.mode, report.journal, report.gates_at) == ("CONFIG_MAP", (), None)
    assert not all(gate.passes for gate in report.gates)
    assert report.status.done == 0


def test_after_apply_the_gates_are_judged_by_the_evidence_there_is() -> None:
    world, plan = applied()
    verify_access(plan, world.ports(), VerifyOptions(waive_verification=OPTIONS.waive_verification))
    report = report_on(world, plan)
    assert report.verification.verdict == "ok"
    assert {gate.name for gate in report.gates if not gate.passes} == set()
    assert {gate.name for gate in report.gates if gate.waived_by} == {"rehearsal", "nodes"}
    assert report.gates_at is None
    assert report.journal[0].effect["command"] == "apply"


def test_the_baseline_is_there_beside_what_is_now() -> None:
    world, plan = applied()
    subject = report_on(world, plan).baseline[DEVS].subject
    assert subject is not None
    assert subject.username == "dev"


def test_after_the_switch_the_gates_are_those_that_were_judged_then() -> None:
    world, plan = applied()
    assert cut_over(plan, DIGEST, world.ports(), OPTIONS).exit_code == 0
    report = report_on(world, plan, CutOverOptions())
    assert report.verification.mode == "API"
    started = next(record for record in report.journal if record.effect.get("command") == "cutover")
    assert report.gates_at == started.at
    assert len(report.gates) == 9
    assert [gate.waived_by for gate in report.gates if gate.name == "nodes"] == [
        "Jo: looked at by hand"
    ]


def test_a_cluster_that_somebody_else_switched_has_no_gates_to_show() -> None:
    world, plan = applied()
    world.cluster.mode = "API"
    report = report_on(world, plan)
    assert (report.gates, report.gates_at) == ((), None)


def test_runs_of_other_plans_are_left_out() -> None:
    world, plan = applied()
    assert make_report(plan, "sha256:other", world.ports()).journal == ()


def test_lines_come_from_the_backup_as_long_as_it_reads_as_the_plan_did() -> None:
    world, plan = applied()
    name = next(name for name in world.store.files if name.endswith("/aws-auth.json"))
    text = (
        '{"data": {"mapRoles": "\\n\\n- rolearn: arn:aws:iam::111122223333:role/a\\n  '
        "username: "
        'a\\n"}}'
    )
    world.store.files[name] = text.encode()
    rows = [["mapRoles[0]", "arn:aws:iam::111122223333:role/a", "a", None, False]]
    fits = replace(plan, basis={"awsAuth": {"rows": rows, "accounts": [], "problems": []}})
    assert report_on(world, fits).lines == {"mapRoles[0]": 3}
    assert report_on(world, replace(plan, basis={"awsAuth": {"rows": []}})).lines == {}


def test_a_damaged_backup_is_said_to_be_damaged() -> None:
    world, plan = applied()
    name = next(name for name in world.store.files if name.endswith("/aws-auth.json"))
    world.store.files[name] = b"{"
    with pytest.raises(Failed, match="backup of aws-auth"):
        make_report(plan, DIGEST, world.ports())


def test_a_plan_for_another_cluster_is_refused() -> None:
    world, plan = applied()
    other = replace(
        plan, cluster=replace(plan.cluster, arn="arn:aws:eks:eu-west-1:111122223333:cluster/other")
    )
    with pytest.raises(Refused):
        make_report(other, DIGEST, world.ports())
