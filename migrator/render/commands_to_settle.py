"""The commands that settle what a status or a command names as left, as arguments.

``PLAN`` is the place of the plan's file, which only the caller knows.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from migrator.errors import Changed
from migrator.model.gate import Gate
from migrator.model.leftover import Leftover
from migrator.model.outcome import (
    DO_WHAT_FINDINGS_SAY,
    MAKE_A_PLAN,
    NOT_ASKED_FOR,
    CutOverOutcome,
    RehearseOutcome,
    RunOutcome,
    StatusOutcome,
    VerifyOutcome,
)

Command: TypeAlias = tuple[str, ...]

PLAN = "PLAN"
_BLOCKED, _UNFINISHED = 3, 7
# By the first word of what is next, or the command that it begins with (migrator.run.show_status).
_BY_NEXT: Mapping[str, str] = {
    "apply": "apply",
    "prove": "apply",
    "answer": "apply",
    "name": "apply",
    "verify": "verify",
    "rollback": "rollback",
    "cutover": "cutover",
    "retire": "retire",
    "rehearse": "rehearse",
}
# What opens a gate, where that is a command of this program (migrator.decide.running.gates).
_BY_GATE: Mapping[str, str] = {
    "mode": "apply",
    "proofs": "verify",
    "second-admin": "verify",
    "rehearsal": "rehearse",
}

# The other gates are opened by a person; these commands show what keeps them closed.
_SHOWS_GATE: Mapping[str, str] = {"no-update-running": "status", "code": "cutover"}

# What a command that opens a gate cannot run without, and no plan records: a person fills it in.
# The cut-over is named without its switch: the one-way step is never what settles a gate.
_NEEDED: Mapping[str, Command] = {"rehearsal": ("--image", "IMAGE"), "code": ("--gates",)}
_STEP_LEFT = "not done: "  # of gate 4 (migrator.decide.running.gates)
NEW_PLAN = "plan.json"


def into_new_file(commands: Iterable[Command]) -> list[Command]:
    """The commands with a new file for a plan that is made again: the one in the state folder is
    the copy of a run.
    """
    return [_into_new_file(command) for command in commands]


def _into_new_file(command: Command) -> Command:
    if command[0] != "plan":
        return command
    return tuple(word.replace(PLAN, NEW_PLAN) for word in command)


def commands_of_status(status: StatusOutcome) -> tuple[Command, ...]:
    """One command for each kind of thing that is left; none where the status ends with 0."""
    if status.exit_code == 0:
        return ()
    # An address that no command removed is closed whatever the plan's state is.
    if status.overdue:
        return (("doctor", status.cluster, "--close-endpoint"), *_of_state(status))
    return _of_state(status)


def command_to_go_on(status: StatusOutcome) -> Command:
    """The one command that brings the plan on; where the status ends with 0, what it says is
    next, else the status itself.
    """
    commands = commands_of_status(status)
    if commands:
        return commands[-1]
    return _complete(command_of_next(status.next), status) or ("status", PLAN)


def _of_state(status: StatusOutcome) -> tuple[Command, ...]:
    """The commands for the state of the plan, and for what runs left."""
    if status.exit_code == _BLOCKED:
        return (command_of_blockers(status),)
    # The plan is in the state folder of another run, whose place is not known: a new plan would
    # not know what that run has done.
    if status.plan_digest is None and status.next != MAKE_A_PLAN:
        return ()
    # The plan no longer describes the cluster, or there is no plan.
    if status.changed or status.dead or status.plan_digest is None:
        return (_plan_again(status.cluster),)
    left = _of_what_is_left(status)
    if left or status.overdue:
        return left
    # What is left is known by a journal; what keeps the rest from being read, by a diagnosis.
    return (("doctor", status.cluster),)


def _of_what_is_left(status: StatusOutcome) -> tuple[Command, ...]:
    """One command for each leftover and for what is next; each command once."""
    commands = [command_of_leftover(leftover, status) for leftover in status.leftovers]
    commands.append(_complete(command_of_next(status.next), status))
    return tuple(filter(None, dict.fromkeys(commands)))


def commands_of_run(outcome: RunOutcome, cluster: str) -> tuple[Command, ...]:
    """The command that settles what a run left: the same one, mostly."""
    if outcome.exit_code == 0:
        return ()
    # A new plan would give again what another writer withdrew, or keep what is half undone.
    if outcome.error is not None and outcome.error.code == "policy-withdrawn":
        return ((outcome.command, PLAN),)
    if isinstance(outcome.error, Changed):
        return (_plan_again(cluster),)
    if outcome.next:
        return (_complete(command_of_next(outcome.next), outcome),)
    if outcome.exit_code != _UNFINISHED:
        return (("status", PLAN),)
    return _of_unfinished(outcome)


def _of_unfinished(outcome: RunOutcome) -> tuple[Command, ...]:
    """The command for a run that is not at its end; empty where only what ``--only`` left out is
    left.
    """
    same: tuple[Command, ...] = ((outcome.command, PLAN),)
    asked_for = {each.why for each in outcome.left} - {NOT_ASKED_FOR}
    if outcome.outstanding or asked_for or outcome.error:
        return same
    # A bridge of another run, which the same command never removes.
    if outcome.leftovers:
        return (("rollback", PLAN, "--leftovers"),)
    if outcome.left:
        return ()
    return same


def command_of_the_rest(outcome: RunOutcome) -> tuple[Command, ...]:
    """The command for what ``--only`` left out; empty where it left nothing out."""
    if any(each.why == NOT_ASKED_FOR for each in outcome.left):
        return ((outcome.command, PLAN),)
    return ()


def commands_of_verify(outcome: VerifyOutcome) -> tuple[Command, ...]:
    """The status says whether an apply, a log-in or another writer is why a proof is open."""
    return (("status", PLAN),) if outcome.exit_code else ()


def commands_of_cut_over(outcome: CutOverOutcome, cluster: str) -> tuple[Command, ...]:
    """What opens the closed gates, then the cut-over again; after the switch its verification."""
    if outcome.exit_code == 0:
        return ()
    if isinstance(outcome.error, Changed):
        return (_plan_again(cluster),)
    # The cut-over itself continues: it reads the mode first, and sends nothing twice.
    if outcome.error is not None and (outcome.may_arrive or outcome.mode == "API"):
        return (("cutover", PLAN),)
    if outcome.mode == "API":
        return (("verify", PLAN),)
    return (*_of_gates(outcome.gates, cluster), ("cutover", PLAN))


def commands_of_rehearsal(outcome: RehearseOutcome) -> tuple[Command, ...]:
    """The rehearsal again, which first restores aws-auth; before it, who was refused is looked
    at.
    """
    if outcome.exit_code == 0:
        return ()
    if outcome.exit_code == _UNFINISHED:
        return (("rehearse", PLAN),)
    return ("status", PLAN), ("rehearse", PLAN)


def _of_gates(gates: Iterable[Gate], cluster: str) -> tuple[Command, ...]:
    """One command for each closed gate that a command opens, each once."""
    closed = (gate for gate in gates if not gate.passes)
    opened = (gate for gate in closed if gate.name in ("plan", "end-state", *_BY_GATE))
    return tuple(dict.fromkeys(command_of_gate(gate, cluster) for gate in opened))


def command_of_gate(gate: Gate, cluster: str) -> Command:
    """What opens a closed gate, or shows what keeps it closed."""
    if gate.name == "end-state":
        return _of_end_state(gate, cluster)
    if gate.name == "plan":
        return _plan_again(cluster)
    if gate.name == "second-admin":
        return _of_second_admin(gate, cluster)
    name = _BY_GATE.get(gate.name) or _SHOWS_GATE.get(gate.name)
    if name is None:
        return "doctor", cluster
    return name, PLAN, *_NEEDED.get(gate.name, ())


def _of_second_admin(gate: Gate, cluster: str) -> Command:
    """A log-in as another administrator of the plan; where it has none, a plan with a break-glass
    principal.
    """
    if not gate.unproven:
        return _plan_again(cluster)
    return "verify", PLAN, "--as", f"{gate.unproven[0]}=PROFILE"


def _of_end_state(gate: Gate, cluster: str) -> Command:
    """An apply moves gate 4 only where a step is left: it changes nothing that others did."""
    if gate.state == "unknown":
        return "status", PLAN
    if _STEP_LEFT in gate.detail:
        return "apply", PLAN
    return _plan_again(cluster)


def command_of_questions(cluster: str) -> Command:
    """A new plan, with a question in decisions.yaml for each blocker."""
    return "plan", cluster, "--write-decisions", "decisions.yaml", "--out", PLAN


def command_of_blockers(status: StatusOutcome) -> Command:
    """The command after which a blocked plan is not: with the questions, where answers help."""
    if status.next == DO_WHAT_FINDINGS_SAY:
        return _plan_again(status.cluster)
    return command_of_questions(status.cluster)


def _plan_again(cluster: str) -> Command:
    """The plan again, into its own file: commands that are called again read that one."""
    return "plan", cluster, "--out", PLAN


def command_of_next(text: str) -> Command:
    """The command that a line about what is next begins with; empty where it names none."""
    word = text.removeprefix("`migrate ").lstrip().partition(" ")[0].rstrip(":")
    if word not in _BY_NEXT:
        return ()
    return _BY_NEXT[word], PLAN


def _complete(command: Command, status: StatusOutcome | RunOutcome) -> Command:
    """The command with what it was given before: a roll-back its principals, a rehearsal the image
    of its timer.
    """
    match command[:1]:
        case ("rollback",):
            return (*command, *(word for arn in status.going_back for word in ("--only", arn)))
        case ("rehearse",):
            return (*command, "--image", status.image or "IMAGE")
        case _:
            return command


def _of_own_run(status: StatusOutcome) -> Command:
    """The command that continues the last run of the plan."""
    if status.command != "rollback" or status.next.startswith("apply"):
        return "apply", PLAN
    return _complete(("rollback", PLAN), status)


def command_of_leftover(leftover: Leftover, status: StatusOutcome) -> Command:
    """Empty where no command of this cluster settles it: another run has it in use."""
    is_own = bool(status.run) and leftover.run == status.run
    # The run of this state folder is not at its end: what it left is removed at its end.
    if is_own and status.left:
        return _of_own_run(status)
    if leftover.removable:
        # By the plan: it names the Region, too.
        return "rollback", PLAN, "--leftovers"
    if is_own and leftover.kind != "rehearsal":
        return _of_own_run(status)
    return ()
