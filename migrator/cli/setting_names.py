"""Where an option may come from besides the command line: ``MIGRATE_…`` and ``migrate.yaml``.

A global option is ``MIGRATE_REGION``, one of a command ``MIGRATE_APPLY_MAX_RATE``; in the file they
are ``region: …`` and ``apply: {max-rate: …}``. The command line comes first, then the environment,
then the file, then what is remembered beside the plan.

This module is loaded for ``migrate --help``: click and the standard library only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import click

# Options that several commands have with one meaning: they need no command's name.
SHARED = ("decisions", "image", "canary-image", "lab-dir")
# Options that answer a question of safety, or begin something that is asked about. A setting would
# answer for runs that are not seen yet.
ON_COMMAND_LINE_ONLY: Mapping[str, str] = {
    "yes": "it answers the questions of one run",
    "confirm": "it is a name that is typed again for one run",
    "break-lock": "it says that one run is dead",
    "abandon-rollback": "it gives up one roll-back",
    "accept": "it accepts one change of one Terraform plan",
    "accept-gap": "it accepts that administrators have no access for a moment",
    "accept-timer-reach": "it accepts what is not known of one rehearsal",
    "approve": "it approves one wave",
    "force": "it replaces files",
    "fresh": "it discards what one run has done",
    "canary-pods": "it allows pods in the cluster",
    "leftovers": "it removes what runs left in the cluster",
    "close-endpoint": "it changes the addresses that reach the cluster",
    "open-endpoint-for-me": "it changes the addresses that reach the cluster",
    "insecure-scheduler": "it switches encryption off",
}
# A file comes with a plan or a repository, and so may be written by others than the operator.
_WRITES = "a file does not name what is written"
_RUNS = "it leads to programs that get credentials"
_PROVES = "it changes what a proof says"
NOT_IN_FILE: Mapping[str, str] = {
    "out": _WRITES,
    "html": _WRITES,
    "markdown": _WRITES,
    "json": _WRITES,
    "junit": _WRITES,
    "accounts-out": _WRITES,
    "write-decisions": _WRITES,
    "log-file": _WRITES,
    "folder": _WRITES,
    "kubeconfig": _RUNS,
    "executor": _RUNS,
    "scheduler": _RUNS,
    "tls-ca": _RUNS,
    "tls-cert": _RUNS,
    "tls-key": _RUNS,
    "lab-dir": _RUNS,
    "baseline": _PROVES,
    "only": _PROVES,
    "keep-going": _PROVES,
}
# What leads credentials, the way to the cluster, answers or images: said even with --quiet.
LEADS_ELSEWHERE = frozenset(
    {
        "profile",
        "assume-role",
        "external-id",
        "reader-role",
        "state-dir",
        "context",
        "proxy-url",
        "via",
        "source-address",
        "decisions",
        "image",
        "canary-image",
        "as",
        "max-probes",
    }
)


@dataclass(frozen=True, slots=True)
class Called:
    """A command as it is called: ``words`` are those of the command line, after migrate."""

    command: click.Command
    words: tuple[str, ...]
    options: tuple[click.Option, ...]


def long_name(option: click.Parameter) -> str:
    """``state-dir`` of ``--state-dir``; empty for an argument."""
    if not isinstance(option, click.Option):
        return ""
    return max(option.opts, key=len).removeprefix("--")


def variables_of(words: tuple[str, ...], name: str, *, everywhere: bool) -> list[str]:
    """The environment variables of the option ``--NAME`` of the command ``words``, first comes
    first. ``everywhere``: it is a global option.
    """
    general = _variable(name)
    if everywhere:
        return [general]
    own = _variable(*words, name)
    return [own, general] if name in SHARED else [own]


def _variable(*words: str) -> str:
    return "_".join(("MIGRATE", *words)).upper().replace("-", "_")
