"""Status: what is done, what is next, and what is not known."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from migrator.decide.running.progress import REHEARSE
from migrator.errors import Failed, MigratorError
from migrator.model.access_entry import AuthenticationMode
from migrator.model.outcome import StatusOutcome
from migrator.model.plan import Plan
from migrator.ports import Raw
from migrator.render.status import status_document, status_text
from migrator.run.apply_plan import apply_plan
from migrator.run.roll_back import roll_back
from migrator.run.show_status import StatusPorts, show_status
from tests.support.memory_ports import (
    Cluster,
    Crash,
    InTurn,
    MemoryClock,
    MemoryConfigMaps,
    MemoryMode,
    MemoryPrincipals,
    MemoryRbac,
    MemoryReader,
)
from tests.support.memory_runs import ALICE, BOB, DEVS, DIGEST, NODES, World, company


def status(world: World) -> StatusOutcome:
    reader = MemoryReader(world.cluster)
    ports = StatusPorts(world.store, MemoryClock(world.cluster), MemoryMode(world.cluster), reader)
    return show_status("prod", ports, PLAN, DIGEST)


PLAN = company()[1]


def test_before_anything_is_done_the_first_step_is_next() -> None:
    world = World(company()[0])
    found = status(world)
    assert (found.mode, found.done, found.exit_code) == ("CONFIG_MAP", 0, 7)
    assert found.next == (
        "`migrate apply PLAN`, which reads the authentication mode of the cluster first"
    )


def test_bridge_of_a_run_that_has_not_begun_has_no_name() -> None:
    world = World(company()[0])
    world.cluster.mode = "API_AND_CONFIG_MAP"
    mode, *others = PLAN.steps
    steps = [replace(each, requires=tuple({*each.requires} - {mode.id})) for each in others]
    ports = StatusPorts(
        world.store,
        MemoryClock(world.cluster),
        MemoryMode(world.cluster),
        MemoryReader(world.cluster),
    )
    found = show_status("prod", ports, replace(PLAN, steps=tuple(steps)), DIGEST)
    assert found.next == "`migrate apply PLAN`, which reads the binding of the bridge first"


def test_after_apply_outstanding_proofs_are_named() -> None:
    world = World(company()[0])
    apply_plan(PLAN, DIGEST, world.ports())
    found = status(world)
    assert [arn for arn, _ in found.outstanding] == [NODES]
    assert found.done == found.total - 1
    assert found.command == "apply"


def test_a_step_that_was_begun_and_not_ended_is_unknown_and_unknown_is_exit_1() -> None:
    world = World(company()[0])
    world.cluster.crash_at = (3, "after")
    with pytest.raises(Crash):
        apply_plan(PLAN, DIGEST, world.ports())
    found = status(world)
    assert found.exit_code == 1
    assert any("whether step" in line for line in found.unknown)


def test_without_a_plan_it_says_so() -> None:
    world = World(company()[0])
    ports = StatusPorts(world.store, MemoryClock(world.cluster), MemoryMode(world.cluster))
    found = show_status("prod", ports)
    assert found.exit_code == 1
    assert "there is no plan" in found.unknown


@dataclass
class Unreachable:
    """AuthMode of a cluster that does not answer."""

    def read(self) -> tuple[AuthenticationMode, str]:
        raise Failed("aws-no-answer", "EKS does not answer")

    def switch(self, to: AuthenticationMode, *, token: str) -> str:
        raise AssertionError("a status writes nothing")

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        raise AssertionError("not asked")


def test_a_cluster_that_does_not_answer_is_unknown_not_fine() -> None:
    world = World(company()[0])
    found = show_status(
        "prod", StatusPorts(world.store, MemoryClock(world.cluster), Unreachable()), PLAN, DIGEST
    )
    assert (found.mode, found.exit_code) == (None, 1)


def test_a_principal_given_up_is_shown_with_its_reason() -> None:
    world = World(company()[0])
    world.cluster.invalid.add(ALICE)
    apply_plan(PLAN, DIGEST, world.ports())
    assert dict(status(world).refused)[ALICE] == f"{ALICE} is invalid"


def test_an_entry_that_somebody_deleted_or_changed_since_is_exit_5_by_name() -> None:
    world = World(company()[0])
    apply_plan(PLAN, DIGEST, world.ports())
    assert status(world).changed == ()
    gone, other, *_ = world.cluster.entries
    del world.cluster.entries[gone]
    world.cluster.entries[other] = replace(
        world.cluster.entries[other], kubernetes_groups=("somebody-elses",)
    )
    found = status(world)
    assert dict(found.changed) == {
        gone: "another writer deleted it",
        other: "another writer changed it",
    }
    assert (found.exit_code, found.next) == (
        5,
        "plan again: the new plan starts from what is there",
    )
    assert f"Changed    {gone}" in status_text(found).replace("\n", " ")
    assert {each["principalArn"] for each in status_document(found)["changed"]} == {gone, other}


def with_ids(cluster: Cluster) -> Plan:
    """The plan with the unique ids that IAM has."""
    cluster.ids = {p.principal_arn: f"AROA{number}" for number, p in enumerate(PLAN.principals)}
    return replace(
        PLAN,
        principals=tuple(
            replace(p, principal_id=cluster.ids[p.principal_arn]) for p in PLAN.principals
        ),
    )


def status_with_iam(world: World, plan: Plan, principals: MemoryPrincipals) -> StatusOutcome:
    ports = StatusPorts(
        world.store,
        MemoryClock(world.cluster),
        MemoryMode(world.cluster),
        MemoryReader(world.cluster),
        principals=principals,
        tasks=InTurn(),
    )
    return show_status("prod", ports, plan, DIGEST)


def test_entry_of_a_principal_that_was_deleted_or_created_again_is_dead_by_name_and_exit_1() -> (
    None
):
    world = World(company()[0])
    plan, principals = with_ids(world.cluster), MemoryPrincipals(world.cluster)
    apply_plan(plan, DIGEST, world.ports())
    found = status_with_iam(world, plan, principals)
    assert (found.dead, found.exit_code) == ((), 7)
    del world.cluster.ids[ALICE]
    world.cluster.ids[DEVS] = "AROANEW"
    found = status_with_iam(world, plan, principals)
    assert {who: "deleted" in why for who, why in found.dead} == {ALICE: True, DEVS: False}
    assert (found.exit_code, found.next) == (
        1,
        "plan again: the new plan starts from what is there",
    )
    assert "Dead" in status_text(found)
    assert {each["principalArn"] for each in status_document(found)["dead"]} == {ALICE, DEVS}


@pytest.mark.parametrize("change", ["deleted", "thinned"])
def test_entry_that_the_plan_keeps_and_an_administrator_changed_is_exit_5_by_name(
    change: str,
) -> None:
    world = World(company()[0])
    kept = replace(
        next(p for p in PLAN.principals if p.principal_arn == DEVS),
        principal_arn=BOB,
        action="keep",
    )
    plan = replace(PLAN, principals=(*PLAN.principals, kept))
    apply_plan(PLAN, DIGEST, world.ports())
    entries = world.cluster.entries
    entries[BOB] = replace(entries[DEVS], principal_arn=BOB, tags={})
    assert status_with_iam(world, plan, MemoryPrincipals(world.cluster)).changed == ()
    if change == "deleted":
        del entries[BOB]
    else:
        entries[BOB] = replace(entries[BOB], kubernetes_groups=())
    found = status_with_iam(world, plan, MemoryPrincipals(world.cluster))
    assert (found.exit_code, [who for who, _ in found.changed]) == (5, [BOB])
    assert change == "thinned" or "deleted" in found.changed[0][1]


class DeniedIam(MemoryPrincipals):
    """IAM that lets the caller read nothing."""

    def get(self, arn: str) -> Raw | None:
        raise Failed("iam-denied", f"IAM does not let you read {arn}.")


def test_principal_that_the_plan_read_and_status_cannot_is_unknown_by_name() -> None:
    world = World(company()[0])
    plan = with_ids(world.cluster)
    apply_plan(plan, DIGEST, world.ports())
    found = status_with_iam(world, plan, DeniedIam(world.cluster))
    assert found.dead == ()
    assert any(f"the entry of {ALICE} is dead" in line for line in found.unknown)
    assert found.exit_code == 1
    # a plan that was made without reading IAM claims nothing about these principals
    assert status_with_iam(world, PLAN, DeniedIam(world.cluster)).unknown == ()


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_run_that_died_anywhere_has_changed_nothing_behind_its_own_back(
    place: str, *, back: bool
) -> None:
    effects = 1
    while True:
        world = World(company()[0])
        if back:
            apply_plan(PLAN, DIGEST, world.ports())
        world.cluster.crash_at = (len(world.cluster.effects) + effects, place)
        try:
            roll_back(PLAN, DIGEST, world.ports()) if back else apply_plan(
                PLAN, DIGEST, world.ports()
            )
        except Crash:
            assert status(world).changed == ()
            effects += 1
        else:
            break
    assert status(world).changed == ()
    assert effects > 5


def test_entries_that_may_not_be_read_are_unknown() -> None:
    world = World(company()[0])
    apply_plan(PLAN, DIGEST, world.ports())
    ports = StatusPorts(
        world.store, MemoryClock(world.cluster), MemoryMode(world.cluster), Denied(world.cluster)
    )
    found = show_status("prod", ports, PLAN, DIGEST)
    assert (found.exit_code, found.changed) == (1, ())
    assert found.unknown == ("whether the entries are as they were left: not allowed",)


class Denied(MemoryReader):
    """A reader of somebody without eks:ListAccessEntries."""

    def list_access_entries(self) -> list[Raw] | None:
        raise Failed("iam-denied", "not allowed")


class Newer(MemoryReader):
    """EKS with a type of entry that came after us."""

    def list_access_entries(self) -> list[Raw] | None:
        return [{**entry, "type": "LATER"} for entry in super().list_access_entries() or ()]


def test_an_entry_of_a_type_that_came_later_is_unknown_and_the_rest_is_still_told() -> None:
    world = World(company()[0])
    apply_plan(PLAN, DIGEST, world.ports())
    ports = StatusPorts(
        world.store, MemoryClock(world.cluster), MemoryMode(world.cluster), Newer(world.cluster)
    )
    found = show_status("prod", ports, PLAN, DIGEST)
    assert (found.exit_code, found.changed, found.done) == (1, (), found.total - 1)
    assert "whether the entries are as they were left" in found.unknown[0]


def status_of_all(
    world: World, config_maps: MemoryConfigMaps | None = None, plan: Plan = PLAN
) -> StatusOutcome:
    """The status by every port that the command has."""
    cluster = world.cluster
    ports = StatusPorts(
        world.store,
        MemoryClock(cluster),
        MemoryMode(cluster),
        MemoryReader(cluster),
        MemoryRbac(cluster),
        principals=MemoryPrincipals(cluster),
        tasks=InTurn(),
        config_maps=config_maps or MemoryConfigMaps(cluster),
    )
    return show_status("prod", ports, plan, DIGEST)


def _rows(cluster: Cluster) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((cluster.data or {})["mapRoles"])
    return found


def _revoke(cluster: Cluster) -> None:
    kept = [row for row in _rows(cluster) if not str(row["rolearn"]).endswith("/devs")]
    cluster.data = {"mapRoles": json.dumps(kept)}


def _thin(cluster: Cluster) -> None:
    rows = [
        row | {"groups": []} if str(row["rolearn"]).endswith("/devs") else row
        for row in _rows(cluster)
    ]
    cluster.data = {"mapRoles": json.dumps(rows)}


def _add(cluster: Cluster) -> None:
    added = {"rolearn": BOB, "username": "bob", "groups": ["devs"]}
    cluster.data = {"mapRoles": json.dumps([*_rows(cluster), added])}


def _add_account(cluster: Cluster) -> None:
    cluster.data = {**(cluster.data or {}), "mapAccounts": json.dumps(["444455556666"])}


def _blank(cluster: Cluster) -> None:
    cluster.data = {"mapRoles": ""}


def _delete(cluster: Cluster) -> None:
    cluster.data = None


def _delete_entry(cluster: Cluster) -> None:
    del cluster.entries[DEVS]


def _thin_entry(cluster: Cluster) -> None:
    cluster.entries[DEVS] = replace(cluster.entries[DEVS], kubernetes_groups=())


def _recreate(cluster: Cluster) -> None:
    cluster.ids[DEVS] = "AROANEW"


_EDITS: tuple[tuple[Callable[[Cluster], None], str], ...] = (
    (_revoke, DEVS),
    (_thin, DEVS),
    (_add, BOB),
    (_add_account, "444455556666"),
    (_blank, DEVS),
    (_delete, DEVS),
    (_delete_entry, DEVS),
    (_thin_entry, DEVS),
    (_recreate, DEVS),
)


@pytest.mark.parametrize(("edit", "who"), _EDITS)
def test_status_names_every_change_after_which_apply_would_not_end_with_0(
    edit: Callable[[Cluster], None], who: str
) -> None:
    world = World(company()[0])
    world.cluster.unassumable.clear()
    plan = with_ids(world.cluster)
    apply_plan(plan, DIGEST, world.ports())
    expected = status_of_all(world, plan=plan)
    assert (expected.exit_code, expected.changed, expected.dead) == (0, (), ())
    edit(world.cluster)
    before = len(world.cluster.effects)
    found = status_of_all(world, plan=plan)
    assert len(world.cluster.effects) == before
    assert found.exit_code == (1 if edit is _recreate else 5)
    assert who in {subject for subject, _ in (*found.changed, *found.dead)}
    assert found.next == "plan again: the new plan starts from what is there"
    try:
        again = apply_plan(plan, DIGEST, world.ports()).exit_code
    except MigratorError as error:
        again = error.exit_code
    assert again == 5


@pytest.mark.parametrize(("edit", "who"), [(_revoke, DEVS), (_thin, DEVS), (_add, BOB)])
def test_row_that_changed_before_the_first_apply_is_named(
    edit: Callable[[Cluster], None], who: str
) -> None:
    world = World(company()[0])
    assert (status_of_all(world).exit_code, status_of_all(world).changed) == (7, ())
    edit(world.cluster)
    found = status_of_all(world)
    assert (found.exit_code, [subject for subject, _ in found.changed]) == (5, [who])


class DeniedConfigMaps(MemoryConfigMaps):
    """aws-auth that the caller may not read."""

    def read(self) -> Raw | None:
        raise Failed(
            "kubernetes-denied", "The API server does not let you read kube-system/aws-auth."
        )


def test_rows_that_cannot_be_read_are_unknown_and_exit_1() -> None:
    world = World(company()[0])
    apply_plan(PLAN, DIGEST, world.ports())
    found = status_of_all(world, DeniedConfigMaps(world.cluster))
    assert (found.exit_code, found.changed) == (1, ())
    assert [
        line
        for line in found.unknown
        if "rows of aws-auth" in line and "does not let you read" in line
    ]


def test_rows_that_a_rehearsal_blanks_are_unknown_and_not_changed() -> None:
    world = World(company()[0])
    apply_plan(PLAN, DIGEST, world.ports())
    started = {"run": "00000000000000aa", "command": REHEARSE, "planDigest": DIGEST}
    world.store.append_record(None, "run-started", started, world.cluster.now)
    world.store.append_record(f"{REHEARSE}-timer", "done", {}, world.cluster.now)
    _blank(world.cluster)
    found = status_of_all(world)
    assert (found.exit_code, found.changed) == (1, ())
    assert (
        "whether the rows of aws-auth are as the plan has them: a rehearsal is not finished"
        in found.unknown
    )


def test_rows_are_not_asked_in_api_mode() -> None:
    world = World(company()[0])
    apply_plan(PLAN, DIGEST, world.ports())
    world.cluster.mode, world.cluster.data = "API", None
    assert status_of_all(world).changed == ()
