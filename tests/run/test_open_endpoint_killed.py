"""Opening the endpoint, killed at every effect, and by two commands at once: the list ends as it
began, and the tags name the debt for as long as there is one.
"""

import itertools
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from migrator.decide.reach.opened_endpoint import LONGEST_OPENING, is_left, opening_checks
from migrator.errors import Failed, Interrupted, MigratorError, Refused, Unproven
from migrator.model.opened_endpoint import Opening
from migrator.run.open_endpoint import close_overdue, keep_renewed, opened_endpoint, recorded
from tests.support.memory_endpoint import AT, BEFORE, MINE, Command, Endpoint, Killed, Turns
from tests.support.memory_ports import MemoryStore

BLOCK = f"{MINE}/32"


def at_effect(number: int) -> Callable[[bool], None]:
    """Kill before the effect with this number, counted from 0."""
    effects = itertools.count()

    def before(effect: bool) -> None:
        if effect and next(effects) == number:
            raise Killed

    return before


def after_effect(number: int) -> Callable[[bool], None]:
    """Kill once the effect with this number is done, before its answer is looked at."""
    done = 0

    def before(effect: bool) -> None:
        nonlocal done
        if done > number:
            raise Killed
        done += effect

    return before


def named(endpoint: Endpoint) -> bool:
    """Whether a debt, where there is one, can be seen in the cluster's tags."""
    pending = [cidrs for _, cidrs in endpoint.updates]
    is_open = BLOCK in endpoint.effective or any(BLOCK in cidrs for cidrs in pending[-1:])
    return not is_open or any(each.cidr == BLOCK for each in endpoint.openings)


def as_began(endpoint: Endpoint) -> bool:
    endpoint.now += timedelta(hours=1)
    return endpoint.effective == BEFORE and endpoint.tags == {} and recorded(endpoint.store) == ()


def run_command(endpoint: Endpoint, process: str, kill: int | None = None) -> bool:
    """Whether the command came to its end."""
    command = Command(endpoint, process)
    if kill is not None:
        command.before = at_effect(kill)
    with suppress(Killed), opened_endpoint(command.ports(), run=process):
        assert BLOCK in endpoint.effective
    assert named(endpoint)
    endpoint.alive.discard(process)
    return not command.dead


def effects_of_a_command() -> int:
    endpoint = Endpoint()
    for number in itertools.count():
        if run_command(replace(endpoint, tags={}, updates=[], store=MemoryStore()), "p", number):
            return number
    raise AssertionError


EFFECTS = effects_of_a_command()


# The last two effects come after the block left the list: what is added then is not ours.
ADDED: list[tuple[int, tuple[str, ...]]] = [
    (number, (*BEFORE, BLOCK)) for number in range(EFFECTS - 2)
]
REMOVED: list[tuple[int, tuple[str, ...]]] = [(number, BEFORE) for number in range(EFFECTS)]


@pytest.mark.parametrize(("number", "list_made"), ADDED + REMOVED)
def test_what_another_makes_between_a_look_and_a_change_is_no_error(
    number: int, list_made: tuple[str, ...]
) -> None:
    endpoint = Endpoint()
    effects = itertools.count()

    def another(effect: bool) -> None:
        if effect and next(effects) == number:
            endpoint.updates.append((endpoint.now, list_made))

    command = Command(endpoint, "mine", another)
    with opened_endpoint(command.ports(), run="mine"):
        pass
    assert as_began(endpoint)


def test_a_command_has_the_effects_that_are_killed() -> None:
    # state, tag, list; tag, list, tag, state
    assert EFFECTS == 7


@pytest.mark.parametrize("first", range(EFFECTS))
def test_killed_and_resumed_the_list_ends_as_it_began(first: int) -> None:
    endpoint = Endpoint()
    assert not run_command(endpoint, "first", first)
    assert run_command(endpoint, "second")
    assert as_began(endpoint)


@pytest.mark.parametrize("first", range(EFFECTS))
def test_killed_twice_and_resumed_the_list_ends_as_it_began(first: int) -> None:
    for second in itertools.count():
        endpoint = Endpoint()
        run_command(endpoint, "first", first)
        if run_command(endpoint, "second", second):
            break
        assert run_command(endpoint, "third")
        assert as_began(endpoint)


