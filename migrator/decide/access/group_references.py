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

from migrator.decide.access.expression_names import (
    Language,
    is_about_users,
    may_mean_any,
    names_in,
)
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

    ``objects`` are raw objects of any kind, as the API server lists them: ``apiVersion``, ``kind``,
    ``metadata`` and the rest. Kinds that name no principal are passed over, and a field of an
    unexpected type is read as empty: no object makes this function raise.

    Constraints of a Gatekeeper template that is among the objects and does not look at users are
    left out.
    """
    found = list(objects)
    templates = [raw for raw in found if _group(raw) == "templates.gatekeeper.sh"]
    concerned = {_constraint_kind(raw) for raw in templates if _about(raw)}
    unconcerned = {_constraint_kind(raw) for raw in templates} - concerned

    def counts(raw: Raw) -> bool:
        """Whether an object can name users: all but constraints of templates that do not."""
        # Without its template a constraint counts: what it looks at is unknown.
        if _group(raw) != "constraints.gatekeeper.sh":
            return True
        return _text(raw.get("kind")) not in unconcerned

    return tuple(chain.from_iterable(_of_object(raw) for raw in found if counts(raw)))


def matching(
    references: Iterable[GroupReference], name_or_template: str
) -> tuple[GroupReference, ...]:
    """The references whose text the name, a template perhaps, can become.

    Errs to too many, never to too few: a reference that is missed lets a name change unseen.
    """
    return tuple(each for each in references if _can_be_one(each.text, name_or_template))


def _can_be_one(text: str, name_or_template: str) -> bool:
    # Either may hold the wildcard: the name a template, the reference a star.
    return can_become(name_or_template, text) or can_become(text, name_or_template)


def _of_object(raw: Raw) -> Iterator[GroupReference]:
    """The references of one object, at most ``_MOST_REFERENCES`` and one more.

    Where a bound is met the last reference is ``*`` at ``(more)``: the caller then keeps every name
    as it is, which is the safe answer for an object that was not read to its end.
    """
    version = _text(raw.get("apiVersion"))
    kind = _text(raw.get("kind"))
    metadata = _map(raw.get("metadata"))
    reader = _reader(_group(raw), kind, metadata)
    if reader is None:
        return
    read = list(islice(reader(raw), _MOST_READ))
    places = list(dict.fromkeys(read))
    # Cut short: any name may follow.
    if _cut_short(raw, read, places):
        places[_MOST_REFERENCES:] = [("(more)", _ANY_NAME)]
    name = _text(metadata.get("name"))
    # Objects of the cluster have no namespace, and a reference says so with None.
    namespace = _text(metadata.get("namespace")) or None
    for path, text in places:
        yield GroupReference(
            api_version=version,
            kind=kind,
            namespace=namespace,
            name=name,
            path=path,
            text=text,
        )


def _cut_short(raw: Raw, read: Sequence[_Place], places: Sequence[_Place]) -> bool:
    """Whether the reader met one of its bounds, so that names may be missing.

    ``read`` are the places as they were found, ``places`` the same without repetitions.
    """
    if len(places) > _MOST_REFERENCES:
        return True
    if len(read) == _MOST_READ:
        return True
    # A reader walks the object with the same bound: at the bound it saw a part only.
    return sum(1 for _ in _nodes(raw)) == _MOST_VALUES


def _group(raw: Raw) -> str:
    """The API group of an object, ``kyverno.io`` of ``kyverno.io/v1``.

    An object of the core group gives its version, ``v1``.
    """
    return _text(raw.get("apiVersion")).partition("/")[0]


def _constraint_kind(template: Raw) -> str:
    """The kind of the constraints that a Gatekeeper template defines; empty where it has none.

    Shape: ``spec.crd.spec.names.kind`` (Gatekeeper, "Constraint Templates").
    """
    definition = _map(_map(template.get("spec")).get("crd"))
    names = _map(_map(definition.get("spec")).get("names"))
    return _text(names.get("kind"))


def _about(raw: Raw) -> bool:
    """Whether any text of the object's ``spec`` looks at who asks.

    ``spec`` may be as large as the API server takes: the walk through it is bounded.
    """
    return any(is_about_users(text) for _, _, text in _leaves(raw.get("spec")))


def _reader(group: str, kind: str, metadata: Raw) -> Callable[[Raw], Iterator[_Place]] | None:
    """The function that reads names out of objects of this kind; None where such objects name none.

    All versions of a group are read alike: the fields that name subjects have not changed between
    them. An object of the core group has the group ``v1`` here.
    """
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
    """Subjects of a RoleBinding or ClusterRoleBinding.

    Shape (``rbac.authorization.k8s.io/v1``)::

        subjects: [{kind: User | Group | ServiceAccount, name, namespace}]
    """
    namespace = _text(_map(raw.get("metadata")).get("namespace"))
    for at, subject in enumerate(_maps(raw.get("subjects"))):
        yield from _subject(f"subjects[{at}]", subject, namespace)


def _subject(path: str, subject: Raw, namespace: str = "") -> Iterator[_Place]:
    """One subject ``{kind, name, namespace}``; a ServiceAccount by its username.

    ``namespace`` is the one of the object around, which a ServiceAccount without its own is in. A
    subject without a name names no login. The kind is not checked: what is no ServiceAccount may be
    a user or a group, and both are names.
    """
    name = _text(subject.get("name"))
    if not name:
        return
    if subject.get("kind") == "ServiceAccount":
        # Without a namespace the account is the binding's (appliesToUser); without either it may
        # be one of any namespace.
        account_namespace = _text(subject.get("namespace")) or namespace or _ANY_NAME
        name = f"system:serviceaccount:{account_namespace}:{name}"
    yield f"{path}.name", name


def _role(raw: Raw) -> Iterator[_Place]:
    """``impersonate`` rules that are limited to names.

    A rule without ``resourceNames`` allows every name and therefore depends on none. Verbs such as
    ``impersonate:user-info`` are those of constrained impersonation (Kubernetes 1.36).

    Shape (``rbac.authorization.k8s.io/v1``)::

        rules: [{verbs, apiGroups, resources, resourceNames}]
    """
    namespace = _text(_map(raw.get("metadata")).get("namespace")) or _ANY_NAME
    for at, rule in enumerate(_maps(raw.get("rules"))):
        verbs = _texts(rule.get("verbs"))
        # `impersonate:user-info` and the like are the constrained verbs.
        if "*" not in verbs and not any(verb.startswith("impersonate") for verb in verbs):
            continue
        # `userextras/scopes` is a resource of its own for each key: what counts is the first part.
        resources = {resource.partition("/")[0] for resource in _texts(rule.get("resources"))}
        for number, name in enumerate(_texts(rule.get("resourceNames"))):
            path = f"rules[{at}].resourceNames[{number}]"
            if not _IMPERSONATED.isdisjoint(resources):
                yield path, name
            # The API server impersonates a ServiceAccount by namespace and name.
            if not {"serviceaccounts", "*"}.isdisjoint(resources):
                yield path, f"system:serviceaccount:{namespace}:{name}"


def _flow_schema(raw: Raw) -> Iterator[_Place]:
    """Subjects of the rules. The name ``*`` is every login: it depends on no name.

    Shape (``flowcontrol.apiserver.k8s.io/v1``)::

        spec:
          rules:
          - subjects:
            - {kind: User, user: {name}}
            - {kind: Group, group: {name}}
            - {kind: ServiceAccount, serviceAccount: {namespace, name}}
    """
    for at, rule in enumerate(_maps(_map(raw.get("spec")).get("rules"))):
        for number, subject in enumerate(_maps(rule.get("subjects"))):
            path = f"spec.rules[{at}].subjects[{number}]"
            for key in ("user", "group"):
                name = _text(_map(subject.get(key)).get("name"))
                if name in ("", _ANY_NAME):
                    continue
                yield f"{path}.{key}.name", name
            account = _map(subject.get("serviceAccount"))
            yield from _subject(f"{path}.serviceAccount", {**account, "kind": "ServiceAccount"})


def _cel(raw: Raw) -> Iterator[_Place]:
    """Admission policies, their bindings and webhooks' match conditions, all of which are CEL.

    Expressions are under the keys ``expression``, ``messageExpression`` and ``valueExpression`` at
    any depth (Kubernetes, "Common Expression Language in Kubernetes"). A policy with parameters may
    compare the user with a field of any object: then any name may be meant.
    """
    texts = [(path, text) for path, key, text in _leaves(raw) if key in _EXPRESSIONS]
    yield from _in_expressions(texts, "cel")
    if not any(is_about_users(text) for _, text in texts):
        return
    # The names may be in parameter objects of any kind.
    if any("params" in text for _, text in texts):
        yield "spec.paramKind", _ANY_NAME


def _gatekeeper_template(raw: Raw) -> Iterator[_Place]:
    """Names in the code of a template: Rego in ``rego`` and ``libs``, CEL in ``expression`` fields.

    Shape (``templates.gatekeeper.sh/v1``)::

        spec:
          targets:
          - rego: "package …"
            libs: ["package lib.…"]
            code: [{engine: K8sNativeValidation, source: {validations: [{expression}]}}]
    """
    rego: list[_Place] = []
    cel: list[_Place] = []
    for path, key, text in _leaves(_map(raw.get("spec")), "spec"):
        if key in ("rego", "libs"):
            rego.append((path, text))
        elif key in _EXPRESSIONS:
            cel.append((path, text))
    # Apart: a template may have an engine of each language, and what one says of users says
    # nothing of the other's variables.
    yield from _in_expressions(rego, "rego")
    yield from _in_expressions(cel, "cel")


def _gatekeeper_constraint(raw: Raw) -> Iterator[_Place]:
    """Every parameter: only the template knows which of them are names.

    Shape: ``spec.parameters``, of the schema that the template gives. A parameter ``*`` is a
    wildcard and depends on no name.
    """
    spec = _map(raw.get("spec"))
    for path, _, text in _leaves(spec.get("parameters"), "spec.parameters"):
        if text != _ANY_NAME:
            yield path, text


def _kyverno(raw: Raw) -> Iterator[_Place]:
    """Subjects in ``match`` and ``exclude``; in a policy that looks at users every condition and
    expression.

    Shape (``kyverno.io/v1``; ``policies.kyverno.io`` is CEL alone)::

        spec:
          rules:
          - match: {any: [{subjects: [{kind, name, namespace}]}]}
            context: [{name, variable: {value}}]
            preconditions: {all: [{key: "{{ request.userInfo… }}", operator, value}]}
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


