"""Names and words that every report on a fleet uses."""

import re
from collections.abc import Iterable

from migrator.fleet.model.fleet import Inventory
from migrator.model.principal import last_part


def short_principal(arn: str) -> str:
    """``ACCOUNT:role/path/name``; anything that is no ARN as it is."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return arn
    return f"{parts[4]}:{parts[5]}"


def resource_of(arn: str) -> str:
    """``role/path/name``, which is the same in every account; anything that is no ARN as it is."""
    return arn.split(":", 5)[-1]


def accounts_line(inventory: Inventory) -> str:
    """``40 accounts expected, 35 answered``."""
    return f"{inventory.expected} accounts expected, {inventory.answered} answered"


def count_of(number: int, thing: str) -> str:
    """``1 cluster``, ``1,000 clusters``."""
    if number == 1:
        return f"1 {thing}"
    return f"{number:,} {thing}s"


def some(names: Iterable[str], most: int) -> tuple[tuple[str, ...], int]:
    """The first ones, and how many are left out."""
    found = tuple(names)
    return found[:most], max(len(found) - most, 0)


def without_place(text: str, arn: str) -> str:
    """A text without its cluster's name, account and Region: equal where only these differ."""
    plain = without_name(text, arn)
    parts = arn.split(":")
    if len(parts) != 6 or not parts[3] or not parts[4]:
        return plain
    return plain.replace(parts[4], "ACCOUNT").replace(parts[3], "REGION")


def without_name(text: str, arn: str) -> str:
    """A message without its cluster's own name, so that equal reasons look equal."""
    name = last_part(arn)
    if not name:
        return text
    plain = text.replace(arn, "the cluster")
    # The name may follow the word: `(cluster orders in eu-central-1)`.
    named = rf"\b(?:the )?cluster {re.escape(name)}(?![\w-])"
    return re.sub(named, "the cluster", plain).replace(f" {name} ", " the cluster ")
