"""Which entries belong into a team's code, and under which names."""

from dataclasses import replace

import pytest

from migrator.decide.findings.findings_catalogue import make_finding
from migrator.decide.planning.code_entries import code_entries, live_code_entries, stable_name
from migrator.model.access_entry import (
    AccessEntry,
    AccessScope,
    AssociatedPolicy,
    EntrySpec,
    EntryType,
    Identity,
)
from migrator.model.code_entries import LeftOut
from migrator.model.plan import Action
from migrator.model.step import AwaitEntry, EnableEntries, Step, UpdateEntry
from tests.support.plans import CLUSTER_ADMIN, VIEW, plan, principal, role

DEV = role("dev")
AWAITED, KEPT = "EKS makes this entry itself", "EKS made this entry and keeps it"
NONE = "no access policy"
LINKED = role("aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS")


def test_entry_of_a_team_is_written_with_its_rows() -> None:
    (found,) = code_entries(plan(principal(DEV))).entries
    assert (found.name, found.principal_arn) == (stable_name(DEV), DEV)
    assert (found.spec, found.sources) == (
        EntrySpec("STANDARD", "dev", ("devs",)),
        ("mapRoles[0]",),
    )


@pytest.mark.parametrize(
    ("left_out", "reason"),
    [
        (principal(LINKED), "belongs to a service-linked role: only EKS can change it"),
        (principal(DEV, "skip"), "skipped: no entry is made"),
        (principal(DEV, "block"), "blocked: a decision is needed first"),
    ],
)
def test_principal_without_an_entry_of_the_team_is_left_out_always(
    left_out: object, reason: str
) -> None:
    for include_owned in (False, True):
        found = code_entries(plan(left_out), include_owned=include_owned)  # type: ignore[arg-type]
        assert [each.reason for each in found.left_out] == [reason]
        assert found.entries == ()


@pytest.mark.parametrize(
    ("action", "via", "spec", "reason"),
    [
        (
            "await",
            "config-map",
            EntrySpec("EC2_LINUX"),
            "EKS makes this entry itself: EC2_LINUX with no access policy",
        ),
        (
            "keep",
            "automatic",
            EntrySpec(),
            "EKS made this entry and keeps it: STANDARD with no access policy",
        ),
        (
            "keep",
            "automatic",
            EntrySpec(
                access_policies=(
                    AssociatedPolicy(CLUSTER_ADMIN),
                    AssociatedPolicy(VIEW, AccessScope("namespace", ("shop", "web"))),
                )
            ),
            f"{KEPT}: STANDARD with AmazonEKSClusterAdminPolicy (cluster), "
            "AmazonEKSViewPolicy (shop, web)",
        ),
        (
            "keep",
            "access-entry",
            EntrySpec("FARGATE_LINUX"),
            "EKS made this entry and keeps it: FARGATE_LINUX with no access policy",
        ),
        (
            "keep",
            "access-entry",
            EntrySpec("HYPERPOD_LINUX"),
            "EKS made this entry and keeps it: HYPERPOD_LINUX with no access policy",
        ),
    ],
)
def test_entry_that_eks_owns_is_written_only_when_it_is_asked_for(
    action: Action, via: str, spec: EntrySpec, reason: str
) -> None:
    owned = replace(principal(DEV, action), before=Identity("dev", (), via), entry=spec)  # type: ignore[arg-type]
    assert code_entries(plan(owned)).left_out == (LeftOut(DEV, reason),)
    assert [each.spec for each in code_entries(plan(owned), include_owned=True).entries] == [spec]


@pytest.mark.parametrize(
    ("kind", "counts", "owned"),
    [
        ("EC2_LINUX", True, True),
        # A node group that is being deleted, and a role that is no node of it.
        ("EC2_LINUX", False, False),
        ("STANDARD", True, False),
    ],
)
def test_entry_of_a_managed_node_group_is_left_out_of_plan_and_cluster(
    kind: EntryType, counts: bool, owned: bool
) -> None:
    node = principal(DEV, "keep", entry=EntrySpec(kind))
    groups = {"general": {"role": DEV, "counts": counts, "amiType": "x"}}
    value = replace(plan(node), basis={"nodegroups": groups})
    entry = AccessEntry(DEV, kind, "x", ())
    for found in (code_entries(value), live_code_entries([entry], value)):
        assert [each.principal_arn for each in found.left_out] == [DEV] * owned
        assert len(found.entries) == (not owned)


