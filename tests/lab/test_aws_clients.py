"""boto3's own retries, waiters and paginators against injected faults: as many calls as botocore
says it makes.

The numbers are botocore's documented ones ("Retries" in boto3's guide): standard and adaptive mode
make three attempts in all, legacy mode five. Calls are counted by the lab, over its control API,
never by the client.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError, WaiterError

from migrator.lab.lab_client import control
from migrator.lab.server import Lab
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.lab_cluster import LabCluster
from tests.support.aws_lab import (
    HOME,
    REGION,
    RUNNER,
    VIEW,
    Client,
    client,
    demo,
    serving,
    small_world,
)
from tests.support.aws_lab import switch_to_entries as switch

ATTEMPTS = {"legacy": 5, "standard": 3, "adaptive": 3}
RETRYING: dict[str, Any] = {"retries": {"mode": "standard"}}
GROUP = "/aws/eks/demo/cluster"
FAST = {"Delay": 0.05, "MaxAttempts": 40}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(), tmp_path) as running:
        yield running


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What botocore would have slept between attempts, in seconds: it is asked for and not
    slept.
    """
    waited: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=waited.append))
    return waited


def inject(place: Path, operation: str, kind: str, **settings: object) -> None:
    control(
        place, "POST", "fault", {"clear": True, "operation": operation, "kind": kind, **settings}
    )


def calls(place: Path) -> int:
    """How many calls matched the last fault that was injected."""
    seen: int = control(place, "GET", "fault")["faults"][-1]["seen"]
    return seen


def effects(place: Path, operation: str) -> int:
    found = control(place, "GET", "effects")["effects"]
    return sum(effect["operation"] == operation for effect in found)


def error(call: Client, **params: object) -> dict[str, Any]:
    with pytest.raises(ClientError) as refusal:
        call(**params)
    response: dict[str, Any] = refusal.value.response
    return response


# retries

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "throttled": ({"kind": "throttle"}, "ThrottlingException"),
    "internal error": ({"kind": "error", "status": 500}, "ServerException"),
    "unavailable": ({"kind": "error", "status": 503}, "ServiceUnavailableException"),
}


