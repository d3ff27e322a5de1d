"""Log-in populations against the authenticator: drawn rows, entries, answers and sessions, and
recorded logins.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from migrator.decide.access.log_in_population import (
    admits,
    kind_of_session,
    population_of,
    together,
    without,
)
from migrator.decide.planning.make_plan import make_plan
from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.reading.effective_identity import (
    Ambiguous,
    Caller,
    LoggedIn,
    PinnedEntry,
    canonical_arn,
    identity_of,
    index_rows,
)
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.row_keys import principal_key
from migrator.errors import MigratorError
from migrator.lab.worlds.principals import Instance
from migrator.model.access_entry import NOBODY, Identity
from migrator.model.decision import Acceptance, Decisions
from migrator.model.log_ins import LogInPopulation, LogIns, SessionKind
from migrator.model.plan import Plan, Strategy
from migrator.model.snapshot import Snapshot
from tests.support.kubernetes_lab import ACCOUNT as LAB_ACCOUNT
from tests.support.kubernetes_lab import kubernetes_lab
from tests.support.random_worlds import (
    PEOPLE,
    access_of,
    answered,
    caller_with,
    node_worlds,
    worlds,
)
from tests.support.worlds import ACCOUNT, NOW, role, user

DATA = Path(__file__).parents[1] / "data"
ROLE, USER = role("dev"), user("ana")
INSTANCE, DNS = "i-0123456789abcdef0", "ip-10-0-0-1.ec2.internal"
# plain, odd, of the shape of an instance's but of no instance, and names that make a username begin
# as reserved ones do
SESSIONS = (
    "alice",
    "a@b.example",
    "botocore-session-1",
    "i-12345678",
    "i-123",
    "system",
    "eks",
    "iam",
    "aws",
    "stem",
)
_PARTS = (
    *(
        "system:",
        "system",
        "sys",
        "eks:",
        "aws",
        "iam:",
        "amazon:",
        "System:",
        ":",
        "x",
        "x:",
        "node:",
    ),
    *(
        "{{SessionName}}",
        "{{SessionNameRaw}}",
        "{{AccountID}}",
        "{{AccessKeyID}}",
        "{{EC2PrivateDNSName}}",
        "{{Other}}",
    ),
)
_WHOLE = (
    "",
    "system:node:{{EC2PrivateDNSName}}",
    "system:node:{{SessionName}}",
    "eks:managed",
    "alice",
)
names = st.lists(st.sampled_from(_PARTS), max_size=4).map("".join) | st.sampled_from(_WHOLE)
groups = st.lists(
    st.sampled_from(("devs", "system:masters", "t:{{SessionName}}", "g-{{EC2PrivateDNSName}}")),
    max_size=2,
)


def callers(arn: str, identifier: str = "AROA1") -> Iterator[tuple[Caller, bool]]:
    """Callers of every kind, and whether the session is an instance's."""
    canonical = canonical_arn(arn)
    assert canonical is not None
    if ":user/" in arn:
        yield Caller(canonical, ACCOUNT, identifier, "", "AKIAIOSFODNN7EXAMPLE"), False
        return
    yield Caller(canonical, ACCOUNT, identifier, INSTANCE, "ASIAIOSFODNN7EXAMPLE", DNS), True
    for name in SESSIONS:
        yield Caller(canonical, ACCOUNT, identifier, name, "ASIAIOSFODNN7EXAMPLE"), False


def is_admitted(population: LogInPopulation, arn: str, caller: Caller, *, instance: bool) -> bool:
    kind = kind_of_session(arn, caller.session_name)
    if kind == "instance" and not instance:
        kind = "other"  # named like an instance, and EC2 knows none
    return admits(population, kind, caller.session_name)


