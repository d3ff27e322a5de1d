"""The answer to questions of a fleet, ready for its decisions.yaml: with the selectors that mean
their clusters.

What only a person can know is in angle brackets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrator.fleet.model.fleet import Selector
from migrator.fleet.model.report import OpenQuestion
from migrator.fleet.render.names import count_of, resource_of, short_principal
from migrator.model.decision import Stub
from migrator.model.files.yaml_text import yaml_lines
from migrator.render.escape import comment


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
        return tuple(sorted(_clusters_of(self.questions)))


def asked(questions: Sequence[OpenQuestion]) -> tuple[Asked, ...]:
    """Every question in one place, those that lift most first.

    Questions whose principals differ in the account alone, and that block for the same reasons, are
    one.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[OpenQuestion]] = {}
    for question in questions:
        name = resource_of(question.principal_arn or "")
        groups.setdefault((name, question.codes), []).append(question)
    found = [Asked(_name(name, mine), tuple(mine)) for (name, _), mine in groups.items()]
    return tuple(sorted(found, key=lambda each: (-len(each.clusters), each.codes, each.name)))


def _name(name: str, questions: Sequence[OpenQuestion]) -> str:
    """What asks, for people: the cluster, one principal with its account, or what principals of
    many accounts have in common.
    """
    arns = sorted({question.principal_arn or "" for question in questions})
    if arns == [""]:
        return "the cluster itself"
    if len(arns) == 1:
        return short_principal(arns[0])
    return name


def snippet(questions: Sequence[OpenQuestion]) -> tuple[str, ...]:
    """Lines of YAML; none where no answer helps and the clusters have to change."""
    helped = [question for question in questions if question.stubs]
    if not helped:
        return ()
    clusters = _clusters_of(helped)
    codes = comment(", ".join(helped[0].codes))
    everywhere: list[Stub] = []
    conditional: list[str] = []
    for question in helped:
        if question.where is None:
            everywhere.extend(question.stubs)
        else:
            conditional += _item(question.where, question.stubs)
    lines = [f"# {count_of(len(clusters), 'cluster')}: {codes}", *_body(everywhere)]
    if conditional:
        lines += ["where:", *conditional]
    return tuple(lines)


def _clusters_of(questions: Iterable[OpenQuestion]) -> set[str]:
    """The ARNs of the clusters that ask one of the questions."""
    return {arn for question in questions for arn in question.clusters}


def _item(where: Selector, stubs: Sequence[Stub]) -> list[str]:
    """An item of ``where``. What is to be completed comes first: there may be very many
    clusters.
    """
    first, *rest = [*_body(stubs), *yaml_lines({"clusters": where.conditions})]
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _body(stubs: Sequence[Stub]) -> list[str]:
    """The first answer; the others are comments."""
    if not stubs:
        return []
    lines: list[str] = []
    for choice in sorted({choice for stub in stubs for choice in stub.choices}):
        answer = yaml_lines(_sections([stub for stub in stubs if choice in stub.choices]))
        # The first answer is the one that keeps most of the access of today.
        if choice == 1:
            lines += answer
            continue
        lines += ["# or instead:", *(f"# {line}" for line in answer)]
    return lines


def _sections(stubs: Sequence[Stub]) -> dict[str, object]:
    """Answers as decisions.yaml holds them: by section and key. A section without keys is its
    answer.
    """
    found: dict[str, object] = {}
    for stub in stubs:
        if stub.key is None:
            found[stub.section] = stub.answer
        else:
            section = found.setdefault(stub.section, {})
            if isinstance(section, dict):
                section[stub.key] = stub.answer
    return found
