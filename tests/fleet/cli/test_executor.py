"""``--executor dask``: which options go together, what a job carries to a worker, and the same
plans as by threads.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pytest

from migrator.app.settings import Settings
from migrator.cli.operator import operator_of
from migrator.errors import MigratorError
from migrator.fleet.app.asked import Asked
from migrator.fleet.app.executor import Jobs, executor_of
from migrator.fleet.app.opened_fleet import Fleet
from migrator.fleet.app.worker import wind_down, worker_from, worker_of
from migrator.fleet.model.files.fleet_file import decode_fleet
from migrator.fleet.model.files.records import setup_from_document
from migrator.fleet.model.job import Job, JobEnd, JobRequest, Setup
from migrator.fleet.ports import FleetPorts, JobRunner
from migrator.fleet.run.discover import Found
from tests.support.cli_lab import running
from tests.support.fleet_values import cluster, clusters, inventory
from tests.support.fleet_world import fleet_file, fleet_world

HERE = Settings()
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIDSECRET",
    "AWS_SECRET_ACCESS_KEY": "verysecret",
    "AWS_SESSION_TOKEN": "tokensecret",
}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"scheduler": "tls://a:1"}, "option-without-dask"),
        ({"workers": 2}, "option-without-dask"),
        ({"worker_wait": 5.0}, "option-without-dask"),
        ({"executor": "dask", "tls_ca": "ca.pem"}, "option-without-scheduler"),
        ({"executor": "dask", "insecure_scheduler": True}, "option-without-scheduler"),
        ({"executor": "dask", "scheduler": "tcp://10.0.0.5:8786"}, "scheduler-insecure"),
        ({"executor": "dask", "scheduler": "tls://10.0.0.5:8786"}, "scheduler-tls-files"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_use(given: dict[str, Any], code: str) -> None:
    with pytest.raises(MigratorError) as caught:
        Asked.of(given)
    assert (caught.value.code, caught.value.exit_code) == (code, 64)


class Elsewhere:
    """Three processes somewhere."""

    processes = 3

    def run(
        self,
        jobs: Sequence[Job],
        *,
        limit: Callable[[], int],
        interrupted: Callable[[], None],
        in_order: bool = True,
    ) -> Iterator[JobEnd]:
        del jobs, limit, interrupted, in_order
        return iter(())


def _fleet(settings: Settings = HERE) -> Fleet:
    file = decode_fleet(fleet_file(1, rates=[{"api": "*", "per_second": 30, "burst": 6}]))
    setup = Setup(asdict(settings), file.accounts, file.reader_roles, file.rates)
    return Fleet(settings, file, worker_from(setup))


def _job(fleet: Fleet, *, own_machine: bool = False, here: bool = False) -> Job:
    jobs: JobRunner = Elsewhere()
    ports = cast(FleetPorts, type("Ports", (), {"jobs": jobs, "here": object()}))
    found = Found(inventory(clusters(1)), {})
    return Jobs(fleet, found, ports, own_machine=own_machine).make(
        cluster("c"), "plan", JobRequest(), here=here
    )


def _setup(job: Job) -> Setup:
    return setup_from_document(job.arguments["setup"])


def test_no_credential_is_part_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    fleet = _fleet(
        Settings(region="eu-central-1", assume_role=("arn:aws:iam::111122223333:role/hub",))
    )
    assert (
        fleet.worker.sessions.caller().region == "eu-central-1"
    )  # a session is open, with the environment's keys
    for own_machine in (True, False):
        text = json.dumps(_job(fleet, own_machine=own_machine).arguments)
        assert "role/hub" in text
        assert not [secret for secret in SECRETS.values() if secret in text]


def test_a_worker_elsewhere_has_its_own_credentials_and_a_worker_here_the_same_profile() -> None:
    settings = Settings(
        profile="mine", assume_role=("arn:aws:iam::111122223333:role/hub",), log_file="log"
    )
    elsewhere = _setup(_job(_fleet(settings))).settings
    assert (elsewhere["profile"], elsewhere["log_file"]) == (None, None)
    assert list(elsewhere["assume_role"]) == ["arn:aws:iam::111122223333:role/hub"]
    assert _setup(_job(_fleet(settings), own_machine=True)).settings["profile"] == "mine"


def test_the_state_is_the_same_folder_whatever_folder_a_worker_is_in() -> None:
    assert Path(_setup(_job(_fleet())).settings["state_dir"]) == Path.cwd() / ".migrate"
    assert (
        _setup(_job(_fleet(Settings(state_dir="s3://bucket/x")))).settings["state_dir"]
        == "s3://bucket/x"
    )


def test_the_rates_are_divided_by_the_processes_and_whole_for_what_stays_here() -> None:
    fleet = _fleet()
    remote, here = _job(fleet), _job(fleet, here=True)
    assert _setup(remote).share * 3 == pytest.approx(_setup(here).share)
    assert worker_of(here.arguments) is fleet.worker
    assert worker_of(remote.arguments) is not fleet.worker


def test_a_password_for_a_proxy_is_not_sent_to_workers() -> None:
    settings = Settings(proxy_url="http://me:secret@proxy:3128")
    with pytest.raises(MigratorError) as caught:
        executor_of(_fleet(settings), Asked(executor="dask"), Elsewhere(), operator_of(settings))
    assert (caught.value.code, caught.value.exit_code) == ("secret-for-workers", 64)


def test_a_process_keeps_only_the_setups_of_the_last_commands() -> None:
    first = _job(_fleet()).arguments
    kept = worker_of(first)
    assert worker_of(first) is kept
    for number in range(8):
        worker_of({**first, "setupId": f"other-{number}"})
    assert worker_of(first) is not kept


def test_the_word_to_end_early_is_for_the_jobs_of_one_command() -> None:
    ours, theirs = (
        _job(_fleet()).arguments,
        {**_job(_fleet()).arguments, "setupId": "another command's"},
    )
    workers = [worker_of(arguments) for arguments in (ours, theirs)]
    assert wind_down(ours) == {}
    assert [worker.winding_down.is_set() for worker in workers] == [True, False]
    assert wind_down({"setupId": "nobody's"}) == {}


def _decided(folder: Path) -> Mapping[str, Any]:
    plans = {path.parent.name: json.loads(path.read_bytes()) for path in folder.rglob("plan.json")}
    return {
        name: {key: value for key, value in plan.items() if key not in ("createdAt", "planDigest")}
        for name, plan in plans.items()
    }


def test_workers_make_the_plans_that_threads_make(tmp_path: Path) -> None:
    with running(tmp_path, json.dumps(fleet_world(2, 2, shapes=("plain", "pipeline")))) as lab:
        (lab.work / "fleet.yaml").write_text(json.dumps(fleet_file(2)))
        threads = lab.run("fleet", "plan", "--state-dir", "threads")
        dask = lab.run(
            "fleet", "plan", "--state-dir", "dask", "--executor", "dask", "--workers", "1"
        )
        assert (threads.code, dask.code) == (0, 0), dask.err
        assert "distributed" not in dask.err
        assert len(_decided(lab.work / "dask")) == 2
        assert _decided(lab.work / "dask") == _decided(lab.work / "threads")
