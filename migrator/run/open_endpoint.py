"""Adds this machine's address to ``publicAccessCidrs`` for as long as a command runs, and removes
it again.

An opening is a debt that every caller sees: a line of the state, then a tag of the cluster, then
the address in the list. It ends in the reverse order, so that a process that is killed anywhere
leaves the tag at least as long as the address. Several commands may need one address: each writes
its own tag, and the last one that needs the address removes it. A command that ends says so in its
tag before it looks at the other tags, and a command that begins writes its tag before it looks at
the list: of two commands at the same time at least one sees the other (Lamport's bakery).
"""

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from migrator.decide.reach.opened_endpoint import (
    LONGEST_OPENING,
    RENEWED_AFTER,
    block_to_open,
    closing_question,
    describe_opening,
    doubt_words,
    is_being_closed,
    is_left,
    is_restricted,
    needed_by_others,
    with_killed,
)
from migrator.errors import Failed, Interrupted, MigratorError
from migrator.model.canonical import digest_of
from migrator.model.moments import moment_of_text
from migrator.model.opened_endpoint import ClosedEndpoint, EndpointSeen, Opening, seen_in
from migrator.ports import (
    Approver,
    Clock,
    ClusterReader,
    ClusterUpdate,
    EndpointAccess,
    Events,
    SourceAddress,
    StateStore,
)

RECORD = "opened-endpoint.jsonl"
_POLL = timedelta(seconds=5)
_SETTLE = timedelta(seconds=5)  # a tag is read back after this
_PATIENCE = timedelta(minutes=30)  # an update of the endpoint takes minutes
_OF_A_CLOSER = timedelta(minutes=10)  # longer, and the command that closes was killed
_TRIES = 3

