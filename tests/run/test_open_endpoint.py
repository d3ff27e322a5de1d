"""Opening the endpoint for this machine: added, taken back, and never more than that."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from migrator.adapters.clock import open_clock
from migrator.adapters.endpoint_access import EksEndpointAccess
from migrator.adapters.state_files import StateFolder
from migrator.errors import MigratorError, Refused
from migrator.lab.worlds.faults import Fault
from migrator.model.files.snapshot import cluster_ref
from migrator.model.proposal import Proposal
from migrator.run.open_endpoint import RECORD, OpenPorts, opened_endpoint, recorded
from tests.support.small_lab import ACCOUNT, CLUSTER, REGION, SmallLab, small_lab, world_document

NARROW = {
    "endpointPublicAccess": True,
    "endpointPrivateAccess": True,
    "publicAccessCidrs": ["203.0.113.0/24"],
}
ARN = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"
MINE = "198.51.100.7"


@dataclass
class Here:
    """Who answers, and from where."""

    address: str | None = MINE
    answer: bool = True
    asked: list[str] = field(default_factory=list)

    def public_address(self) -> str | None:
        return self.address

    def show(self, proposal: Proposal) -> None:
        raise AssertionError(proposal)

    def confirm(self, question: str) -> None:
        self.asked.append(question)
        if not self.answer:
            raise Refused("not-confirmed", "No.")

    def type_again(self, what: str, expected: str) -> None:
        raise AssertionError(what)

    def say(
        self,
        kind: Literal["info", "step", "done", "warn"],
        message: str,
        **_about: str,
    ) -> None:
        """Nothing."""

    def doing(self, what: str) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int) -> None:
        """Nothing."""


@pytest.fixture
def start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[SmallLab, OpenPorts]]]:
    with ExitStack() as running:

        def begin(here: Here | None = None, **changes: Any) -> tuple[SmallLab, OpenPorts]:  # noqa: ANN401
            here = here or Here()
            document = world_document(
                **{"resourcesVpcConfig": NARROW, "updateSeconds": 120, **changes}
            )
            lab = running.enter_context(small_lab(tmp_path / "lab", monkeypatch, document))
            store = StateFolder(tmp_path / "state", cluster_ref(lab.cluster.describe_cluster()))
            access = EksEndpointAccess(lab.session, CLUSTER, ARN)
            return lab, OpenPorts(
                access, lab.mode, here, store, here, here, open_clock(os.environ), CLUSTER
            )

        yield begin


Begin = Callable[..., tuple[SmallLab, OpenPorts]]


def test_the_address_is_let_in_and_taken_back(start: Begin) -> None:
    _, ports = start()
    with opened_endpoint(ports, run="r"):
        assert ports.access.read().cidrs == ("203.0.113.0/24", f"{MINE}/32")
        assert b"198.51.100.7/32" in (ports.store.read(RECORD) or b"")
    assert ports.access.read().cidrs == ("203.0.113.0/24",)
    assert recorded(ports.store) == ()
    assert ports.access.read().openings == ()


def test_it_is_taken_back_after_an_error_too(start: Begin) -> None:
    _, ports = start()
    with pytest.raises(ZeroDivisionError), opened_endpoint(ports, run="r"):
        raise ZeroDivisionError
    assert ports.access.read().cidrs == ("203.0.113.0/24",)


def test_what_others_allowed_meanwhile_stays(start: Begin) -> None:
    _, ports = start()
    with opened_endpoint(ports, run="r"):
        update = ports.access.set_public_cidrs(
            (*ports.access.read().cidrs, "192.0.2.0/24"), token="x" * 40
        )
        while ports.updates.update_status(update)[0] == "InProgress":
            ports.clock.sleep(timedelta(minutes=1))
    assert ports.access.read().cidrs == ("203.0.113.0/24", "192.0.2.0/24")


def test_it_can_be_opened_twice_in_one_run(start: Begin) -> None:
    _, ports = start()
    for _ in range(2):
        with opened_endpoint(ports, run="r"):
            assert f"{MINE}/32" in ports.access.read().cidrs


def test_who_is_let_in_already_changes_nothing(start: Begin) -> None:
    here = Here("203.0.113.77")
    _, ports = start(here)
    with opened_endpoint(ports, run="r"):
        assert ports.access.read().cidrs == ("203.0.113.0/24",)
    assert here.asked == []


def test_an_endpoint_open_to_all_is_left_alone(start: Begin) -> None:
    _, ports = start(resourcesVpcConfig={**NARROW, "publicAccessCidrs": ["0.0.0.0/0"]})
    with opened_endpoint(ports, run="r"):
        assert ports.access.read().cidrs == ("0.0.0.0/0",)


def test_a_no_changes_nothing(start: Begin) -> None:
    _, ports = start(Here(answer=False))
    with pytest.raises(Refused), opened_endpoint(ports, run="r"):
        pass
    assert ports.access.read().cidrs == ("203.0.113.0/24",)
    assert ports.store.read(RECORD) is None


def test_an_unknown_address_is_told(start: Begin) -> None:
    _, ports = start(Here(None))
    with pytest.raises(MigratorError) as caught, opened_endpoint(ports, run="r"):
        pass
    assert caught.value.code == "source-address-unknown"


def test_a_failed_update_is_told(start: Begin) -> None:
    lab, ports = start()
    lab.lab.world.faults.add(Fault("eks:UpdateClusterConfig", "update-fails"))
    with pytest.raises(MigratorError) as caught, opened_endpoint(ports, run="r"):
        pass
    assert caught.value.code == "endpoint-update-failed"


def test_full_list_of_ranges_is_refused_before_a_person_is_asked(start: Begin) -> None:
    here = Here()
    full = {**NARROW, "publicAccessCidrs": [f"203.0.113.{n}/32" for n in range(40)]}
    _, ports = start(here, resourcesVpcConfig=full)
    with (
        pytest.raises(MigratorError, match="40 ranges"),
        opened_endpoint(ports, run="r"),
    ):
        raise AssertionError
    assert here.asked == []
