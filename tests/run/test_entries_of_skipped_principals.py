"""A principal that a plan leaves without an entry and that somebody makes one for: told, whoever
can log in as it.
"""

from dataclasses import replace

from migrator.decide.planning.proof.basis import entries_basis
from migrator.decide.running.changes import kept_entries_astray
from migrator.model.access_entry import NOBODY, AccessEntry
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.run.apply_plan import apply_plan
from migrator.run.verify_access import VerifyOptions, verify_access
from tests.support.memory_ports import Cluster
from tests.support.memory_runs import ADMIN_POLICY, BOB, DIGEST, World, company

ADMIN = AccessEntry(BOB, "STANDARD", "bob", (), (ADMIN_POLICY,))


def skipping_bob() -> tuple[Cluster, Plan]:
    cluster, plan = company()
    return cluster, replace(
        plan, principals=(*plan.principals, PlannedPrincipal(BOB, "skip", NOBODY))
    )


def test_verify_fails_whoever_is_skipped_and_has_an_entry() -> None:
    cluster, plan = skipping_bob()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    cluster.unassumable.add(BOB)
    cluster.entries[BOB] = ADMIN
    outcome = verify_access(plan, world.ports(), VerifyOptions(only=(BOB,)))
    assert outcome.exit_code == 6
    (verdict,) = outcome.verdicts
    assert (verdict.verdict, verdict.why) == (
        "failed",
        "it has an access entry; the plan leaves it without one",
    )
    del cluster.entries[BOB]
    assert BOB not in {each.principal_arn for each in verify_access(plan, world.ports()).verdicts}


def test_apply_looks_for_entries_of_skipped_principals_at_its_end() -> None:
    cluster, plan = skipping_bob()
    cluster.entries[BOB] = ADMIN
    outcome = apply_plan(plan, DIGEST, World(cluster).ports())
    assert outcome.exit_code == 5


def test_dead_entry_of_a_skipped_principal_is_no_change_while_it_is_the_same() -> None:
    _, plan = skipping_bob()
    plan = replace(plan, basis={**plan.basis, "accessEntries": entries_basis([ADMIN])})
    assert kept_entries_astray(plan, [ADMIN], DIGEST) == ()
    made_again = replace(ADMIN, kubernetes_groups=("devs",))
    assert [arn for arn, _ in kept_entries_astray(plan, [made_again], DIGEST)] == [BOB]
