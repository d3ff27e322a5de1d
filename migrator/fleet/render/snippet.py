"""The answer to questions of a fleet, ready for its decisions.yaml: with the selectors that mean
their clusters.

What only a person can know is in angle brackets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from migrator.fleet.model.report import OpenQuestion
from migrator.fleet.render.names import count_of, short_principal
from migrator.model.decision import Stub
from migrator.model.files.yaml_text import yaml_lines
from migrator.render.escape import comment

_OTHERWISE = {
    "accounts": "expand_accounts"
}  # answers of the one section are instead of those of the other


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions that differ in the account of their principal alone: a role that every account has,
    asked once.
    """

    name: str
    questions: tuple[OpenQuestion, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """Why they block; the same for all."""
        return self.questions[0].codes

    @property
    def principals(self) -> int:
        """How many principals of that name: one in each of so many accounts."""
        return len({question.principal_arn for question in self.questions})

    @property
    def clusters(self) -> tuple[str, ...]:
        """All clusters that ask one of them."""
        return tuple(sorted({arn for question in self.questions for arn in question.clusters}))


def asked(questions: Sequence[OpenQuestion]) -> tuple[Asked, ...]:
    """Every question in one place, those that lift most first."""
    groups: dict[tuple[str, tuple[str, ...]], list[OpenQuestion]] = {}
    for question in questions:
        name = "" if question.principal_arn is None else question.principal_arn.split(":", 5)[-1]
        groups.setdefault((name, question.codes), []).append(question)
    found = [Asked(_name(name, mine), tuple(mine)) for (name, _), mine in groups.items()]
    return tuple(sorted(found, key=lambda each: (-len(each.clusters), each.codes, each.name)))


def _name(name: str, questions: Sequence[OpenQuestion]) -> str:
    arns = {question.principal_arn for question in questions}
    if arns == {None}:
        return "the cluster itself"
    (first, *others) = sorted(arn or "" for arn in arns)
    return name if others else short_principal(first)


def snippet(questions: Sequence[OpenQuestion]) -> tuple[str, ...]:
    """Lines of YAML; none where no answer helps and the clusters have to change."""
    helped = [question for question in questions if question.stubs]
    if not helped:
        return ()
    clusters = {arn for question in helped for arn in question.clusters}
    lines = [f"# {count_of(len(clusters), 'cluster')}: {comment(', '.join(helped[0].codes))}"]
    everywhere = [question for question in helped if question.where is None]
    lines += _body([stub for question in everywhere for stub in question.stubs])
    conditional = [question for question in helped if question.where is not None]
    if conditional:
        lines.append("where:")
    for question in conditional:
        lines += _item(question)
    return tuple(lines)


def _item(question: OpenQuestion) -> list[str]:
    # what is to be completed comes first: there may be very many clusters
    conditions = question.where.conditions if question.where is not None else {}
    first, *rest = (*_body(question.stubs), *yaml_lines({"clusters": conditions}))
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _body(stubs: Sequence[Stub]) -> list[str]:
    if not stubs:
        return []
    given = {stub.section for stub in stubs}
    instead = [stub for stub in stubs if _OTHERWISE.get(stub.section) in given]
    lines = yaml_lines(_sections([stub for stub in stubs if stub not in instead]))
    if instead:
        lines += ["# or instead:", *(f"# {line}" for line in yaml_lines(_sections(instead)))]
    return lines


def _sections(stubs: Sequence[Stub]) -> dict[str, object]:
    found: dict[str, object] = {}
    for stub in stubs:
        if stub.key is None:
            found[stub.section] = stub.answer
        else:
            section = found.setdefault(stub.section, {})
            if isinstance(section, dict):
                section[stub.key] = stub.answer
    return found