Change = Callable[[tuple[str, ...]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class OpenPorts:
    """What opening the endpoint needs of the world. ``updates`` follows them. ``cluster`` is
    the name, ``caller`` who opens, ``process`` the mark of this process; ``runs`` says whether the
    process with a mark still runs, None where that is not known.
    """

    access: EndpointAccess
    updates: ClusterUpdate
    source: SourceAddress
    store: StateStore
    approver: Approver
    events: Events
    clock: Clock
    cluster: str
    caller: str = ""
    process: str = ""
    runs: Callable[[str], bool | None] = lambda _: None


@contextmanager
def opened_endpoint(ports: OpenPorts, *, run: str) -> Iterator[None]:
    """Admit this machine while the context lives. Nothing happens where it is admitted already.

    Raises before anything is asked ``source-address-unknown``, ``endpoint-ranges-full``,
    ``endpoint-not-public``, ``endpoint-address-family``; ``endpoint-update-failed``; ``Refused``
    when a person says no; at the end ``Interrupted`` ``endpoint-left-open``.
    """
    seen = ports.access.read()
    if is_restricted(seen):
        # What a running update adds would be taken for an address that no administrator listed.
        seen = _settled(ports)
    block = _block_to_open(ports, seen)
    killed = _killed(ports, seen)
    question = _question(ports, seen, block, killed)
    if question:
        ports.approver.confirm(question)
    if block is None:
        _close_each(ports, killed)
        yield
        return
    opening = Opening(
        run, block, ports.caller, ports.clock.now() + LONGEST_OPENING, process=ports.process
    )
    try:
        _open(ports, opening)
        # Only now: where a killed command opened the same block, it stays open.
        _close_each(ports, killed)
        with _renewed(ports, opening):
            yield
    finally:
        _close_at_last(ports, opening, sys.exc_info()[1])


def _block_to_open(ports: OpenPorts, seen: EndpointSeen) -> str | None:
    """The block that this machine needs. Its address is asked for only where that matters."""
    if not is_restricted(seen):
        return None
    return block_to_open(seen, ports.source.public_address())


def _question(
    ports: OpenPorts,
    seen: EndpointSeen,
    block: str | None,
    killed: Sequence[Opening],
) -> str:
    """What a person agrees to; empty where nothing is asked. An address that only a tag calls an
    opening is named: an administrator may have listed it.
    """
    tagged = [each for each in killed if _of_run(seen, each.run) is not None]
    left = ", ".join(each.cidr for each in tagged)
    joined = [each for each in seen.openings if each.cidr == block]
    doubt = doubt_words([*tagged, *joined], recorded(ports.store))
    if block is None:
        asked = f"Remove from publicAccessCidrs what killed commands left: {left}?" if left else ""
        return f"{asked} {doubt}".strip()
    asked = f"Add {block} to publicAccessCidrs of the cluster until this command ends?"
    if block in seen.cidrs:
        asked = f"Remove {block} from publicAccessCidrs of the cluster when this command ends?"
    if left:
        asked = f"{asked} Commands that were killed left {left}: they are removed, too."
    return f"{asked} {doubt}".strip()


def _open(ports: OpenPorts, opening: Opening) -> None:
    """Record the opening, write its tag, and have its block in the list."""
    _record(ports, "opening", opening)
    ports.access.write_opening(opening)
    ports.clock.sleep(_SETTLE)
    _wait_for_closers(ports, opening)
    _change(ports, lambda now: _with(now, opening.cidr), opening.run)
    ports.events.say(
        "done",
        f"publicAccessCidrs admits {opening.cidr} while this command runs",
        event="endpoint-opened",
    )


def _wait_for_closers(ports: OpenPorts, opening: Opening) -> None:
    """Wait until no other command is about to remove the block: it may have looked at the tags
    before ours was there.
    """
    until = ports.clock.now() + _OF_A_CLOSER
    while True:
        seen = ports.access.read()
        killed = {each.run for each in _killed(ports, seen)}
        others = [each for each in seen.openings if each.run not in killed]
        if not is_being_closed(others, opening) or ports.clock.now() >= until:
            return
        ports.clock.sleep(_POLL)


@contextmanager
def _renewed(ports: OpenPorts, opening: Opening) -> Iterator[None]:
    """Renew the opening while the context lives, in another thread. That thread writes nothing
    after the context: the command then says in the same tag that it closes.
    """
    over = threading.Event()
    renewing = threading.Thread(
        target=keep_renewed, args=(ports, opening, over.wait), daemon=True, name="opened-endpoint"
    )
    renewing.start()
    try:
        yield
    finally:
        over.set()
        while renewing.is_alive():
            # A signal to end changes nothing here: the closing is next, and says so.
            with suppress(KeyboardInterrupt):
                renewing.join()


def keep_renewed(ports: OpenPorts, opening: Opening, wait: Callable[[float], bool]) -> None:
    """Renew the opening each time ``wait`` returns False after so many seconds, until it returns
    True, or the opening was closed by another command.
    """
    while not wait(RENEWED_AFTER.total_seconds()):
        try:
            if not _renew(ports, opening):
                return
        except MigratorError as error:
            # There is time for more attempts before it is overdue.
            ports.events.say(
                "warn", f"{opening.cidr} is not renewed yet: {error.message}", event="endpoint-open"
            )


def _renew(ports: OpenPorts, opening: Opening) -> bool:
    """Have the tag of an opening say that the command lasts longer; False where there is no tag."""
    tagged = _of_run(ports.access.read(), opening.run)
    if tagged is None:
        ports.events.say(
            "warn",
            f"Another command removed {opening.cidr} from publicAccessCidrs.",
            event="endpoint-open",
        )
        return False
    ports.access.write_opening(replace(opening, until=ports.clock.now() + LONGEST_OPENING))
    return True


def _close_at_last(ports: OpenPorts, opening: Opening, stopped_by: BaseException | None) -> None:
    """Close after a command. What is not closed is in the text of the exit.

    Raises ``Interrupted`` ``endpoint-left-open``; where the command itself ended in an error, that
    error is kept and says it, too.
    """
    command = f"migrate doctor {ports.cluster} --close-endpoint"
    said = f"{opening.cidr} may still be in publicAccessCidrs of the cluster."
    cause: BaseException
    try:
        _close_once_interrupted(ports, opening, command)
        return
    except KeyboardInterrupt as interruption:
        cause, why = interruption, "The closing was interrupted."
    except MigratorError as error:
        cause, why = error, f"{error.message} {error.why}".strip()
    if isinstance(stopped_by, MigratorError):
        stopped_by.why = f"{stopped_by.why} Besides: {said} {why}".strip()
        stopped_by.remedy = f"{stopped_by.remedy} Then: {command}".strip()
        return
    raise Interrupted("endpoint-left-open", said, why=why, remedy=command) from cause


def _close_once_interrupted(ports: OpenPorts, opening: Opening, command: str) -> None:
    """Close, and go on closing after a first signal to end, which is mostly meant for the wait.

    Raises ``KeyboardInterrupt`` at a second one.
    """
    try:
        ports.events.say(
            "info",
            f"closing: {opening.cidr} leaves publicAccessCidrs where no other command needs it; "
            "an update of the endpoint takes minutes",
            event="endpoint-open",
        )
        _close_with_tries(ports, opening)
    except KeyboardInterrupt:
        ports.events.say(
            "warn",
            f"The closing continues. A second signal stops it, and then `{command}` closes.",
            event="endpoint-open",
        )
        _close_with_tries(ports, opening)


def _close_with_tries(ports: OpenPorts, opening: Opening) -> None:
    for _ in range(_TRIES - 1):
        try:
            close_opening(ports, opening)
        except MigratorError as error:
            ports.events.say(
                "warn", f"{opening.cidr} is not closed yet: {error.message}", event="endpoint-open"
            )
            ports.clock.sleep(_POLL)
        else:
            return
    close_opening(ports, opening)


def close_opening(ports: OpenPorts, opening: Opening) -> None:
    """End one opening: its block leaves the list where no other command needs it, then its tag
    goes.

    An opening without a tag has ended: its tag is written before the list is changed, and removed
    after it.
    """
    tagged = _of_run(ports.access.read(), opening.run)
    if tagged is None:
        _record(ports, "closed", opening)
        return
    # Whoever closes may be killed, too, and is waited for by a command that opens.
    ports.access.write_opening(replace(tagged, closing=True, process=ports.process))
    ports.clock.sleep(_SETTLE)
    if not needed_by_others(ports.access.read().openings, opening):
        removed = _change(ports, lambda now: _without(now, opening.cidr), opening.run)
        # A command that began meanwhile and saw the block in the list is admitted again.
        if needed_by_others(ports.access.read().openings, opening):
            _change(ports, lambda now: _with(now, opening.cidr), opening.run)
        elif removed:
            ports.events.say(
                "done",
                f"publicAccessCidrs is without {opening.cidr} again",
                event="endpoint-closed",
            )
        else:
            ports.events.say(
                "done", f"publicAccessCidrs does not have {opening.cidr}", event="endpoint-closed"
            )
    ports.access.remove_opening(opening.run)
    _record(ports, "closed", opening)


def _close_each(ports: OpenPorts, openings: Iterable[Opening]) -> None:
    for opening in openings:
        close_opening(ports, opening)


def _killed(ports: OpenPorts, seen: EndpointSeen) -> tuple[Opening, ...]:
    """The openings whose process ran on this machine and does not run now: those in the tags, which
    may be of another state folder, and those that this state alone has recorded.
    """
    found = {each.run: each for each in with_killed(seen.openings, ports.runs)}
    for opening in with_killed(recorded(ports.store), ports.runs):
        found.setdefault(opening.run, opening)
    return tuple(each for each in found.values() if each.killed)


def close_overdue(ports: OpenPorts) -> ClosedEndpoint:
    """Close what no command needs any more: openings that are overdue, and those whose process was
    killed on this machine. The others are left, and named.

    Raises ``Refused`` when a person says no, ``endpoint-update-failed``.
    """
    seen = ports.access.read()
    if seen.openings:
        # The list is as before it until an update that a killed command sent has ended.
        seen = _settled(ports)
    now = ports.clock.now()
    over: list[Opening] = []
    left: list[Opening] = []
    for opening in with_killed(seen.openings, ports.runs):
        if is_left(opening, now):
            over.append(opening)
        else:
            left.append(opening)
    if over:
        ports.approver.confirm(closing_question(over, recorded(ports.store), now))
    for opening in over:
        _close_with_tries(ports, opening)
    # Killed before the tag was written: there is nothing but the line of the state.
    _close_each(ports, _killed(ports, ports.access.read()))
    return ClosedEndpoint(
        ports.cluster,
        tuple(describe_opening(each, now) for each in over),
        tuple(describe_opening(each, now) for each in left),
    )


def recorded(store: StateStore) -> tuple[Opening, ...]:
    """The openings that this state has recorded and not ended. A line that cannot be read is left
    out: the tags of the cluster are what counts.
    """
    found: dict[str, Opening] = {}
    for line in (store.read(RECORD) or b"").splitlines():
        try:
            document = json.loads(line)
            run, event = str(document["run"]), document["event"]
            until = moment_of_text(document["until"])
            opening = Opening(run, document["cidr"], "", until, process=document["process"])
        except (ValueError, KeyError, TypeError):
            continue
        if event == "closed":
            found.pop(run, None)
        else:
            found[run] = opening
    return tuple(found.values())


def openings_now(reader: ClusterReader | None, store: StateStore) -> tuple[Opening, ...]:
    """The openings in the tags of the cluster; those of the state where it cannot be asked."""
    try:
        if reader is not None:
            return seen_in(reader.describe_cluster()).openings
    except MigratorError:
        # What keeps the cluster from being read is said with its mode.
        pass
    return recorded(store)


def _of_run(seen: EndpointSeen, run: str) -> Opening | None:
    for opening in seen.openings:
        if opening.run == run:
            return opening
    return None


def _record(ports: OpenPorts, event: str, opening: Opening) -> None:
    """One line of the state: lines are appended whole, also by two commands at the same time."""
    document = {
        "event": event,
        "run": opening.run,
        "cidr": opening.cidr,
        "until": opening.until.isoformat(),
        "process": opening.process,
        "at": ports.clock.now().isoformat(),
    }
    ports.store.append_line(RECORD, json.dumps(document, sort_keys=True).encode())


def _with(now: tuple[str, ...], block: str) -> tuple[str, ...]:
    if block in now:
        return now
    return (*now, block)


def _without(now: tuple[str, ...], block: str) -> tuple[str, ...]:
    """The list without a block. Raises ``Failed`` ``endpoint-last-range`` where no other one is
    left: without a list EKS admits every address ("Cluster API server endpoint").
    """
    left = tuple(cidr for cidr in now if cidr != block)
    if now and not left:
        raise Failed(
            "endpoint-last-range",
            f"{block} is the only range in publicAccessCidrs.",
            why="The others were removed meanwhile, and EKS admits every address without a list.",
            remedy="Add a range that shall stay, and run the same command again.",
        )
    return left


def _change(ports: OpenPorts, change: Change, run: str) -> bool:
    """Have ``publicAccessCidrs`` as ``change`` makes it from what it is, and wait for the update;
    whether there was anything to change.

    Another update is waited for, and the list is read again. Raises ``Failed``
    ``endpoint-update-failed`` where an update fails or takes too long.
    """
    until = ports.clock.now() + _PATIENCE
    changed = False
    while True:
        now = _settled(ports).cidrs
        wanted = change(now)
        if wanted == now:
            return changed
        try:
            update = ports.access.set_public_cidrs(wanted, token=_token(ports, run, wanted))
            _wait_for(ports, update)
            changed = True
        except MigratorError as error:
            # EKS carries out one update of a cluster at a time.
            if error.code == "update-in-progress" and ports.clock.now() < until:
                ports.clock.sleep(_POLL)
            elif not _is_as_wanted(ports, change):
                raise


def _is_as_wanted(ports: OpenPorts, change: Change) -> bool:
    """Whether another command made the same change meanwhile: EKS then refuses ours, since the
    cluster is at the desired configuration. False where that cannot be read.
    """
    try:
        now = _settled(ports).cidrs
        return change(now) == now
    except MigratorError:
        return False


def _settled(ports: OpenPorts) -> EndpointSeen:
    """The endpoint once no update of it runs, such as that of a command that was killed: until it
    has ended, the list is as before it.

    Raises ``Failed`` ``endpoint-update-failed`` where one takes too long: nothing is concluded from
    a list that is about to change.
    """
    until = ports.clock.now() + _PATIENCE
    while ports.access.is_changing():
        if ports.clock.now() >= until:
            raise Failed(
                "endpoint-update-failed",
                "An update of the endpoint has not ended in time.",
                why=f"It is InProgress after {_PATIENCE.total_seconds() / 60:.0f} minutes.",
                remedy="Look at the cluster's updates, and run the command again.",
            )
        ports.events.say("info", "waiting: an update of the endpoint runs", event="waiting")
        ports.clock.sleep(_POLL)
    return ports.access.read()


def _token(ports: OpenPorts, run: str, cidrs: Sequence[str]) -> str:
    """The same list may be asked for twice: EKS then needs another token for another update."""
    moment = ports.clock.now().isoformat()
    return digest_of([run, list(cidrs), moment]).removeprefix("sha256:")[:64]


def _wait_for(ports: OpenPorts, update: str) -> None:
    until = ports.clock.now() + _PATIENCE
    while True:
        status, errors = ports.updates.update_status(update)
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
