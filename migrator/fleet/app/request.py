"""What every command over a fleet is asked with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrator.fleet.app.asked import Asked
from migrator.fleet.model.fleet import FleetFile


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRequest:
    """``file``: which accounts and clusters. ``asked``: which of them, how many concurrently, by
    whom. ``decisions``: the document of a fleet's decisions.yaml; None: no such file was named.
    """

    file: FleetFile
    asked: Asked = field(default_factory=Asked)
    decisions: Mapping[str, Any] | None = None
