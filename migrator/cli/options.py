"""Arguments and options that several commands share."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import click

from migrator.cli.lazy import OutputFile
from migrator.model.canary_pod import CANARY_IMAGE

F = TypeVar("F", bound=Callable[..., Any])
LONGEST_REHEARSAL = timedelta(hours=12)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def plan_argument(function: F) -> F:
    """The plan file."""
    return click.argument("plan_file", metavar="PLAN")(function)


def cluster_argument(function: F) -> F:
    """The name of the cluster."""
    return click.argument("cluster", metavar="CLUSTER")(function)


def out_option(help_text: str, *, required: bool = False) -> Callable[[F], F]:
    """``--out``: a path; ``-`` is stdout. Without a short form: ``-o`` is the format."""
    return click.option(
        "--out",
        type=OutputFile(),
        metavar="FILE",
        required=required,
        help=help_text,
    )


def yes_option(function: F) -> F:
    """``--yes`` answers questions, never the one for a name typed again."""
    return click.option(
        "--yes", is_flag=True, help="Answer the questions with yes (a name is still asked for)."
    )(function)


def break_lock_option(function: F) -> F:
    """``--break-lock OWNER``: the lock of a run that is dead."""
    return click.option(
        "--break-lock",
        metavar="OWNER",
        help="Take the lock away from OWNER first, whose run is dead; the refusal names the owner.",
    )(function)


def decisions_option(function: F) -> F:
    """``--decisions FILE``."""
    return click.option(
        "--decisions", metavar="FILE", help="What people decided (decisions.yaml)."
    )(function)


def save_option(function: F) -> F:
    """``--save`` of ``access``."""
    return click.option(
        "--save",
        is_flag=True,
        help="Keep the access in the state: `migrate drift` compares the cluster with it.",
    )(function)


def as_option(function: F) -> F:
    """``--as PRINCIPAL=PROFILE``, in ``become``."""
    return click.option(
        "--as",
        "become",
        metavar="PRINCIPAL=PROFILE",
        multiple=True,
        help="Log in as this principal with an AWS profile; may be repeated.",
    )(function)


def canary_options(function: F) -> F:
    """``--canary-pods`` allows pods on Fargate profiles, ``--canary-image`` says of which image."""
    allowed = click.option(
        "--canary-pods",
        is_flag=True,
        help="Make a small pod on a Fargate profile of each pod execution role, in a namespace "
        "that the profile "
        "selects, see its node log in, and remove it again. Nothing is made without this.",
    )
    image = click.option(
        "--canary-image",
        metavar="IMAGE",
        default=CANARY_IMAGE,
        show_default=True,
        help="For clusters that admit certain registries only; it need not start.",
    )
    return allowed(image(function))


def canary_image(given: Mapping[str, Any]) -> str | None:
    """The image of canary pods where they are allowed, else None."""
    return str(given["canary_image"]) if given["canary_pods"] else None


def _duration(_ctx: click.Context, _param: click.Parameter, text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,5})([smh])", text)
    if match is None:
        raise click.BadParameter("use a number and s, m or h, for example 30m")
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    # Every log-in by a row is refused for so long: longer is a mistake in typing.
    if length > LONGEST_REHEARSAL:
        raise click.BadParameter("a rehearsal takes at most 12h; from 20m on it is evidence")
    return length


def image_option(*, required: bool) -> Callable[[F], F]:
    """``--image`` of a rehearsal. One that only restores aws-auth starts no timer, and needs
    none.
    """
    return click.option(
        "--image",
        metavar="IMAGE",
        required=required,
        default=None if required else "",
        show_default=False,
        show_envvar=True,
        help="Container image with this package, for the timer in the cluster.",
    )


def length_option(function: F) -> F:
    """``--for`` of a rehearsal, in ``length``."""
    length = click.option(
        "--for",
        "length",
        default="30m",
        show_default=True,
        callback=_duration,
        help="How long, as 30m or 1h; at most 12h.",
    )
    return length(function)
