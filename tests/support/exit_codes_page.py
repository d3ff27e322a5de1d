"""playbooks/reference/exit-codes.md, written from the table of end states."""

from collections.abc import Iterable

from migrator.cli.exit_codes import MEANING
from tests.support.end_states import COMMANDS, FLEET_OWN, STATES, State, fleet_codes, is_open

_FLEET = tuple(command for command in COMMANDS if command != "status")
_TITLE = {"gates": "cutover --gates"}


def exit_codes_page() -> str:
    """The page, as Markdown."""
    return "\n".join(
        (
            "# Exit codes",
            "",
            "Which exit code each command ends with in each state of a migration. The page is",
            "generated from a table that a test compares with the commands on a lab. 0 says that",
            "nothing is left to do or to prove; every other end prints what goes further.",
            "",
            *_table(("code", "meaning"), [(str(code), what) for code, what in MEANING.items()]),
            "",
            "## One cluster",
            "",
            *_table(("state", *map(_title, COMMANDS)), map(_single, STATES)),
            "",
            "`rehearse` over a blank aws-auth puts it back and ends with 7: nothing was rehearsed.",
            "`verify` judges the principals of the plan and no other row. `apply` continues",
            "from another state folder: it adopts what it finds, and proves it again.",
            "",
            "## A fleet",
            "",
            "The code of the cluster in the result. The command over the fleet ends with 0 where",
            "that is 0 for every cluster, with 7 where it was interrupted, else with 8. `status`",
            "reads files alone, so that it does not see what another writer changed.",
            "",
            *_table(("state", "stage", "status", *map(_title, _FLEET)), map(_fleet, STATES)),
            "",
        )
    )


def _title(command: str) -> str:
    return f"`{_TITLE.get(command, command)}`"


def _single(state: State) -> tuple[str, ...]:
    return (state.words, *state.codes)


def _fleet(state: State) -> tuple[str, ...]:
    own = str(FLEET_OWN) if is_open(state) else "0"
    return (state.words, state.stage, own, *(fleet_codes(state)[each] for each in _FLEET))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return [f"| {' | '.join(each)} |" for each in lines]
