"""How a request wants to write: ``dryRun``, ``fieldManager``, ``fieldValidation`` and ``force``.

Source: apimachinery ``pkg/apis/meta/v1/validation/validation.go`` (a bad value is 422) and
``pkg/runtime/conversion.go`` (``force`` is true for any text but ``false`` and ``0``).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from migrator.lab.http_wire import Request
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.registry import Write
from migrator.lab.kubernetes.request_info import RequestInfo
from migrator.lab.kubernetes.status import invalid
from migrator.lab.kubernetes.validation import Cause

_MANAGER_LIMIT = 128
_KINDS = {
    "create": "CreateOptions",
    "update": "UpdateOptions",
    "patch": "PatchOptions",
    "delete": "DeleteOptions",
    "deletecollection": "DeleteOptions",
}
_STRICTNESS = ("Ignore", "Strict", "Warn")


def write_of(
    request: Request, info: RequestInfo, write: Write, options: Json, *, applies: bool = False
) -> Write:
    """``write`` with what the query says; ``options`` is the body of a removal, which may hold
    ``dryRun`` too. ``applies``: the request is a server-side apply.

    Raises a 422 ApiError that names every value which the API does not have.
    """
    dry = request.query.get("dryRun") or options.get("dryRun") or []
    named = request.parameter("fieldManager")
    strictness = request.parameter("fieldValidation") or "Warn"
    causes = [*_force(request, applies=applies), *_manager(named, applies=applies), *_dry_run(dry)]
    if strictness not in _STRICTNESS:
        text = f"{_unsupported(json.dumps(strictness))}: supported values: {_listed(_STRICTNESS)}"
        causes.append(("FieldValueNotSupported", "fieldValidation", text))
    if causes:
        raise invalid(_KINDS.get(info.verb, "UpdateOptions"), "meta.k8s.io", "", causes)
    # Without a name the program of the user agent is the manager (apiserver
    # ``pkg/endpoints/handlers/create.go``, managerOrUserAgent).
    program = request.header("user-agent").partition("/")[0][:_MANAGER_LIMIT]
    return replace(
        write,
        manager=named or program or "unknown",
        dry_run="All" in dry,
        version=info.version,
        strictness=strictness,
        warnings=[],
    )


def is_forced(request: Request) -> bool:
    """Whether an apply takes fields over from other managers."""
    if "force" not in request.query:
        return False
    return request.parameter("force").lower() not in ("false", "0")


def _force(request: Request, *, applies: bool) -> Iterable[Cause]:
    if "force" in request.query and not applies:
        text = "Forbidden: may not be specified for non-apply patch"
        yield "FieldValueForbidden", "force", text


def _manager(named: str, *, applies: bool) -> Iterable[Cause]:
    if applies and not named:
        yield "FieldValueRequired", "fieldManager", "Required value: is required for apply patch"
    if len(named.encode("utf-8", "surrogatepass")) > _MANAGER_LIMIT:
        text = f"Too long: may not be more than {_MANAGER_LIMIT} bytes"
        yield "FieldValueTooLong", "fieldManager", text
    for place, letter in enumerate(named):
        if not letter.isprintable():
            text = (
                f"Invalid value: {json.dumps(named)}: invalid character U+{ord(letter):04X} "
                f"(at position {place})"
            )
            yield "FieldValueInvalid", "fieldManager", text


def _dry_run(dry: Sequence[object]) -> Iterable[Cause]:
    if any(value != "All" for value in dry):
        shown = "[]string{" + ", ".join(json.dumps(value) for value in dry) + "}"
        text = f'{_unsupported(shown)}: supported values: "All"'
        yield "FieldValueNotSupported", "dryRun", text


def _unsupported(shown: str) -> str:
    return f"Unsupported value: {shown}"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f'"{value}"' for value in values)