@pytest.mark.parametrize("first", range(EFFECTS))
def test_debt_of_a_killed_command_is_closed_from_another_machine(first: int) -> None:
    endpoint = Endpoint()
    run_command(endpoint, "first", first)
    endpoint.store = MemoryStore()
    endpoint.now += LONGEST_OPENING + timedelta(minutes=1)
    checks = opening_checks(endpoint.openings, "prod", endpoint.now)
    states = ["fail" if each.listed else "warn" for each in endpoint.openings]
    assert [check.state for check in checks] == states
    assert all("--close-endpoint" in check.remedy for check in checks)
    done = close_overdue(replace(Command(endpoint, "other").ports(), runs=lambda _: None))
    assert (len(done.closed), done.left) == (len(checks), ())
    assert as_began(endpoint)


@pytest.mark.parametrize("first", range(EFFECTS))
def test_update_that_a_killed_command_sent_is_waited_for(first: int) -> None:
    for end in (run_command, close_from_elsewhere):
        endpoint = Endpoint()
        killed = Command(endpoint, "first", after_effect(first))
        with suppress(Killed), opened_endpoint(killed.ports(), run="first"):
            pass
        end(endpoint, "second")
        assert as_began(endpoint), end


def close_from_elsewhere(endpoint: Endpoint, process: str) -> None:
    close_overdue(Command(endpoint, process).ports())


@pytest.mark.parametrize("first", range(EFFECTS))
def test_killed_and_resumed_from_another_folder_the_list_ends_as_it_began(first: int) -> None:
    endpoint = Endpoint()
    run_command(endpoint, "first", first)
    endpoint.store = MemoryStore()
    assert run_command(endpoint, "second")
    assert as_began(endpoint)


def test_what_a_killed_command_left_is_in_the_question() -> None:
    endpoint = Endpoint()
    run_command(endpoint, "first", 3)
    run_command(endpoint, "second")
    assert f"killed left {BLOCK}" in endpoint.asked[-1]


def test_what_a_killed_command_left_is_asked_about_where_nothing_is_added() -> None:
    endpoint = Endpoint()
    run_command(endpoint, "first", 3)
    ports = Command(endpoint, "second", address="203.0.113.7").ports()
    with opened_endpoint(ports, run="second"):
        assert (
            endpoint.asked[-1]
            == f"Remove from publicAccessCidrs what killed commands left: {BLOCK}?"
        )
    assert as_began(endpoint)


class Hours:
    """So many hours pass, then the command ends."""

    def __init__(self, endpoint: Endpoint, hours: int) -> None:
        self.endpoint, self.left = endpoint, hours

    def wait(self, seconds: float) -> bool:
        self.endpoint.now += timedelta(seconds=seconds)
        self.left -= 1
        return self.left < 0


def test_opening_of_a_run_that_lasts_is_renewed() -> None:
    endpoint = Endpoint()
    ports = Command(endpoint, "a").ports()
    with opened_endpoint(ports, run="a"):
        (opening,) = endpoint.openings
        keep_renewed(ports, opening, Hours(endpoint, 9).wait)
        (renewed,) = endpoint.openings
        assert not is_left(renewed, endpoint.now)
        assert renewed.process == "a"
        assert close_overdue(replace(ports, runs=lambda _: None)).closed == ()
    assert as_began(endpoint)


def test_opening_that_another_command_closed_is_not_renewed() -> None:
    endpoint = Endpoint()
    command = Command(endpoint, "a")
    with opened_endpoint(command.ports(), run="a"):
        (opening,) = endpoint.openings
        endpoint.tags.clear()
        keep_renewed(command.ports(), opening, Hours(endpoint, 9).wait)
        assert endpoint.tags == {}
        assert command.said[-1] == f"Another command removed {BLOCK} from publicAccessCidrs."
        endpoint.updates.clear()
    assert as_began(endpoint)


class _NoTags(Command):
    """The tag can be written once."""

    def write_opening(self, opening: Opening) -> None:
        if self.endpoint.tags:
            raise Failed("iam-denied", "Denied.")
        super().write_opening(opening)


def test_renewal_that_fails_is_tried_again() -> None:
    endpoint = Endpoint()
    command = _NoTags(endpoint, "a")
    opening = Opening("a", BLOCK, "", endpoint.now)
    command.write_opening(opening)
    keep_renewed(command.ports(), opening, Hours(endpoint, 2).wait)
    assert command.said == [f"{BLOCK} is not renewed yet: Denied."] * 2


@pytest.mark.parametrize("first", range(EFFECTS))
def test_closing_is_killed_and_done_again(first: int) -> None:
    for number in itertools.count():
        endpoint = Endpoint()
        run_command(endpoint, "first", first)
        closing = Command(endpoint, "second", at_effect(number))
        with suppress(Killed):
            close_overdue(closing.ports())
        assert named(endpoint)
        if not closing.dead:
            break
        close_overdue(Command(endpoint, "third").ports())
        assert as_began(endpoint)


