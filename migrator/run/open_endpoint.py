"""Adds this machine's address to ``publicAccessCidrs`` for as long as a command runs, and removes
it again.

The address is recorded before it is added, so that the next command finds and removes what an
interrupted one added. Only our own block is ever removed: what others allowed meanwhile stays.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from migrator.decide.findings.platform import cidr_obstacle
from migrator.decide.reach.cluster_checks import host_cidr, is_among
from migrator.errors import Failed
from migrator.model.canonical import digest_of, pretty_bytes
from migrator.ports import (
    Approver,
    AuthMode,
    Clock,
    EndpointAccess,
    Events,
    SourceAddress,
    StateStore,
)
from migrator.run.journaled_run import JournaledRun, OpenItems

RECORD = "opened-endpoint.json"
_EVERYBODY = ("0.0.0.0/0", "::/0")
_POLL = timedelta(seconds=5)
_PATIENCE = timedelta(minutes=30)  # an update of the endpoint takes minutes


@dataclass(frozen=True, slots=True)
class OpenPorts:
    """What opening the endpoint needs of the world. ``mode`` follows the updates."""

    access: EndpointAccess
    mode: AuthMode
    source: SourceAddress
    store: StateStore
    approver: Approver
    events: Events
    clock: Clock


@contextmanager
def opened_endpoint(ports: OpenPorts, *, run: str) -> Iterator[None]:
    """Admit this machine while the context lives. Nothing happens where it is admitted already.

    Raises ``source-address-unknown``, ``endpoint-ranges-full`` before anything is asked,
    ``endpoint-update-failed``, ``Refused`` when a person says no.
    """
    close_endpoint(ports, run=run)
    address = ports.source.public_address()
    if address is None:
        raise Failed(
            "source-address-unknown",
            "The address that this machine is seen under cannot be found out.",
            remedy="Name it with --source-address IP, and run the same command again.",
        )
    now = ports.access.public_cidrs()
    if not now or set(now) & set(_EVERYBODY) or is_among(address, now):
        yield
        return
    full = cidr_obstacle(len(now))
    if full is not None:
        raise Failed(full.code, full.message, remedy=full.remedy)
    block = host_cidr(address)
    ports.approver.confirm(
        f"Add {block} to publicAccessCidrs of the cluster until this command ends?"
    )
    _journal(ports).carry_out(
        block,
        intended={"added": block},
        effect=lambda: _set(ports, (*now, block), run),
        done=lambda _: {},
    )
    ports.events.say("done", f"publicAccessCidrs lets {block} in")
    try:
        yield
    finally:
        close_endpoint(ports, run=run)


def close_endpoint(ports: OpenPorts, *, run: str) -> bool:
    """Remove the block that a recorded opening added; True when there was something to remove."""
    block = next(iter(_opened(ports)), None)
    if block is None:
        return False
    _journal(ports).take_back(
        block, undoing={}, effect=lambda: _without(ports, block, run), undone=lambda _: {}
    )
    return True


def _without(ports: OpenPorts, block: str, run: str) -> None:
    """Take a block out of ``publicAccessCidrs`` again; nothing where it is not in it."""
    now = ports.access.public_cidrs()
    if block in now:
        _set(ports, tuple(cidr for cidr in now if cidr != block), run)
        ports.events.say("done", f"publicAccessCidrs is without {block} again")


def _journal(ports: OpenPorts) -> JournaledRun:
    def write(items: Mapping[str, Mapping[str, Any]]) -> None:
        # The file holds one opening at most: the one before is closed before another is made.
        ports.store.write(RECORD, pretty_bytes(next(iter(items.values()), {})))

    return JournaledRun(OpenItems(lambda: _opened(ports), write).record)


def _opened(ports: OpenPorts) -> dict[str, Mapping[str, Any]]:
    """The opening on record, by its block."""
    document = json.loads(ports.store.read(RECORD) or b"{}")
    block = document.get("added")
    if block:
        return {str(block): document}
    return {}


def _set(ports: OpenPorts, cidrs: Sequence[str], run: str) -> None:
    """Set ``publicAccessCidrs`` and wait for the update. Raises ``Failed``
    ``endpoint-update-failed`` where it fails or takes too long.
    """
    # The same list may be asked for twice: EKS then needs another token for another update.
    moment = ports.clock.now().isoformat()
    token = digest_of([run, list(cidrs), moment]).removeprefix("sha256:")[:64]
    update = ports.access.set_public_cidrs(cidrs, token=token)
    until = ports.clock.now() + _PATIENCE
    while True:
        status, errors = ports.mode.update_status(update)
        if status == "Successful":
            return
        if status != "InProgress" or ports.clock.now() >= until:
            raise Failed(
                "endpoint-update-failed",
                f"The update of publicAccessCidrs is {status}.",
                why="; ".join(errors),
                remedy="Look at the cluster's updates, and run the command again.",
            )
        ports.clock.sleep(_POLL)
