"""Answers that could be given to a plan's blockers: what ``plan --write-decisions`` writes as
commented stubs.

Values that only a person knows are written in angle brackets; nothing here decides. Where several
answers are possible, the one that keeps the access of today comes first, and what an answer loses
or gains is written beside it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from migrator.decide.findings.findings_catalogue import CATALOGUE, make_finding
from migrator.decide.planning.possible_answers import (
    WHY,
    AnswerPart,
    PossibleAnswer,
    answers_about_principal,
    proposed_name,
)
from migrator.model.access_entry import EntrySpec, Identity
from migrator.model.decision import Stub
from migrator.model.finding import Finding
from migrator.model.plan import ClusterRef, Plan, PlannedPrincipal

_ACCOUNT = "111122223333"  # AWS's own example

__all__ = ["UNANSWERABLE", "example_of", "proposed_name", "stubs_for", "what_lifts"]

# Only a change of the cluster, the ConfigMap or the snapshot answers these.
UNANSWERABLE = frozenset(
    {
        "section-doubtful",
        "lost-section-nodes-unknown",
        "bridge-name-used",
        "rehearsal-unfinished",
        "entry-wrong-type",
        "fargate-entry-missing",
        "fargate-profiles-unread",
        "automatic-entry-differs",
        "node-os-mixed",
        "principal-ambiguous",
        "answer-unjudged",
        "entries-unread",
        "group-name-unread",
        "outpost-without-entries",
        "platform-without-entries",
        "entries-over-quota",
        "nodes-join-by-address",
        "reserved-group-unread",
    }
)


def stubs_for(plan: Plan) -> tuple[Stub, ...]:
    """The stubs of all blocking findings, in the plan's order, each once."""
    principals = {principal.principal_arn: principal for principal in plan.principals}
    found: dict[tuple[str, str | None], list[Stub]] = {}
    for finding in plan.findings:
        if finding.severity != "block":
            continue
        principal = principals.get(finding.principal_arn or "")
        for stub in _stubs(finding, principal, plan):
            place = (stub.section, stub.key)
            same = found.setdefault(place, [])
            _add(same, stub)
    return tuple(chain.from_iterable(found.values()))


_SAME_PLAN = "the same migrate plan with --write-decisions FILE"


def what_lifts(plan: Plan, command: str = _SAME_PLAN) -> str:
    """What a person does about the plan's blockers, in one sentence or two; empty without any.
    ``command`` writes the questions.
    """
    blocking = [finding for finding in plan.findings if finding.severity == "block"]
    if not blocking:
        return ""
    principals = {principal.principal_arn: principal for principal in plan.principals}
    asked = 0
    for finding in blocking:
        asked += any(_stubs(finding, principals.get(finding.principal_arn or ""), plan))
    if asked == len(blocking):
        return f"Answer in decisions.yaml: {command} writes the questions."
    others = "do what the finding says, then plan again."
    if not asked:
        return f"No answer in decisions.yaml lifts this: {others}"
    return (
        f"{asked} of {len(blocking)} can be answered in decisions.yaml: {command} writes the "
        f"questions. For the others, {others}"
    )


def example_of(code: str) -> tuple[Stub, ...]:
    """The first answer to a blocker of this kind, for a principal that is made up; none where no
    answer lifts it.
    """
    kind = CATALOGUE[code]
    if kind.severity != "block":
        return ()
    principal = PlannedPrincipal(
        principal_arn=f"arn:aws:iam::{_ACCOUNT}:role/NAME",
        action="block",
        sources=("mapRoles[0]",),
        before=Identity("NAME", ("eks:GROUP",), "config-map"),
        entry=None,
        proposed=EntrySpec("EC2" if "instance-id" in code else "STANDARD", "NAME", ("GROUP",)),
    )
    finding = make_finding(code, _ACCOUNT, source="mapRoles", principal_arn=principal.principal_arn)
    cluster = ClusterRef(
        "NAME",
        f"arn:aws:eks:REGION:{_ACCOUNT}:cluster/NAME",
        _ACCOUNT,
        "REGION",
        "aws",
        "API_AND_CONFIG_MAP",
    )
    plan = Plan(
        created_at="",
        cluster=cluster,
        basis={"rbac": {}},
        snapshot_digest="",
        strategy="preserve",
        target="API",
        principals=(principal,),
        findings=(finding,),
        steps=(),
    )
    return tuple(stub for stub in stubs_for(plan) if 1 in stub.choices)


