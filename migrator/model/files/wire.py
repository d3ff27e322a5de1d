"""Shapes of the documents as they are written: camelCase structs beside the model's dataclasses.

Field for field these mirror ``migrator.model``; ``msgspec.convert(…, from_attributes=True)``
carries values across. Plans and journals refuse unknown fields, so that a newer file is never half
understood.
"""

import json
import threading
from datetime import datetime
from types import SimpleNamespace
from typing import Any, TypeVar

import msgspec

from migrator.model.access_entry import AuthenticationMode, EntryType, ScopeType, Via
from migrator.model.canonical import canonical_bytes, pretty_bytes
from migrator.model.finding import Severity
from migrator.model.log_ins import SessionKind
from migrator.model.plan import Action, Strategy, Target
from migrator.model.step import ProofClass

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


_SORTED = msgspec.json.Encoder(order="sorted")
_PREPARED: set[object] = set()
_PREPARING = threading.Lock()


def prepare(*types: type) -> None:
    """Let msgspec learn what it must know of types, in one thread at a time.

    It learns on first use and keeps what it learnt on the classes; two threads that use one class
    first at the same time read what is half written there, and the process dies.
    """
    for each in types:
        if each not in _PREPARED:
            with _PREPARING:
                msgspec.json.Decoder(each)
                _PREPARED.add(each)


