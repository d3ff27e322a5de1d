"""decisions.yaml of a fleet: the sections of a single cluster's, and ``where``, a list of the same
with a selector.

```yaml
waive_gates:                     # for every cluster
  code: {by: ana, reason: "removed in change 4711", covers: ["the text that the gate prints"]}
where:
  - clusters: {tags: {stage: dev}}   # a selector as in fleet.yaml
    waive_gates: {rehearsal: {by: ana, reason: "no workload there"}}
```

And back: the answers of one cluster as a separate decisions.yaml.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from migrator.errors import Failed
from migrator.fleet.model.answers import FleetAnswers, SelectedAnswers
from migrator.fleet.model.files.fleet_file import selector_from
from migrator.model.access_entry import AssociatedPolicy
from migrator.model.decision import NO_DECISIONS, Decisions
from migrator.model.files import wire
from migrator.model.files.decisions import DecisionsDocument, decode_decisions

wire.prepare(DecisionsDocument)  # clusters of a fleet are planned in many threads


def decode_fleet_decisions(document: Mapping[str, Any] | None) -> FleetAnswers:
    """The answers in a loaded document; a single cluster's decisions.yaml is one, too. None, an
    empty file, has no answers.

    Raises ``decisions-malformed``, and ``fleet-malformed`` for a selector.
    """
    plain = dict(document or {})
    some = plain.pop("where", None)
    # A key without a value is as if it were not there.
    if some is None:
        some = []
    if not isinstance(some, list):
        raise _malformed("where must be a list.")
    selected = tuple(_selected(index, item) for index, item in enumerate(some))
    return FleetAnswers(decode_decisions(plain), selected)


def _selected(index: int, item: object) -> SelectedAnswers:
    """The answers of ``where[index]``."""
    sections = dict(item) if isinstance(item, Mapping) else {}
    clusters = sections.pop("clusters", None)
    if not isinstance(clusters, Mapping):
        raise _malformed(f"where[{index}] must be a mapping with clusters: a selector.")
    return SelectedAnswers(selector_from(clusters), decode_decisions(sections))


def decisions_to_document(decisions: Decisions) -> dict[str, Any]:
    """A decisions.yaml's content with these answers; sections without answers are left out."""
    document: dict[str, Any] = {}
    for each in fields(Decisions):
        value = getattr(decisions, each.name)
        if value == getattr(NO_DECISIONS, each.name):
            continue
        # Of an account the model keeps the reason alone: the file has one action for it.
        if each.name == "accounts":
            document[each.name] = {
                account: {"action": "skip", "reason": reason} for account, reason in value.items()
            }
        else:
            document[each.name] = _without_nothing(_builtins(value))
    # What is written is what would be read: a section whose shape drifted apart shows here and not
    # in use.
    wire.convert(document, DecisionsDocument)
    return document


def _builtins(value: Any) -> Any:  # noqa: ANN401 - a part of Decisions
    """A part of the answers as mappings, lists and scalars, with the names that the file has for
    it.

    A policy is its ARN and its namespaces; an answer is a dataclass whose fields are named as the
    file names them.
    """
    if isinstance(value, AssociatedPolicy):
        return {"policy": value.policy_arn, "namespaces": list(value.scope.namespaces)}
    if isinstance(value, Mapping):
        return {key: _builtins(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_builtins(item) for item in value]
    if is_dataclass(value):
        return {each.name: _builtins(getattr(value, each.name)) for each in fields(value)}
    return value


def _without_nothing(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Mappings without keys that have no value, at every depth; in lists nothing is left out."""
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items() if item is not None}
    return value


def _malformed(why: str) -> Failed:
    remedy = (
        "Each item under where has clusters (a selector as in fleet.yaml) and sections of "
        "decisions.yaml."
    )
    return Failed("decisions-malformed", "The decisions file is malformed.", why=why, remedy=remedy)
