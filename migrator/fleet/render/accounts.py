"""The accounts of an inventory as an accounts file that Cloud Custodian's c7n-org reads, and so do
we.
"""

from typing import Any

from migrator.fleet.model.fleet import FleetAccount, Inventory


def accounts_document(inventory: Inventory) -> dict[str, Any]:
    """``{accounts: [...]}``. Accounts that are the caller's own have no way in to write down, and
    are left out.
    """
    reachable = [each for each in inventory.accounts if each.roles or each.profile]
    return {"accounts": [_account(each) for each in reachable]}


def _account(account: FleetAccount) -> dict[str, Any]:
    """One account as c7n-org writes it: tags are ``key:value``, the unit is a tag ``path``, and a
    chain of roles is a list.
    """
    item: dict[str, Any] = {
        "account_id": account.id,
        "name": account.name or account.id,
        "regions": list(account.regions),
        "tags": [f"{key}:{value}" for key, value in sorted(account.tags.items())],
    }
    if account.unit:
        item["tags"].append(f"path:{account.unit}")
    if account.profile:
        item["profile"] = account.profile
        return item
    arns = [link.arn for link in account.roles]
    item["role"] = arns[0] if len(arns) == 1 else arns
    # c7n-org gives one external id with every role of a chain.
    ids = {link.external_id for link in account.roles if link.external_id}
    if len(ids) == 1:
        item["external_id"] = ids.pop()
    return item
