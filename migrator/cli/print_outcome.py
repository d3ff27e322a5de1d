"""The end of a command that runs a plan: its outcome on stdout, its error as every other one."""

from migrator.app.settings import Settings
from migrator.cli.commands_to_copy import below, command_lines, where_planned
from migrator.cli.terminal import output_of
from migrator.model.outcome import RunOutcome
from migrator.model.plan import Plan

_TAKE_DECISIONS = ("apply", "verify", "cutover", "rehearse", "status")


def _decisions(options: tuple[str, ...]) -> tuple[str, ...]:
    """``--decisions`` and its file among the options of a command; empty where it is not there."""
    if "--decisions" not in options:
        return ()
    at = options.index("--decisions")
    return options[at : at + 2]


def ended(
    settings: Settings,
    plan: Plan,
    outcome: RunOutcome,
    plan_file: str,
    *options: str,
    rest: tuple[str, ...] = (),
) -> int:
    """Show the outcome; raises what stopped the run, else returns the exit code. ``options``: those
    that the command which continues it takes, too; ``rest``: those of them that hold for every
    principal.
    """
    from migrator.render.commands_to_settle import command_of_the_rest, commands_of_run
    from migrator.render.outcome import outcome_document, outcome_text

    output = output_of(settings)
    cluster, decisions = plan.cluster.name, _decisions(options)
    where = where_planned(settings, plan, *decisions)
    others_too = dict.fromkeys(_TAKE_DECISIONS, decisions)
    again = {**others_too, **where, outcome.command: options}
    do = command_lines(settings, commands_of_run(outcome, cluster), plan_file, again)
    others = {outcome.command: rest}
    do += command_lines(settings, command_of_the_rest(outcome), plan_file, others)

    def table() -> str:
        text = outcome_text(plan, outcome, width=output.width, color=output.color)
        return below(text, do)

    output.show_effect(document=lambda: {**outcome_document(outcome), "commands": do}, table=table)
    if outcome.error is not None:
        raise outcome.error
    return outcome.exit_code
