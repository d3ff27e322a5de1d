"""Access entries: what EKS refuses in which words, what it fills in, and what it replaces."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from migrator.lab.server import Lab
from migrator.lab.worlds.principals import Limit
from tests.support.aws_lab import (
    ABROAD,
    ALICE,
    CLUSTER_ADMIN,
    FOREIGN,
    HOME,
    NODES,
    OPERATOR,
    RUNNER,
    VIEW,
    Client,
    client,
    demo,
    error_of,
    serving,
    small_world,
)

NO_PRINCIPAL = (
    "InvalidParameterException",
    "The specified principalArn is invalid: invalid principal.",
)
NO_FORMAT = ("InvalidParameterException", "The principalArn parameter format is not valid")
SERVICE_LINKED = (
    "InvalidParameterException",
    "The caller is not allowed to modify access entries with a principalArn value of a Service "
    "Linked Role",
)
NO_ENTRY = (
    "ResourceNotFoundException",
    "The specified principalArn could not be found. You can view your available access entries "
    "with "
    "'list-access-entries'.",
)
SERVICE_ROLE = (
    f"arn:aws:iam::{HOME}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"
)
NODE_TYPES = "[EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX, HYBRID_LINUX, EC2]"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(authenticationMode="API_AND_CONFIG_MAP"), tmp_path) as running:
        yield running


@pytest.fixture
def eks(lab: Lab) -> Client:
    return client(lab, "eks")


def create(eks: Client, principal: str, **rest: object) -> Client:
    return eks.create_access_entry(clusterName="demo", principalArn=principal, **rest)[
        "accessEntry"
    ]


def refused(eks: Client, principal: str, **rest: object) -> tuple[str, str]:
    return error_of(eks.create_access_entry, clusterName="demo", principalArn=principal, **rest)


def associate(eks: Client, principal: str, policy: str, scope: dict[str, object]) -> Client:
    return eks.associate_access_policy(
        clusterName="demo", principalArn=principal, policyArn=policy, accessScope=scope
    )["associatedAccessPolicy"]


def policies_of(eks: Client, principal: str) -> dict[str, tuple[str, list[str]]]:
    found = eks.list_associated_access_policies(clusterName="demo", principalArn=principal)[
        "associatedAccessPolicies"
    ]
    return {
        item["policyArn"]: (item["accessScope"]["type"], item["accessScope"].get("namespaces", []))
        for item in found
    }


# Defaults.


def test_a_roles_default_username_is_its_session_without_the_path(eks: Client) -> None:
    entry = create(eks, RUNNER)
    assert entry["username"] == f"arn:aws:sts::{HOME}:assumed-role/runner/{{{{SessionName}}}}"
    assert (entry["type"], entry["kubernetesGroups"], entry["tags"]) == ("STANDARD", [], {})


def test_a_users_default_username_is_its_arn_with_the_path(eks: Client) -> None:
    assert create(eks, ALICE)["username"] == ALICE


def test_the_entry_arn_has_the_principals_account_and_name_without_path(eks: Client) -> None:
    stem = f"arn:aws:eks:eu-central-1:{HOME}:access-entry/demo"
    assert create(eks, RUNNER)["accessEntryArn"].startswith(f"{stem}/role/{HOME}/runner/")
    assert create(eks, FOREIGN)["accessEntryArn"].startswith(f"{stem}/role/{ABROAD}/agent/")
    assert create(eks, ALICE)["accessEntryArn"].startswith(f"{stem}/user/{HOME}/alice/")


@pytest.mark.parametrize(
    ("entry_type", "username", "groups"),
    [
        ("EC2_LINUX", "system:node:{{EC2PrivateDNSName}}", ["system:nodes"]),
        (
            "EC2_WINDOWS",
            "system:node:{{EC2PrivateDNSName}}",
            ["eks:kube-proxy-windows", "system:nodes"],
        ),
        ("HYBRID_LINUX", "system:node:{{SessionName}}", ["system:nodes"]),
        ("EC2", "system:node:{{SessionName}}", ["system:nodes"]),
    ],
)
def test_node_types_have_fixed_names(
    eks: Client, entry_type: str, username: str, groups: list[str]
) -> None:
    entry = create(eks, NODES, type=entry_type)
    assert (entry["username"], entry["kubernetesGroups"]) == (username, groups)


# Refusals, in EKS's words.


@pytest.mark.parametrize("prefix", ["system:", "eks:", "aws:", "amazon:", "iam:"])
def test_reserved_prefixes_are_refused_in_names_and_groups(eks: Client, prefix: str) -> None:
    name = prefix + "x"
    assert refused(eks, RUNNER, username=name) == (
        "InvalidParameterException",
        f"The username must not begin with {prefix}",
    )
    message = f"The kubernetes group name {name} is invalid, it cannot start with {prefix}"
    assert refused(eks, RUNNER, kubernetesGroups=["fine", name]) == (
        "InvalidParameterException",
        message,
    )
    create(eks, RUNNER)
    update = {"clusterName": "demo", "principalArn": RUNNER, "kubernetesGroups": [name]}
    assert error_of(eks.update_access_entry, **update) == ("InvalidParameterException", message)


def test_names_that_only_look_reserved_are_accepted(eks: Client) -> None:
    username = "arn:aws:sts::x:{{SessionName}}"
    entry = create(eks, RUNNER, username=username, kubernetesGroups=["eks-console", "systems"])
    assert (entry["username"], entry["kubernetesGroups"]) == (username, ["eks-console", "systems"])


@pytest.mark.parametrize(
    "username", ["{{SessionName}}", "john{{SessionName}}", "x{{SessionNameRaw}}:y"]
)
def test_a_session_name_needs_a_colon_before_it(eks: Client, username: str) -> None:
    assert refused(eks, RUNNER, username=username)[0] == "InvalidParameterException"


@pytest.mark.parametrize(
    "username", [":john{{SessionName}}", "jo:hn{{SessionName}}", "x:{{SessionNameRaw}}"]
)
def test_a_session_name_after_a_colon_is_accepted(eks: Client, username: str) -> None:
    assert create(eks, RUNNER, username=username)["username"] == username


@pytest.mark.parametrize(
    "principal",
    [
        f"arn:aws:iam::{HOME}:role/runner",  # the path stripped, as aws-auth wants it
        f"arn:aws:iam::{HOME}:role/ci/Runner",  # EKS compares exactly
        f"arn:aws:iam::{HOME}:role/nobody",
        f"arn:aws:iam::{HOME}:user/alice",
        "arn:aws:iam::999999999999:role/x",
        f"arn:aws-cn:iam::{HOME}:role/ci/runner",
    ],
)
def test_a_principal_that_does_not_exist_exactly_so_is_invalid(eks: Client, principal: str) -> None:
    assert refused(eks, principal) == NO_PRINCIPAL


@pytest.mark.parametrize(
    "principal",
    [
        f"arn:aws:sts::{HOME}:assumed-role/runner/session",
        f"arn:aws:sts::{HOME}:federated-user/x",
        f"arn:aws:iam::{HOME}:group/admins",
        "garbage",
    ],
)
def test_what_is_no_iam_role_or_user_has_no_valid_format(eks: Client, principal: str) -> None:
    assert refused(eks, principal) == NO_FORMAT


def test_the_account_root_is_a_principal(eks: Client) -> None:
    assert create(eks, f"arn:aws:iam::{HOME}:root")["username"] == f"arn:aws:iam::{HOME}:root"


def test_service_linked_roles_are_refused_by_their_shape(eks: Client) -> None:
    for principal in (
        SERVICE_ROLE,
        "arn:aws:iam::999999999999:role/aws-service-role/x.amazonaws.com/Y",
    ):
        assert refused(eks, principal) == SERVICE_LINKED
    entry = {"clusterName": "demo", "principalArn": SERVICE_ROLE}
    assert error_of(eks.update_access_entry, **entry) == SERVICE_LINKED
    assert error_of(eks.delete_access_entry, **entry) == SERVICE_LINKED
    assert eks.describe_access_entry(**entry)["accessEntry"]["username"] == "eks:managed"


def test_node_types_take_neither_name_nor_groups(eks: Client) -> None:
    assert refused(eks, NODES, type="EC2_LINUX", username="x") == (
        "InvalidParameterException",
        "The specified username is invalid: setting username is not allowed when the type is "
        '"EC2_LINUX"',
    )
    message = (
        "The specified kubernetesGroups is invalid: setting kubernetesGroups is not allowed when "
        "the type is "
        '"EC2_LINUX"'
    )
    assert refused(eks, NODES, type="EC2_LINUX", kubernetesGroups=["x"]) == (
        "InvalidParameterException",
        message,
    )
    create(eks, NODES, type="EC2_LINUX")
    update = {"clusterName": "demo", "principalArn": NODES, "kubernetesGroups": ["x"]}
    assert error_of(eks.update_access_entry, **update) == ("InvalidParameterException", message)


def test_node_types_want_a_role_of_the_clusters_account(eks: Client) -> None:
    assert refused(eks, FOREIGN, type="EC2_LINUX") == (
        "InvalidParameterException",
        f"AccessEntry principalArn must be from the same account as the cluster when using types "
        f"{NODE_TYPES}",
    )
    assert refused(eks, ALICE, type="EC2") == (
        "InvalidParameterException",
        f"AccessEntry principalArn must be IAM role when using types {NODE_TYPES}",
    )
    assert create(eks, FOREIGN)["type"] == "STANDARD"


def test_types_are_case_sensitive(eks: Client) -> None:
    code, message = refused(eks, RUNNER, type="Standard")
    assert (code, message.startswith("AccessEntry type must be one of [EC2, EC2_LINUX,")) == (
        "InvalidParameterException",
        True,
    )


def test_form_is_checked_before_the_cluster_is_looked_up(eks: Client) -> None:
    call = eks.create_access_entry
    assert (
        "username"
        in error_of(call, clusterName="none", principalArn=RUNNER, username="system:x")[1]
    )
    assert error_of(call, clusterName="none", principalArn=SERVICE_ROLE) == SERVICE_LINKED
    assert error_of(call, clusterName="none", principalArn=RUNNER) == (
        "ResourceNotFoundException",
        "No cluster found for name: none.",
    )


def test_linux_nodes_need_permission_to_pass_the_role(lab: Lab) -> None:
    lab.world.accounts[HOME].roles["operator"].permissions.denied = ("iam:PassRole",)
    eks = client(lab, "eks")
    code, message = refused(eks, NODES, type="EC2_LINUX")
    assert (code, "iam:PassRole" in message) == ("AccessDeniedException", True)
    assert create(eks, NODES, type="HYBRID_LINUX")["type"] == "HYBRID_LINUX"


def test_cluster_has_only_so_many_entries(lab: Lab, eks: Client) -> None:
    has = len(eks.list_access_entries(clusterName="demo")["accessEntries"])
    lab.world.settings.most_entries = has + 1
    create(eks, RUNNER)
    assert refused(eks, OPERATOR)[0] == "ResourceLimitExceededException"


@pytest.mark.parametrize(
    ("limit", "ends"),
    [
        (
            Limit("service control policy", "arn:scp", denied=("eks:*",)),
            "with an explicit deny in a service control policy: arn:scp",
        ),
        (
            Limit("service control policy", allowed=("iam:*",)),
            "because no service control policy allows the eks:CreateAccessEntry action",
        ),
        (
            Limit("permissions boundary", "arn:b", allowed=("eks:Describe*",)),
            "because no permissions boundary allows the eks:CreateAccessEntry action",
        ),
    ],
)
def test_limit_denies_what_the_callers_policies_allow(lab: Lab, limit: Limit, ends: str) -> None:
    home = lab.world.accounts[HOME]
    if limit.kind == "permissions boundary":
        home.roles["operator"].permissions.limits = (limit,)
    else:
        home.service_control = (limit,)
    code, message = refused(client(lab, "eks"), RUNNER)
    assert code == "AccessDeniedException"
    assert message.endswith(ends)
    lab.world.settings.management_account = HOME
    if limit.kind == "service control policy":
        create(client(lab, "eks"), RUNNER)


def test_nothing_refused_is_an_effect(lab: Lab, eks: Client) -> None:
    refused(eks, RUNNER, username="system:x")
    refused(eks, f"arn:aws:iam::{HOME}:role/nobody")
    assert len(lab.world.effects) == 0


# Existing entries.


def test_an_existing_entry_is_a_conflict_with_status_409(eks: Client) -> None:
    create(eks, RUNNER)
    try:
        create(eks, RUNNER, kubernetesGroups=["other"])
    except eks.exceptions.ResourceInUseException as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 409
        assert (
            error.response["message"]
            == "The specified access entry resource is already in use on this cluster."
        )
    else:
        raise AssertionError("created twice")


def test_the_same_request_token_creates_once(lab: Lab, eks: Client) -> None:
    first = create(eks, RUNNER, clientRequestToken="t")
    assert create(eks, RUNNER, clientRequestToken="t") == first
    assert len(lab.world.effects) == 1


def test_an_entry_is_pinned_to_the_principals_id_and_no_api_shows_it(lab: Lab, eks: Client) -> None:
    iam = client(lab, "iam")
    old = iam.get_role(RoleName="runner")["Role"]["RoleId"]
    shown = create(eks, RUNNER)
    iam.delete_role(RoleName="runner")
    assert (
        eks.describe_access_entry(clusterName="demo", principalArn=RUNNER)["accessEntry"] == shown
    )
    new = iam.create_role(
        RoleName="runner", Path="/ci/", AssumeRolePolicyDocument='{"Statement": []}'
    )["Role"]["RoleId"]
    entry = demo(lab.world).entry(RUNNER, lab.world.now())
    assert entry is not None
    assert (entry.principal_id, new != old) == (old, True)
    assert old not in str(shown)
    eks.delete_access_entry(clusterName="demo", principalArn=RUNNER)
    create(eks, RUNNER)
    renewed = demo(lab.world).entry(RUNNER, lab.world.now())
    assert renewed is not None
    assert renewed.principal_id == new


def test_a_role_is_no_principal_before_iam_has_spread_it(lab: Lab, eks: Client) -> None:
    lab.world.settings.iam_propagation = timedelta(seconds=10)
    client(lab, "iam").create_role(RoleName="fresh", AssumeRolePolicyDocument='{"Statement": []}')
    fresh = f"arn:aws:iam::{HOME}:role/fresh"
    assert refused(eks, fresh) == NO_PRINCIPAL
    lab.world.clock.advance(timedelta(seconds=10))
    assert create(eks, fresh)["principalArn"] == fresh


def test_an_update_replaces_groups_and_resets_what_is_left_out(eks: Client) -> None:
    create(eks, RUNNER, username="ci:runner", kubernetesGroups=["a", "b"])
    update = eks.update_access_entry
    assert update(
        clusterName="demo", principalArn=RUNNER, username="ci:runner", kubernetesGroups=["c"]
    )["accessEntry"]["kubernetesGroups"] == ["c"]
    entry = update(clusterName="demo", principalArn=RUNNER)["accessEntry"]
    assert entry["kubernetesGroups"] == []
    assert entry["username"] == f"arn:aws:sts::{HOME}:assumed-role/runner/{{{{SessionName}}}}"


def test_an_entry_that_is_not_there_is_not_found(eks: Client) -> None:
    entry = {"clusterName": "demo", "principalArn": RUNNER}
    for call in (eks.describe_access_entry, eks.update_access_entry, eks.delete_access_entry):
        assert error_of(call, **entry) == NO_ENTRY
    assert error_of(eks.list_associated_access_policies, **entry) == NO_ENTRY
    scope = {"type": "cluster"}
    assert (
        error_of(eks.associate_access_policy, **entry, policyArn=VIEW, accessScope=scope)
        == NO_ENTRY
    )


def test_entries_of_auto_mode_can_be_seen_and_not_changed(tmp_path: Path) -> None:
    entries = [{"principalArn": NODES, "type": "EC2", "automatic": True}]
    with serving(small_world(authenticationMode="API", accessEntries=entries), tmp_path) as lab:
        eks = client(lab, "eks")
        entry = {"clusterName": "demo", "principalArn": NODES}
        assert eks.describe_access_entry(**entry)["accessEntry"]["type"] == "EC2"
        assert error_of(eks.delete_access_entry, **entry)[0] == "InvalidRequestException"
        assert error_of(eks.update_access_entry, **entry)[0] == "InvalidRequestException"


# Policies.


def test_associating_again_replaces_the_scope(eks: Client) -> None:
    create(eks, RUNNER)
    associate(eks, RUNNER, VIEW, {"type": "namespace", "namespaces": ["dev-*", "shop"]})
    assert policies_of(eks, RUNNER) == {VIEW: ("namespace", ["dev-*", "shop"])}
    associate(eks, RUNNER, VIEW, {"type": "namespace", "namespaces": ["payments"]})
    assert policies_of(eks, RUNNER) == {VIEW: ("namespace", ["payments"])}
    associate(eks, RUNNER, VIEW, {"type": "cluster"})
    associate(eks, RUNNER, CLUSTER_ADMIN, {"type": "cluster"})
    assert policies_of(eks, RUNNER) == {VIEW: ("cluster", []), CLUSTER_ADMIN: ("cluster", [])}


def test_a_scope_must_fit_its_namespaces(eks: Client) -> None:
    create(eks, RUNNER)
    entry = {"clusterName": "demo", "principalArn": RUNNER, "policyArn": VIEW}
    assert error_of(eks.associate_access_policy, **entry, accessScope={"type": "namespace"}) == (
        "InvalidParameterException",
        "At least 1 namespace must be provided if the type is set as namespace",
    )
    scope = {"type": "cluster", "namespaces": ["x"]}
    assert error_of(eks.associate_access_policy, **entry, accessScope=scope) == (
        "InvalidParameterException",
        "accessScope should not include namespaces if the type is not set as namespace",
    )


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            "arn:aws:iam::aws:policy/AdministratorAccess",
            "The policyArn parameter format is not valid",
        ),
        (
            "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
            "The specified policyArn could not be found.",
        ),
        (
            "arn:aws:eks:aws:cluster-access-policy/AmazonEKSViewPolicy",
            "The specified policyArn could not be found.",
        ),
        (
            "arn:aws:eks::aws:cluster-access-policy/NoSuch",
            "The specified policyArn could not be found.",
        ),
        (
            "arn:aws:eks::aws:cluster-access-policy/AmazonEKSHybridPolicy",
            "The specified policyArn can only be associated with service-linked roles",
        ),
    ],
)
def test_a_policy_must_exist_in_the_partition_and_be_for_customers(
    eks: Client, policy: str, expected: str
) -> None:
    create(eks, RUNNER)
    call = {
        "clusterName": "demo",
        "principalArn": RUNNER,
        "policyArn": policy,
        "accessScope": {"type": "cluster"},
    }
    assert error_of(eks.associate_access_policy, **call)[1] == expected


def test_node_entries_take_no_policy_and_list_none(eks: Client) -> None:
    create(eks, NODES, type="EC2_LINUX")
    entry = {"clusterName": "demo", "principalArn": NODES}
    only_standard = (
        'This operation can only be performed on Access Entries with a type of "STANDARD".'
    )
    scope = {"type": "cluster"}
    assert (
        error_of(eks.associate_access_policy, **entry, policyArn=VIEW, accessScope=scope)[1]
        == only_standard
    )
    assert error_of(eks.disassociate_access_policy, **entry, policyArn=VIEW)[1] == only_standard
    assert eks.list_associated_access_policies(**entry)["associatedAccessPolicies"] == []


def test_a_customers_own_instance_id_entry_takes_the_auto_mode_policy_only(eks: Client) -> None:
    create(eks, NODES, type="EC2")
    auto = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAutoNodePolicy"
    associate(eks, NODES, auto, {"type": "cluster"})
    assert set(policies_of(eks, NODES)) == {auto}
    scope = {"type": "cluster"}
    call = {"clusterName": "demo", "principalArn": NODES, "policyArn": VIEW, "accessScope": scope}
    assert error_of(eks.associate_access_policy, **call)[0] == "InvalidParameterException"


def test_disassociating_takes_one_policy_away(eks: Client) -> None:
    create(eks, RUNNER)
    associate(eks, RUNNER, VIEW, {"type": "cluster"})
    associate(eks, RUNNER, CLUSTER_ADMIN, {"type": "cluster"})
    eks.disassociate_access_policy(clusterName="demo", principalArn=RUNNER, policyArn=VIEW)
    assert set(policies_of(eks, RUNNER)) == {CLUSTER_ADMIN}
    again = {"clusterName": "demo", "principalArn": RUNNER, "policyArn": VIEW}
    assert error_of(eks.disassociate_access_policy, **again)[0] == "ResourceNotFoundException"


def test_policies_go_with_their_entry(eks: Client) -> None:
    create(eks, RUNNER)
    associate(eks, RUNNER, VIEW, {"type": "cluster"})
    eks.delete_access_entry(clusterName="demo", principalArn=RUNNER)
    create(eks, RUNNER)
    assert policies_of(eks, RUNNER) == {}


def test_listing_by_policy_finds_its_holders(eks: Client) -> None:
    create(eks, RUNNER)
    create(eks, ALICE)
    associate(eks, RUNNER, VIEW, {"type": "cluster"})
    found = eks.list_access_entries(clusterName="demo", associatedPolicyArn=VIEW)["accessEntries"]
    assert found == [RUNNER]


def test_access_policies_are_listed_in_the_callers_partition(eks: Client) -> None:
    pages = eks.get_paginator("list_access_policies").paginate(PaginationConfig={"PageSize": 10})
    found = [policy["arn"] for page in pages for policy in page["accessPolicies"]]
    assert CLUSTER_ADMIN in found
    assert len(found) == len(set(found)) > 30


# Pages.


def test_paging_neither_repeats_nor_hides_while_entries_come_and_go(lab: Lab, eks: Client) -> None:
    iam = client(lab, "iam")
    arns = []
    for number in range(25):
        role = iam.create_role(
            RoleName=f"r{number:02}", AssumeRolePolicyDocument='{"Statement": []}'
        )["Role"]["Arn"]
        create(eks, role)
        arns.append(role)
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = eks.list_access_entries(clusterName="demo", maxResults=7, **token)
        seen += page["accessEntries"]
        if "nextToken" not in page:
            break
        if len(seen) == 7:
            eks.delete_access_entry(clusterName="demo", principalArn=seen[-1])
        token = {"nextToken": page["nextToken"]}
    assert len(seen) == len(set(seen))
    assert set(arns) <= set(seen)


def test_a_made_up_page_token_is_refused(eks: Client) -> None:
    assert (
        error_of(eks.list_access_entries, clusterName="demo", nextToken="x")[0]
        == "InvalidParameterException"
    )


# Time.


def test_entries_reach_the_authenticator_after_the_propagation_delay(lab: Lab, eks: Client) -> None:
    world, cluster = lab.world, demo(lab.world)
    cluster.propagation = timedelta(seconds=2)
    world.clock.freeze()

    def seen() -> dict[str, tuple[tuple[str, ...], int]]:
        return {
            entry.principal_arn: (entry.kubernetes_groups, len(entry.policies))
            for entry in cluster.effective_entries(world.now())
            if entry.principal_arn == RUNNER
        }

    create(eks, RUNNER, kubernetesGroups=["a"])
    assert seen() == {}
    world.clock.advance(timedelta(seconds=1))
    associate(eks, RUNNER, VIEW, {"type": "cluster"})
    world.clock.advance(timedelta(seconds=1))
    assert seen() == {RUNNER: (("a",), 0)}
    world.clock.advance(timedelta(seconds=1))
    assert seen() == {RUNNER: (("a",), 1)}
    eks.delete_access_entry(clusterName="demo", principalArn=RUNNER)
    assert seen() == {RUNNER: (("a",), 1)}
    world.clock.advance(timedelta(seconds=2))
    assert seen() == {}


def test_a_later_write_is_never_in_force_before_an_earlier_one(lab: Lab, eks: Client) -> None:
    world, cluster = lab.world, demo(lab.world)
    world.clock.freeze()
    cluster.propagation = timedelta(seconds=10)
    create(eks, RUNNER, kubernetesGroups=["first"])
    cluster.propagation = timedelta(seconds=1)
    eks.update_access_entry(clusterName="demo", principalArn=RUNNER, kubernetesGroups=["second"])
    moments = cluster.upcoming(world.now())
    groups = [
        entry.kubernetes_groups
        for moment in moments
        for entry in cluster.effective_entries(moment)
        if entry.principal_arn == RUNNER
    ]
    assert groups == [("second",)]


# Tags and denials.


def test_tags_of_entries_and_clusters_are_read_and_changed(eks: Client) -> None:
    arn = create(eks, RUNNER, tags={"plan": "1"})["accessEntryArn"]
    eks.tag_resource(resourceArn=arn, tags={"more": "2"})
    eks.untag_resource(resourceArn=arn, tagKeys=["plan"])
    assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"more": "2"}
    assert eks.describe_access_entry(clusterName="demo", principalArn=RUNNER)["accessEntry"][
        "tags"
    ] == {"more": "2"}
    cluster = eks.describe_cluster(name="demo")["cluster"]["arn"]
    eks.tag_resource(resourceArn=cluster, tags={"stage": "test"})
    assert eks.describe_cluster(name="demo")["cluster"]["tags"] == {"stage": "test"}
    assert error_of(eks.list_tags_for_resource, resourceArn=arn + "x")[0] == "NotFoundException"


def test_a_denied_action_is_named_with_caller_and_cluster(lab: Lab) -> None:
    lab.world.accounts[HOME].roles["operator"].permissions.denied = ("eks:CreateAccess*",)
    assert refused(client(lab, "eks"), RUNNER) == (
        "AccessDeniedException",
        f"User: arn:aws:sts::{HOME}:assumed-role/operator/lab is not authorized to perform: "
        f"eks:CreateAccessEntry "
        f"on resource: arn:aws:eks:eu-central-1:{HOME}:cluster/demo",
    )


def test_a_list_of_allowed_actions_denies_the_rest(lab: Lab) -> None:
    lab.world.accounts[HOME].roles["operator"].permissions.allowed = ("eks:Describe*", "eks:List*")
    eks = client(lab, "eks")
    assert eks.list_clusters()["clusters"] == ["demo"]
    assert refused(eks, RUNNER)[0] == "AccessDeniedException"


def test_clusters_of_another_account_are_not_seen(lab: Lab) -> None:
    assert client(lab, "eks", FOREIGN).list_clusters()["clusters"] == []
    assert (
        error_of(client(lab, "eks", FOREIGN).describe_cluster, name="demo")[0]
        == "ResourceNotFoundException"
    )


def test_the_effects_name_caller_operation_and_principal(lab: Lab, eks: Client) -> None:
    create(eks, RUNNER)
    associate(eks, RUNNER, VIEW, {"type": "cluster"})
    eks.describe_access_entry(clusterName="demo", principalArn=RUNNER)
    operator = f"arn:aws:sts::{HOME}:assumed-role/operator/lab"
    assert [(effect.n, effect.who, effect.operation) for effect in lab.world.effects.all()] == [
        (1, operator, "eks:CreateAccessEntry"),
        (2, operator, "eks:AssociateAccessPolicy"),
    ]
    assert lab.world.effects.all()[0].detail["principalArn"] == RUNNER