@pytest.mark.parametrize("mode", ["legacy", "standard"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_lasting_fault_is_given_up_after_the_attempts_of_the_mode(
    lab: Lab, tmp_path: Path, delays: list[float], mode: str, fault: str
) -> None:
    settings, code = FAULTS[fault]
    inject(tmp_path, "eks:ListClusters", **settings)
    response = error(client(lab, "eks", retries={"mode": mode}).list_clusters)
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["RetryAttempts"] == ATTEMPTS[mode] - 1
    assert response["ResponseMetadata"]["MaxAttemptsReached"] is True
    assert (calls(tmp_path), len(delays)) == (ATTEMPTS[mode], ATTEMPTS[mode] - 1)


def test_adaptive_mode_makes_three_attempts_too(
    lab: Lab, tmp_path: Path, delays: list[float]
) -> None:
    inject(tmp_path, "eks:ListClusters", "throttle")
    response = error(client(lab, "eks", retries={"mode": "adaptive"}).list_clusters)
    assert (response["Error"]["Code"], calls(tmp_path)) == (
        "ThrottlingException",
        ATTEMPTS["adaptive"],
    )


@pytest.mark.parametrize("mode", ["legacy", "standard"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_ends_before_the_last_attempt_is_not_seen(
    lab: Lab, tmp_path: Path, delays: list[float], mode: str, fault: str
) -> None:
    last = ATTEMPTS[mode]
    inject(tmp_path, "eks:ListClusters", **FAULTS[fault][0], times=last - 1)
    answer = client(lab, "eks", retries={"mode": mode}).list_clusters()
    assert (answer["clusters"], calls(tmp_path)) == (["demo"], last)
    assert answer["ResponseMetadata"]["RetryAttempts"] == last - 1


@pytest.mark.parametrize(
    ("service", "operation", "call"),
    [
        ("sts", "GetCallerIdentity", "get_caller_identity"),
        ("iam", "ListRoles", "list_roles"),
        ("ec2", "DescribeRegions", "describe_regions"),
        ("logs", "DescribeLogGroups", "describe_log_groups"),
    ],
)
@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_every_services_own_throttling_error_is_retried(
    lab: Lab,
    tmp_path: Path,
    delays: list[float],
    mode: str,
    service: str,
    operation: str,
    call: str,
) -> None:
    inject(tmp_path, f"{service}:{operation}", "throttle")
    error(getattr(client(lab, service, retries={"mode": mode}), call))
    assert calls(tmp_path) == ATTEMPTS[mode]


def test_the_time_that_a_throttled_client_is_told_to_wait_is_waited(
    lab: Lab, tmp_path: Path, delays: list[float]
) -> None:
    """Without it, a first wait is of at most one second and a second of at most two."""
    eks = client(lab, "eks", **RETRYING)
    inject(tmp_path, "eks:ListClusters", "throttle", times=2, retry_after=4)
    eks.list_clusters()
    assert delays == [4, 4]
    delays.clear()
    inject(tmp_path, "eks:ListClusters", "throttle", times=2)
    eks.list_clusters()
    assert [0 <= waited <= most for waited, most in zip(delays, (1, 2), strict=True)] == [
        True,
        True,
    ]


def test_a_reset_connection_is_retried_and_nothing_was_done_in_vain(
    lab: Lab, tmp_path: Path, delays: list[float]
) -> None:
    switch(lab)
    inject(tmp_path, "eks:CreateAccessEntry", "reset")
    eks = client(lab, "eks", **RETRYING)
    with pytest.raises(ConnectionClosedError):
        eks.create_access_entry(clusterName="demo", principalArn=RUNNER)
    assert (calls(tmp_path), effects(tmp_path, "eks:CreateAccessEntry")) == (3, 0)
    inject(tmp_path, "eks:CreateAccessEntry", "reset", times=2)
    eks.create_access_entry(clusterName="demo", principalArn=RUNNER)
    assert (calls(tmp_path), effects(tmp_path, "eks:CreateAccessEntry")) == (3, 1)


def test_a_time_out_is_retried_as_often_as_an_error(
    lab: Lab, tmp_path: Path, delays: list[float]
) -> None:
    inject(tmp_path, "eks:ListClusters", "lost-answer", seconds=1)
    with pytest.raises(ReadTimeoutError):
        client(lab, "eks", read_timeout=0.1, **RETRYING).list_clusters()
    assert calls(tmp_path) == 3


@pytest.mark.parametrize("mode", ["legacy", "standard"])
@pytest.mark.parametrize(
    ("operation", "call", "params"),
    [
        (
            "CreateAccessEntry",
            "create_access_entry",
            {"clusterName": "demo", "principalArn": RUNNER},
        ),
        (
            "UpdateClusterConfig",
            "update_cluster_config",
            {"name": "demo", "accessConfig": {"authenticationMode": "API"}},
        ),
    ],
)
def test_a_request_with_a_token_of_its_own_is_done_once_however_often_its_answer_is_lost(
    lab: Lab,
    tmp_path: Path,
    delays: list[float],
    mode: str,
    operation: str,
    call: str,
    params: dict[str, Any],
) -> None:
    switch(lab)
    before = effects(tmp_path, f"eks:{operation}")
    inject(tmp_path, f"eks:{operation}", "lost-answer", times=ATTEMPTS[mode] - 1)
    getattr(client(lab, "eks", retries={"mode": mode}), call)(**params)
    assert calls(tmp_path) == ATTEMPTS[mode]
    assert effects(tmp_path, f"eks:{operation}") == before + 1


def test_deleting_again_after_a_lost_answer_finds_nothing(
    lab: Lab, tmp_path: Path, delays: list[float]
) -> None:
    switch(lab)
    eks = client(lab, "eks", **RETRYING)
    eks.create_access_entry(clusterName="demo", principalArn=RUNNER)
    inject(tmp_path, "eks:DeleteAccessEntry", "lost-answer", times=1)
    response = error(eks.delete_access_entry, clusterName="demo", principalArn=RUNNER)
    assert response["Error"]["Code"] == "ResourceNotFoundException"
    assert (calls(tmp_path), effects(tmp_path, "eks:DeleteAccessEntry")) == (2, 1)


def test_associating_again_after_a_lost_answer_changes_nothing(
    lab: Lab, tmp_path: Path, delays: list[float]
) -> None:
    switch(lab)
    eks = client(lab, "eks", **RETRYING)
    eks.create_access_entry(clusterName="demo", principalArn=RUNNER)
    inject(tmp_path, "eks:AssociateAccessPolicy", "lost-answer", times=1)
    scope = {"type": "namespace", "namespaces": ["a"]}
    eks.associate_access_policy(
        clusterName="demo", principalArn=RUNNER, policyArn=VIEW, accessScope=scope
    )
    found = eks.list_associated_access_policies(clusterName="demo", principalArn=RUNNER)[
        "associatedAccessPolicies"
    ]
    assert [(item["policyArn"], item["accessScope"]) for item in found] == [(VIEW, scope)]
    assert calls(tmp_path) == 2


def test_a_role_whose_answer_was_lost_exists_for_the_retry(
    lab: Lab, tmp_path: Path, delays: list[float]
) -> None:
    inject(tmp_path, "iam:CreateRole", "lost-answer", times=1)
    create = client(lab, "iam", **RETRYING).create_role
    response = error(create, RoleName="new", AssumeRolePolicyDocument='{"Statement": []}')
    assert (response["Error"]["Code"], effects(tmp_path, "iam:CreateRole")) == (
        "EntityAlreadyExists",
        1,
    )


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_expired_credentials_are_never_tried_again(lab: Lab, tmp_path: Path, mode: str) -> None:
    inject(tmp_path, "*", "expired-credentials")
    for service, call, code in (
        ("eks", "list_clusters", "ExpiredTokenException"),
        ("iam", "list_roles", "ExpiredToken"),
        ("ec2", "describe_regions", "RequestExpired"),
    ):
        assert (
            error(getattr(client(lab, service, retries={"mode": mode}), call))["Error"]["Code"]
            == code
        )
    assert calls(tmp_path) == 3


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_what_is_refused_for_its_own_sake_is_asked_once(
    lab: Lab, tmp_path: Path, mode: str
) -> None:
    inject(tmp_path, "eks:*", "latency")
    eks = client(lab, "eks", retries={"mode": mode})
    error(eks.list_access_entries, clusterName="demo")  # the mode
    error(eks.describe_cluster, name="none")
    error(eks.create_access_entry, clusterName="demo", principalArn=RUNNER, username="system:x")
    assert calls(tmp_path) == 3


def test_a_conflict_is_not_retried(lab: Lab, tmp_path: Path) -> None:
    switch(lab)
    eks = client(lab, "eks", **RETRYING)
    eks.create_access_entry(clusterName="demo", principalArn=RUNNER)
    inject(tmp_path, "eks:*", "latency")
    assert error(eks.create_access_entry, clusterName="demo", principalArn=RUNNER)[
        "ResponseMetadata"
    ] | {
        "HTTPHeaders": {},
        "RequestId": "",
    } == {"HTTPStatusCode": 409, "RetryAttempts": 0, "HTTPHeaders": {}, "RequestId": ""}
    assert calls(tmp_path) == 1


# waiters


def wait(lab: Lab, name: str, params: Mapping[str, str], **settings: Any) -> None:  # noqa: ANN401 - botocore's Config
    eks = client(lab, "eks", **settings)
    eks.get_waiter(name).wait(**params, WaiterConfig=FAST)


def test_the_cluster_waiter_asks_until_the_update_is_over_and_no_longer(
    lab: Lab, tmp_path: Path
) -> None:
    demo(lab.world).update_duration = timedelta(seconds=60)
    lab.world.clock.freeze()
    eks = client(lab, "eks")
    eks.update_cluster_config(
        name="demo", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"}
    )
    inject(tmp_path, "eks:DescribeCluster", "latency")
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        eks.get_waiter("cluster_active").wait(
            name="demo", WaiterConfig={"Delay": 0.01, "MaxAttempts": 4}
        )
    assert calls(tmp_path) == 4
    lab.world.clock.advance(timedelta(seconds=60))
    wait(lab, "cluster_active", {"name": "demo"})
    assert calls(tmp_path) == 5


@pytest.mark.parametrize("status", ["DELETING", "FAILED"])
def test_the_cluster_waiter_gives_up_at_once_where_there_is_no_hope(
    lab: Lab, tmp_path: Path, status: str
) -> None:
    demo(lab.world).status_override = status
    inject(tmp_path, "eks:DescribeCluster", "latency")
    with pytest.raises(WaiterError, match="terminal failure state"):
        wait(lab, "cluster_active", {"name": "demo"})
    assert calls(tmp_path) == 1


def test_the_cluster_waiter_is_content_with_an_update_that_failed(lab: Lab, tmp_path: Path) -> None:
    """It looks at the cluster, which is ACTIVE again: whoever switches modes must look at the
    update.
    """
    lab.world.clock.freeze()
    eks = client(lab, "eks")
    inject(tmp_path, "eks:UpdateClusterConfig", "update-fails", outcome="Failed")
    wanted = {"authenticationMode": "API_AND_CONFIG_MAP"}
    update = eks.update_cluster_config(name="demo", accessConfig=wanted)["update"]
    assert (update["status"], update["errors"]) == ("InProgress", [])
    lab.world.clock.advance(timedelta(seconds=5))
    wait(lab, "cluster_active", {"name": "demo"})
    ended = eks.describe_update(name="demo", updateId=update["id"])["update"]
    assert (ended["status"], [found["errorCode"] for found in ended["errors"]]) == (
        "Failed",
        ["Unknown"],
    )
    assert (
        eks.describe_cluster(name="demo")["cluster"]["accessConfig"]["authenticationMode"]
        == "CONFIG_MAP"
    )


def test_a_stale_read_fools_the_cluster_waiter(lab: Lab, tmp_path: Path) -> None:
    lab.world.clock.freeze()
    eks = client(lab, "eks")
    lab.world.clock.advance(timedelta(seconds=30))
    eks.update_cluster_config(
        name="demo", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"}
    )
    inject(tmp_path, "eks:DescribeCluster", "stale-read", times=1, seconds=1)
    wait(lab, "cluster_active", {"name": "demo"})  # the cluster as it was before
    assert eks.describe_cluster(name="demo")["cluster"]["status"] == "UPDATING"


def test_a_waiters_client_retries_what_fails_on_the_way(
    lab: Lab, tmp_path: Path, delays: list[float]
) -> None:
    inject(tmp_path, "eks:DescribeCluster", "error", status=503, times=2)
    wait(lab, "cluster_active", {"name": "demo"}, **RETRYING)
    assert calls(tmp_path) == 3
    inject(tmp_path, "eks:DescribeCluster", "throttle", times=1)
    with pytest.raises(WaiterError, match="Rate exceeded"):
        wait(lab, "cluster_active", {"name": "demo"})  # this one makes a single attempt


WAITED: dict[str, tuple[str, str, str]] = {
    "nodegroup": ("nodegroups", "nodegroupName", "DescribeNodegroup"),
    "fargate_profile": ("fargate_profiles", "fargateProfileName", "DescribeFargateProfile"),
}


@pytest.mark.parametrize("kind", WAITED)
def test_node_groups_and_profiles_are_waited_for(lab: Lab, tmp_path: Path, kind: str) -> None:
    held, parameter, operation = WAITED[kind]
    things: dict[str, dict[str, Any]] = getattr(demo(lab.world), held)
    params = {"clusterName": "demo", parameter: "x"}
    things["x"] = {"status": "CREATING"}
    inject(tmp_path, f"eks:{operation}", "latency")
    eks = client(lab, "eks")
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        eks.get_waiter(f"{kind}_active").wait(
            **params, WaiterConfig={"Delay": 0.01, "MaxAttempts": 3}
        )
    assert calls(tmp_path) == 3
    things["x"] = {"status": "ACTIVE"}
    wait(lab, f"{kind}_active", params)
    things["x"] = {"status": "CREATE_FAILED"}
    with pytest.raises(WaiterError, match="terminal failure state"):
        wait(lab, f"{kind}_active", params)
    things["x"] = {"status": "DELETE_FAILED"}
    with pytest.raises(WaiterError, match="terminal failure state"):
        wait(lab, f"{kind}_deleted", params)
    del things["x"]
    wait(lab, f"{kind}_deleted", params)
    assert calls(tmp_path) == 7


def test_a_cluster_that_is_gone_was_deleted(lab: Lab) -> None:
    with pytest.raises(WaiterError):
        wait(lab, "cluster_deleted", {"name": "demo"})
    lab.world.clusters.clear()
    wait(lab, "cluster_deleted", {"name": "demo"})


# paginators


def many_entries(lab: Lab) -> set[str]:
    switch(lab)
    eks, iam = client(lab, "eks"), client(lab, "iam")
    for number in range(5):
        arn = iam.create_role(RoleName=f"r{number}", AssumeRolePolicyDocument='{"Statement": []}')[
            "Role"
        ]["Arn"]
        eks.create_access_entry(clusterName="demo", principalArn=arn)
    return set(demo(lab.world).entries(lab.world.now()))


def many_policies(lab: Lab) -> set[str]:
    switch(lab)
    eks = client(lab, "eks")
    eks.create_access_entry(clusterName="demo", principalArn=RUNNER)
    names = ("Admin", "Edit", "View", "AdminView", "ClusterAdmin")
    arns = {f"arn:aws:eks::aws:cluster-access-policy/AmazonEKS{name}Policy" for name in names}
    for arn in arns:
        eks.associate_access_policy(
            clusterName="demo", principalArn=RUNNER, policyArn=arn, accessScope={"type": "cluster"}
        )
    return arns


def many_clusters(lab: Lab) -> set[str]:
    for number in range(5):
        long_ago = datetime(2024, 1, 1, tzinfo=timezone.utc)
        lab.world.add_cluster(
            LabCluster(f"c{number}", HOME, REGION, "aws", "CONFIG_MAP", None, long_ago)
        )
    return {"demo", *(f"c{number}" for number in range(5))}


def many_updates(lab: Lab) -> set[str]:
    eks, found = client(lab, "eks"), set()
    for private in (True, False, True, False):
        wanted = {"endpointPublicAccess": True, "endpointPrivateAccess": private}
        found.add(eks.update_cluster_config(name="demo", resourcesVpcConfig=wanted)["update"]["id"])
        lab.world.clock.advance(timedelta(seconds=5))
    return found


def many_nodegroups(lab: Lab) -> set[str]:
    demo(lab.world).nodegroups |= {f"n{number}": {} for number in range(4)}
    return set(demo(lab.world).nodegroups)


def many_users(lab: Lab) -> set[str]:
    for number in range(4):
        client(lab, "iam").create_user(UserName=f"u{number}")
    return {user["UserName"] for user in client(lab, "iam").list_users()["Users"]}


def all_roles(lab: Lab) -> set[str]:
    return {role["RoleName"] for role in client(lab, "iam").list_roles()["Roles"]}


def all_policies(lab: Lab) -> set[str]:
    found = client(lab, "eks").list_access_policies()
    assert "nextToken" not in found
    return {policy["arn"] for policy in found["accessPolicies"]}


def many_lines(lab: Lab) -> set[str]:
    for number in range(6):
        at = lab.world.now() - timedelta(seconds=60 - number)
        demo(lab.world).log("authenticator", f"line {number}", at)
    return {f"line {number}" for number in range(6)}


Setup = Callable[[Lab], set[str]]
PAGED: dict[str, tuple[str, str, str, str | None, dict[str, str], Setup]] = {
    "ListAccessEntries": (
        "eks", "list_access_entries", "accessEntries", None, {"clusterName": "demo"}, many_entries,
    ),
    "ListAssociatedAccessPolicies": (
        "eks", "list_associated_access_policies", "associatedAccessPolicies", "policyArn",
        {"clusterName": "demo", "principalArn": RUNNER}, many_policies,
    ),
    "ListAccessPolicies": ("eks", "list_access_policies", "accessPolicies", "arn", {}, all_policies),  # noqa: E501
    "ListClusters": ("eks", "list_clusters", "clusters", None, {}, many_clusters),
    "ListUpdates": ("eks", "list_updates", "updateIds", None, {"name": "demo"}, many_updates),
    "ListNodegroups": ("eks", "list_nodegroups", "nodegroups", None, {"clusterName": "demo"}, many_nodegroups),  # noqa: E501
    "ListRoles": ("iam", "list_roles", "Roles", "RoleName", {}, all_roles),
    "ListUsers": ("iam", "list_users", "Users", "UserName", {}, many_users),
    "FilterLogEvents": ("logs", "filter_log_events", "events", "message", {"logGroupName": GROUP}, many_lines),  # noqa: E501
}  # fmt: skip


def items(pages: Any, key: str, name: str | None) -> list[str]:  # noqa: ANN401 - boto3 has no types
    return [item[name] if name else item for page in pages for item in page[key]]


@pytest.mark.parametrize("operation", PAGED)
def test_a_paginator_gets_everything_once_over_partial_pages(
    lab: Lab, tmp_path: Path, delays: list[float], operation: str
) -> None:
    """Two items a page, a throttle on the second page and a lost answer on the third."""
    service, method, key, name, params, setup = PAGED[operation]
    wanted = setup(lab)
    inject(tmp_path, f"{service}:{operation}", "partial-page", page_size=2)
    lab.world.faults.add(Fault(f"{service}:{operation}", "throttle", skip=1, times=1))
    lab.world.faults.add(Fault(f"{service}:{operation}", "lost-answer", skip=3, times=1))
    pages = list(client(lab, service, **RETRYING).get_paginator(method).paginate(**params))
    found = items(pages, key, name)
    assert (len(found), set(found)) == (len(wanted), wanted)
    assert len(pages) == -(-len(wanted) // 2)
    repeated = 1 if len(pages) < 3 else 2
    assert calls(tmp_path) == len(pages) + repeated


@pytest.mark.parametrize("operation", PAGED)
def test_a_paginator_is_stopped_and_goes_on_where_it_was(lab: Lab, operation: str) -> None:
    service, method, key, name, params, setup = PAGED[operation]
    wanted = setup(lab)
    paginator = client(lab, service).get_paginator(method)
    found: list[str] = []
    token = None
    for _ in range(len(wanted)):
        config = {"MaxItems": 3, "PageSize": 2, "StartingToken": token}
        answer = paginator.paginate(**params, PaginationConfig=config).build_full_result()
        found += items([answer], key, name)
        token = answer.get("NextToken")
        if token is None:
            break
    assert (len(found), set(found)) == (len(wanted), wanted)


def test_an_empty_page_of_logs_is_not_the_end(lab: Lab, tmp_path: Path) -> None:
    """FilterLogEvents may answer nothing and a token while there are more events (API
    reference).
    """
    wanted = many_lines(lab)
    inject(tmp_path, "logs:FilterLogEvents", "partial-page", page_size=0, times=3)
    pages = list(
        client(lab, "logs").get_paginator("filter_log_events").paginate(logGroupName=GROUP)
    )
    assert [len(page["events"]) for page in pages] == [0, 0, 0, len(wanted)]
    assert set(items(pages, "events", "message")) == wanted


# schedules


def test_the_same_seed_meets_the_same_calls_over_the_wire(lab: Lab, tmp_path: Path) -> None:
    def outcomes(seed: int) -> list[bool]:
        inject(tmp_path, "eks:ListClusters", "throttle", probability=0.4, seed=seed)
        eks, found = client(lab, "eks"), []
        for _ in range(25):
            try:
                eks.list_clusters()
                found.append(False)
            except ClientError:
                found.append(True)
        return found

    first = outcomes(7)
    assert first == outcomes(7)
    assert first != outcomes(8)
    assert 0 < sum(first) < 25


@pytest.mark.parametrize("outcome", ["Failed", "Cancelled"])
def test_an_update_can_end_badly_by_order_over_the_wire(
    lab: Lab, tmp_path: Path, outcome: Literal["Failed", "Cancelled"]
) -> None:
    inject(tmp_path, "eks:UpdateClusterConfig", "update-fails", times=1, outcome=outcome)
    eks = client(lab, "eks")
    wanted = {"authenticationMode": "API_AND_CONFIG_MAP"}
    update = eks.update_cluster_config(name="demo", accessConfig=wanted)["update"]
    control(tmp_path, "POST", "clock", {"advance": 5})
    assert eks.describe_update(name="demo", updateId=update["id"])["update"]["status"] == outcome
    assert eks.list_updates(name="demo")["updateIds"] == [update["id"]]
    assert json.loads(update["params"][0]["value"]) == "API_AND_CONFIG_MAP"
