"""What holds for every command: credentials, the way to the cluster, and where state is kept.

This module is loaded for ``migrate --help``: it imports nothing of weight.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from migrator.errors import WrongUse
from migrator.model.state_folder import DEFAULT_STATE_DIR


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options. ``assume_role`` is a chain, in order, ``external_id`` what its roles ask
    for; ``reader_role`` are roles that read IAM of foreign accounts; ``output`` is how data is
    written on stdout. ``open_endpoint_for_me`` and ``source_address``: let this machine through
    ``publicAccessCidrs`` as long as the command runs.
    """

    profile: str | None = None
    region: str | None = None
    assume_role: tuple[str, ...] = ()
    external_id: tuple[str, ...] = ()
    reader_role: tuple[str, ...] = ()
    state_dir: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    proxy_url: str | None = None
    via: str | None = None
    open_endpoint_for_me: bool = False
    source_address: str | None = None
    output: str = "table"
    no_color: bool = False
    quiet: bool = False
    verbose: int = 0
    log_file: str | None = None
    log_format: str = "text"
    traceback: bool = False

    @property
    def state_place(self) -> str:
        """Where state is kept: a folder, or ``s3://BUCKET/PREFIX``."""
        return self.state_dir or DEFAULT_STATE_DIR

    @property
    def role_chain(self) -> tuple[tuple[str, str | None], ...]:
        """``(role, external id)`` in the order in which they are assumed. Raises
        ``external-id-without-role``.
        """
        ids: tuple[str, ...] = self.external_id
        if len(ids) == 1:
            ids = ids * max(1, len(self.assume_role))
        if ids and len(ids) != len(self.assume_role):
            raise WrongUse(
                "external-id-without-role",
                f"There are {len(self.external_id)} external ids and {len(self.assume_role)} roles "
                f"to assume.",
                remedy="Give one --external-id, or one for each --assume-role in the same order.",
            )
        return tuple(
            zip(
                self.assume_role,
                (one or None for one in ids or [""] * len(self.assume_role)),
                strict=True,
            )
        )

    def with_given(self, given: Mapping[str, Any]) -> "Settings":
        """These settings with whatever was given in a second place; what was not given stays."""
        names = {field.name for field in fields(self)}
        return replace(
            self,
            **{
                key: value for key, value in given.items() if key in names and _is_given(key, value)
            },
        )


def _is_given(key: str, value: object) -> bool:
    """Whether an option was given. An empty address is refused later, and not taken for none: a
    variable of a pipeline that is empty would ask for another address.
    """
    return bool(value) or (key == "source_address" and value == "")
