"""``migrate verify``: proof as each principal, by logging in as it."""

import click

from migrator.cli.answers import decisions_in, ways_to_become
from migrator.cli.files import read_plan, write_file
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import as_option, decisions_option, plan_argument
from migrator.cli.terminal import output_of


@click.command("verify", cls=MigrateCommand, short_help="Prove access as each principal.")
@plan_argument
@click.option("--only", metavar="ARN", multiple=True, help="These principals only; may be repeated.")
@click.option("--baseline", is_flag=True, help="Take what is before apply, and judge nothing.")
@click.option("--probes", type=click.IntRange(1, 500), default=30, show_default=True, help="Questions per principal.")
@click.option("--junit", metavar="FILE", help="Write the verdicts as JUnit XML, too.")
@decisions_option
@as_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    plan_file: str,
    *,
    only: tuple[str, ...],
    baseline: bool,
    probes: int,
    junit: str | None,
    decisions: str | None,
    become: tuple[str, ...],
) -> int:
    """Log in as each principal of the plan in the file PLAN with a fresh token, and ask what it may do.

    Impersonation would not see access policies, so nobody is impersonated: roles are assumed, and --as or
    verify_as in decisions.yaml names profiles for those who cannot be.
    """
    from migrator.cli.wiring import run_ports
    from migrator.render.verdicts import verdict_document, verdict_markdown, verdict_table
    from migrator.run.verify_access import VerifyOptions, verify_access

    settings = settings_of(ctx)
    plan, _ = read_plan(plan_file)
    answers = decisions_in(decisions)
    ports = run_ports(settings, plan, ways=ways_to_become(answers, become))
    options = VerifyOptions(
        only=only,
        baseline=baseline,
        probes=probes,
        waive_verification=answers.waive_verification,
    )
    outcome = verify_access(plan, ports, options)
    output = output_of(settings)
    output.show(
        document=lambda: verdict_document(plan, outcome),
        table=lambda: verdict_table(plan, outcome, width=output.width, color=output.color),
        markdown=lambda: verdict_markdown(plan, outcome),
    )
    if junit is not None:
        from migrator.render.junit import junit as junit_text

        write_file(junit, junit_text(plan, outcome).encode())
    return outcome.exit_code