def _kyverno_part(
    path: str,
    key: str,
    part: Raw,
    *,
    about_users: bool,
) -> Iterator[_Place]:
    """What one mapping of a policy names, by the key that it is found under.

    Subjects always count. Contexts and conditions count only in a policy that looks at users: in
    others the same texts are names of objects and images.
    """
    if key == "subjects":
        for at, text in _subject(path, part):
            # Kyverno's wildcard for one character.
            yield at, text.replace("?", "*")
        return
    if not about_users:
        return
    if key == "context":
        yield from _context(path, part)
    elif "key" in part and "operator" in part:
        yield from _condition(path, part)


def _context(path: str, entry: Raw) -> Iterator[_Place]:
    """Variables of a policy that looks at users.

    Their texts may be names, and what is loaded from elsewhere may be any name.
    """
    if not {"configMap", "apiCall", "globalReference", "imageRegistry"}.isdisjoint(entry):
        yield path, _ANY_NAME
    for at, _, text in _leaves(entry.get("variable"), f"{path}.variable"):
        if "{{" not in text:
            yield at, text


def _condition(path: str, condition: Raw) -> Iterator[_Place]:
    """One condition ``{key, operator, value}``; either side may be a text or a list of texts.

    Variables may carry the user, so each text counts. Kyverno's wildcards are ``*`` and ``?``; a
    ``?`` becomes ``*`` here, which matches more and never less.
    """
    for side in ("key", "value"):
        for _, _, text in _leaves(condition.get(side)):
            # A variable is no name; its values are read where the variable is defined.
            if "{{" in text:
                continue
            # Wildcards alone match every user: the condition depends on no name.
            if not text.strip("*?"):
                continue
            yield f"{path}.{side}", text.replace("?", "*")