def _add(stubs: list[Stub], stub: Stub) -> None:
    """Add a stub to those of its section and key; one that says what another says joins it."""
    for at, other in enumerate(stubs):
        joined = _joined(other, stub)
        if joined is not None:
            stubs[at] = joined
            return
    stubs.append(stub)


def _joined(one: Stub, other: Stub) -> Stub | None:
    """Both as one stub; None where they are different answers."""
    if one.answer == other.answer:
        numbers = {*one.choices, *other.choices}
        choices = tuple(sorted(numbers))
        return replace(one, choices=choices)
    if not {*one.choices} & {*other.choices}:
        return None
    # Two findings ask for parts of one answer: the username and the groups of an entry.
    if _creates(one.answer) and _creates(other.answer):
        answer = {**one.answer, **other.answer}
        return replace(one, answer=answer, about=(*one.about, *other.about))
    return one


def _creates(answer: object) -> bool:
    return isinstance(answer, dict) and answer.get("action") == "create"


def _stubs(finding: Finding, principal: PlannedPrincipal | None, plan: Plan) -> Iterator[Stub]:
    title = f"{finding.code} ({finding.source})" if finding.source else finding.code
    answers = _possible_answers(finding, principal, plan)
    asked: tuple[str, ...] = (title, finding.message, finding.remedy)
    for number, answer in enumerate(answers, 1):
        says = _says(answer, number, len(answers))
        for part in answer.parts:
            choices = tuple(_choices_with(part, answers))
            yield Stub(part.section, part.key, part.answer, (*asked, *says), choices)
        # What is asked is written once, above the first answer.
        asked = (title,)


def _possible_answers(
    finding: Finding, principal: PlannedPrincipal | None, plan: Plan
) -> tuple[PossibleAnswer, ...]:
    if finding.code in UNANSWERABLE:
        return ()
    if finding.code == "section-lost":
        lost = AnswerPart("accept_lost_sections", None, [finding.source])
        return (PossibleAnswer("No row of this section is in force today.", (lost,)),)
    # An entry names one principal: an account is answered by its principals, or is left out.
    if finding.code == "map-accounts":
        named = re.findall(r"`(arn:[^`]+)`", finding.message)
        return _about_account(re.sub(r"\D", "", finding.message)[:12], named)
    if principal is None:
        return ()
    return answers_about_principal(finding.code, principal, plan)


def _about_account(account: str, named: Sequence[str]) -> tuple[PossibleAnswer, ...]:
    """``named``: the principals that something in the cluster names."""
    arns = list(named) or [f"arn:aws:iam::{account}:role/<name>"]
    listed = AnswerPart("expand_accounts", account, arns)
    left_out = AnswerPart("accounts", account, {"action": "skip", "reason": WHY})
    return (
        PossibleAnswer(
            "The listed principals keep their access. LOSES access: every other principal of the "
            "account.",
            (listed,),
        ),
        PossibleAnswer(
            "LOSES access: every principal that logs in through this account alone.", (left_out,)
        ),
    )


def _choices_with(part: AnswerPart, answers: Iterable[PossibleAnswer]) -> Iterator[int]:
    for number, answer in enumerate(answers, 1):
        if part in answer.parts:
            yield number


def _says(answer: PossibleAnswer, number: int, total: int) -> tuple[str, ...]:
    """What the answer does, and which stubs make it up."""
    head = f"Answer {number} of {total}: " if total > 1 else ""
    sections = list(dict.fromkeys(part.section for part in answer.parts))
    together = ""
    if len(sections) > 1:
        together = f" Give it under {' and '.join(sections)}."
    return (f"{head}{answer.says}{together}",)
