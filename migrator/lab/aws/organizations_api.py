"""AWS Organizations: the tree of units and the accounts in it, as the management account reads it.

Source: AWS Organizations API reference. An account of the world without a unit is no member; a
world without a management account is no organization.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.errors import AwsError, CommonError
from migrator.lab.worlds.principals import Account, make_id

ROOT = "r-lab1"
_JOINED = datetime(2024, 3, 1, 9, 0, tzinfo=timezone.utc)


def list_roots(call: Call) -> Mapping[str, Any]:
    """ListRoots: an organization has one root."""
    _refuse_others(call)
    arn = f"arn:aws:organizations::{_management(call)}:root/{_id(call)}/{ROOT}"
    return {"Roots": [{"Id": ROOT, "Arn": arn, "Name": "Root", "PolicyTypes": []}]}


def list_units(call: Call) -> Mapping[str, Any]:
    """ListOrganizationalUnitsForParent: the units directly below a root or unit. Raises
    ParentNotFoundException.
    """
    _refuse_others(call)
    above = _parent(call)
    below = [unit for unit in _units(call) if unit.rpartition("/")[0] == above]
    page, token = call.page(below, str, default=20)
    found = [_unit(call, unit) for unit in page]
    return {"OrganizationalUnits": found, **({"NextToken": token} if token else {})}


def list_accounts(call: Call) -> Mapping[str, Any]:
    """ListAccountsForParent: the accounts directly in a root or unit. Raises
    ParentNotFoundException.
    """
    _refuse_others(call)
    above = _parent(call)
    inside = [each for each in _members(call) if str(each.unit).rstrip("/") == above]
    page, token = call.page(inside, lambda account: account.id, default=20)
    found = [_account(call, account) for account in page]
    return {"Accounts": found, **({"NextToken": token} if token else {})}


def list_tags(call: Call) -> Mapping[str, Any]:
    """ListTagsForResource of an account. Raises TargetNotFoundException."""
    _refuse_others(call)
    wanted = str(call.need("ResourceId"))
    found = next((each for each in _members(call) if each.id == wanted), None)
    if found is None:
        raise AwsError("TargetNotFoundException", "We can't find the target that you specified.")
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(found.tags.items())]}


def _management(call: Call) -> str:
    return str(call.world.settings.management_account)


def _refuse_others(call: Call) -> None:
    """Raises AWSOrganizationsNotInUseException outside of an organization, and a denial for every
    account but the management account.
    """
    if call.world.settings.management_account is None or call.account.unit is None:
        raise AwsError(
            "AWSOrganizationsNotInUseException", "Your account is not a member of an organization."
        )
    if call.caller.account != _management(call):
        raise CommonError("denied", "You don't have permissions to access this resource.")


def _members(call: Call) -> Iterable[Account]:
    """The accounts of the organization, in the order of their numbers."""
    accounts = call.world.accounts
    return (accounts[number] for number in sorted(accounts) if accounts[number].unit is not None)


def _units(call: Call) -> list[str]:
    """Paths of all units: those that accounts are in, and those above them."""
    found: set[str] = set()
    for account in _members(call):
        parts = str(account.unit).strip("/").split("/")
        found |= {"/" + "/".join(parts[: count + 1]) for count in range(len(parts)) if parts[0]}
    return sorted(found)


def _parent(call: Call) -> str:
    """The path of the root (empty) or unit that a call names. Raises ParentNotFoundException."""
    wanted = str(call.need("ParentId"))
    known = {ROOT: "", **{_unit_id(unit): unit for unit in _units(call)}}
    if wanted not in known:
        raise AwsError("ParentNotFoundException", "We can't find the parent that you specified.")
    return known[wanted]


def _id(call: Call) -> str:
    return "o-" + make_id("", _management(call)).lower()[:10]


def _unit_id(path: str) -> str:
    return f"ou-lab1-{make_id('', path).lower()[:8]}"


def _unit(call: Call, path: str) -> dict[str, Any]:
    unit = _unit_id(path)
    arn = f"arn:aws:organizations::{_management(call)}:ou/{_id(call)}/{unit}"
    return {"Id": unit, "Arn": arn, "Name": path.rpartition("/")[2]}


def _account(call: Call, account: Account) -> dict[str, Any]:
    arn = f"arn:aws:organizations::{_management(call)}:account/{_id(call)}/{account.id}"
    return {
        "Id": account.id,
        "Arn": arn,
        "Email": f"{account.id}@example.com",
        "Name": account.name or account.id,
        "Status": account.status,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": _JOINED,
    }


OPERATIONS: Mapping[str, Handler] = {
    "ListRoots": list_roots,
    "ListOrganizationalUnitsForParent": list_units,
    "ListAccountsForParent": list_accounts,
    "ListTagsForResource": list_tags,
}