def at_once(
    switches: Sequence[int], alone: int = 0, killed: int | None = None
) -> tuple[Endpoint, int]:
    """Two commands, and the number of steps that they took. ``killed``: at which effect a command
    before them was, and then the first one only closes what that one left.
    """
    endpoint, turns = Endpoint(), Turns(switches, alone)
    if killed is not None:
        run_command(endpoint, "before", killed)
    problems: list[BaseException] = []

    def work(me: int) -> None:
        command = Command(
            endpoint,
            f"run-{me}",
            before=lambda _: step(me),
            wait=lambda: turns.sleep(me),
        )
        try:
            # Processes of two machines: neither sees the other one's state.
            ports = replace(command.ports(), store=MemoryStore())
            if killed is not None and me == 0:
                close_overdue(ports)
                return
            with opened_endpoint(ports, run=f"run-{me}"):
                for _ in range(3):
                    assert BLOCK in command.read().cidrs
                    command.sleep(timedelta(seconds=5))
        except BaseException as error:
            problems.append(error)
        finally:
            turns.end(me)

    def step(me: int) -> None:
        turns.before(me)
        assert named(endpoint)

    threads = [threading.Thread(target=work, args=(me,)) for me in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    return endpoint, turns.count


STEPS = at_once(())[1]


@pytest.mark.parametrize("switch", range(6))
def test_second_command_begins_at_any_step_of_the_first(switch: int) -> None:
    for alone in range(1, STEPS // 2 + 2):
        assert as_began(at_once((alone + switch,), alone)[0]), alone


def test_two_commands_at_once_leave_the_list_as_it_was() -> None:
    for switches in itertools.combinations(range(1, STEPS + 1, 2), 2):
        assert as_began(at_once(switches)[0]), switches


@pytest.mark.parametrize("killed", range(EFFECTS))
def test_command_keeps_its_range_while_another_one_closes_for_a_killed_one(killed: int) -> None:
    steps = at_once((), 0, killed)[1]
    # Killed with its range in the list, it leaves the most that may go wrong.
    every = 1 if killed == 3 else 4
    for switches in itertools.combinations(range(1, steps + 1, every), 2):
        endpoint = at_once(switches, 0, killed)[0]
        endpoint.now += timedelta(hours=1)
        assert (endpoint.effective, endpoint.tags) == (BEFORE, {}), switches


def signals_at(steps: Sequence[int]) -> Callable[[bool], None]:
    """A signal to end arrives before each of the steps with these numbers, counted from 0."""
    count = itertools.count()

    def before(_: bool) -> None:
        if next(count) in steps:
            raise KeyboardInterrupt

    return before


def interrupted(
    endpoint: Endpoint, steps: Sequence[int], ends: type[BaseException] | None = None
) -> tuple[BaseException | None, Command]:
    """A command that gets signals, and ends in an exception of its own where ``ends`` says so: what
    it ended in.
    """
    command = Command(endpoint, "first", signals_at(steps))
    try:
        with opened_endpoint(command.ports(), run="first"):
            assert BLOCK in endpoint.effective
            if ends is not None:
                raise ends
    except (KeyboardInterrupt, ZeroDivisionError, MigratorError) as error:
        endpoint.alive.discard("first")
        return error, command
    endpoint.alive.discard("first")
    return None, command


def steps_of_a_command() -> tuple[int, int]:
    """How many steps a command takes until it closes, and until it has ended."""
    count = itertools.count()

    def before(_: bool) -> None:
        next(count)

    command = Command(Endpoint(), "first", before)
    with opened_endpoint(command.ports(), run="first"):
        closing = next(count)
    return closing, next(count) - 1


CLOSING, CALLS = steps_of_a_command()
TO_CLOSE = "migrate doctor prod --close-endpoint"


def ended_or_named(endpoint: Endpoint, error: BaseException | None) -> None:
    """Whatever is open is in the text of the exit and in a tag, and a later command ends it."""
    assert named(endpoint)
    settled = replace(endpoint, now=endpoint.now + timedelta(hours=1))
    if settled.effective != BEFORE:
        assert isinstance(error, MigratorError)
        assert error.exit_code == 7
        assert TO_CLOSE in error.remedy
        assert BLOCK in f"{error.message} {error.why}"
    close_from_elsewhere(endpoint, "second")
    assert as_began(endpoint)


@pytest.mark.parametrize("arrives", [None, timedelta(0), timedelta(seconds=3)])
def test_signal_at_any_step_leaves_the_list_as_it_began(arrives: timedelta | None) -> None:
    """Also where a request that was interrupted reaches EKS some seconds later."""
    for step in range(CALLS):
        endpoint = Endpoint(on_the_wire=arrives)
        error, command = interrupted(endpoint, [step])
        assert error is None or type(error) is KeyboardInterrupt
        assert named(endpoint)
        assert as_began(endpoint), step
        # Whoever waits is told that the command still works.
        assert not endpoint.updates or any(said.startswith("closing: ") for said in command.said)


@pytest.mark.parametrize("arrives", [None, timedelta(seconds=3)])
def test_any_two_or_three_signals_end_the_opening_or_name_it(arrives: timedelta | None) -> None:
    left = 0
    # A closing that begins again takes some steps more.
    pairs = itertools.combinations(range(CALLS + 6), 2)
    threes = itertools.combinations(range(1, CALLS + 6, 4), 3)
    for steps in itertools.chain(pairs, threes):
        endpoint = Endpoint(on_the_wire=arrives)
        error, _ = interrupted(endpoint, steps)
        left += isinstance(error, Interrupted)
        ended_or_named(endpoint, error)
    assert left > 0


@pytest.mark.parametrize("step", range(CLOSING, CALLS))
def test_finished_command_keeps_its_end_where_one_signal_meets_the_closing(step: int) -> None:
    endpoint = Endpoint()
    error, command = interrupted(endpoint, [step])
    assert error is None
    assert as_began(endpoint)
    assert any("The closing continues." in said for said in command.said)
    error, _ = interrupted(Endpoint(), [step], ends=ZeroDivisionError)
    assert type(error) is ZeroDivisionError


def test_update_that_does_not_end_is_never_concluded_from() -> None:
    for start in ("open", "close"):
        endpoint = Endpoint()
        run_command(endpoint, "first", 3 if start == "close" else 0)
        endpoint.updates = [*endpoint.updates, (AT + timedelta(hours=9), (*BEFORE, BLOCK))]
        command = _Stuck(endpoint, "second")
        before = dict(endpoint.tags)
        with pytest.raises(Failed, match="has not ended in time"):
            if start == "close":
                close_overdue(command.ports())
            else:
                opened_endpoint(command.ports(), run="second").__enter__()
        assert endpoint.tags == before


class _Stuck(Command):
    """An update of the endpoint runs for hours."""

    def is_changing(self) -> bool:
        return True


def test_address_that_an_update_under_way_lists_is_an_administrator_s() -> None:
    endpoint = Endpoint(updates=[(AT + timedelta(seconds=8), (*BEFORE, BLOCK))])
    with opened_endpoint(Command(endpoint, "a").ports(), run="a"):
        assert endpoint.asked == []
    assert endpoint.effective == (*BEFORE, BLOCK)


FORGED = "cidr={} until=2020-01-01T00:00:00Z state=open by=x"


def test_tag_of_what_is_not_listed_changes_no_list_and_says_so() -> None:
    endpoint = Endpoint(tags={"eks-access-migrator/opened/q": FORGED.format("192.0.2.9/32")})
    command = Command(endpoint, "a")
    done = close_overdue(command.ports())
    assert endpoint.asked[-1].startswith("Remove tags of the cluster that name 192.0.2.9/32")
    assert command.said[-1] == "publicAccessCidrs does not have 192.0.2.9/32"
    assert "(not in publicAccessCidrs now)" in done.closed[0]
    assert (endpoint.tags, endpoint.updates) == ({}, [])


@pytest.mark.parametrize("tag", [FORGED, FORGED.replace("2020", "2030") + " process=gone"])
def test_question_says_where_only_a_tag_calls_an_address_an_opening(tag: str) -> None:
    doubt = f"Only a tag says that a command added {BLOCK}"
    listed = (*BEFORE, BLOCK)
    tags = {"eks-access-migrator/opened/q": tag.format(BLOCK)}
    close_overdue(Command(seen := Endpoint(cidrs=listed, tags=tags), "a").ports())
    assert doubt in seen.asked[-1]
    for address in (MINE, "203.0.113.7"):
        endpoint = Endpoint(cidrs=listed, tags=dict(tags))
        with opened_endpoint(Command(endpoint, "a", address=address).ports(), run="a"):
            pass
        assert [doubt in asked for asked in endpoint.asked] == [True] * len(endpoint.asked)
        assert (BLOCK in endpoint.effective) == (endpoint.asked == [])


def test_question_has_no_doubt_about_what_this_state_recorded() -> None:
    endpoint = Endpoint()
    run_command(endpoint, "first", 3)
    close_overdue(Command(endpoint, "second").ports())
    assert "Only a tag" not in endpoint.asked[-1]


def test_second_command_joins_and_the_last_one_closes() -> None:
    endpoint = Endpoint()
    with opened_endpoint(Command(endpoint, "a").ports(), run="a"):
        with opened_endpoint(Command(endpoint, "b").ports(), run="b"):
            assert [each.run for each in endpoint.openings] == ["a", "b"]
            assert len(endpoint.updates) == 1
        assert BLOCK in endpoint.effective
        assert [each.run for each in endpoint.openings] == ["a"]
    assert as_began(endpoint)


def test_two_addresses_are_two_debts() -> None:
    endpoint = Endpoint()
    other = Command(endpoint, "b", address="198.51.100.9")
    with opened_endpoint(Command(endpoint, "a").ports(), run="a"):
        with opened_endpoint(other.ports(), run="b"):
            assert list(endpoint.effective) == [*BEFORE, BLOCK, "198.51.100.9/32"]
        assert BLOCK in endpoint.effective
        assert len(endpoint.effective) == 2
    assert as_began(endpoint)


def test_address_of_the_other_family_is_added_where_the_cluster_has_it() -> None:
    endpoint = Endpoint(family="ipv6")
    with opened_endpoint(Command(endpoint, "a", address="2001:db8::7").ports(), run="a"):
        assert endpoint.effective == (*BEFORE, "2001:db8::7/128")
    assert as_began(endpoint)
    ports = Command(Endpoint(), "a", address="2001:db8::7").ports()
    with pytest.raises(Refused, match="IPv4 addresses alone"):
        opened_endpoint(ports, run="a").__enter__()


def test_private_endpoint_is_refused_with_the_reason() -> None:
    endpoint = Endpoint(public=False)
    with pytest.raises(Refused) as caught:
        opened_endpoint(Command(endpoint, "a").ports(), run="a").__enter__()
    assert caught.value.code == "endpoint-not-public"
    assert "endpointPublicAccess is off" in caught.value.why
    assert (endpoint.asked, endpoint.tags, endpoint.updates) == ([], {}, [])


class _NoUpdates(Command):
    """The list can be changed once, not again."""

    def set_public_cidrs(self, cidrs: Sequence[str], *, token: str) -> str:
        if self.endpoint.updates:
            raise Failed("iam-denied", "Denied.")
        return super().set_public_cidrs(cidrs, token=token)


def test_closing_that_fails_is_tried_again_and_named() -> None:
    endpoint = Endpoint()
    command = _NoUpdates(endpoint, "a")
    with pytest.raises(Interrupted) as caught, opened_endpoint(command.ports(), run="a"):
        pass
    assert (caught.value.code, caught.value.exit_code) == ("endpoint-left-open", 7)
    assert (BLOCK in caught.value.message, caught.value.why) == (True, "Denied.")
    assert caught.value.remedy == "migrate doctor prod --close-endpoint"
    assert sum("not closed yet" in said for said in command.said) == 2
    assert [each.cidr for each in endpoint.openings] == [BLOCK]


def test_error_of_the_command_stays_and_names_what_is_open() -> None:
    command = _NoUpdates(Endpoint(), "a")
    error = Unproven("not-proven", "No.", why="Because.", remedy="Look.")
    with pytest.raises(MigratorError) as caught, opened_endpoint(command.ports(), run="a"):
        raise error
    assert caught.value is error
    assert error.why == (
        f"Because. Besides: {BLOCK} may still be in publicAccessCidrs of the cluster. Denied."
    )
    assert error.remedy == "Look. Then: migrate doctor prod --close-endpoint"


def test_opening_of_a_running_command_is_not_closed() -> None:
    endpoint = Endpoint()
    with opened_endpoint(Command(endpoint, "a").ports(), run="a"):
        done = close_overdue(Command(endpoint, "b").ports())
        assert done.closed == ()
        assert len(done.left) == 1
        assert BLOCK in endpoint.effective
    assert as_began(endpoint)


def test_last_range_is_never_removed() -> None:
    endpoint = Endpoint()
    ports = Command(endpoint, "a").ports()
    with (
        pytest.raises(Interrupted, match="may still be") as caught,
        opened_endpoint(ports, run="a"),
    ):
        endpoint.updates.append((AT, (BLOCK,)))
    assert "the only range" in caught.value.why
    assert endpoint.effective == (BLOCK,)