def compact(document: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """The bytes of :func:`migrator.model.canonical.canonical_bytes`, seven times faster, of a
    document without fractional numbers: msgspec spells an exponent in another way. So does it a
    character that is not ASCII, and ``DEL``; a document with one is left to the standard library.
    """
    try:
        content = _SORTED.encode(document)
    except (msgspec.MsgspecError, TypeError, ValueError):
        return canonical_bytes(document)
    if content.isascii() and b"\x7f" not in content:
        return content
    return canonical_bytes(document)


def read_back(content: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """What ``content`` of :func:`compact` says; msgspec does not read a lone surrogate."""
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return json.loads(content)


def pretty(document: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """The bytes of :func:`migrator.model.canonical.pretty_bytes`, several times faster: the
    standard library indents in Python, which takes longer than making most plans. What msgspec does
    not read (a lone surrogate) is left to it.
    """
    return indented(canonical_bytes(document))


def indented(content: bytes) -> bytes:
    """Compact JSON as :func:`pretty` writes it."""
    try:
        return msgspec.json.format(content, indent=2) + b"\n"
    except msgspec.DecodeError:
        return pretty_bytes(json.loads(content))


def schema_components(*structs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:  # noqa: ANN401 - types
    """JSON Schema: a reference for each struct, and the definitions by name.

    A description is the docstring as one line: where the source wraps it is not part of the schema.
    """
    references, components = msgspec.json.schema_components(structs, ref_template="#/$defs/{name}")
    for definition in components.values():
        if "description" in definition:
            definition["description"] = " ".join(definition["description"].split())
        for name, shape in definition.get("properties", {}).items():
            # msgspec says this of dataclasses from 0.23 on.
            if shape.get("type") == "object" and name not in definition.get("required", ()):
                shape.setdefault("default", {})
    return references, components


def convert(value: object, to: type[T]) -> T:
    """``value``, JSON-like, as ``to``. Safe in any thread. Raises ``msgspec.ValidationError``."""
    prepare(to)
    return msgspec.convert(value, to)


def struct_of(value: object, struct: type[S]) -> S:
    """A model value as the wire struct of the same fields."""
    prepare(struct)
    return msgspec.convert(value, struct, from_attributes=True)


def model_of(struct: msgspec.Struct, model: type[T]) -> T:
    """A wire struct as the model value of the same fields."""
    prepare(model)
    return msgspec.convert(struct, model, from_attributes=True)


def model_with(struct: msgspec.Struct, model: type[T], **other: object) -> T:
    """As :func:`model_of`, with values for the fields that the document writes in another way, or
    not at all.
    """
    prepare(model)
    fields = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return msgspec.convert(SimpleNamespace(**{**fields, **other}), model, from_attributes=True)


class Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Base of everything in a plan."""


class Scope(Strict):
    """Where a policy holds."""

    type: ScopeType
    namespaces: tuple[str, ...] = ()


class Policy(Strict):
    """An associated access policy."""

    policy_arn: str
    scope: Scope = msgspec.field(name="accessScope")


class Entry(Strict):
    """What an access entry is meant to be; ``username`` null leaves the name to EKS."""

    type: EntryType
    username: str | None
    kubernetes_groups: tuple[str, ...]
    access_policies: tuple[Policy, ...]


class ObservedEntry(Strict):
    """An access entry as it was read."""

    principal_arn: str
    type: EntryType
    username: str
    kubernetes_groups: tuple[str, ...]
    access_policies: tuple[Policy, ...]
    created_at: datetime | None
    modified_at: datetime | None
    entry_arn: str
    tags: dict[str, str]


class Before(Strict, omit_defaults=True):
    """The identity before; access policies are written only where there are any."""

    username: str
    groups: tuple[str, ...]
    via: Via
    policies: tuple[Policy, ...] = msgspec.field(name="accessPolicies", default=())


class Witness(Strict):
    """One request that shows a block of permissions."""

    verb: str
    api_group: str
    resource: str
    subresource: str
    name: str
    namespace: str | None
    non_resource_url: str | None = msgspec.field(name="nonResourceURL")
    login: tuple[str, ...]


class Permission(Strict, omit_defaults=True):
    """A block of permissions; a witness is written only where there is one."""

    scope: str
    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    resource_names: tuple[str, ...]
    non_resource_urls: tuple[str, ...] = msgspec.field(name="nonResourceURLs")
    witness: Witness | None = None


class LogIns(Strict, omit_defaults=True):
    """Log-ins of one kind of session of the principal: all, only those with these names, or all but
    those.
    """

    sessions: SessionKind
    names: tuple[str, ...] = ()
    except_names: tuple[str, ...] = ()


class Access(Strict, omit_defaults=True):
    """Access gained and lost: permissions, and log-ins, which are written only where there are
    any.
    """

    gained: tuple[Permission, ...]
    lost: tuple[Permission, ...]
    log_ins_gained: tuple[LogIns, ...] = ()
    log_ins_lost: tuple[LogIns, ...] = ()


class Principal(Strict, omit_defaults=True):
    """One principal with its action. ``lines`` are those of ``sources``, each inside its section;
    a plan of before has none, and keeps its digest.
    """

    principal_arn: str
    sources: tuple[str, ...]
    action: Action
    principal_id: str | None
    before: Before
    entry: Entry | None
    proposed: Entry | None
    required_proof: ProofClass
    access: Access
    findings: tuple[str, ...]
    lines: tuple[int, ...] = ()


class Finding(Strict):
    """One finding."""

    code: str
    severity: Severity
    source: str | None
    line: int | None
    principal_arn: str | None
    message: str
    remedy: str
    reference: str


class Cluster(Strict):
    """Which cluster."""

    name: str
    arn: str
    account_id: str
    region: str
    partition: str
    authentication_mode: AuthenticationMode


class BreakGlass(Strict):
    """The IAM principal that could make entries if every admin were locked out."""

    principal_arn: str


class Undo(Strict):
    """What undoes a step: another step, without a place in the order."""

    kind: str
    principal_arn: str | None
    payload: dict[str, Any]


class Step(Strict):
    """A step; the shape of ``payload`` follows from ``kind``."""

    id: str
    kind: str
    principal_arn: str | None
    requires: tuple[str, ...]
    preconditions: dict[str, Any]
    payload: dict[str, Any]
    undo: Undo | None
    because_of: tuple[str, ...] = msgspec.field(name="because_of")


class PlanDocument(Strict):
    """``migrator/plan/v1``."""

    format: str
    created_at: str
    plan_digest: str
    cluster: Cluster
    basis: dict[str, Any]
    snapshot_digest: str
    strategy: Strategy
    break_glass: BreakGlass | None
    principals: tuple[Principal, ...]
    findings: tuple[Finding, ...]
    target: Target
    steps: tuple[Step, ...]
    summary: dict[Action, int]
