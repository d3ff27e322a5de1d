"""Nodes live by their entry: what leases and logins show, and what they do not."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.proving.node_proof import (
    BOOTSTRAPPERS,
    JOINING,
    PATIENCE,
    SPREAD,
    STALE,
    TOKEN_LIFE,
    NodeJudgement,
    NodeWindow,
    judge_nodes,
    nodes_of,
    unhealthy_nodes,
    without_kube_proxy,
)
from migrator.model.access_entry import AccessEntry, EntryType
from migrator.model.node_health import LEASE_GRACE, NodesNow, NodeState, ProfileHealth
from migrator.model.observation import SeenLogin

ROLE = "arn:aws:iam::111122223333:role/nodes/workers"
CANONICAL = "arn:aws:iam::111122223333:role/workers"
MADE = datetime(2026, 11, 22, 8, 0, tzinfo=timezone.utc)
ROW = frozenset({BOOTSTRAPPERS, "system:nodes"})
BY_ENTRY, BY_ROW = ("system:nodes",), ("system:bootstrappers", "system:nodes")


def node(name: str = "a", *, renewed: datetime | None = None, **fields: object) -> NodeState:
    return NodeState(name, ROLE, renewed, MADE - timedelta(days=1), **fields)  # type: ignore[arg-type]


def login(name: str, at: datetime, groups: tuple[str, ...] = BY_ENTRY) -> SeenLogin:
    return SeenLogin(CANONICAL, f"system:node:{name}", groups, at, "authenticator")


def refused(at: datetime) -> SeenLogin:
    return SeenLogin(CANONICAL, "", (), at, "authenticator", refused="identity is not mapped")


def judge(
    nodes: list[NodeState],
    logins: list[SeenLogin] | None,
    *,
    after: timedelta = timedelta(minutes=3),
    row: frozenset[str] | None = ROW,
    api_mode: bool = False,
) -> NodeJudgement:
    found = None if logins is None else tuple(logins)
    return judge_nodes(nodes, NodeWindow(MADE, MADE + after, row, api_mode, found))


def alive(name: str = "a", after: timedelta = timedelta(minutes=3)) -> NodeState:
    return node(name, renewed=MADE + after - timedelta(seconds=5))


def test_a_login_without_bootstrappers_and_a_fresh_lease_prove_a_node() -> None:
    found = judge([alive()], [login("a", MADE + timedelta(seconds=20))])
    assert (found.complete, found.attributable, found.waits, found.differences) == (
        True,
        True,
        False,
        (),
    )
    assert found.how == "1 of 1 nodes logged in through the entry (since 2026-11-22 08:00:00Z)"


def test_a_login_before_the_entry_says_nothing() -> None:
    found = judge([alive()], [login("a", MADE - timedelta(seconds=1))])
    assert (found.seen, found.waits) == (0, True)


def test_a_login_through_the_row_counts_against_the_entry_once_that_is_in_force_for_sure() -> None:
    early = judge([alive()], [login("a", MADE + SPREAD - timedelta(seconds=1), BY_ROW)])
    assert (early.waits, early.differences) == (True, ())
    late = judge([alive()], [login("a", MADE + SPREAD, BY_ROW)])
    assert "a logged in through aws-auth, not through the entry" in late.differences[0]
    assert not late.waits


def test_the_newest_login_of_a_node_counts() -> None:
    found = judge([alive()], [login("a", MADE + SPREAD), login("a", MADE + 2 * SPREAD, BY_ROW)])
    assert found.named("by-row") == ("a",)


def test_all_nodes_are_wanted() -> None:
    nodes = [alive(name) for name in "abc"]
    found = judge(nodes, [login("a", MADE + SPREAD), login("b", MADE + SPREAD)])
    assert (found.seen, found.counted, found.complete, found.waits) == (2, 3, False, True)
    assert "not seen yet: c" in found.how
    over = judge(
        [alive(name, PATIENCE) for name in "abc"], [login("a", MADE + SPREAD)], after=PATIENCE
    )
    assert (over.complete, over.waits, over.differences) == (False, False, ())


def test_a_lease_renewed_with_a_newer_token_shows_life_but_not_by_what() -> None:
    later = SPREAD + TOKEN_LIFE + timedelta(seconds=5)
    found = judge([alive("a", later)], None, after=later)
    assert (found.complete, found.attributable) == (True, False)
    assert "leases do not tell the entry from the row" in found.how
    sooner = judge([alive("a", TOKEN_LIFE)], None, after=TOKEN_LIFE)
    assert (sooner.complete, sooner.waits) == (False, True)


def test_where_nothing_else_can_let_a_node_in_the_lease_is_enough() -> None:
    later = SPREAD + TOKEN_LIFE + timedelta(seconds=5)
    for row, api_mode in ((None, False), (ROW, True)):
        found = judge([alive("a", later)], [], after=later, row=row, api_mode=api_mode)
        assert (found.complete, found.attributable) == (True, True)


def test_a_row_without_bootstrappers_gives_what_the_entry_gives() -> None:
    found = judge([alive()], [login("a", MADE + 2 * SPREAD)], row=frozenset({"system:nodes"}))
    assert (found.complete, found.differences) == (False, ())
    assert judge([alive()], [login("a", MADE + 2 * SPREAD)], row=None).complete


def test_a_node_that_stops_after_the_entry_came_shows_a_wrong_entry() -> None:
    stopped = node(renewed=MADE + timedelta(seconds=30))
    found = judge([stopped], [], after=timedelta(seconds=30) + STALE)
    assert found.differences == ("a stopped renewing the lease after the entry came",)
    moment = judge([stopped], [], after=timedelta(seconds=29) + STALE)
    assert (moment.differences, moment.waits) == ((), True)


def test_one_stopped_node_among_proven_ones_is_its_own_affair_and_is_missing() -> None:
    nodes = [alive("a", timedelta(minutes=30)), node("b", renewed=MADE + timedelta(minutes=5))]
    logins = [login("a", MADE + SPREAD), login("b", MADE + SPREAD)]
    found = judge(nodes, logins, after=timedelta(minutes=30))
    assert (found.seen, found.counted, found.differences, found.complete) == (1, 2, (), False)
    assert "stopped renewing its lease: b" in found.how


def test_a_node_that_was_down_before_or_is_leaving_is_not_waited_for() -> None:
    down = node("b", renewed=MADE - LEASE_GRACE - timedelta(seconds=1))
    leaving = node("c", renewed=MADE, leaving=True)
    found = judge([alive(), down, leaving], [login("a", MADE + SPREAD)])
    assert (found.complete, found.counted) == (True, 1)
    assert "was down before: b" in found.how
    assert "is on its way out: c" in found.how
    assert not judge([down], []).waits


def test_refused_logins_of_the_role_count_unless_its_nodes_are_let_in() -> None:
    found = judge([alive()], [refused(MADE + SPREAD)])
    assert "identity is not mapped" in found.differences[0]
    assert judge([alive()], [refused(MADE + SPREAD - timedelta(seconds=1))]).differences == ()
    assert judge([alive()], [refused(MADE + SPREAD), login("a", MADE + SPREAD)]).differences == ()


def test_a_node_that_joined_since_is_counted_as_such() -> None:
    new = replace(alive("b"), created=MADE + timedelta(minutes=1))
    found = judge([alive(), new], [login("a", MADE + SPREAD), login("b", MADE + SPREAD)])
    assert (found.complete, found.joined) == (True, 1)
    assert "1 joined since" in found.how


def test_a_role_without_nodes_is_not_proven_and_not_waited_for() -> None:
    found = judge([], [])
    assert (found.complete, found.waits, found.how) == (
        False,
        False,
        "no node runs under the role now",
    )


def test_nodes_of_a_role_are_found_by_their_instance_or_their_logins() -> None:
    other = NodeState("o", "arn:aws:iam::111122223333:role/other")
    nameless = NodeState("n")
    now = NodesNow((node("a"), other, nameless))
    assert [each.name for each in nodes_of(ROLE, now)] == ["a"]
    assert [each.name for each in nodes_of(ROLE, now, [login("n", MADE), login("o", MADE)])] == [
        "a",
        "n",
    ]


def test_the_gate_hears_of_stale_leases_and_sick_profiles() -> None:
    late = MADE + LEASE_GRACE + timedelta(seconds=1)
    now = NodesNow(
        (
            node("a", renewed=late),
            node("b", renewed=MADE),
            node("c"),
            node("d", renewed=MADE, leaving=True),
        ),
        (
            ProfileHealth("p", ROLE, "ACTIVE"),
            ProfileHealth("q", ROLE, "ACTIVE", ("PodExecutionRoleAlreadyInUse: x",)),
        ),
    )
    assert unhealthy_nodes(now, late) == (
        "b renewed its lease 2026-11-22 08:00:00Z",
        "c has no lease",
        "Fargate profile q is ACTIVE; PodExecutionRoleAlreadyInUse: x",
    )


@given(
    st.lists(st.sampled_from(["entry", "row", "none"]), min_size=1, max_size=6),
    st.integers(min_value=0, max_value=3600),
)
def test_never_complete_while_a_node_is_not_seen_and_never_both_done_and_waiting(
    kinds: list[str], after: int
) -> None:
    nodes = [alive(str(i), timedelta(seconds=after)) for i in range(len(kinds))]
    at = MADE + min(timedelta(seconds=after), 2 * SPREAD)
    logins = [
        login(str(i), at, BY_ENTRY if kind == "entry" else BY_ROW)
        for i, kind in enumerate(kinds)
        if kind != "none"
    ]
    found = judge(nodes, logins, after=timedelta(seconds=after))
    assert found.complete == all(kind == "entry" for kind in kinds)
    assert not (found.waits and (found.complete or found.differences))
    assert found.waits == (
        not found.complete and not found.differences and timedelta(seconds=after) < PATIENCE
    )


def test_a_node_without_a_lease_is_waited_for_while_it_is_new_and_was_down_before_otherwise() -> (
    None
):
    new, old = replace(node("new"), created=MADE + timedelta(minutes=2)), node("old")
    found = judge([new, old], [])
    assert found.named("waiting") == ("new",)
    assert found.named("down-before") == ("old",)
    assert judge([replace(node("never"), created=None)], []).named("down-before") == ("never",)


def test_without_knowing_since_when_nothing_is_told_of_it() -> None:
    window = NodeWindow(None, MADE, ROW, logins=(login("a", MADE - timedelta(minutes=1)),))
    assert "(since" not in judge_nodes([node("a", renewed=MADE)], window).how


def young(after: timedelta, **fields: object) -> NodeState:
    """A fresh node that joined a minute ago."""
    now = MADE + after
    return NodeState(
        "young",
        ROLE,
        now - timedelta(seconds=5),
        now - timedelta(minutes=1),
        **fields,  # type: ignore[arg-type]
    )


def test_a_node_that_joined_just_now_is_not_held_against_the_others() -> None:
    """Its first login reaches the log only minutes later; nodes come and go all the time."""
    after = timedelta(days=3)
    others = [login("a", MADE + after - timedelta(minutes=10))]
    found = judge([alive(after=after), young(after)], others, after=after)
    assert (found.complete, found.waits, found.finding_of("young")) == (True, False, "joining")
    assert found.how.endswith("joined too recently for the log: young")


def test_a_role_whose_only_node_joined_just_now_is_waited_for_until_the_log_must_have_it() -> None:
    after = timedelta(days=3)
    found = judge([young(after)], [], after=after)
    assert (found.complete, found.waits) == (False, True)
    assert found.until == MADE + after - timedelta(minutes=1) + JOINING
    late = judge([replace(young(after), created=MADE + after - JOINING)], [], after=after)
    assert (late.complete, late.waits, late.finding_of("young")) == (False, False, "waiting")


def test_a_fargate_node_that_joined_after_the_entry_never_had_an_older_token() -> None:
    """A machine is made for one pod: no quarter of an hour needs to pass. An EC2 instance may have
    been up before.
    """
    after = timedelta(minutes=4)
    assert (
        judge([young(after, compute="fargate")], None, after=after).finding_of("young") == "alive"
    )
    assert judge([young(after)], None, after=after).finding_of("young") == "waiting"
    assert (
        judge([young(after, compute="fargate")], [], after=after).finding_of("young") == "waiting"
    )


def entry(type_: EntryType, *groups: str) -> AccessEntry:
    return AccessEntry(ROLE, type_, "system:node:{{EC2PrivateDNSName}}", groups)


def test_kube_proxy_on_windows_nodes_needs_its_group() -> None:
    nodes = [node("linux-1", system="linux"), node("win-1", system="windows"), node("old")]
    (found,) = without_kube_proxy(nodes, entry("EC2_LINUX", "system:nodes"))
    assert found.startswith("win-1: kube-proxy on Windows needs eks:kube-proxy-windows")
    assert (
        without_kube_proxy(nodes, entry("EC2_WINDOWS", "system:nodes", "eks:kube-proxy-windows"))
        == ()
    )
    assert without_kube_proxy(nodes[:1], entry("EC2_LINUX", "system:nodes")) == ()
    assert without_kube_proxy(nodes, None) == ()
