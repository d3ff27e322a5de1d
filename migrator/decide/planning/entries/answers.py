"""What a person decided about one principal, checked against the rules of EKS and against access
today.

An answer may name what the plan cannot know, and accept a loss by name. It may never widen an
identity that exists: a principal that needs more access gets it in another change, not hidden in a
migration.
"""

from collections.abc import Mapping
from dataclasses import replace

from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.findings.findings_catalogue import is_blocking, softened
from migrator.decide.planning.entries.classify_node import automatic_type
from migrator.decide.planning.entries.creator import automatic_entry
from migrator.decide.planning.entries.dropped_names import dropped_names
from migrator.decide.planning.entries.entry_for import is_reserved
from migrator.decide.planning.entries.entry_identity import identity_of_spec, same_entry, spec_of
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.principals.find_principal import Found
from migrator.decide.planning.principals.mapped_accounts import can_have_entry
from migrator.decide.planning.principals.plan_facts import PlanFacts, quoted
from migrator.decide.planning.principals.principal_answers import (
    answer_for,
    check_same_principal,
    invalid,
    is_for,
)
from migrator.decide.reading.row_keys import row_key
from migrator.decide.reading.templates import (
    ACCESS_KEY,
    EC2_NAME,
    colon_before_session,
    templates_in,
)
from migrator.model.access_entry import NOBODY, AssociatedPolicy, EntrySpec, EntryType
from migrator.model.decision import Acceptance, PrincipalAnswer
from migrator.model.plan import Action
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX

_NO_ENTRY = frozenset({"service-linked-role", "federated-user", "root-user"})
_GAPS = frozenset({"creator-row-differs"})
_ANSWERED_BY_LOSS = frozenset({"node-row-extra-groups", "policy-loses-rules"})


def names_of(decided: PrincipalDecision) -> tuple[str, ...]:
    """The ARNs under which an answer finds this principal: its own, and its rows' as written."""
    written = [row.arn for row in decided.candidate.rows]
    return tuple(dict.fromkeys([decided.candidate.arn, *written]))


def accepted_loss(decided: PrincipalDecision, facts: PlanFacts) -> Acceptance | None:
    """The person who accepts that this principal loses access; None: no one."""
    return _acceptance(decided, facts.decisions.accept_loss)


def accepted_gain(decided: PrincipalDecision, facts: PlanFacts) -> Acceptance | None:
    """The person who accepts that the entry admits log-ins of this principal that are refused
    today; None: no one.
    """
    return _acceptance(decided, facts.decisions.accept_gain)


def _acceptance(
    decided: PrincipalDecision, accepted: Mapping[str, Acceptance]
) -> Acceptance | None:
    # Most clusters have no answer, and names are asked for every principal.
    if not accepted:
        return None
    names = names_of(decided)
    return next((given for key, given in accepted.items() if is_for(key, names)), None)


def answer_about(decided: PrincipalDecision, facts: PlanFacts) -> PrincipalAnswer | None:
    """What a person answered about the principal."""
    # Without answers, which is most plans, no names are compared.
    if not facts.decisions.principals:
        return None
    return answer_for(names_of(decided), facts.decisions)


def apply_answer(
    decided: PrincipalDecision, answer: PrincipalAnswer, facts: PlanFacts
) -> PrincipalDecision:
    """The settled principal with its answer. Raises ``Failed`` ``decision-invalid``."""
    if answer.action == "skip":
        return _skipped(decided, answer, facts)
    created = _created(decided, answer, facts)
    # An entry that stays as it is takes no name away.
    if created.after is None:
        return created
    dropped = dropped_names(decided.before, created.after, created.candidate.arn, facts.names)
    return replace(created, notes=(*created.notes, *dropped))


def settling_acceptance(decided: PrincipalDecision, facts: PlanFacts) -> Acceptance | None:
    """The acceptance of a loss that settles the principal: its blockers ask for nothing else."""
    if decided.action != "block":
        return None
    # Without a proposal, there is nothing that the acceptance could settle on.
    if decided.proposed is None:
        return None
    # A live entry decides already: a change of it needs a separate answer.
    if decided.before.via == "access-entry":
        return None
    blocking = {note.code for note in decided.notes if is_blocking(note)}
    if not blocking <= _ANSWERED_BY_LOSS:
        return None
    return accepted_loss(decided, facts)


