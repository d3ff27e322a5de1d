"""The global options, and how a command gets them: before or after the command's name.

This module is loaded for ``migrate --help``: click and the standard library only.
"""

from collections.abc import Sequence
from dataclasses import fields

import click

from migrator.app.settings import Settings
from migrator.model.state_folder import DEFAULT_STATE_DIR

DATA_FORMATS = ("table", "json", "yaml")
ALL_FORMATS = (*DATA_FORMATS, "markdown")


def global_options(formats: Sequence[str] = ALL_FORMATS) -> list[click.Option]:
    """Fresh option objects for one command; unset ones are None or empty, so that places can be
    merged. ``formats``: the choices of ``--output``, which is left out where there are none.
    """
    output = [
        click.Option(
            ["--output"], type=click.Choice(formats), help="Format of the data on stdout. [table]"
        )
    ]
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
            help="Role that may read IAM of the account it is in; may be repeated.",
        ),
        click.Option(
            ["--state-dir"],
            metavar="PATH|s3://…",
            envvar="MIGRATE_STATE_DIR",
            help="Where plans, journals and backups are kept. [MIGRATE_STATE_DIR, else "
            f"{DEFAULT_STATE_DIR}]",
        ),
        click.Option(
            ["--kubeconfig"], metavar="FILE", help="Reach the API server as this file says."
        ),
        click.Option(["--context"], metavar="NAME", help="Context of the kubeconfig."),
        click.Option(["--proxy-url"], metavar="URL", help="Proxy to the API server."),
        click.Option(
            ["--via"],
            metavar="ssm:INSTANCE[:HOST:PORT]",
            help="Reach the API server through a Session Manager tunnel, to it or to a proxy "
            "(HOST:PORT). For INSTANCE also tag:KEY=VALUE, or auto: an online node of the cluster.",
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
        *(output if formats else ()),
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
