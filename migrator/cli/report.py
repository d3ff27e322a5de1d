"""``migrate report``: everything that is known, for a change ticket."""

import click

from migrator.cli.answers import decisions_in
from migrator.cli.files import read_plan, write_file
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import decisions_option, plan_argument
from migrator.cli.terminal import events_of


@click.command("report", cls=MigrateCommand, short_help="The report for the change ticket.")
@plan_argument
@click.option("--markdown", metavar="FILE", required=True, help="Where the report goes; - is stdout.")
@decisions_option
@click.pass_context
def command(ctx: click.Context, /, plan_file: str, markdown: str, decisions: str | None) -> None:
    """Write a report on the plan in the file PLAN: verdict, every principal with its proof, the run's timeline.

    It is made from the journal, the evidence there is, and the cluster as it is now; nothing is asked anew.
    """
    from migrator.cli.wiring import run_ports
    from migrator.decide.verdicts import cluster_verdict
    from migrator.model.outcome import VerifyOutcome
    from migrator.render.report import report_markdown
    from migrator.run.verify_access import VerifyOptions, current_verdicts

    settings = settings_of(ctx)
    plan, _ = read_plan(plan_file)
    ports = run_ports(settings, plan)
    snapshot = ports.read_snapshot()
    options = VerifyOptions(waive_verification=decisions_in(decisions).waive_verification)
    verdicts = current_verdicts(plan, ports, snapshot, options)
    mode = snapshot.cluster.authentication_mode
    outcome = VerifyOutcome("after", mode, verdicts, cluster_verdict(verdicts), (), 0, ports.store.location)
    write_file(markdown, report_markdown(plan, outcome, ports.store.journal()).encode())
    events_of(settings).say("done", f"report written to {'stdout' if markdown == '-' else markdown}")