def _jmespath(path: str, text: str) -> Iterator[_Place]:
    """Literals between ``{{`` and ``}}``; quotes of the text around mean nothing.

    The bound is that of two expressions: a text holds several.
    """
    longest = _LONGEST_TEXT * 2
    for piece in text[:longest].split("{{")[1:]:
        expression = piece.partition("}}")[0]
        yield from _names_at(path, expression, "jmespath")
    # What is behind the bound was not read.
    if len(text) > longest:
        yield path, _ANY_NAME


def _argocd(raw: Raw) -> Iterator[_Place]:
    """Subjects of ``p`` and ``g`` lines in every ``policy*.csv`` of Argo CD's ConfigMap.

    Roles and projects of Argo CD are no names of the cluster.

    Shape (``argocd-rbac-cm``)::

        data:
          policy.csv: |
            p, SUBJECT, RESOURCE, ACTION, OBJECT, EFFECT
            g, SUBJECT, role:ROLE
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
    """The subject of a policy line, None where the line names no login."""
    if len(fields) < 2:
        return None
    kind, subject = fields[0], fields[1]
    # p is a permission, g a role assignment; a comment or a model line names no subject.
    if kind not in ("p", "g"):
        return None
    # Argo CD's own roles and projects: no login of the cluster has these names.
    if subject.startswith(("role:", "proj:")):
        return None
    return subject


def _csv_fields(line: str) -> list[str]:
    """The fields of one line, without the spaces and quotes around them."""
    reader = csv.reader([line], skipinitialspace=True)
    try:
        values = next(reader, [])
    # A field beyond csv's own bound (131,072 characters): the first two fields are what counts.
    except csv.Error:
        return [value.strip(' "') for value in line.split(",", 2)]
    return [value.strip() for value in values]


def _in_expressions(texts: Sequence[_Place], language: Language) -> Iterator[_Place]:
    """Names of all expressions of an object if one of them is about users.

    All of them, because variables carry names from one expression to another. ``texts`` are pairs
    of path and expression.
    """
    if not any(is_about_users(text) for _, text in texts):
        return
    for path, text in texts:
        yield from _names_at(path, text, language)


def _names_at(path: str, text: str, language: Language) -> Iterator[_Place]:
    """Names of one expression.

    One that is longer than any in use is not scanned and may hold any name: a scan costs time in
    the length, and the text is the cluster's.
    """
    if len(text) > _LONGEST_TEXT:
        yield path, _ANY_NAME
        return
    for name in names_in(text, language):
        yield path, name
    # What is compared is no literal, or not the name: any name may be meant.
    if may_mean_any(text, language):
        yield path, _ANY_NAME


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, str, str]]:
    """``(path, last key, text)`` of every text in a value; empty texts name nothing."""
    for at, key, node in _nodes(value, path):
        if isinstance(node, str) and node:
            yield at, key, node


def _nodes(value: object, path: str = "") -> Iterator[tuple[str, str, object]]:
    """``(path, last key, value)`` of everything inside a value, in document order.

    At most ``_MOST_VALUES`` are given, and there is no recursion: an object that is nested deeply
    must not end the reading of the others. A path is cut at ``_LONGEST_PATH`` characters.
    """
    stack: list[tuple[str, str, object]] = [(path, path.rpartition(".")[2], value)]
    for _ in range(_MOST_VALUES):
        if not stack:
            return
        at, key, node = stack.pop()
        yield at, key, node
        at = at[:_LONGEST_PATH]
        inside: list[tuple[str, str, object]] = []
        if isinstance(node, Mapping):
            before = f"{at}." if at else ""
            inside = [(f"{before}{name}", f"{name}", v) for name, v in node.items()]
        # An item of a list has the key of the list.
        elif isinstance(node, (list, tuple)):
            inside = [(f"{at}[{number}]", key, v) for number, v in enumerate(node)]
        # The last of a stack comes first: reversed, the order is the document's.
        stack += reversed(inside)


def _map(value: object) -> Mapping[Any, Any]:
    """The value if it is a mapping; anything else is read as an empty one.

    Objects are untrusted: a field may hold any type.
    """
    if isinstance(value, Mapping):
        return value
    return {}


def _maps(value: object) -> list[Mapping[Any, Any]]:
    """The objects of a list; an item of another type is read as an empty object, so that the places
    of the others stay right.
    """
    if not isinstance(value, (list, tuple)):
        return []
    return [_map(item) for item in value]


def _texts(value: object) -> list[str]:
    """The texts of a list; items of other types are passed over."""
    if not isinstance(value, (list, tuple)):
        return []
    return [item for item in value if isinstance(item, str)]


def _text(value: object) -> str:
    """The value if it is text; anything else is read as an empty one."""
    if isinstance(value, str):
        return value
    return ""
