"""AWS Organizations of the lab: the tree that discovery reads, and who may read it."""

import pytest
from botocore.exceptions import ClientError

from migrator.lab.server import Lab
from migrator.lab.worlds.world_files import build_world
from tests.support.aws_lab import client

MANAGEMENT, TEAM, LONER = "123456789012", "111122223333", "444455556666"


def role(account: str) -> str:
    return f"arn:aws:iam::{account}:role/reader"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    units = {MANAGEMENT: "/", TEAM: "/Workloads/Prod", LONER: None}
    accounts = [
        {
            "id": number,
            "name": f"a{number}",
            "roles": [{"name": "reader"}],
            **({"unit": unit, "tags": {"stage": "prod"}} if unit else {}),
        }
        for number, unit in units.items()
    ]
    world = build_world({"managementAccount": MANAGEMENT, "accounts": accounts})
    lab = Lab(world, tmp_path_factory.mktemp("lab"))
    lab.start()
    return lab


def test_tree_is_read_from_its_root(lab: Lab) -> None:
    organizations = client(lab, "organizations", role(MANAGEMENT))
    (root,) = organizations.list_roots()["Roots"]

    def below(parent: str) -> tuple[list[str], list[dict[str, str]]]:
        accounts = organizations.list_accounts_for_parent(ParentId=parent)["Accounts"]
        units = organizations.list_organizational_units_for_parent(ParentId=parent)
        return [each["Id"] for each in accounts], units["OrganizationalUnits"]

    accounts, (workloads,) = below(root["Id"])
    assert (accounts, workloads["Name"]) == ([MANAGEMENT], "Workloads")
    accounts, (prod,) = below(workloads["Id"])
    assert (accounts, prod["Name"]) == ([], "Prod")
    assert below(prod["Id"]) == ([TEAM], [])
    tags = organizations.list_tags_for_resource(ResourceId=TEAM)["Tags"]
    assert tags == [{"Key": "stage", "Value": "prod"}]


@pytest.mark.parametrize(
    ("account", "code"),
    [(TEAM, "AccessDeniedException"), (LONER, "AWSOrganizationsNotInUseException")],
)
def test_others_than_the_management_account_are_refused(lab: Lab, account: str, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        client(lab, "organizations", role(account)).list_roots()
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("list_accounts_for_parent", {"ParentId": "ou-lab1-00000000"}, "ParentNotFoundException"),
        ("list_tags_for_resource", {"ResourceId": LONER}, "TargetNotFoundException"),
    ],
)
def test_what_is_not_there_is_not_found(
    lab: Lab, operation: str, parameters: dict[str, str], code: str
) -> None:
    organizations = client(lab, "organizations", role(MANAGEMENT))
    with pytest.raises(ClientError) as refused:
        getattr(organizations, operation)(**parameters)
    assert refused.value.response["Error"]["Code"] == code
