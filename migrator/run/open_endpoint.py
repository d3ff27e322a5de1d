"""Lets this machine's address through ``publicAccessCidrs`` for as long as a command runs, and
takes it back.

What is added is on record before it is added, so that an interrupted command's opening is found and
closed by the next one. Only our own block is ever taken away: what others allowed meanwhile stays.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from migrator.decide.diagnosis.cluster_checks import host_cidr, is_among
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
    """Let this machine in while the context lives. Nothing happens where it is let in already.

    Raises ``source-address-unknown``, ``endpoint-update-failed``, ``Refused`` when a person says
    no.
    """
    close_endpoint(ports, run=run)
    address = ports.source.public_address()
    if address is None:
        raise Failed(
            "source-address-unknown",
            "The address that this machine is seen under cannot be found out.",
            remedy="Add it by hand: `aws eks update-cluster-config --resources-vpc-config "
            "publicAccessCidrs=…`.",
        )
    now = ports.access.public_cidrs()
    if not now or set(now) & set(_EVERYBODY) or is_among(address, now):
        yield
        return
    block = host_cidr(address)
    ports.approver.confirm(
        f"Add {block} to publicAccessCidrs of the cluster until this command ends?"
    )
    ports.store.write(RECORD, pretty_bytes({"added": block}))
    _set(ports, (*now, block), run)
    ports.events.say("done", f"publicAccessCidrs lets {block} in")
    try:
        yield
    finally:
        close_endpoint(ports, run=run)


def close_endpoint(ports: OpenPorts, *, run: str) -> bool:
    """Take back what an opening on record added; True when there was something to take back."""
    block = json.loads(ports.store.read(RECORD) or b"{}").get("added")
    if not block:
        return False
    now = ports.access.public_cidrs()
    if block in now:
        _set(ports, tuple(cidr for cidr in now if cidr != block), run)
        ports.events.say("done", f"publicAccessCidrs is without {block} again")
    ports.store.write(RECORD, pretty_bytes({}))
    return True


def _set(ports: OpenPorts, cidrs: Sequence[str], run: str) -> None:
    moment = (
        ports.clock.now().isoformat()
    )  # the same list may be asked for twice, and is another update then
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