def accept_loss(
    decided: PrincipalDecision, acceptance: Acceptance, facts: PlanFacts
) -> PrincipalDecision:
    """The blocked principal with what was proposed for it."""
    action: Action = "await" if _is_automatic(decided, facts) else _made(decided)
    return replace(
        decided,
        action=action,
        entry=decided.proposed,
        proposed=None,
        notes=(*softened(decided.notes), accepted_note(decided, acceptance)),
    )


def accepted_note(decided: PrincipalDecision, acceptance: Acceptance) -> DraftFinding:
    """Who accepts what the principal loses, and why."""
    message = f"{acceptance.by} accepts what `{decided.candidate.arn}` loses: {acceptance.reason}"
    return DraftFinding("loss-accepted", message)


def _is_automatic(decided: PrincipalDecision, facts: PlanFacts) -> bool:
    # EKS makes these entries at the first mode switch alone (EKS user guide, "Access entries").
    if facts.mode != "CONFIG_MAP":
        return False
    use = decided.candidate.use
    if use.nodegroups or use.profiles:
        return True
    return decided.candidate.is_creator


def _made(decided: PrincipalDecision) -> Action:
    """How a principal without a live entry gets one."""
    return "create" if decided.candidate.entry is None else "recreate"


def _skipped(
    decided: PrincipalDecision, answer: PrincipalAnswer, facts: PlanFacts
) -> PrincipalDecision:
    candidate = decided.candidate
    if _is_automatic(decided, facts) and decided.action in ("await", "block"):
        raise invalid(
            candidate.arn,
            "EKS makes this entry itself at the mode switch.",
            "Take the answer away.",
        )
    if decided.action in ("keep", "skip"):
        return decided
    # A plan deletes no entry that gives access: that is a person's own act.
    if decided.before.via == "access-entry":
        why = (
            "Its access entry exists and decides: leaving the principal out would not end what "
            "the entry gives."
        )
        raise invalid(candidate.arn, why, "Delete the entry first, or answer with action: create.")
    note = DraftFinding(
        "skipped-by-decision",
        f"`{candidate.arn}` is left out: {answer.reason or 'no reason given'}",
    )
    # Nothing is lost where nothing is given today.
    if decided.before.via == "none":
        return replace(
            decided,
            action="skip",
            after=NOBODY,
            entry=None,
            proposed=None,
            notes=(*softened(decided.notes), note),
        )
    acceptance = accepted_loss(decided, facts)
    if acceptance is None:
        missing = DraftFinding(
            "loss-not-accepted",
            f"`{candidate.arn}` logs in today, and accept_loss does not name it.",
        )
        proposed = decided.proposed or decided.entry
        return replace(
            decided,
            action="block",
            entry=None,
            proposed=proposed,
            notes=(*softened(decided.notes), missing),
        )
    notes = (*softened(decided.notes), note, accepted_note(decided, acceptance))
    return replace(
        decided,
        action="skip",
        after=NOBODY,
        entry=None,
        proposed=None,
        notes=notes,
        bindings=(),
    )


def _created(
    decided: PrincipalDecision, answer: PrincipalAnswer, facts: PlanFacts
) -> PrincipalDecision:
    candidate = decided.candidate
    blocking = {note.code for note in decided.notes if is_blocking(note)}
    is_left_behind = candidate.is_left_behind and not can_have_entry(candidate.arn)
    if blocking & _NO_ENTRY or is_left_behind:
        raise invalid(
            candidate.arn,
            "EKS takes no entry for this principal.",
            "Answer with action: skip and accept_loss.",
        )
    if "foreign-node-row" in blocking:
        raise invalid(
            candidate.arn,
            "Node entries are for roles of the cluster's own account.",
            "Answer with skip.",
        )
    found = _answered_principal(decided, answer, facts)
    spec = _answered_spec(decided, answer, facts)
    entry = candidate.entry
    note = DraftFinding("answered", f"decisions.yaml: {answer.reason or 'no reason given'}")
    action: Action = decided.action
    if decided.action in ("block", "skip"):
        action = _made(decided)
    if entry is not None and decided.before.via == "access-entry":
        if same_entry(candidate.arn, spec_of(entry), spec):
            return _kept(decided, spec_of(entry), note)
        # EKS API: type is fixed when the entry is created.
        if entry.type != spec.type:
            raise invalid(
                candidate.arn, "The type of an entry cannot be changed.", "Delete the entry first."
            )
        action = "update"
    if _is_automatic(decided, facts):
        return _answered_automatic(decided, spec, note, facts)
    return replace(
        decided,
        candidate=replace(candidate, arn=found.arn, found=found),
        action=action,
        after=identity_of_spec(found.arn, spec),
        entry=spec,
        proposed=None,
        notes=(*softened(decided.notes), note),
    )


