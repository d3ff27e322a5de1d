"""The options of a command on a plan as fields of its request: for one cluster and for many."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from migrator.app.on_plan import OnPlan
from migrator.cli.answers import ways_given
from migrator.cli.options import canary_image


def request_fields(request: type[OnPlan], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that click's parameters give: an option has the name of the field that it sets."""
    found = {**given}
    if "become" in given:
        found["become"] = ways_given(given["become"])
    if "canary_pods" in given:
        found["canary_image"] = canary_image(given)
    names = {each.name for each in fields(request)}
    return {name: value for name, value in found.items() if name in names}
