"""The global options, and how a command gets them: before or after the command's name.

This module is loaded for ``migrate --help``: click and the standard library only.
"""

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches

import click

from migrator.app.settings import Settings
from migrator.errors import WrongUse
from migrator.model.state_folder import DEFAULT_STATE_DIR

DATA_FORMATS = ("table", "json", "yaml")
ALL_FORMATS = (*DATA_FORMATS, "markdown")


class OutputFormat(click.Choice):  # type: ignore[type-arg]  # click 8.2
    """A format of the data on stdout. ``-o`` was a file once, and is one in other programs: that
    mistake is named.
    """

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """The format. Raises ``output-is-format`` for what looks like a path."""
        has_out = ctx is not None and any("--out" in each.opts for each in ctx.command.params)
        if value not in self.choices and _looks_like_path(value, self.choices, has_out=has_out):
            raise WrongUse(
                "output-is-format",
                f"{value!r} is no format: -o is --output, the format, and not a file.",
                why=f"The formats are {', '.join(self.choices)}; a file is --out FILE.",
                remedy=f"Write --out {value}."
                if has_out
                else "This command writes on standard output: redirect that with > FILE.",
            )
        return str(super().convert(value, param, ctx))


def _looks_like_path(value: str, formats: Sequence[str], *, has_out: bool) -> bool:
    """Whether a value that is no format is meant as a file or a folder. One word may be either: it
    is a path where the command writes one, and no format is spelt nearly so.
    """
    if value == "-" or not {".", "/", "\\"}.isdisjoint(value):
        return True
    return has_out and not get_close_matches(value.lower(), formats)


def global_options(formats: Sequence[str] = ALL_FORMATS) -> list[click.Option]:
    """Fresh option objects for one command; unset ones are None or empty, so that places can be
    merged. ``formats``: the choices of ``--output``, which is left out where there are none.
    """
    output = [
        click.Option(
            ["-o", "--output"],
            type=OutputFormat(formats),
            metavar="FORMAT",
            help=f"Format of the data on stdout: {', '.join(formats)}. [table]",
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
            help="Where plans, journals and backups are kept. [MIGRATE_STATE_DIR, else "
            f"{DEFAULT_STATE_DIR} near the plan, else here]",
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
            ["--log-format"],
            type=click.Choice(["text", "json"]),
            metavar="FORMAT",
            help="Format of what is said on stderr and in the log file: text, or json: one object "
            "a line. [text]",
        ),
        click.Option(
            ["--traceback"], is_flag=True, default=None, help="Show the traceback of an error."
        ),
    ]


GLOBAL_NAMES = frozenset(field.name for field in fields(Settings))