def _kept(decided: PrincipalDecision, spec: EntrySpec, note: DraftFinding) -> PrincipalDecision:
    """The entry is what the answer asks for."""
    if decided.action == "keep":
        return decided
    # The answer says that the entry is complete as it is.
    left = [each for each in softened(decided.notes) if each.code != "entry-half-made"]
    return replace(
        decided,
        action="keep",
        after=decided.before,
        entry=spec,
        proposed=None,
        update=None,
        bindings=(),
        notes=(*left, note),
    )


def _answered_automatic(
    decided: PrincipalDecision,
    spec: EntrySpec,
    note: DraftFinding,
    facts: PlanFacts,
) -> PrincipalDecision:
    """EKS makes the entry at the switch: an answer can only add to it, or confirm its type."""
    arn = decided.candidate.arn
    if decided.candidate.is_creator:
        expected = automatic_entry(facts)
    else:
        expected = decided.entry or EntrySpec(automatic_type(decided.candidate.use) or "STANDARD")
    if expected.type != spec.type:
        raise invalid(
            arn,
            f"EKS makes the entry of this principal itself, of type {expected.type}.",
            "Take the answer away, and plan again: the plan says what can be done.",
        )
    update = None if same_entry(arn, expected, spec) else spec
    after = identity_of_spec(arn, spec)
    # Whatever the entry shall have later, EKS's own entry is in force from the switch to its
    # update: only accept_loss answers for what the row gives until then.
    gap = [each for each in decided.notes if each.code in _GAPS and is_blocking(each)]
    if gap:
        others = [each for each in decided.notes if each not in gap]
        return replace(
            decided,
            action="block",
            entry=None,
            update=None,
            proposed=spec,
            after=after,
            notes=(*softened(others), *gap, note),
        )
    notes = (*softened(decided.notes), note)
    return replace(
        decided,
        action="await",
        entry=expected,
        update=update,
        proposed=None,
        after=after,
        notes=notes,
    )


def _answered_principal(
    decided: PrincipalDecision, answer: PrincipalAnswer, facts: PlanFacts
) -> Found:
    """The principal that the entry is for. Raises where the answer names another principal than the
    row, and where the principal does not exist.
    """
    candidate = decided.candidate
    found = candidate.found
    if answer.principal_arn is not None:
        found = _named(candidate.arn, found, answer.principal_arn)
    if found.state == "absent":
        raise invalid(
            candidate.arn,
            "The principal does not exist, and EKS refuses an entry for it.",
            "Answer with skip.",
        )
    # A dead row may spell a principal that another row or an entry gives access: EKS takes one
    # entry for it.
    is_dead = candidate.match is not None and candidate.match.kind == "dead"
    if is_dead and facts.is_planned_elsewhere(found.arn):
        raise invalid(
            candidate.arn,
            f"`{found.arn}` is decided by another row or entry.",
            "Answer for that ARN.",
        )
    return found


def _named(written: str, found: Found, answered: str) -> Found:
    """The principal as the answer names it. Raises where IAM knows it under another ARN."""
    check_same_principal(written, answered)
    is_read = found.state == "found" and found.principal is not None
    if is_read and row_key(found.arn) != row_key(answered):
        raise invalid(
            written, f"IAM knows the principal as `{found.arn}`.", "Correct principal_arn."
        )
    # What IAM was not asked, the person knows: the path of the role.
    if found.state == "unread":
        return replace(found, arn=answered, state="found")
    return replace(found, arn=answered)


def _answered_spec(
    decided: PrincipalDecision, answer: PrincipalAnswer, facts: PlanFacts
) -> EntrySpec:
    """The entry that the answer describes; what it leaves out is as proposed, or as the entry is
    today.
    """
    base = decided.update or decided.entry or decided.proposed or EntrySpec()
    kind: EntryType = answer.type or base.type
    arn = decided.candidate.arn
    is_undecided = decided.action == "block" and decided.candidate.use.any
    # Under an entry of type STANDARD, nodes cannot join: no answer may say that by leaving it out.
    if is_undecided and answer.type is None and kind == "STANDARD":
        raise invalid(
            arn,
            "Nodes run under this role: which type of entry is meant must be said.",
            "Give the type.",
        )
    if kind != "STANDARD":
        _check_node_type(decided, answer, kind)
        return EntrySpec(kind)
    if base.type != "STANDARD":
        base = EntrySpec()
    spec = _with_answer(base, answer, facts)
    _check_names(arn, spec)
    _check_policies(arn, spec.access_policies, facts)
    return spec


