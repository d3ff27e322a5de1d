"""A fleet refuses a cluster where the command on this cluster alone does: the same code, message
and exit code, for every command on a plan and every condition.

``plan``, ``status`` and ``report`` change no cluster and refuse none of this.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from migrator.adapters.this_process import this_holder
from migrator.cli.main import COMMANDS
from migrator.decide.running.progress import REHEARSE
from migrator.fleet.app.jobs import ON_PLANS as FLEET_JOBS
from migrator.fleet.cli.group import COMMANDS as FLEET_COMMANDS
from migrator.model.cluster_lock import LEASE_NAME, LOCK_NAMESPACE
from migrator.model.journal import Event
from migrator.run.journaled_run import JournaledRun
from tests.support.changed_plans import changes
from tests.support.pairs_lab import ELSEWHERE, ON_PLANS, Ended, PairsLab, pairs_lab

VENDOR = '- {rolearn: "arn:aws:iam::999999999999:role/vendor", username: v, groups: [vendors]}\n'

# Condition, which is the name of a cluster that is in it -> command -> code of the error; "" for a
# command that is not refused there.
EXPECTED: Mapping[str, Mapping[str, str]] = {
    "other-cluster": dict.fromkeys(ON_PLANS, "plan-for-other-cluster"),
    "inconsistent": dict.fromkeys(ON_PLANS, "plan-inconsistent"),
    "blocked": {
        "apply": "plan-blocked",
        "verify": "",
        "rehearse": "plan-blocked",
        "gates": "plan-blocked",
        "cutover": "plan-blocked",
        "rollback": "",
        "retire": "not-cut-over",
    },
    "api-mode": {
        "apply": "",
        "verify": "",
        "rehearse": "",
        "gates": "",
        "cutover": "",
        "rollback": "no-way-back",
        "retire": "",
    },
    # A verification without canary pods only reads, and holds no lock.
    "leased": dict.fromkeys(ON_PLANS, "locked") | {"verify": ""},
    "state-locked": dict.fromkeys(ON_PLANS, "locked") | {"verify": ""},
    "rehearsing": {
        "apply": "rehearsal-unfinished",
        "verify": "",
        # It would put aws-auth back, from a backup that this state does not have.
        "rehearse": "backup-missing",
        "gates": "rehearsal-unfinished",
        "cutover": "rehearsal-unfinished",
        "rollback": "rehearsal-unfinished",
        "retire": "not-cut-over",
    },
    "changed": {
        "apply": "row-added",
        "verify": "",
        "rehearse": "row-added",
        "gates": "gates-closed",
        "cutover": "gates-closed",
        "rollback": "",
        "retire": "not-cut-over",
    },
}
# Commands that change a cluster where they are not refused come last.
ORDER = ("verify", "apply", "rehearse", "gates", "cutover", "rollback", "retire")


Endings = Mapping[tuple[str, str], tuple[Ended, Ended]]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairsLab]:
    """A cluster in each condition."""
    place = tmp_path_factory.mktemp("refusals")
    with (
        pairs_lab(place, [*EXPECTED], rows={"blocked": VENDOR}, twin="other-cluster") as made,
        ExitStack() as held,
    ):
        _bring_about(made, held)
        yield made


@pytest.fixture(scope="module")
def ended(pairs: PairsLab) -> Endings:
    """Condition and command -> how the single command ended, and how the fleet's did."""
    found: dict[tuple[str, str], tuple[Ended, Ended]] = {}
    for command in ORDER:
        fleet = pairs.fleet(command, [*EXPECTED])
        for condition in EXPECTED:
            found[condition, command] = (pairs.single(command, condition), fleet[condition])
    return found


def _bring_about(pairs: PairsLab, held: ExitStack) -> None:
    """Every cluster into the condition that it is named after."""
    applied = ("api-mode", "changed", "rehearsing")
    for command in ("apply", "verify"):
        assert {each.exit_code for each in pairs.fleet(command, applied).values()} == {0}

    twin = pairs.plan_file("other-cluster", ELSEWHERE).read_bytes()
    pairs.plan_file("other-cluster").write_bytes(twin)

    plan = json.loads(pairs.plan_file("inconsistent").read_bytes())
    _, wrong = next(each for each in changes(plan) if each[0].startswith("drop "))
    pairs.plan_file("inconsistent").write_text(json.dumps(wrong), encoding="utf-8")

    cluster = pairs.cluster("api-mode")
    with pairs.lab.world.lock:
        cluster.updates[:] = [replace(each, mode="API") for each in cluster.updates]
        for listener in cluster.listeners:
            listener()

    holder = this_holder("arn:aws:iam::111122223333:role/another")
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": LEASE_NAME,
            "namespace": LOCK_NAMESPACE,
            "annotations": {
                "eks-access-migrator/lock-token": holder.token,
                "eks-access-migrator/lock-process": holder.process,
            },
        },
        "spec": {"holderIdentity": holder.identity, "leaseDurationSeconds": 60},
    }
    pairs.control("leased", "putObject", object=lease)

    held.enter_context(pairs.store("state-locked").lock("another run"))

    store = pairs.store("rehearsing")
    digest = json.loads(pairs.plan_file("rehearsing").read_bytes())["planDigest"]
    now = pairs.lab.world.clock.now()

    def record(step: str | None, event: Event, effect: Mapping[str, Any]) -> None:
        store.append_record(step, event, effect, now)

    run = JournaledRun(record)
    run.start(REHEARSE, run="0123456789abcdef", plan_digest=digest, caller="another")
    run.record(f"{REHEARSE}-timer", "intended", {})

    pairs.control("changed", "touchAwsAuth", change="edit")


def test_every_pair_and_every_command_on_a_plan_is_in_the_table() -> None:
    assert set(FLEET_JOBS) - {"gates"} <= set(COMMANDS) & set(FLEET_COMMANDS)
    assert sorted(ON_PLANS) == sorted(ORDER) == sorted(FLEET_JOBS)
    assert all(sorted(row) == sorted(ORDER) for row in EXPECTED.values())


@pytest.mark.parametrize("condition", EXPECTED)
@pytest.mark.parametrize("command", ORDER)
def test_fleet_ends_as_the_single_command(ended: Endings, condition: str, command: str) -> None:
    single, fleet = ended[condition, command]
    assert (single.code, fleet) == (EXPECTED[condition][command], single)


INSECURE = """\
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: c}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9", insecure-skip-tls-verify: true}}]
users: [{name: c, user: {token: t}}]
"""


@pytest.mark.parametrize("command", ORDER)
def test_insecure_kubeconfig_is_refused_and_a_fleet_takes_none(
    pairs: PairsLab, command: str
) -> None:
    (pairs.cli.work / "insecure").write_text(INSECURE, encoding="utf-8")
    single = pairs.single(command, "changed", "--kubeconfig", "insecure")
    options = (*ON_PLANS[command][1], "--kubeconfig", "insecure")
    fleet = pairs.migrate("fleet", "cutover" if command == "gates" else command, *options)
    assert (single.code, single.exit_code) == ("kubeconfig-insecure", 4)
    assert (fleet.error_code, fleet.code) == ("option-of-one-cluster", 64)