@given(st.sampled_from((ROLE, USER)), names, groups, st.booleans())
def test_population_is_what_the_authenticator_admits(
    arn: str, username: str, given: list[str], by_entry: bool
) -> None:
    entries = [PinnedEntry(arn, "AROA1", username, tuple(given))] if by_entry else []
    key = "rolearn" if ":role/" in arn else "userarn"
    section = "mapRoles" if ":role/" in arn else "mapUsers"
    rows = [] if by_entry else [{key: arn, "username": username, "groups": given}]
    aws_auth = read_aws_auth({section: json.dumps(rows)})
    population = population_of(
        Identity(username, tuple(given), "access-entry" if by_entry else "config-map"), arn
    )
    for caller, instance in callers(arn):
        outcome = identity_of(caller, aws_auth, entries, "API" if by_entry else "CONFIG_MAP")
        assert is_admitted(population, arn, caller, instance=instance) == isinstance(
            outcome, LoggedIn
        ), (
            caller,
            outcome,
        )


@given(st.sampled_from((ROLE, USER)), names, groups, st.booleans())
def test_lab_admits_over_its_token_check_what_the_population_has(
    arn: str, username: str, given: list[str], by_entry: bool
) -> None:
    lab = kubernetes_lab("API" if by_entry else "CONFIG_MAP")
    mine = lab.add_role("dev") if arn == ROLE else lab.add_user("ana")
    lab.world.accounts[LAB_ACCOUNT].instances[INSTANCE] = Instance(INSTANCE, "eu-central-1", DNS)
    if by_entry:
        lab.add_entry(mine, username, given)
    else:
        key, section = ("rolearn", "mapRoles") if arn == ROLE else ("userarn", "mapUsers")
        lab.set_aws_auth(
            **{section: json.dumps([{key: mine, "username": username, "groups": given}])}
        )
    population = population_of(
        Identity(username, tuple(given), "access-entry" if by_entry else "config-map"), mine
    )
    for caller, instance in callers(mine):
        user_ = lab.who(lab.token(mine, caller.session_name))
        assert is_admitted(population, mine, caller, instance=instance) == (user_ is not None), (
            caller
        )


@pytest.mark.parametrize("mode", ["CONFIG_MAP", "API"])
def test_population_agrees_with_every_recorded_login(mode: str) -> None:
    checked = 0
    for vector in json.loads((DATA / "vectors-modes.json").read_text())["vectors"]:
        found = _deciding(vector) if vector["mode"] == mode else None
        if found is None:
            continue
        arn, session = vector["principal"], vector["session"] or ""
        kind = kind_of_session(arn, session)
        assert (
            admits(population_of(found, arn), kind, session) == vector["answer"]["authenticated"]
        ), vector
        checked += 1
    assert checked > 20


def _deciding(vector: dict[str, Any]) -> Identity | None:
    """What decides about the login, where that is one thing: the live entry in API mode, the row in
    CONFIG_MAP mode.
    """
    arn = canonical_arn(vector["principal"])
    row, entry = vector["row"], vector["entry"]
    if vector["mode"] == "API":
        mine = entry is not None and entry["pinnedId"] == vector["id"]
        if not mine or canonical_arn(entry["principalArn"]) != arn:
            return None
        return Identity(entry["username"], tuple(entry["groups"]), "access-entry")
    if row is None or (row.get("rolearn") or row.get("userarn")) != arn:
        return None
    return Identity(row["username"], tuple(row["groups"]), "config-map")


def test_population_of_each_row_in_force_agrees_with_every_recorded_login() -> None:
    """The recordings have no login that a row refuses by the name of the session: the tests above
    have.
    """
    checked = 0
    for vector in json.loads((DATA / "vectors-aws-auth.json").read_text())["vectors"]:
        index = index_rows(read_aws_auth(vector["data"]))
        for caller, answer in vector["results"].items():
            resource, _, session = caller.partition("@")
            arn = canonical_arn(f"arn:aws:iam::123456789012:{resource}")
            assert arn is not None
            rows = index.roles.get(arn.lower()) or index.users.get(arn.lower()) or ()
            if len(rows) != 1:
                continue
            population = population_of(
                Identity(rows[0].username, rows[0].effective_groups, "config-map"), arn
            )
            kind: SessionKind = "user" if ":user/" in arn else "other"
            assert admits(population, kind, session) == answer["authenticated"], (
                vector["case"],
                caller,
            )
            checked += 1
    assert checked > 20


