"""plan.json: bytes to :class:`~migrator.model.plan.Plan` and back, byte-stable, with its digest
checked.

Apply uses the bytes that were approved: a plan is decoded, never re-made, and its digest shows
whether it was edited by hand.
"""

from typing import Any

import msgspec

from migrator.errors import Failed
from migrator.model.canonical import digest_of, digest_of_bytes
from migrator.model.files import wire
from migrator.model.files.step_payloads import effect_from, preconditions_of, steps_to_wire
from migrator.model.finding import Finding
from migrator.model.plan import Action, ClusterRef, Plan, PlannedPrincipal
from migrator.model.step import Step

FORMAT = "migrator/plan/v1"


def plan_to_document(plan: Plan) -> dict[str, Any]:
    """The plan as the JSON object ``migrator/plan/v1``, its digest filled in."""
    document: dict[str, Any] = wire.read_back(plan_on_one_line(plan)[0])  # lists, not tuples
    return document


def plan_on_one_line(plan: Plan) -> tuple[bytes, str]:
    """The canonical bytes of the plan, its digest filled in, and that digest."""
    wire.prepare(wire.Principal)
    document = wire.PlanDocument(
        format=FORMAT,
        created_at=plan.created_at,
        plan_digest="",
        cluster=wire.struct_of(plan.cluster, wire.Cluster),
        basis=dict(plan.basis),
        snapshot_digest=plan.snapshot_digest,
        strategy=plan.strategy,
        break_glass=wire.BreakGlass(principal_arn=plan.break_glass) if plan.break_glass else None,
        principals=msgspec.convert(
            plan.principals, tuple[wire.Principal, ...], from_attributes=True
        ),
        findings=tuple(wire.struct_of(f, wire.Finding) for f in plan.findings),
        target=plan.target,
        steps=steps_to_wire(plan.steps),
        summary=msgspec.convert(plan.summary, dict[Action, int]),
    )
    builtins = msgspec.to_builtins(document)
    del builtins["planDigest"]
    # Keys are sorted: the digest stands between two parts, which are spelled once.
    before = {key: value for key, value in builtins.items() if key < "planDigest"}
    after = {key: value for key, value in builtins.items() if key > "planDigest"}
    begin, end = wire.compact(before)[:-1] + b",", wire.compact(after)[1:]
    digest = digest_of_bytes(begin + end)
    return b'%s"planDigest":"%s",%s' % (begin, digest.encode(), end), digest


def plan_digest(document: dict[str, Any]) -> str:
    """``sha256:…`` of the document without its ``planDigest``."""
    return digest_of({key: value for key, value in document.items() if key != "planDigest"})


def encode_plan(plan: Plan) -> bytes:
    """The bytes of plan.json: sorted, two-space indented, LF; the same plan gives the same
    bytes.
    """
    return wire.indented(plan_on_one_line(plan)[0])


def decode_plan(content: bytes) -> Plan:
    """The plan in ``content``.

    Raises ``Failed``: ``plan-unreadable`` (no JSON, or another format), ``plan-malformed`` (unknown
    or wrong fields), ``plan-edited`` (the digest does not fit), ``plan-inconsistent`` (counts or
    preconditions that do not follow from the rest).
    """
    return decode_plan_with_digest(content)[0]


def decode_plan_with_digest(content: bytes) -> tuple[Plan, str]:
    """The plan and its digest, which names it in tags, journals and tokens. Raises as
    :func:`decode_plan`.
    """
    document = _document(content)
    try:
        plan = _plan_from(wire.convert(document, wire.PlanDocument))
    except msgspec.ValidationError as error:
        raise Failed(
            "plan-malformed",
            "The plan file is malformed.",
            why=str(error),
            remedy="Make it again with `migrate plan`; a plan is not edited by hand, "
            "decisions.yaml is.",
        ) from error
    if document["planDigest"] != plan_digest(document):
        raise Failed(
            "plan-edited",
            "The plan file was changed after it was made.",
            why="Its planDigest does not fit its content.",
            remedy="Make it again with `migrate plan`; put what you want changed into "
            "decisions.yaml.",
        )
    _refuse_other_derived_fields(plan, document)
    return plan, document["planDigest"]


def _refuse_other_derived_fields(plan: Plan, document: dict[str, Any]) -> None:
    """Counts and preconditions follow from the rest of the plan. Raises ``Failed``
    ``plan-inconsistent``.
    """
    wrong = (
        "" if document["summary"] == plan.summary else "Its summary does not count its principals."
    )
    for step, written in zip(plan.steps, document["steps"], strict=True):
        if written["preconditions"] != preconditions_of(step.effect):
            wrong = f"The preconditions of step {step.id} are not those of {step.effect.kind}."
    for principal in plan.principals:
        if principal.lines and len(principal.lines) != len(principal.sources):
            wrong = f"The rows of {principal.principal_arn} do not have a line each."
    if wrong:
        raise Failed(
            "plan-inconsistent",
            "The plan contradicts itself.",
            why=wrong,
            remedy="Make it again with `migrate plan`; put what you want changed into "
            "decisions.yaml.",
        )


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Failed(
            "plan-unreadable",
            "This is not a plan file.",
            why=f"It is not JSON: {error}.",
            remedy="Give the file that `migrate plan --out PLAN` wrote.",
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise Failed(
            "plan-unreadable",
            "This is not a plan file of this version.",
            why=f"Its format is {str(found)[:60]!r}, not {FORMAT!r}.",
            remedy="Give the file that `migrate plan --out PLAN` wrote.",
        )
    return document


def _plan_from(document: wire.PlanDocument) -> Plan:
    return Plan(
        created_at=document.created_at,
        cluster=wire.model_of(document.cluster, ClusterRef),
        basis=document.basis,
        snapshot_digest=document.snapshot_digest,
        strategy=document.strategy,
        target=document.target,
        principals=tuple(wire.model_of(p, PlannedPrincipal) for p in document.principals),
        findings=tuple(wire.model_of(f, Finding) for f in document.findings),
        steps=tuple(map(_step_from, document.steps)),
        break_glass=document.break_glass.principal_arn if document.break_glass else None,
    )


def _step_from(step: wire.Step) -> Step:
    return Step(
        id=step.id,
        effect=effect_from(step.kind, step.principal_arn, step.payload),
        requires=step.requires,
        because_of=step.because_of,
        undo=effect_from(step.undo.kind, step.undo.principal_arn, step.undo.payload)
        if step.undo
        else None,
    )
