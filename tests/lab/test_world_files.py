"""World files: what they say, what they leave out, what they may not say."""

from datetime import timedelta
from pathlib import Path

import pytest

from migrator.errors import Failed
from migrator.lab.worlds.world_files import build_world, demo_world_path, load_world
from migrator.model.access_entry import AccessScope
from migrator.model.principal import parse_arn
from tests.support.aws_lab import CLUSTER_ADMIN, HOME, RUNNER, demo, small_world


def test_the_demo_world_loads_and_everything_in_it_fits_together() -> None:
    world = load_world(demo_world_path())
    cluster = world.cluster("demo")
    assert cluster.mode(world.now()) == "CONFIG_MAP"
    assert world.settings.operator is not None
    assert world.principal(world.settings.operator) is not None
    assert cluster.creator_arn is not None
    assert world.principal(cluster.creator_arn) is not None
    for group in cluster.nodegroups.values():
        assert world.principal(group["nodeRole"]) is not None
    home = world.accounts[cluster.account]
    nodes = [item for item in cluster.kubernetes_objects if item["kind"] == "Node"]
    instances = {item["spec"]["providerID"].rpartition("/")[2] for item in nodes}
    assert set(home.instances) <= instances
    for instance in home.instances.values():
        assert instance.instance_profile is not None
        assert home.instance_profiles[instance.instance_profile].role_name in {
            role.name for role in home.roles.values()
        }


def test_the_demo_world_uses_made_up_accounts_only() -> None:
    text = demo_world_path().read_text(encoding="utf-8")
    accounts = {part.split(":")[0] for part in text.split("arn:aws:iam::")[1:]}
    assert accounts == {"111122223333", "444455556666"}


def test_unique_ids_are_the_same_in_every_run_and_keys_are_not() -> None:
    one, other = small_world(), small_world()
    assert [item.id for item in one.principals()] == [item.id for item in other.principals()]
    assert one.credentials_of(RUNNER) != other.credentials_of(RUNNER)
    assert one.credentials_of(RUNNER) is one.credentials_of(RUNNER)


def test_secrets_do_not_show_when_credentials_are_printed() -> None:
    keys = small_world().credentials_of(RUNNER)
    assert keys.secret_access_key not in repr(keys)
    assert str(keys.session_token) not in repr(keys)


def test_a_misspelt_key_is_told_with_its_place() -> None:
    with pytest.raises(Failed) as refusal:
        build_world({"accounts": [{"id": HOME, "roles": [{"name": "x", "pth": "/"}]}]})
    assert refusal.value.code == "world-invalid"
    assert "world.accounts[0].roles[0]" in refusal.value.why
    assert "pth" in refusal.value.why


@pytest.mark.parametrize(
    "raw",
    [
        [],
        {"format": "migrator/world/v2"},
        {"accounts": {}},
        {"accounts": [{"id": 111122223333}]},
        {"operator": f"arn:aws:iam::{HOME}:role/nobody"},
        {"clusters": [{"name": "x", "account": HOME}]},
        {
            "accounts": [{"id": HOME}],
            "clusters": [{"name": "x", "account": HOME, "authenticationMode": "BOTH"}],
        },
        {"accounts": [{"id": HOME, "roles": [{"name": "x", "createDate": "yesterday"}]}]},
        {
            "accounts": [{"id": HOME}],
            "clusters": [{"name": "x", "account": HOME, "automatic": ["nodes"]}],
        },
    ],
)
def test_what_is_no_world_is_refused(raw: object) -> None:
    with pytest.raises(Failed) as refusal:
        build_world(raw)
    assert refusal.value.code == "world-invalid"


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "world.yaml"
    path.write_bytes(content)
    for candidate in (path, tmp_path / "none.yaml"):
        with pytest.raises(Failed) as refusal:
            load_world(candidate)
        assert refusal.value.code == "world-unreadable"


