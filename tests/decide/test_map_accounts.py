"""mapAccounts: a whole account may log in, which no access entry can say."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.decide.planning.rereading.prove_again import prove_again
from migrator.decide.planning.stubs import stubs_for
from migrator.errors import Failed
from migrator.model.access_entry import EntrySpec
from migrator.model.decision import Decisions
from migrator.model.files.decisions import decode_decisions
from migrator.model.principal import AccountRead
from migrator.model.snapshot import Snapshot
from tests.support.worlds import (
    ACCEPTED,
    ACCOUNT,
    LONG_AGO,
    NOW,
    OTHER,
    answers,
    bind,
    entry,
    finding,
    iam,
    named,
    node,
    one,
    only,
    planned,
    rbac,
    role,
    row,
    user,
    world,
)


def test_map_accounts_blocks() -> None:
    plan = planned(world(accounts=[OTHER]))
    assert finding(plan, "map-accounts").source == "mapAccounts[0]"
    assert plan.blocked


def test_map_accounts_that_is_no_account_number_is_dead() -> None:
    plan = planned(world(accounts=["12345", "x"]))
    assert not plan.blocked
    assert [f.code for f in plan.findings if f.source] == ["map-accounts-dead", "map-accounts-dead"]


def test_skipped_account_is_a_named_loss() -> None:
    plan = planned(world(accounts=[OTHER]), Decisions(accounts={OTHER: "nobody uses it"}))
    assert finding(plan, "account-skipped").severity == "warn"
    assert not plan.blocked


def test_expanded_account_gives_the_canonical_arn_as_username_and_no_groups() -> None:
    full = role("team/deployer", OTHER)
    plan = planned(
        world(accounts=[OTHER]), Decisions(expand_accounts={OTHER: (full, user("x/ana", OTHER))})
    )
    assert one(plan, full).entry == EntrySpec("STANDARD", role("deployer", OTHER), ())
    assert one(plan, full).before == one(plan, full).before.__class__(
        role("deployer", OTHER), (), "config-map"
    )
    assert one(plan, user("x/ana", OTHER)).entry == EntrySpec("STANDARD", user("x/ana", OTHER), ())
    assert finding(plan, "account-expanded").severity == "warn"
    assert not plan.blocked


def test_expanded_principal_that_has_an_entry_is_kept() -> None:
    arn = role("deployer", OTHER)
    decisions = Decisions(expand_accounts={OTHER: (arn,)})
    assert (
        only(planned(world(accounts=[OTHER], entries=[entry(arn, arn)]), decisions)).action
        == "keep"
    )


def test_expanded_principal_that_does_not_exist_is_skipped() -> None:
    decisions = Decisions(expand_accounts={OTHER: (role("gone", OTHER),)})
    read = (AccountRead(OTHER, roles=True, users=True),)
    assert only(planned(world(accounts=[OTHER], accounts_read=read), decisions)).findings == (
        "principal-absent",
    )


@pytest.mark.parametrize(
    "arn", ["nonsense", role("deployer"), f"arn:aws:iam::{OTHER}:root", role("x", OTHER, "aws-cn")]
)
def test_expansion_to_somebody_of_another_account_is_refused(arn: str) -> None:
    with pytest.raises(Failed) as error:
        planned(world(accounts=[OTHER]), Decisions(expand_accounts={OTHER: (arn,)}))
    assert error.value.code == "decision-invalid"


def test_expansion_of_a_principal_with_its_own_row_is_refused() -> None:
    snapshot = world(
        [row(role("deployer", OTHER))], accounts=[OTHER], principals=[iam(role("deployer", OTHER))]
    )
    with pytest.raises(Failed, match="does not fit"):
        planned(snapshot, Decisions(expand_accounts={OTHER: (role("deployer", OTHER),)}))


def test_account_cannot_be_skipped_and_expanded() -> None:
    with pytest.raises(Failed) as error:
        planned(
            world(accounts=[OTHER]), Decisions(accounts={OTHER: "x"}, expand_accounts={OTHER: ()})
        )
    assert error.value.code == "decision-invalid"


def test_migration_that_ends_at_dual_mode_leaves_map_accounts_in_place() -> None:
    assert not planned(world(accounts=[OTHER]), target="API_AND_CONFIG_MAP").blocked


def test_expanding_an_account_never_makes_a_person_of_a_role_of_nodes() -> None:
    nodes = role("nodes")
    expanded = Decisions(expand_accounts={ACCOUNT: (nodes,)})
    plan = planned(
        world(accounts=[ACCOUNT], principals=[iam(nodes, "ec2")], nodes=(node(nodes),)), expanded
    )
    assert (one(plan, nodes).action, one(plan, nodes).findings) == (
        "block",
        ("node-role-without-node-row",),
    )


def test_answer_of_an_earlier_run_brings_in_no_principal_when_its_account_is_not_mapped() -> None:
    decisions = Decisions(expand_accounts={OTHER: (role("ops", OTHER),)})
    assert planned(world(mode="API"), decisions).principals == ()


NAMED = role("team/deployer", OTHER)
SUBJECT = role("deployer", OTHER)
PERSON = user("x/ana", OTHER)


def named_world(*names: str, **changes: Any) -> Snapshot:  # noqa: ANN401 - any field
    """An account of mapAccounts, two of whose principals bindings may name."""
    fields: dict[str, Any] = {
        "accounts": [OTHER],
        "principals": [iam(NAMED), iam(PERSON)],
        "rbac": rbac(bind(*(named(name) for name in names))),
        **changes,
    }
    return world(**fields)


def test_principals_that_bindings_name_are_in_the_finding_and_in_the_question() -> None:
    plan = planned(named_world(SUBJECT, PERSON, role("deployer"), "ana"))
    assert f"Named in the cluster: `{NAMED}`, `{PERSON}`." in finding(plan, "map-accounts").message
    expand, drop = stubs_for(plan)
    assert (expand.key, expand.answer) == (OTHER, [NAMED, PERSON])
    assert "LOSES access" in drop.about[-1]
    answered = planned(
        named_world(SUBJECT, PERSON), Decisions(expand_accounts={OTHER: expand.answer})
    )
    assert not answered.blocked
    entry_made = one(answered, NAMED).entry
    assert entry_made is not None
    assert entry_made.username == SUBJECT


def test_dropping_an_account_drops_by_name_whom_bindings_name() -> None:
    dropped = Decisions(accounts={OTHER: "it was closed"})
    plan = planned(named_world(SUBJECT), dropped)
    assert (one(plan, NAMED).action, one(plan, NAMED).findings) == ("block", ("loss-not-accepted",))
    message = f"Account {OTHER}: it was closed. Named in the cluster and left out: `{NAMED}`."
    assert finding(plan, "account-skipped").message == message
    (stub,) = stubs_for(plan)
    assert (stub.section, stub.key) == ("accept_loss", NAMED)
    accepted = planned(named_world(SUBJECT), replace(dropped, accept_loss={NAMED: ACCEPTED}))
    assert not accepted.blocked
    assert (one(accepted, NAMED).action, one(accepted, NAMED).findings) == (
        "skip",
        ("loss-accepted",),
    )
    assert one(accepted, NAMED).access.lost


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("account-skipped", Decisions(accounts={OTHER: "it was closed"})),
        ("account-expanded", Decisions(expand_accounts={OTHER: (PERSON,)})),
    ],
)
def test_account_is_not_ended_while_it_is_unknown_whom_rbac_names(
    code: str, answer: Decisions
) -> None:
    for changes in ({"rbac": None}, {"unknown": ("rbac.bindings",)}):
        plan = planned(replace(named_world(SUBJECT), **changes), answer)
        assert (finding(plan, code).severity, plan.blocked) == ("block", True)
        assert "RBAC was not read" in finding(plan, code).message
        assert finding(plan, code).remedy.startswith("Let the snapshot read RBAC")
        # aws-auth stays in force.
        stays = planned(
            replace(named_world(SUBJECT), **changes), answer, target="API_AND_CONFIG_MAP"
        )
        assert finding(stays, code).severity == "warn"


def test_list_that_lacks_a_named_principal_leaves_it_behind_by_name() -> None:
    answer = Decisions(expand_accounts={OTHER: (PERSON,)})
    plan = planned(named_world(SUBJECT, PERSON), answer)
    assert one(plan, NAMED).findings == ("loss-not-accepted",)
    assert one(plan, PERSON).action == "create"


def test_role_whose_account_was_not_read_is_asked_with_its_path_open() -> None:
    snapshot = named_world(SUBJECT, principals=())
    expand, _ = stubs_for(planned(snapshot))
    assert expand.answer == [role("<path>/deployer", OTHER)]


@pytest.mark.parametrize(
    "changes",
    [
        {"rbac": rbac(bind(named(SUBJECT.lower().replace("deployer", "DEPLOYER"))))},
        {"rbac": rbac(bind(named(f"{SUBJECT}` `{role('evil', OTHER)}")))},
        {"roles": [row(SUBJECT, "deployer")]},
        {"entries": [entry(NAMED, SUBJECT)]},
        {
            "principals": (),
            "accounts_read": (AccountRead(OTHER, roles=True, users=True),),
        },
    ],
)
def test_name_that_gives_nothing_through_the_account_is_not_named(changes: dict[str, Any]) -> None:
    plan = planned(named_world(SUBJECT, **changes))
    assert "Named in the cluster" not in finding(plan, "map-accounts").message


def test_dropped_account_loses_nothing_while_aws_auth_stays() -> None:
    dropped = Decisions(accounts={OTHER: "it stays"})
    plan = planned(named_world(SUBJECT), dropped, target="API_AND_CONFIG_MAP")
    assert plan.principals == ()


def test_dead_entry_leaves_its_principal_among_those_that_mapped_accounts_admit() -> None:
    # The role was made again after the entry: the entry decides nothing, mapAccounts does.
    dead = {
        "entries": [entry(NAMED, SUBJECT, created_at=LONG_AGO)],
        "principals": [iam(NAMED, created=NOW)],
    }
    asked = planned(named_world(SUBJECT, **dead))
    assert f"`{NAMED}`" in finding(asked, "map-accounts").message
    dropped = planned(named_world(SUBJECT, **dead), Decisions(accounts={OTHER: "it was closed"}))
    assert one(dropped, NAMED).action == "block"
    assert "loss-not-accepted" in one(dropped, NAMED).findings
    expanded = planned(named_world(SUBJECT, **dead), Decisions(expand_accounts={OTHER: (NAMED,)}))
    assert (one(expanded, NAMED).action, expanded.blocked) == ("recreate", False)
    prove_again(expanded)


def test_service_linked_role_that_a_binding_names_is_in_no_answer() -> None:
    linked = role("AWSServiceRoleForSupport", OTHER)
    plan = planned(named_world(SUBJECT, linked))
    assert f"can have no entry (root user, federated user or service-linked role): {linked}." in (
        finding(plan, "map-accounts").message
    )
    expand, _ = stubs_for(plan)
    assert expand.answer == [NAMED]


@pytest.mark.parametrize("arn", [role("<path>/deployer", OTHER), role("<name>", OTHER)])
def test_list_with_a_place_that_was_not_filled_in_is_refused(arn: str) -> None:
    with pytest.raises(Failed) as error:
        decode_decisions({"expand_accounts": {OTHER: [arn]}})
    assert error.value.code == "decisions-malformed"


ROOT = f"arn:aws:iam::{OTHER}:root"
FEDERATED = f"arn:aws:sts::{OTHER}:federated-user/bob"
SESSION = f"arn:aws:sts::{OTHER}:assumed-role/deployer/me"
DROPPED = Decisions(accounts={OTHER: "it was closed"})
_NAMES = st.from_regex(r"[A-Za-z0-9+=,.@_-]{2,20}", fullmatch=True)
# What the authenticator gives as username to a login of each kind (pkg/arn/arn.go, Canonicalize).
_LOGINS = st.one_of(
    st.just(ROOT),
    _NAMES.map(lambda name: f"arn:aws:sts::{OTHER}:federated-user/{name}"),
    _NAMES.map(lambda name: role(name, OTHER)),
    st.tuples(st.sampled_from(["", "a/", "Team/b/"]), _NAMES).map(
        lambda parts: user("".join(parts), OTHER)
    ),
)
# No login through mapAccounts has one of these as its username.
_OTHERS = (
    SESSION,
    role("team/deployer", OTHER),
    f"arn:aws:iam::{OTHER}:group/devs",
    f"arn:aws-cn:iam::{OTHER}:root",
    role("deployer", OTHER, "aws-us-gov"),
    ROOT.upper(),
    ROOT.replace("root", "Root"),
    FEDERATED.replace("federated-user", "Federated-User"),
    SUBJECT.replace(":role/", ":ROLE/"),
    f"{FEDERATED}/more",
    "arn:aws:iam::999988887777:root",
)


@given(_LOGINS)
@settings(max_examples=40, deadline=None)
def test_whoever_logs_in_through_an_account_and_is_bound_is_named_and_dropped_by_name(
    name: str,
) -> None:
    snapshot = named_world(name, principals=())
    asked = planned(snapshot)
    shown = name if ":role/" not in name else name.rpartition("/")[2]
    assert shown in finding(asked, "map-accounts").message
    for answer in (DROPPED, Decisions(expand_accounts={OTHER: ()})):
        plan = planned(snapshot, answer)
        assert plan.blocked
        assert one(plan, name).findings == ("loss-not-accepted",)
        (stub,) = stubs_for(plan)
        assert (stub.section, stub.key) == ("accept_loss", name)
        accepted = planned(snapshot, replace(answer, accept_loss={name: ACCEPTED}))
        assert (one(accepted, name).action, accepted.blocked) == ("skip", False)
        prove_again(accepted)


@pytest.mark.parametrize("name", _OTHERS)
def test_name_that_no_login_through_the_account_has_is_no_loss(name: str) -> None:
    plan = planned(named_world(name, principals=()), DROPPED)
    assert (plan.principals, plan.blocked) == ((), False)


def test_sessions_that_are_bound_are_shown_as_names_that_give_nothing() -> None:
    words = f"no login through mapAccounts has the name of a session: {SESSION}."
    hostile = f"arn:aws:sts::{OTHER}:assumed-role/x/y` `evil"
    for code, answer in (("map-accounts", Decisions()), ("account-skipped", DROPPED)):
        plan = planned(named_world(SESSION, hostile), answer)
        message = finding(plan, code).message
        assert words in message
        assert SESSION not in str([stub.answer for stub in stubs_for(plan)])
        assert "evil" not in message


@pytest.mark.parametrize("arn", [ROOT, FEDERATED, role("AWSServiceRoleForSupport", OTHER)])
def test_no_answer_makes_an_entry_for_whom_eks_takes_none(arn: str) -> None:
    snapshot = named_world(arn, principals=())
    assert one(planned(snapshot, DROPPED), arn).proposed is None
    with pytest.raises(Failed) as error:
        planned(snapshot, replace(answers(arn, type="STANDARD"), accounts=DROPPED.accounts))
    assert error.value.why == "EKS takes no entry for this principal."
