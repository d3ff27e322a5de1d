"""Who somebody is through an access entry, and what an entry is meant to be."""

from migrator.decide.planning.entries.entry_identity import (
    NODE_IDENTITIES,
    entry_digest,
    identity_of_entry,
    identity_of_spec,
    normal_spec,
    same_entry,
    spec_of,
)
from migrator.model.access_entry import AccessEntry, EntrySpec
from tests.support.worlds import (
    NODE_USERNAME,
    VIEW_POLICY,
    entry,
    in_namespaces,
    on_cluster,
    role,
    user,
)

DEV = role("team/dev")


def test_default_username_is_the_roles_session_without_its_path_or_the_users_arn() -> None:
    assert (
        identity_of_spec(DEV, EntrySpec()).username
        == "arn:aws:sts::111122223333:assumed-role/dev/{{SessionName}}"
    )
    assert identity_of_spec(user("x/ana"), EntrySpec()).username == user("x/ana")


def test_node_entries_have_the_names_that_eks_fixes() -> None:
    for kind, (username, groups) in NODE_IDENTITIES.items():
        who = identity_of_spec(DEV, EntrySpec(kind))
        assert (who.username, who.groups, who.via) == (username, groups, "access-entry")
        assert "system:nodes" in groups


def test_existing_entry_answers_with_what_eks_shows_or_fixes() -> None:
    shown = AccessEntry(DEV, "EC2_LINUX", NODE_USERNAME, ("system:nodes",))
    assert identity_of_entry(shown) == identity_of_entry(AccessEntry(DEV, "EC2_LINUX", ""))
    assert spec_of(shown) == EntrySpec("EC2_LINUX")
    assert identity_of_entry(entry(DEV, "x", ("a",), access_policies=(on_cluster(),))).policies == (
        on_cluster(),
    )


def test_of_node_types_only_the_type_counts() -> None:
    assert same_entry(DEV, EntrySpec("EC2"), EntrySpec("EC2", None, (), (on_cluster(),)))
    assert not same_entry(DEV, EntrySpec("EC2"), EntrySpec("STANDARD"))
    assert normal_spec(DEV, EntrySpec("EC2", "x", ("y",))) == EntrySpec("EC2")


def test_digest_of_an_entry_is_of_its_meaning_and_not_of_its_order() -> None:
    one = EntrySpec(
        "STANDARD", None, ("b", "a"), (on_cluster(), in_namespaces(VIEW_POLICY, "y", "x"))
    )
    default = identity_of_spec(DEV, one).username
    other = EntrySpec(
        "STANDARD", default, ("a", "b", "a"), (in_namespaces(VIEW_POLICY, "x", "y"), on_cluster())
    )
    assert entry_digest(DEV, one) == entry_digest(DEV, other)
    assert len(entry_digest(DEV, one)) == 32
    different = (
        EntrySpec(),
        EntrySpec("EC2"),
        EntrySpec("STANDARD", "x"),
        EntrySpec("STANDARD", None, ("a",)),
    )
    assert len({entry_digest(DEV, spec) for spec in (one, *different)}) == 5
