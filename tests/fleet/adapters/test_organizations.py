"""Accounts of an organization (moto) and clusters of an account (the lab)."""

from collections.abc import Callable

import boto3
import pytest

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.tasks_threads import Threads
from migrator.errors import MigratorError
from migrator.fleet.adapters.organizations import Organization, clusters_of
from migrator.lab.worlds.faults import Fault
from tests.support.moto_aws import moto_aws
from tests.support.small_lab import CLUSTER, SmallLab
from tests.support.stubbed_aws import answering, stubbed_session

Start = Callable[..., SmallLab]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> AwsSession:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return AwsSession(boto3.Session(region_name="us-east-1"), run="r1")


@moto_aws()
def test_accounts_come_with_their_unit_and_tags(session: AwsSession) -> None:
    client = boto3.client("organizations", region_name="us-east-1")
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    workloads = client.create_organizational_unit(ParentId=root, Name="Workloads")[
        "OrganizationalUnit"
    ]["Id"]
    prod = client.create_organizational_unit(ParentId=workloads, Name="Prod")["OrganizationalUnit"][
        "Id"
    ]
    made = {}
    for name in ("one", "two"):
        status = client.create_account(Email=f"{name}@example.com", AccountName=name)[
            "CreateAccountStatus"
        ]
        made[name] = status["AccountId"]
    client.move_account(AccountId=made["two"], SourceParentId=root, DestinationParentId=prod)
    client.tag_resource(ResourceId=made["two"], Tags=[{"Key": "stage", "Value": "prod"}])
    accounts = {
        account["name"]: account for account in Organization(session, Threads(4)).accounts()
    }
    assert {"one", "two"} <= set(accounts)
    assert accounts["two"] == {
        "id": made["two"],
        "name": "two",
        "status": "ACTIVE",
        "organizationalUnit": "/Workloads/Prod",
        "tags": {"stage": "prod"},
    }
    assert accounts["one"]["organizationalUnit"] == "/"


@moto_aws()
def test_an_account_in_no_organization_is_told(session: AwsSession) -> None:
    with pytest.raises(MigratorError) as caught:
        Organization(session, Threads(1)).accounts()
    assert caught.value.code == "no-organization"


def test_tags_that_may_not_be_read_are_missing_and_not_empty() -> None:
    session = stubbed_session()
    with answering(session, "organizations") as stub:
        stub.add_response("list_roots", {"Roots": [{"Id": "r-1"}]})
        stub.add_response("list_organizational_units_for_parent", {"OrganizationalUnits": []})
        stub.add_response(
            "list_accounts_for_parent",
            {"Accounts": [{"Id": "111122223333", "Status": "SUSPENDED"}]},
        )
        stub.add_client_error("list_tags_for_resource", "AccessDeniedException", "no")
        (account,) = Organization(session, Threads(1)).accounts()
    assert "tags" not in account
    assert account["status"] == "SUSPENDED"


def test_clusters_are_listed_to_the_last_page_and_described(start_lab: Start) -> None:
    lab = start_lab()
    lab.lab.world.faults.add(Fault("eks:ListClusters", "partial-page", page_size=1))
    assert [cluster["name"] for cluster in clusters_of(lab.session, lab.tasks)] == [CLUSTER]
    assert clusters_of(lab.session.in_region("us-east-1"), lab.tasks) == []


def test_a_region_shares_the_identity_and_its_credentials(start_lab: Start) -> None:
    session = start_lab().session
    other = session.in_region("us-east-1")
    assert other.region == "us-east-1"
    assert session.in_region(str(session.region)) is session
    assert other.keys() == session.keys()
    assert other.caller_identity() == session.caller_identity()