@pytest.mark.parametrize("group", ["migrator-bridge:1a2b", "migrator-probe:1a2b"])
@pytest.mark.parametrize("include_owned", [False, True])
def test_entry_with_a_group_of_a_run_is_in_no_code(group: str, *, include_owned: bool) -> None:
    """Such a group goes when the run ends, and what is bound to it may be cluster-admin."""
    value = plan(principal(DEV, "keep", entry=EntrySpec("STANDARD", "dev", ("devs", group))))
    entry = AccessEntry(DEV, "STANDARD", "dev", ("devs", group))
    for code in (
        code_entries(value, include_owned=include_owned),
        live_code_entries([entry], value, include_owned=include_owned),
    ):
        assert code.entries == ()
        (left_out,) = code.left_out
        assert left_out.reason.startswith(f"in the middle of a run: {group} is there for the run")


@pytest.mark.parametrize("code", ["orphan-dead-entry", "node-entry-dead"])
@pytest.mark.parametrize("action", ["skip", "block"])
def test_entry_of_a_deleted_principal_is_in_no_code_of_the_cluster(
    code: str, action: Action
) -> None:
    value = plan(principal(DEV, action, findings=(code,)))
    found = live_code_entries([AccessEntry(DEV, "STANDARD", "dev", ("devs",))], value)
    assert found.entries == ()
    reason = f"dead: it matches no login ({code}): STANDARD with no access policy"
    assert found.left_out == (LeftOut(DEV, reason),)


def test_dead_entry_that_stays_is_not_said_to_be_missing() -> None:
    value = plan(principal(DEV, "skip", findings=("orphan-dead-entry",)))
    (left_out,) = code_entries(value).left_out
    assert left_out.reason == (
        "skipped: its entry stays as it is, dead: it matches no login (orphan-dead-entry)"
    )


def test_entry_of_the_creator_is_written_as_apply_completes_it() -> None:
    """EKS makes it with cluster-admin alone; its row gave a username and a group."""
    made = EntrySpec("STANDARD", None, (), (AssociatedPolicy(CLUSTER_ADMIN),))
    completed = EntrySpec("STANDARD", "lead", ("platform",), made.access_policies)
    steps = (
        Step("s01", EnableEntries()),
        Step("s02", AwaitEntry(DEV, made), ("s01",)),
        Step("s03", UpdateEntry(DEV, completed, made), ("s02",)),
    )
    value = plan(principal(DEV, "await", entry=made), steps=steps)
    assert code_entries(value).left_out == (
        LeftOut(
            DEV,
            "EKS makes this entry itself, and migrate apply completes it: STANDARD with "
            "AmazonEKSClusterAdminPolicy (cluster)",
        ),
    )
    assert [each.spec for each in code_entries(value, include_owned=True).entries] == [completed]


def test_name_differs_for_principals_of_one_name_in_two_accounts_or_paths() -> None:
    arns = (DEV, role("dev", "444455556666"), role("team/dev"))
    names = {stable_name(arn) for arn in arns}
    assert len(names) == len(arns)
    assert all(name.startswith("role_dev_") for name in names)


def test_name_of_what_is_no_arn_is_made_of_its_letters() -> None:
    assert stable_name("what is this?").startswith("principal_what_is_this_")


def test_code_of_a_blocked_plan_says_that_it_is_not_all() -> None:
    value = replace(plan(principal(DEV)), findings=(make_finding("map-accounts", ""),))
    found = code_entries(value)
    assert found.blocked == ("map-accounts",)
    assert found.made_from.endswith("is blocked (map-accounts): not all principals are in it")
    assert code_entries(plan(principal(DEV))).blocked == ()