def test_entries_of_the_file_are_in_force_from_the_start() -> None:
    entries = [
        {
            "principalArn": RUNNER,
            "kubernetesGroups": ["a"],
            "policies": [
                {"policyArn": "AmazonEKSViewPolicy", "namespaces": ["x"]},
                {"policyArn": CLUSTER_ADMIN},
            ],
        }
    ]
    world = small_world(authenticationMode="API", accessEntries=entries)
    entry = demo(world).entry(RUNNER, world.now())
    assert entry is not None
    assert entry in demo(world).effective_entries(world.now())
    assert [(policy.policy_arn, policy.scope) for policy in entry.policies] == [
        (
            "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
            AccessScope("namespace", ("x",)),
        ),
        (CLUSTER_ADMIN, AccessScope()),
    ]
    principal = world.principal(RUNNER)
    assert principal is not None
    assert entry.principal_id == principal.id


def test_an_entry_can_be_dead_from_the_start() -> None:
    world = small_world(
        authenticationMode="API",
        accessEntries=[{"principalArn": RUNNER, "principalId": "AROAGONE"}],
    )
    entry = demo(world).entry(RUNNER, world.now())
    assert entry is not None
    assert entry.principal_id == "AROAGONE"


def test_clusters_with_entries_have_those_of_eks() -> None:
    world = small_world(authenticationMode="API")
    found = set(demo(world).entries(world.now()))
    assert f"arn:aws:iam::{HOME}:role/creator" in found
    assert any("AWSServiceRoleForAmazonEKS" in arn for arn in found)


def test_a_world_can_leave_automatic_entries_out() -> None:
    world = small_world(authenticationMode="API", automatic=["service-linked"])
    assert all("aws-service-role" in arn for arn in demo(world).entries(world.now()))


def test_a_short_trust_becomes_a_policy() -> None:
    trust = {
        "aws": [HOME],
        "services": ["ec2.amazonaws.com"],
        "externalId": "x",
        "federated": ["arn:aws:iam::1:saml-provider/s"],
    }
    world = build_world(
        {"accounts": [{"id": HOME, "roles": [{"name": "a", "trust": trust}, {"name": "b"}]}]}
    )
    statements = world.accounts[HOME].roles["a"].trust_policy["Statement"]
    assert [(item["Principal"], item["Action"], item.get("Condition")) for item in statements] == [
        ({"Service": ["ec2.amazonaws.com"]}, "sts:AssumeRole", None),
        ({"AWS": [HOME]}, "sts:AssumeRole", {"StringEquals": {"sts:ExternalId": "x"}}),
        ({"Federated": "arn:aws:iam::1:saml-provider/s"}, "sts:AssumeRoleWithSAML", None),
    ]
    assert world.accounts[HOME].roles["b"].trust_policy["Statement"][0]["Principal"] == {
        "AWS": [f"arn:aws:iam::{HOME}:root"]
    }


def test_two_accounts_may_use_one_cluster_name() -> None:
    clusters = [{"name": "x", "account": "1"}, {"name": "x", "account": "2", "region": "us-east-1"}]
    world = build_world({"accounts": [{"id": "1"}, {"id": "2"}], "clusters": clusters})
    assert world.cluster("x", account="2").region == "us-east-1"
    assert world.cluster("x", region="eu-central-1").account == "1"
    with pytest.raises(KeyError):
        world.cluster("x")


def test_principals_are_found_by_their_exact_arn_only() -> None:
    world = small_world()
    assert world.principal(RUNNER) is not None
    for wrong in (
        f"arn:aws:iam::{HOME}:role/runner",
        RUNNER.upper(),
        RUNNER.replace("aws:", "aws-cn:", 1),
        "x",
        "",
    ):
        assert world.principal(wrong) is None
    assert parse_arn(RUNNER) is not None


def test_a_thousand_clusters_load_within_seconds() -> None:
    accounts = [{"id": f"{number:012d}", "roles": [{"name": "creator"}]} for number in range(1, 41)]
    clusters = [
        {
            "name": f"c{number}",
            "account": f"{number % 40 + 1:012d}",
            "creator": f"arn:aws:iam::{number % 40 + 1:012d}:role/creator",
        }
        for number in range(1000)
    ]
    world = build_world({"accounts": accounts, "clusters": clusters})
    assert len(world.clusters) == 1000
    assert world.settings.propagation == timedelta(seconds=2)
