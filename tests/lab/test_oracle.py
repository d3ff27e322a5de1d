"""The oracle sees every wrong answer, however short, and nothing where all is well."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from migrator.errors import Failed
from migrator.lab.control_api import ControlError
from migrator.lab.judge.oracle_cluster import WrongDecision
from migrator.lab.kubernetes_controls import add_controls
from migrator.lab.lab_client import control
from migrator.lab.server import Lab
from migrator.lab.worlds.effects import Effect
from migrator.lab.worlds.world_files import demo_world_path, load_world
from migrator.model.access_entry import AccessScope
from tests.support.judged.oracle import JudgedOracle
from tests.support.kubernetes_lab import KubernetesLab, kubernetes_lab

ADMIN = ("AmazonEKSClusterAdminPolicy", AccessScope())
SECOND = timedelta(seconds=1)


@pytest.fixture
def lab() -> KubernetesLab:
    """An administrator and a developer by their rows, in the mode in which entries count."""
    lab = kubernetes_lab("CONFIG_MAP")
    lab.world.clock.freeze()
    lab.world.settings.token_cache = timedelta(0)
    admin, developer = lab.add_role("admin"), lab.add_role("dev")
    lab.add_role("stranger")
    rows = [
        {"rolearn": admin, "username": "admin", "groups": ["system:masters"]},
        {"rolearn": developer, "username": "dev", "groups": ["devs"]},
    ]
    lab.set_aws_auth(mapRoles=json.dumps(rows))
    lab.bind("view", "Group:devs", namespace="default")
    lab.set_mode("API_AND_CONFIG_MAP")
    return lab


def arn(name: str) -> str:
    return f"arn:aws:iam::111122223333:role/{name}"


def effect(lab: KubernetesLab) -> None:
    with lab.world.effects.perform("somebody", "test"):
        pass


def kinds(found: "list[WrongDecision]") -> set[tuple[str, str, str]]:
    return {(each.principal_arn.rpartition("/")[2], each.kind, each.token) for each in found}


def test_nothing_is_wrong_where_nothing_changes(lab: KubernetesLab) -> None:
    oracle = JudgedOracle(lab.world)
    effect(lab)
    report = oracle.report()
    assert (report["wrongDenials"], report["wrongAllows"], report["moments"]) == (0, 0, 0)
    assert report["probes"] > 20
    assert report["logins"] == 4  # three roles and the root user


def test_an_entry_that_gives_the_same_is_right(lab: KubernetesLab) -> None:
    oracle = JudgedOracle(lab.world)
    lab.add_entry(arn("dev"), "dev", ["devs"])
    effect(lab)
    assert not oracle.wrong()
    assert oracle.report()["moments"] == 1


def test_an_administrator_between_entry_and_policy_has_nothing(lab: KubernetesLab) -> None:
    oracle = JudgedOracle(lab.world)
    lab.add_entry(arn("admin"), "admin")
    effect(lab)
    lab.world.clock.advance(SECOND)
    lab.add_entry(arn("admin"), "admin", policies=[ADMIN])
    effect(lab)
    wrong = list(oracle.wrong())
    assert kinds(wrong) == {("admin", "denied", "fresh")}
    assert {each.until - each.since for each in wrong if each.until} == {SECOND}
    assert {each.effect for each in wrong} == {1}


def test_a_gap_that_opens_and_closes_between_two_effects_is_seen(lab: KubernetesLab) -> None:
    oracle = JudgedOracle(lab.world)
    lab.add_entry(arn("admin"), "admin", delay=10 * SECOND)
    effect(lab)
    lab.add_entry(arn("admin"), "admin", policies=[ADMIN], delay=11 * SECOND)
    effect(lab)
    assert not oracle.wrong()
    lab.world.clock.advance(60 * SECOND)
    oracle.look()
    wrong = list(oracle.wrong())
    assert kinds(wrong) == {("admin", "denied", "fresh")}
    assert {each.until - each.since for each in wrong if each.until} == {SECOND}


def test_the_last_look_is_at_what_is_still_to_come(lab: KubernetesLab) -> None:
    oracle = JudgedOracle(lab.world)
    lab.add_entry(arn("dev"), "dev", delay=300 * SECOND)
    effect(lab)
    assert not oracle.wrong()
    oracle.stop()
    assert kinds(list(oracle.wrong())) == {("dev", "denied", "fresh")}
    assert lab.world.oracle is None
    assert lab.world.effects.listeners == []


def test_a_bridge_counts_only_as_long_as_its_binding_is_there(lab: KubernetesLab) -> None:
    """RBAC has no delay: what an entry that comes into force meanwhile is worth depends on RBAC of
    that moment.
    """
    lab.bind("cluster-admin", "Group:bridge")
    oracle = JudgedOracle(lab.world)
    lab.add_entry(arn("admin"), "admin", ["bridge"], delay=SECOND)
    effect(lab)
    lab.world.clock.advance(3 * SECOND)
    store = lab.api.registry.store
    key = ("rbac.authorization.k8s.io", "clusterrolebindings")
    bridge = next(
        b
        for b in store.items(key)[0]
        if b["roleRef"]["name"] == "cluster-admin" and "bridge" in str(b)
    )
    store.remove(key, "", bridge["metadata"]["name"])
    effect(lab)
    wrong = list(oracle.wrong())
    assert kinds(wrong) == {("admin", "denied", "fresh")}
    assert {each.since for each in wrong} == {lab.world.now()}


def test_access_that_nobody_had_is_a_wrong_allow(lab: KubernetesLab) -> None:
    oracle = JudgedOracle(lab.world)
    lab.add_entry(arn("stranger"), "stranger", policies=[ADMIN])
    lab.add_entry(arn("dev"), "dev", ["devs"], [("AmazonEKSViewPolicy", AccessScope())])
    effect(lab)
    wrong = list(oracle.wrong())
    assert kinds(wrong) == {("stranger", "allowed", "fresh"), ("dev", "allowed", "fresh")}
    reasons = {each.reason for each in wrong if each.principal_arn == arn("stranger")}
    assert all("RBAC" in reason or "EKS Access Policy" in reason for reason in reasons)


def test_a_token_from_before_is_asked_about_as_long_as_it_is_remembered(lab: KubernetesLab) -> None:
    lab.world.settings.token_cache = 10 * SECOND
    lab.add_entry(arn("admin"), "admin", policies=[ADMIN])
    oracle = JudgedOracle(lab.world)
    lab.remove_entry(
        arn("admin")
    )  # the row answers again; a token from before has neither policy nor group
    effect(lab)
    lab.world.clock.advance(30 * SECOND)
    lab.add_entry(arn("dev"), "dev", ["devs"])
    effect(lab)
    wrong = list(oracle.wrong())
    assert kinds(wrong) == {("admin", "denied", "remembered")}
    assert {each.until - each.since for each in wrong if each.until} == {10 * SECOND}


def test_what_was_announced_does_not_count(lab: KubernetesLab) -> None:
    oracle = JudgedOracle(lab.world, stated={arn("dev"): ["denied"]})
    lab.add_entry(arn("dev"), "dev", ["system:nobody"])
    lab.add_entry(arn("admin"), "admin")
    effect(lab)
    assert kinds(list(oracle.wrong())) == {("admin", "denied", "fresh")}
    assert kinds(list(oracle.wrong(stated=True))) == {("dev", "denied", "fresh")}
    assert oracle.report()["stated"] == len(oracle.wrong(stated=True))


def test_every_name_that_rbac_binds_is_a_login(lab: KubernetesLab) -> None:
    """A template that renders to a bound name for one session alone must not hide behind the other
    sessions.
    """
    lab.bind("edit", "User:team:alice", namespace="default")
    row = {"rolearn": arn("dev"), "username": "team:{{SessionName}}", "groups": []}
    lab.set_aws_auth(mapRoles=json.dumps([row]))
    oracle = JudgedOracle(lab.world)
    lab.add_entry(arn("dev"), "team-{{SessionName}}")
    effect(lab)
    assert {each.login for each in oracle.wrong()} == {f"{arn('dev')} as alice"}


def test_a_principal_that_appears_later_is_judged_from_then_on(lab: KubernetesLab) -> None:
    oracle = JudgedOracle(lab.world)
    lab.add_role("newcomer")
    effect(lab)
    assert not oracle.wrong()
    lab.add_entry(arn("newcomer"), "newcomer", policies=[ADMIN])
    effect(lab)
    assert kinds(list(oracle.wrong())) == {("newcomer", "allowed", "fresh")}


def test_a_principal_that_is_gone_is_nobodys_loss(lab: KubernetesLab) -> None:
    oracle = JudgedOracle(lab.world)
    del lab.world.accounts["111122223333"].roles["admin"]
    effect(lab)
    assert not oracle.wrong()


def edited(lab: KubernetesLab, oracle: JudgedOracle, name: str) -> None:
    """An effect by which an administrator changed a principal, told to the oracle before it
    judges.
    """

    def seen(effect: Effect) -> None:
        oracle.edited([arn(name)], effect)

    lab.world.effects.listeners.insert(0, seen)
    effect(lab)
    lab.world.effects.listeners.remove(seen)


def without_developer(lab: KubernetesLab) -> None:
    lab.set_aws_auth(
        mapRoles=json.dumps(
            [{"rolearn": arn("admin"), "username": "admin", "groups": ["system:masters"]}]
        )
    )


def test_what_an_administrator_takes_away_is_no_wrong_denial_and_its_return_is_a_wrong_allow(
    lab: KubernetesLab,
) -> None:
    oracle = JudgedOracle(lab.world)
    without_developer(lab)
    edited(lab, oracle, "dev")
    assert not oracle.wrong()
    lab.add_entry(arn("dev"), "dev", ["devs"])
    effect(lab)
    assert kinds(list(oracle.wrong())) == {("dev", "allowed", "fresh")}


def test_an_edit_of_one_principal_excuses_no_other(lab: KubernetesLab) -> None:
    oracle = JudgedOracle(lab.world)
    without_developer(lab)
    edited(lab, oracle, "admin")
    assert kinds(list(oracle.wrong())) == {("dev", "denied", "fresh")}


def test_until_an_edit_is_in_force_the_former_answers_are_right_and_no_longer(
    lab: KubernetesLab,
) -> None:
    lab.world.settings.token_cache = 5 * SECOND
    lab.add_entry(arn("dev"), "dev", ["devs"])
    oracle = JudgedOracle(lab.world)
    lab.add_entry(arn("dev"), "dev", [], delay=4 * SECOND)  # in force at 4 s, remembered until 9 s
    edited(lab, oracle, "dev")
    lab.world.clock.advance(6 * SECOND)
    lab.add_entry(arn("dev"), "dev", ["devs"])
    effect(lab)
    assert not oracle.wrong()
    lab.world.clock.advance(4 * SECOND)
    oracle.stop()
    (first, *_) = oracle.wrong()
    assert (first.kind, first.token) == ("allowed", "fresh")
    assert first.since == lab.world.now() - SECOND  # not a moment before


def test_a_token_that_loses_its_policy_by_an_administrators_deletion_is_no_wrong_denial(
    lab: KubernetesLab,
) -> None:
    lab.world.settings.token_cache = 5 * SECOND
    lab.add_entry(arn("admin"), "admin", policies=[ADMIN])
    oracle = JudgedOracle(lab.world)
    lab.remove_entry(arn("admin"))
    edited(lab, oracle, "admin")
    lab.world.clock.advance(6 * SECOND)
    oracle.stop()
    assert not oracle.wrong()


def test_a_change_by_control_is_looked_at_at_once(lab: KubernetesLab, tmp_path: Path) -> None:
    world = load_world(demo_world_path())
    running = Lab(world, tmp_path)
    running.start()
    try:
        began = control(tmp_path, "POST", "world", {"oracle": {"each": 6}})["oracle"]
        assert began["wrongDenials"] == began["wrongAllows"] == 0
        control(tmp_path, "POST", "world", {"writeAwsAuth": {"cluster": "demo", "data": None}})
        control(
            tmp_path,
            "POST",
            "world",
            {"writeAwsAuth": {"cluster": "demo", "data": {"mapUsers": ""}}},
        )
        report = control(tmp_path, "GET", "oracle")
        assert report["wrongDenials"] > 50
        assert report["wrongAllows"] == 0
        assert "arn:aws:iam::111122223333:role/platform/sre" in report["principals"]
        assert report["wrong"][0]["reason"] == ""
        ended = control(tmp_path, "POST", "world", {"oracle": {"on": False}})["oracle"]
        assert ended["wrongDenials"] >= report["wrongDenials"]
        with pytest.raises(Failed, match="refused"):
            control(tmp_path, "GET", "oracle")
    finally:
        running.stop()


@pytest.mark.parametrize(
    "body",
    [{"loud": True}, {"on": False}, {"stated": {"arn:aws:iam::111122223333:role/dev": ["lost"]}}],
)
def test_a_request_that_makes_no_sense_is_refused(
    lab: KubernetesLab, body: dict[str, object]
) -> None:
    add_controls(lab.world)
    with pytest.raises((ValueError, ControlError)):
        lab.world.controls["oracle"](body)
