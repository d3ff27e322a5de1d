"""What every cluster of a fleet says of its access or its drift, as Markdown: for an issue or a
ticket.
"""

from collections.abc import Sequence

from migrator.fleet.model.outcome import FleetOutcome
from migrator.fleet.model.short_texts import short_cluster
from migrator.fleet.render.names import accounts_line
from migrator.render.escape import markdown


def audit_markdown(
    outcome: FleetOutcome,
    clusters: Sequence[str],
    after: Sequence[str] = (),
) -> str:
    """How it ended, the clusters that were not read with the reason, then the text of each other
    one. ``after``: the commands that come next.
    """
    read = f"{outcome.count('done')} of {len(outcome.results)} clusters read completely"
    parts = [
        f"# Fleet {markdown(outcome.fleet)}: {outcome.command}\n\n{read}. "
        f"{markdown(accounts_line(outcome.inventory))}.\n"
    ]
    if outcome.left:
        parts.append("\n")
    for each in outcome.left:
        reason = f"{short_cluster(each.arn)}: {each.message or each.code} {each.why}"
        parts.append(f"- {markdown(reason.strip())}\n")
    if after:
        parts.append("\n```sh\n" + "".join(f"{each}\n" for each in after) + "```\n")
    return "\n".join(["".join(parts), *clusters])
