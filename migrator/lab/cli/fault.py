"""``migrate lab fault``: faults of a cloud, on a seeded schedule."""

from typing import Any, get_args

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import output_of
from migrator.lab.cli.place import lab_directory_option, resolved
from migrator.lab.worlds.faults import FaultKind

# What is shown of a fault besides operation and kind: what was set, so what differs from these.
_DEFAULTS = {
    "skip": 0,
    "times": None,
    "probability": 1.0,
    "seed": 0,
    "seconds": 0.0,
    "status": 500,
    "retry_after": None,
    "page_size": 1,
    "outcome": "Failed",
    "cluster": "",
    "change": "edit",
    "node": "",
    "by": "service-control-policy",
    "policy": "",
}
_HELP = """\
Inject a fault into calls whose name matches OPERATION: eks:CreateAccessEntry, "iam:*", "*",
"kubernetes:patch configmaps". Without arguments the faults are listed.

\b
KIND                 what happens to the call
latency              it takes seconds=N longer
throttle             it is refused by the service's throttle; retry_after=N sends that header
error                it fails with status=500 or 503
reset                the connection is reset, and nothing was done
lost-answer          it is done, and no answer is sent; seconds=N hangs as long before hanging up
stale-read           a read shows how it was seconds=N ago
partial-page         a list gives page_size=N items and a token for the rest
expired-credentials  the caller's credentials have expired
update-fails         the update of the cluster that it starts ends as outcome=Failed or Cancelled
second-writer        before it another writer changes aws-auth: change=edit, recreate or delete
node-stops           just before it the kubelet of node=NAME stops renewing its lease
ca-rotates           just before it EKS replaces the cluster's certificate authority
undecided            a review of access says neither yes nor no: an authorizer failed
denied               a policy denies it, by=service-control-policy, permissions-boundary,
                     session-policy, vpc-endpoint-policy or identity-based-policy, with
                     the ARN policy=ARN; in the cluster an admission webhook does

\b
When it strikes      after skip=N matching calls, times=N times, each with probability=P
                     drawn from seed=N: the same calls meet the same faults in every run
Several clusters     cluster=NAME says where a second writer, a node or an authority is
"""
_TEXTS = (
    "outcome",
    "cluster",
    "change",
    "node",
    "by",
    "policy",
)  # a cluster's name may look like a number


@click.command(
    "fault", cls=MigrateCommand, help=_HELP, short_help="Inject faults, list them, clear them."
)
@click.argument("operation", required=False)
@click.argument("kind", required=False, type=click.Choice(get_args(FaultKind)), metavar="[KIND]")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--clear", is_flag=True, help="Take all faults away first.")
@lab_directory_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    operation: str | None,
    kind: str | None,
    settings: tuple[str, ...],
    *,
    clear: bool,
    lab_dir: str,
) -> None:
    """Inject, list or clear faults."""
    from migrator.lab.lab_client import control

    body: dict[str, Any] = {"clear": True} if clear else {}
    if operation is not None:
        if kind is None:
            raise click.UsageError("OPERATION and KIND belong together.", ctx)
        body |= {"operation": operation, "kind": kind, **dict(map(_pair, settings))}
    found = control(resolved(lab_dir), "POST" if body else "GET", "fault", body or None)
    output = output_of(settings_of(ctx))
    lines = [_line(fault) for fault in found["faults"]]
    output.show(document=lambda: found, table=lambda: "\n".join(lines) or "no faults")


def _line(fault: dict[str, Any]) -> str:
    given = [
        f"{key}={fault[key]}" for key, usual in _DEFAULTS.items() if fault.get(key, usual) != usual
    ]
    head = "  ".join((fault["operation"], fault["kind"], *given))
    return f"{head}  struck {fault['struck']} of {fault['seen']} matching calls"


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{text!r} is no KEY=VALUE.")
    for number in () if key in _TEXTS else (int, float):
        try:
            return key, number(value)
        except ValueError:
            continue
    return key, value
