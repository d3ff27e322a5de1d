"""Plans that were made and then changed in one place, and what reading them again says."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from migrator.decide.planning.proof.basis import digest_of
from migrator.decide.planning.rereading.prove_again import inconsistencies
from migrator.decide.steps.undo import undo_of
from migrator.model.finding import Finding
from migrator.model.plan import Plan
from migrator.model.step import Effect, Step


def said(plan: Plan) -> list[str]:
    """Everything that does not fit in a plan."""
    return [f"{found.where}: {found.why}" for found in inconsistencies(plan)]


def with_principal(plan: Plan, arn: str, **changes: Any) -> Plan:  # noqa: ANN401 - any field
    """Other fields of one principal."""
    principals = tuple(
        replace(each, **changes) if each.principal_arn == arn else each for each in plan.principals
    )
    assert principals != plan.principals
    return replace(plan, principals=principals)


def without_principal(plan: Plan, arn: str) -> Plan:
    """The principal is left out, its steps stay."""
    principals = tuple(each for each in plan.principals if each.principal_arn != arn)
    assert principals != plan.principals
    return replace(plan, principals=principals)


def place_of(plan: Plan, kind: str, arn: str | None = None, nth: int = 0) -> int:
    """The place of the n-th step of a kind, of one principal if asked."""
    places = [
        place
        for place, step in enumerate(plan.steps)
        if step.effect.kind == kind and (arn is None or step.principal_arn == arn)
    ]
    return places[nth]


def with_step(plan: Plan, place: int, **changes: Any) -> Plan:  # noqa: ANN401 - any field
    """Other fields of one step."""
    steps = list(plan.steps)
    steps[place] = replace(steps[place], **changes)
    assert tuple(steps) != plan.steps
    return replace(plan, steps=tuple(steps))


def with_effect(plan: Plan, place: int, **changes: Any) -> Plan:  # noqa: ANN401 - any field
    """Other fields of one step's effect; its undo takes that back."""
    effect = replace(plan.steps[place].effect, **changes)
    return with_step(plan, place, effect=effect, undo=undo_of(effect))


def with_entry(plan: Plan, place: int, **changes: Any) -> Plan:  # noqa: ANN401 - any field
    """Other fields of the entry that one step makes or leaves."""
    entry = getattr(plan.steps[place].effect, "entry")  # noqa: B009 - of two of all effects
    return with_effect(plan, place, entry=replace(entry, **changes))


def with_other(plan: Plan, place: int, effect: Effect) -> Plan:
    """Another effect in the place of one step."""
    return with_step(plan, place, effect=effect, undo=undo_of(effect))


def with_more(plan: Plan, effect: Effect, **changes: Any) -> Plan:  # noqa: ANN401 - any field
    """One more step, after all others."""
    last = plan.steps[-1]
    step = Step("s99", effect, (last.id,), last.because_of, undo_of(effect))
    return replace(plan, steps=(*plan.steps, replace(step, **changes)))


def without_step(plan: Plan, place: int) -> Plan:
    """One step is left out: those that rested on it rest on what it rested on."""
    left_out = plan.steps[place]
    steps = []
    for step in plan.steps:
        if left_out.id in step.requires:
            rest = [each for each in step.requires if each != left_out.id]
            step = replace(step, requires=tuple(dict.fromkeys((*rest, *left_out.requires))))  # noqa: PLW2901
        if step.id != left_out.id:
            steps.append(step)
    return replace(plan, steps=tuple(steps))


def with_basis(plan: Plan, change: Callable[[dict[str, Any]], object]) -> Plan:
    """Another basis, with its digest."""
    basis = dict(plan.basis)
    change(basis)
    return replace(plan, basis=basis, snapshot_digest=digest_of(basis))


def with_finding(plan: Plan, code: str, **changes: Any) -> Plan:  # noqa: ANN401 - any field
    """Other fields of the findings of one code."""
    findings = tuple(
        replace(each, **changes) if each.code == code else each for each in plan.findings
    )
    assert findings != plan.findings
    return replace(plan, findings=findings)


def without_finding(plan: Plan, code: str) -> Plan:
    """The findings of one code are left out, of the principals too."""
    principals = tuple(
        replace(each, findings=tuple(found for found in each.findings if found != code))
        for each in plan.principals
    )
    findings = tuple(each for each in plan.findings if each.code != code)
    assert findings != plan.findings
    return replace(plan, principals=principals, findings=findings)


def with_findings(plan: Plan, *more: Finding) -> Plan:
    """More findings, which their principals list."""
    principals = tuple(
        replace(
            each,
            findings=(
                *each.findings,
                *(found.code for found in more if found.principal_arn == each.principal_arn),
            ),
        )
        for each in plan.principals
    )
    return replace(plan, principals=principals, findings=(*plan.findings, *more))
