"""Accounts of an AWS organization, and the clusters of an account: what a fleet is discovered from.

Source: AWS Organizations API reference. Everything is read from the management account or a
delegated administrator.
"""

from typing import Any

from migrator.adapters.aws_session import AwsSession, jsonable
from migrator.errors import MigratorError
from migrator.ports import Raw, TaskRunner


class Organization:
    """Reads the tree of an organization. ``tasks`` bounds how many calls run concurrently."""

    def __init__(self, session: AwsSession, tasks: TaskRunner) -> None:
        self._session = session
        self._tasks = tasks

    def accounts(self) -> list[Raw]:
        """Every account: ``{id, name, status, organizationalUnit, tags}``, ordered by id.

        ``organizationalUnit`` is the path of names below the root (``/Workloads/Prod``); ``tags``
        is missing where they may not be read. Raises ``iam-denied``, and ``no-organization``
        outside of one.
        """
        roots = [(root["Id"], "") for root in self._pages("list_roots", "Roots")]
        found: list[dict[str, Any]] = []
        level = roots
        while level:  # breadth first: each level of the tree is read concurrently
            read = self._tasks.map(self._children, level)
            level = [unit for units, _ in read for unit in units]
            found += [account for _, accounts in read for account in accounts]
        tags = self._tasks.map(self._tags, [account["id"] for account in found])
        for account, labels in zip(found, tags, strict=True):
            if labels is not None:
                account["tags"] = labels
        return sorted(found, key=lambda account: str(account["id"]))

    def _children(
        self, parent: tuple[str, str]
    ) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
        """``(organizational units below, accounts in)`` one parent, given as id and path."""
        parent_id, path = parent
        units = self._pages(
            "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent_id
        )
        accounts = self._pages("list_accounts_for_parent", "Accounts", ParentId=parent_id)
        return [(unit["Id"], f"{path}/{unit['Name']}") for unit in units], [
            {
                "id": account["Id"],
                "name": account.get("Name", ""),
                "status": account.get("State") or account.get("Status", ""),
                "organizationalUnit": path or "/",
            }
            for account in accounts
        ]

    def _tags(self, account: str) -> dict[str, str] | None:
        """The tags of an account; None where they may not be read, which is not the same as
        none.
        """
        try:
            tags = self._pages("list_tags_for_resource", "Tags", ResourceId=account)
        except MigratorError as error:
            if error.code == "iam-denied":
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in tags}

    def _pages(self, method: str, key: str, **parameters: str) -> list[Any]:
        return self._session.pages(
            "organizations", method, key, subject="the organization", **parameters
        )


def clusters_of(session: AwsSession, tasks: TaskRunner) -> list[Raw]:
    """DescribeCluster ``.cluster`` of every cluster in the session's account and Region, in the
    order of names.

    Raises ``iam-denied``, ``region-disabled``, ``aws-unreachable``: an account that cannot be read
    is not empty.
    """
    where = f"clusters in {session.region}"
    names = sorted(session.pages("eks", "list_clusters", "clusters", subject=where))

    def describe(name: str) -> Raw | None:
        """One cluster; None for one that was deleted after the listing."""
        try:
            found: Raw = jsonable(
                session.call("eks", "describe_cluster", subject=name, name=name)["cluster"]
            )
        except MigratorError as error:
            if error.code == "cluster-not-found":
                return None
            raise
        return found

    return [cluster for cluster in tasks.map(describe, names) if cluster is not None]