groups_of_names = st.lists(st.sampled_from(("eks", "iam", "system", "x")), max_size=3).map(
    lambda n: tuple(sorted(set(n)))
)
populations = st.lists(
    st.sampled_from(("instance", "other", "user")).flatmap(
        lambda kind: (
            st.builds(LogIns, st.just(kind), st.just(()), groups_of_names)
            | st.builds(LogIns, st.just(kind), groups_of_names.filter(bool), st.just(()))
        )
    ),
    max_size=3,
    unique_by=lambda each: each.sessions,
).map(tuple)


@given(populations, populations)
def test_difference_and_union_are_those_of_sets(
    one: LogInPopulation, other: LogInPopulation
) -> None:
    for kind in ("instance", "other", "user"):
        for name in ("eks", "iam", "system", "x", "elsewhere"):
            a, b = admits(one, kind, name), admits(other, kind, name)
            assert admits(without(one, other), kind, name) == (a and not b)
            assert admits(together((one, other)), kind, name) == (a or b)


@given(
    worlds(modes=("CONFIG_MAP", "API_AND_CONFIG_MAP")) | node_worlds(),
    st.just(Decisions()) | answered(),
    st.sampled_from(("preserve", "policies")),
)
def test_no_session_is_admitted_after_a_plan_that_was_refused_before_unless_the_plan_says_so(
    snapshot: Snapshot, decisions: Decisions, strategy: Strategy
) -> None:
    """Each session logs in before and after, by the authenticator's rules alone."""
    try:
        plan = make_plan(snapshot, decisions, strategy=strategy, now=NOW)
    except MigratorError as error:
        assert error.code in ("decision-invalid", "decision-unused")
        return
    _holds_for_every_session(plan, snapshot)
    gains = {
        p.principal_arn: Acceptance("Ana", "all of it")
        for p in plan.principals
        if p.access.log_ins_gained
    }
    if gains:
        more = Decisions(**{**_fields(decisions), "accept_gain": gains, "accept_loss": gains})
        _holds_for_every_session(make_plan(snapshot, more, strategy=strategy, now=NOW), snapshot)


def _fields(decisions: Decisions) -> dict[str, Any]:
    return {name: getattr(decisions, name) for name in decisions.__dataclass_fields__}


def _holds_for_every_session(plan: Plan, snapshot: Snapshot) -> None:
    later = simulate(snapshot, plan.steps)
    undecided = {principal_key(p.principal_arn) for p in plan.principals if p.action == "block"}
    for principal in plan.principals:
        arn = principal.principal_arn
        if arn not in PEOPLE or principal.action == "block" or principal_key(arn) in undecided:
            continue
        # what was not read cannot be judged, and says so; what a run left half-made has its own
        # finding
        if {"entry-liveness-unknown", "user-unverified", "entry-half-made"} & set(
            principal.findings
        ):
            continue
        for caller, instance in sessions_of(arn):
            before, after = (
                access_of(arn, snapshot, caller=caller),
                access_of(arn, later, "API", caller=caller),
            )
            if isinstance(before.outcome, Ambiguous):
                continue
            was = isinstance(before.outcome, LoggedIn) or principal.before.via == "automatic"
            gains = is_admitted(principal.access.log_ins_gained, arn, caller, instance=instance)
            assert (isinstance(after.outcome, LoggedIn) and not was) == gains, (
                principal,
                caller,
                before,
                after,
            )


def sessions_of(arn: str) -> Iterator[tuple[Caller, bool]]:
    """Sessions that the principal can have: only a role that trusts EC2 has an instance's (a row
    that wants one is dead for other roles).
    """
    if ":user/" in arn:
        yield caller_with(arn, ""), False
        return
    for name in SESSIONS:
        yield caller_with(arn, name), False
    if "ec2" in (PEOPLE[arn] or ()):
        yield caller_with(arn, INSTANCE, DNS), True


@given(names)
def test_identity_that_cannot_log_in_admits_no_log_in(username: str) -> None:
    assume(username)
    assert population_of(NOBODY, ROLE) == ()
    assert population_of(Identity(username, (), "none"), USER) == ()
