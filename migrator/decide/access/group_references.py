"""Everything in a cluster that names a group or a username, found in raw objects.

Bindings and ``impersonate`` rules, FlowSchemas, admission policies and webhooks (CEL), Kyverno
policies, Gatekeeper templates (Rego) and constraints, Argo CD's RBAC ConfigMap. Names in structured
fields are taken as they are, string literals of expressions as ``expression_names`` finds them;
``*`` in a text means any text. Objects are untrusted: work is bounded, and where the bound is
met the reference ``*`` says that any name may follow.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, TypeAlias

from migrator.decide.access.expression_names import Language, is_about_users, names_in
from migrator.decide.reading.templates import can_become
from migrator.model.snapshot import GroupReference

Raw: TypeAlias = Mapping[str, Any]
_Place: TypeAlias = tuple[str, str]  # path, text
_MOST_REFERENCES = 2_000  # of one object, without repetitions
_MOST_READ = 100_000  # before
_MOST_VALUES = 200_000  # fields of one object that are looked at
_LONGEST_PATH = 400
_LONGEST_TEXT = 200_000  # characters of one expression
_EXPRESSIONS = ("expression", "messageExpression", "valueExpression")
_ANY_NAME = "*"
# Resources whose name is what is impersonated.
_IMPERSONATED = frozenset({"users", "groups", "nodes", "userextras", "uids", "*"})


def references_in(objects: Iterable[Raw]) -> tuple[GroupReference, ...]:
    """Every place that names a group or username, in the objects' order; each name once per path.

    Constraints of a Gatekeeper template that is among the objects and does not look at users are
    left out.
    """
    found = list(objects)
    templates = [raw for raw in found if _group(raw) == "templates.gatekeeper.sh"]
    concerned = {_constraint_kind(raw) for raw in templates if _about(raw)}
    unconcerned = {_constraint_kind(raw) for raw in templates} - concerned

    def counts(raw: Raw) -> bool:
        # Without its template a constraint counts: what it looks at is unknown.
        if _group(raw) != "constraints.gatekeeper.sh":
            return True
        return _text(raw.get("kind")) not in unconcerned

    return tuple(chain.from_iterable(_of_object(raw) for raw in found if counts(raw)))


def matching(
    references: Iterable[GroupReference], name_or_template: str
) -> tuple[GroupReference, ...]:
    """The references whose text the name, a template perhaps, can become. Errs to too many, never
    to too few.
    """
    return tuple(each for each in references if _can_be_one(each.text, name_or_template))


def _can_be_one(text: str, name_or_template: str) -> bool:
    # Either may hold the wildcard: the name a template, the reference a star.
    return can_become(name_or_template, text) or can_become(text, name_or_template)


def _of_object(raw: Raw) -> Iterator[GroupReference]:
    version, kind = _text(raw.get("apiVersion")), _text(raw.get("kind"))
    metadata = _map(raw.get("metadata"))
    reader = _reader(_group(raw), kind, metadata)
    if reader is None:
        return
    read = list(islice(reader(raw), _MOST_READ))
    places = list(dict.fromkeys(read))
    # Cut short: any name may follow.
    if _cut_short(raw, read, places):
        places[_MOST_REFERENCES:] = [("(more)", _ANY_NAME)]
    name, namespace = _text(metadata.get("name")), _text(metadata.get("namespace")) or None
    for path, text in places:
        yield GroupReference(version, kind, namespace, name, path, text)


def _cut_short(raw: Raw, read: Sequence[_Place], places: Sequence[_Place]) -> bool:
    if len(places) > _MOST_REFERENCES or len(read) == _MOST_READ:
        return True
    return sum(1 for _ in _nodes(raw)) == _MOST_VALUES


def _group(raw: Raw) -> str:
    return _text(raw.get("apiVersion")).partition("/")[0]


def _constraint_kind(template: Raw) -> str:
    names = _map(_map(_map(_map(template.get("spec")).get("crd")).get("spec")).get("names"))
    return _text(names.get("kind"))


def _about(raw: Raw) -> bool:
    return any(is_about_users(text) for _, _, text in _leaves(raw.get("spec")))


def _reader(group: str, kind: str, metadata: Raw) -> Callable[[Raw], Iterator[_Place]] | None:
    match group, kind:
        case "rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding":
            return _binding
        case "rbac.authorization.k8s.io", "Role" | "ClusterRole":
            return _role
        case "flowcontrol.apiserver.k8s.io", "FlowSchema":
            return _flow_schema
        case "admissionregistration.k8s.io", _:
            return _cel
        case "templates.gatekeeper.sh", _:
            return _gatekeeper_template
        case "constraints.gatekeeper.sh", _:
            return _gatekeeper_constraint
        case (("kyverno.io" | "policies.kyverno.io"), _):
            return _kyverno
        case "v1", "ConfigMap" if metadata.get("name") == "argocd-rbac-cm":
            return _argocd
        case _:
            return None


def _binding(raw: Raw) -> Iterator[_Place]:
    namespace = _text(_map(raw.get("metadata")).get("namespace"))
    for at, subject in enumerate(_maps(raw.get("subjects"))):
        yield from _subject(f"subjects[{at}]", subject, namespace)


def _subject(path: str, subject: Raw, namespace: str = "") -> Iterator[_Place]:
    """A subject ``{kind, name, namespace}``; a ServiceAccount by its username."""
    name = _text(subject.get("name"))
    if not name:
        return
    if subject.get("kind") == "ServiceAccount":
        account_namespace = _text(subject.get("namespace")) or namespace or _ANY_NAME
        yield f"{path}.name", f"system:serviceaccount:{account_namespace}:{name}"
    else:
        yield f"{path}.name", name


def _role(raw: Raw) -> Iterator[_Place]:
    """``impersonate`` rules that are limited to names (``impersonate:…`` are the constrained
    verbs).
    """
    namespace = _text(_map(raw.get("metadata")).get("namespace")) or _ANY_NAME
    for at, rule in enumerate(_maps(raw.get("rules"))):
        resources = {resource.partition("/")[0] for resource in _texts(rule.get("resources"))}
        verbs = _texts(rule.get("verbs"))
        if not any(verb == "*" or verb.startswith("impersonate") for verb in verbs):
            continue
        for number, name in enumerate(_texts(rule.get("resourceNames"))):
            path = f"rules[{at}].resourceNames[{number}]"
            if not _IMPERSONATED.isdisjoint(resources):
                yield path, name
            # The API server impersonates a ServiceAccount by namespace and name.
            if not {"serviceaccounts", "*"}.isdisjoint(resources):
                yield path, f"system:serviceaccount:{namespace}:{name}"


def _flow_schema(raw: Raw) -> Iterator[_Place]:
    """Subjects of the rules. The name ``*`` is every login: it depends on no name."""
    for at, rule in enumerate(_maps(_map(raw.get("spec")).get("rules"))):
        for number, subject in enumerate(_maps(rule.get("subjects"))):
            path = f"spec.rules[{at}].subjects[{number}]"
            for key in ("user", "group"):
                name = _text(_map(subject.get(key)).get("name"))
                if name and name != _ANY_NAME:
                    yield f"{path}.{key}.name", name
            account = _map(subject.get("serviceAccount"))
            yield from _subject(f"{path}.serviceAccount", {**account, "kind": "ServiceAccount"})


def _cel(raw: Raw) -> Iterator[_Place]:
    """Validating and mutating admission policies, their bindings, and webhooks' match
    conditions.
    """
    texts = [(path, text) for path, key, text in _leaves(raw) if key in _EXPRESSIONS]
    yield from _in_expressions(texts, "cel")
    about_users = any(is_about_users(text) for _, text in texts)
    # The names may be in parameter objects of any kind.
    if about_users and any("params" in text for _, text in texts):
        yield "spec.paramKind", _ANY_NAME


def _gatekeeper_template(raw: Raw) -> Iterator[_Place]:
    found = list(_leaves(_map(raw.get("spec")), "spec"))
    yield from _in_expressions(
        [(path, text) for path, key, text in found if key in ("rego", "libs")], "rego"
    )
    yield from _in_expressions(
        [(path, text) for path, key, text in found if key in _EXPRESSIONS], "cel"
    )


def _gatekeeper_constraint(raw: Raw) -> Iterator[_Place]:
    """Every parameter: only the template knows which of them are names."""
    spec = _map(raw.get("spec"))
    for path, _, text in _leaves(spec.get("parameters"), "spec.parameters"):
        if text != _ANY_NAME:
            yield path, text


def _kyverno(raw: Raw) -> Iterator[_Place]:
    """Subjects in ``match`` and ``exclude``; in a policy that looks at users every condition and
    expression.
    """
    expressions: list[_Place] = []
    about = _about(raw)
    for path, key, value in _nodes(raw.get("spec"), "spec"):
        if isinstance(value, Mapping):
            yield from _kyverno_part(path, key, value, about_users=about)
        elif not isinstance(value, str):
            continue
        elif key in _EXPRESSIONS:
            expressions.append((path, value))
        elif about and "{{" in value:
            yield from _jmespath(path, value)
    yield from _in_expressions(expressions, "cel")


def _kyverno_part(path: str, key: str, part: Raw, *, about_users: bool) -> Iterator[_Place]:
    if key == "subjects":
        # Kyverno's wildcard for one character.
        yield from ((at, text.replace("?", "*")) for at, text in _subject(path, part))
    elif not about_users:
        return
    elif key == "context":
        yield from _context(path, part)
    elif "key" in part and "operator" in part:
        yield from _condition(path, part)


def _context(path: str, entry: Raw) -> Iterator[_Place]:
    """Variables of a policy that looks at users: their texts may be names, and what is loaded may
    be any name.
    """
    if not {"configMap", "apiCall", "globalReference", "imageRegistry"}.isdisjoint(entry):
        yield path, _ANY_NAME
    for at, _, text in _leaves(entry.get("variable"), f"{path}.variable"):
        if "{{" not in text:
            yield at, text


def _condition(path: str, condition: Raw) -> Iterator[_Place]:
    """``{key, operator, value}``: variables may carry the user, so each text counts; wildcards are
    ``*`` and ``?``.
    """
    for side in ("key", "value"):
        for _, _, text in _leaves(condition.get(side)):
            if "{{" not in text and text.strip("*?"):
                yield f"{path}.{side}", text.replace("?", "*")


def _jmespath(path: str, text: str) -> Iterator[_Place]:
    """Literals between ``{{`` and ``}}``; quotes of the text around mean nothing."""
    for piece in text[: _LONGEST_TEXT * 2].split("{{")[1:]:
        yield from _names_at(path, piece.partition("}}")[0], "jmespath")
    if len(text) > _LONGEST_TEXT * 2:
        yield path, _ANY_NAME


def _argocd(raw: Raw) -> Iterator[_Place]:
    """Subjects of ``p`` and ``g`` lines in every ``policy*.csv``; roles and projects of Argo CD are
    no names.
    """
    for key, text in _map(raw.get("data")).items():
        if not isinstance(key, str) or not isinstance(text, str):
            continue
        # Argo CD joins all of these ("RBAC Configuration", Policy CSV Composition).
        if not key.startswith("policy.") or not key.endswith(".csv"):
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            subject = _argocd_subject(_csv_fields(line))
            if subject is not None:
                yield f"data[{key}] line {number}", subject


def _argocd_subject(fields: Sequence[str]) -> str | None:
    if len(fields) < 2 or fields[0] not in ("p", "g"):
        return None
    if fields[1].startswith(("role:", "proj:")):
        return None
    return fields[1]


def _csv_fields(line: str) -> list[str]:
    try:
        return [value.strip() for value in next(csv.reader([line], skipinitialspace=True), [])]
    except csv.Error:  # a field beyond csv's own bound
        return [value.strip(' "') for value in line.split(",", 2)]


def _in_expressions(texts: Sequence[_Place], language: Language) -> Iterator[_Place]:
    """Names of all expressions of an object if one of them is about users: variables carry names
    between them.
    """
    if any(is_about_users(text) for _, text in texts):
        for path, text in texts:
            yield from _names_at(path, text, language)


def _names_at(path: str, text: str, language: Language) -> Iterator[_Place]:
    """Names of one expression; one that is longer than any in use is not scanned and may hold any
    name.
    """
    if len(text) > _LONGEST_TEXT:
        yield path, _ANY_NAME
        return
    for name in names_in(text, language):
        yield path, name


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, str, str]]:
    """``(path, last key, text)`` of every text in a value."""
    for at, key, node in _nodes(value, path):
        if isinstance(node, str) and node:
            yield at, key, node


def _nodes(value: object, path: str = "") -> Iterator[tuple[str, str, object]]:
    """``(path, last key, value)`` of everything inside a value, in document order; bounded, without
    recursion.
    """
    stack: list[tuple[str, str, object]] = [(path, path.rpartition(".")[2], value)]
    for _ in range(_MOST_VALUES):
        if not stack:
            return
        at, key, node = stack.pop()
        yield at, key, node
        at = at[:_LONGEST_PATH]
        # The last of a stack comes first: reversed, the order is the document's.
        if isinstance(node, Mapping):
            before = f"{at}." if at else ""
            stack += reversed([(f"{before}{name}", f"{name}", v) for name, v in node.items()])
        # An item of a list has the key of the list.
        elif isinstance(node, (list, tuple)):
            stack += reversed([(f"{at}[{number}]", key, v) for number, v in enumerate(node)])


def _map(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _maps(value: object) -> list[Mapping[Any, Any]]:
    return [_map(item) for item in value] if isinstance(value, (list, tuple)) else []


def _texts(value: object) -> list[str]:
    if not isinstance(value, (list, tuple)):
        return []
    return [item for item in value if isinstance(item, str)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
