"""An organization in moto: accounts in units, with tags, and clusters in them. Names are the tests'
handles.
"""

from collections.abc import Mapping
from typing import Any

import boto3
from moto.sts.models import sts_backends

REGION = "eu-central-1"


class MotoOrganization:
    """Made inside ``moto_aws``; the caller is the management account."""

    def __init__(self) -> None:
        self.client = boto3.client("organizations", region_name="us-east-1")
        self.client.create_organization(FeatureSet="ALL")
        self.root = self.client.list_roots()["Roots"][0]["Id"]
        self.units: dict[str, str] = {"/": self.root}
        self.ids: dict[str, str] = {}
        self.management = boto3.client("sts", region_name=REGION).get_caller_identity()["Account"]

    def unit(self, path: str) -> str:
        """The id of a unit, made with those above it."""
        if path not in self.units:
            parent, _, name = path.rpartition("/")
            made = self.client.create_organizational_unit(
                ParentId=self.unit(parent or "/"), Name=name
            )
            self.units[path] = made["OrganizationalUnit"]["Id"]
        return self.units[path]

    def account(self, name: str, unit: str = "/", tags: Mapping[str, str] | None = None) -> str:
        """A new account's id."""
        made = self.client.create_account(Email=f"{name}@example.com", AccountName=name)
        account = str(made["CreateAccountStatus"]["AccountId"])
        if unit != "/":
            to = self.unit(unit)
            self.client.move_account(
                AccountId=account, SourceParentId=self.root, DestinationParentId=to
            )
        if tags:
            self.client.tag_resource(
                ResourceId=account, Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
            )
        self.ids[name] = account
        return account

    def cluster(self, account: str, name: str, region: str = REGION) -> None:
        """A cluster in an account, made by a role of it."""
        role = f"arn:aws:iam::{self.ids[account]}:role/maker"
        keys = boto3.client("sts", region_name=region).assume_role(
            RoleArn=role, RoleSessionName="maker"
        )["Credentials"]
        eks = boto3.client(
            "eks",
            region_name=region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        eks.create_cluster(
            name=name, version="1.33", roleArn=role, resourcesVpcConfig={}, tags={"made": "here"}
        )


def assumed() -> list[tuple[str, str | None]]:
    """``(role, external id)`` of every role that was assumed, in order."""
    found: list[Any] = [
        role for account in sts_backends.values() for role in account["aws"].assumed_roles
    ]
    return [
        (role.role_arn, role.external_id) for role in found if not role.role_arn.endswith("/maker")
    ]
