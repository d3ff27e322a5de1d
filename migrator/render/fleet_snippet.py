"""The answer to a question of a fleet, ready for its decisions.yaml: with the selector that means its clusters.

What only a person can know stands in angle brackets.
"""

from migrator.model.decision import Stub
from migrator.model.fleet_report import OpenQuestion
from migrator.render.as_yaml import yaml_lines
from migrator.render.escape import comment
from migrator.render.fleet_names import count_of

_OTHERWISE = {"accounts": "expand_accounts"}  # answers of the one section are instead of those of the other


def snippet(question: OpenQuestion) -> tuple[str, ...]:
    """Lines of YAML; none where no answer helps and the cluster has to change."""
    if not question.stubs:
        return ()
    given = {stub.section for stub in question.stubs}
    instead = [stub for stub in question.stubs if _OTHERWISE.get(stub.section) in given]
    chosen = [stub for stub in question.stubs if stub not in instead]
    told = f"# {count_of(len(question.clusters), 'cluster')}: {comment(', '.join(question.codes))}"
    lines = yaml_lines(_sections(chosen))
    others = [f"# {line}" for line in yaml_lines(_sections(instead))] if instead else []
    body = [*lines, *(["# or instead:", *others] if others else [])]
    if question.where is None:
        return (told, *body)
    # what is to be completed comes first: there may be very many clusters
    first, *rest = (*body, *yaml_lines({"clusters": question.where.conditions}))
    return (told, "where:", f"  - {first}", *(f"    {line}" for line in rest))


def _sections(stubs: list[Stub]) -> dict[str, object]:
    found: dict[str, object] = {}
    for stub in stubs:
        if stub.key is None:
            found[stub.section] = stub.answer
        else:
            section = found.setdefault(stub.section, {})
            if isinstance(section, dict):
                section[stub.key] = stub.answer
    return found
