"""What the global options say, and how a command gets them: before or after the command's name.

This module is loaded for ``migrate --help``: click and the standard library only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import click

from migrator.errors import WrongUse

OUTPUTS = ("table", "json", "yaml", "markdown")


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
    traceback: bool = False

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
            self, **{key: value for key, value in given.items() if key in names and value}
        )


def global_options() -> list[click.Option]:
    """Fresh option objects for one command; unset ones are None or empty, so that places can be
    merged.
    """
    return [
        click.Option(
            ["--profile"], metavar="NAME", help="AWS profile (else boto3's default chain)."
        ),
        click.Option(["--region"], metavar="REGION", help="AWS Region."),
        click.Option(
            ["--assume-role"],
            metavar="ARN",
            multiple=True,
            help="Role to assume; repeat it for a chain.",
        ),
        click.Option(
            ["--external-id"],
            metavar="ID",
            multiple=True,
            help="External id: one for every role of the chain, or one each in the chain's order "
            "('' for none).",
        ),
        click.Option(
            ["--reader-role"],
            metavar="ARN",
            multiple=True,
            help="Role that may read IAM of its own, foreign account; may be repeated.",
        ),
        click.Option(
            ["--state-dir"],
            metavar="PATH|s3://…",
            envvar="MIGRATE_STATE_DIR",
            help="Where plans, journals and backups are kept. [MIGRATE_STATE_DIR, else .migrate]",
        ),
        click.Option(
            ["--kubeconfig"], metavar="FILE", help="Reach the API server as this file says."
        ),
        click.Option(["--context"], metavar="NAME", help="Context of the kubeconfig."),
        click.Option(["--proxy-url"], metavar="URL", help="Proxy to the API server."),
        click.Option(
            ["--via"],
            metavar="ssm:INSTANCE[:HOST:PORT]",
            help="Reach the API server through a Session Manager tunnel, to it or to a proxy.",
        ),
        click.Option(
            ["--open-endpoint-for-me"],
            is_flag=True,
            default=None,
            help="Add this machine's address to publicAccessCidrs while the command runs; asked.",
        ),
        click.Option(
            ["--source-address"],
            metavar="IP",
            help="The address that this machine is seen under, else checkip.amazonaws.com is "
            "asked.",
        ),
        click.Option(
            ["--output"], type=click.Choice(OUTPUTS), help="Format of the data on stdout. [table]"
        ),
        click.Option(["--no-color"], is_flag=True, default=None, help="No colours. [NO_COLOR]"),
        click.Option(
            ["--quiet"],
            is_flag=True,
            default=None,
            help="No talk on stderr but errors and questions.",
        ),
        click.Option(
            ["-v", "--verbose"], count=True, default=0, help="Say more; twice: every call."
        ),
        click.Option(["--log-file"], metavar="FILE", help="Write the log to a file (mode 0600)."),
        click.Option(
            ["--traceback"], is_flag=True, default=None, help="Show the traceback of an error."
        ),
    ]


GLOBAL_NAMES = frozenset(field.name for field in fields(Settings))