def _with_answer(base: EntrySpec, answer: PrincipalAnswer, facts: PlanFacts) -> EntrySpec:
    spec = base
    if answer.username is not None:
        spec = replace(spec, username=answer.username)
    # EKS API: an entry has each group once.
    if answer.groups is not None:
        spec = replace(spec, kubernetes_groups=tuple(dict.fromkeys(answer.groups)))
    # People name a policy by its last part; its ARN depends on the partition.
    if answer.policies is not None:
        policies = tuple(
            replace(policy, policy_arn=facts.policy_arn(policy.policy_arn))
            for policy in answer.policies
        )
        spec = replace(spec, access_policies=policies)
    return spec


def _check_node_type(decided: PrincipalDecision, answer: PrincipalAnswer, kind: EntryType) -> None:
    candidate = decided.candidate
    # EKS API: username, groups and policies of node types cannot be set.
    if answer.username is not None or answer.groups or answer.policies:
        raise invalid(
            candidate.arn,
            f"An entry of type {kind} has no username, groups or policies.",
            "Leave them out.",
        )
    # EKS API: node types take roles of the cluster's own account alone.
    is_role = candidate.match is None or candidate.match.kind in ("role", "dead")
    if not is_role or candidate.found.foreign:
        raise invalid(
            candidate.arn,
            f"Type {kind} is for roles of the cluster's own account.",
            "Leave the type out.",
        )
    # A trust policy alone makes no node: a build server's role may trust EC2 too.
    named = decided.before.username.startswith("system:node:")
    if not (named or candidate.use.any):
        raise invalid(
            candidate.arn,
            f"Nothing says that nodes run under this role; type {kind} would make it a node.",
            "Leave the type out.",
        )
    if kind == "FARGATE_LINUX":
        raise invalid(
            candidate.arn, "Only EKS makes entries for Fargate.", "Re-create the Fargate profile."
        )


def _check_names(arn: str, spec: EntrySpec) -> None:
    if spec.username is not None:
        _check_username(arn, spec.username)
    wrong = [group for group in spec.kubernetes_groups if not _can_carry(group)]
    if wrong:
        raise invalid(
            arn,
            f"An entry cannot carry the groups {quoted(wrong)}.",
            "Use names without a reserved prefix.",
        )
    ours = [
        group
        for group in spec.kubernetes_groups
        if group.startswith((BRIDGE_PREFIX, MARKER_PREFIX))
    ]
    # A run removes its bridge and marker groups from every entry when it ends.
    if ours:
        raise invalid(
            arn,
            f"Groups like {quoted(ours)} are those of a run, and go when it ends.",
            "Use another name.",
        )


def _can_carry(group: str) -> bool:
    # EKS API: a group has a name and no reserved prefix. A template is one group for each login.
    return bool(group) and not is_reserved(group) and not templates_in(group)


def _check_username(arn: str, name: str) -> None:
    # EKS user guide, "Create access entries": five reserved prefixes, and a colon before the
    # session's name.
    if not name or is_reserved(name) or not colon_before_session(name):
        raise invalid(
            arn,
            f"EKS refuses the username `{name}`.",
            "No reserved prefix; a colon before the session's name.",
        )
    # The EKS user guide does not name these two among the templates of an entry.
    if not {ACCESS_KEY, EC2_NAME}.isdisjoint(templates_in(name)):
        raise invalid(
            arn,
            f"`{name}` holds a template that an entry cannot carry.",
            "Use {{SessionName}} after a colon.",
        )


def _check_policies(arn: str, policies: tuple[AssociatedPolicy, ...], facts: PlanFacts) -> None:
    unknown = [policy.policy_arn for policy in policies if not facts.offers(policy.policy_arn)]
    if unknown:
        raise invalid(
            arn,
            f"The cluster's partition does not offer {quoted(unknown)}.",
            "See `aws eks list-access-policies`.",
        )
    if len({policy.policy_arn for policy in policies}) != len(policies):
        raise invalid(
            arn,
            "A policy is named twice; associating it again replaces its scope.",
            "Put all namespaces into one.",
        )
