"""The life of an object: created, updated, patched, deleted, under the rules of kube-apiserver's
generic registry.

Source: kubernetes ``staging/src/k8s.io/apiserver/pkg/registry/generic/registry``. Authorisation
happened before; what depends on the writer's identity (RBAC's escalation check) is passed in as a
``guard``.
"""

import json
import secrets
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime

from migrator.lab.kubernetes import field_schema, managed_fields, patches, validation
from migrator.lab.kubernetes.bodies import as_object, prepared
from migrator.lab.kubernetes.controllers import Controllers
from migrator.lab.kubernetes.json_types import Json, Value
from migrator.lab.kubernetes.resources import ResourceType, ResourceTypes
from migrator.lab.kubernetes.selectors import Matcher
from migrator.lab.kubernetes.status import (
    ApiError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    modified,
    not_found,
    unexpected,
)
from migrator.lab.kubernetes.store import ObjectStore
from migrator.lab.worlds.raw_parts import part_of

Guard = Callable[
    [Json, Json | None], None
]  # (object as it would be, object as it is): raises to refuse
Effect = Callable[
    [str], AbstractContextManager[None]
]  # name of the object: wraps the one moment of writing

_DEFAULT_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_PROTECTED = frozenset(("default", "kube-system", "kube-public"))

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
# Groups whose objects have a generation.
_WITH_GENERATION = (
    "apps",
    "batch",
    "admissionregistration.k8s.io",
    "flowcontrol.apiserver.k8s.io",
)


def _no_guard(found: Json, before: Json | None) -> None:
    return None


def _no_effect(name: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Write:
    """How a write is made: ``manager`` owns the changed fields; ``dry_run`` stores nothing and is
    no effect.

    ``guard`` may refuse what is about to be stored, ``may_create`` an update that turns out to
    create. ``strictness`` says what becomes of fields that a kind does not have (``Ignore``,
    ``Warn``, ``Strict``); ``warnings`` is filled.
    """

    manager: str = "unknown"
    dry_run: bool = False
    guard: Guard = _no_guard
    effect: Effect = _no_effect
    version: str | None = None
    may_create: Callable[[], None] = lambda: None
    strictness: str = "Ignore"
    warnings: list[str] = field(default_factory=list)

    def prepare(self, kind: ResourceType, namespace: str, body: Value) -> Json:
        """The body with its metadata in the namespace of the URL; raises a 400 ApiError for what
        cannot be decoded.
        """
        return prepared(kind, namespace, body, self.strictness, self.warnings.append)

    def performing(self, name: str) -> AbstractContextManager[None]:
        """The moment in which it happens."""
        return nullcontext() if self.dry_run else self.effect(name)


class Registry:
    """The objects of one cluster. ``now`` gives lab time. Thread-safe."""

    def __init__(self, now: Callable[[], datetime], store: ObjectStore | None = None) -> None:
        self.store = store or ObjectStore(now)
        self.types = ResourceTypes()
        self._now = now
        self._controllers = Controllers(self.store, self.types, self.load, self._stamp)

    # reading

    def get(self, kind: ResourceType, namespace: str, name: str) -> Json:
        """The object; raises a 404 ApiError."""
        found = self.store.get(kind.key, namespace, name)
        if found is None:
            raise not_found(kind.plural, kind.group, name)
        return found

    # writing

    def create(
        self,
        kind: ResourceType,
        namespace: str,
        body: Json,
        write: Write,
    ) -> Json:
        """Store a new object; raises ApiError (400 with a resourceVersion, 404 no such namespace,
        409 exists, 422 invalid).

        A name is made from ``generateName`` where none is given (Kubernetes documentation, "API
        concepts", "Generated names").
        """
        body = write.prepare(kind, namespace, body)
        metadata = body["metadata"]
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(
                secrets.choice(_SUFFIX_LETTERS) for _ in range(5)
            )
        with write.performing(metadata.get("name", "")), self.store.lock:
            self._check_namespace(kind, namespace)
            found = self._born(kind, body)
            validation.validate(kind, found, None)
            name = metadata["name"]
            if self.store.get(kind.key, namespace, name) is not None:
                raise already_exists(kind.plural, kind.group, name)
            write.guard(found, None)
            found = managed_fields.track_update(
                None, found, write.manager, kind.api_version(write.version), self._stamp()
            )
            return self._store(kind, namespace, name, found, None, write)

    def update(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        body: Json,
        write: Write,
    ) -> Json:
        """Replace an object (PUT), or create it where the kind allows that.

        Raises ApiError: 400 for another name than the URL's, 404, 409 for an object that changed
        since it was read, 422.
        """
        body = write.prepare(kind, namespace, body)
        given = body["metadata"].get("name")
        if given != name:
            raise bad_request(
                f"the name of the object ({given}) does not match the name on the URL ({name})"
            )
        with write.performing(name), self.store.lock:
            before = self.store.get(kind.key, namespace, name)
            if before is None:
                return self._create_by_update(kind, namespace, name, body, write)
            self._check_version(kind, body, before, explicit=True)
            return self._replace(kind, namespace, name, before, body, write)

    def _create_by_update(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        body: Json,
        write: Write,
    ) -> Json:
        """The object that a PUT makes, inside of the PUT's effect. Raises a 404 ApiError for a kind
        that does not allow it (``AllowCreateOnUpdate``).
        """
        if not kind.create_on_update:
            raise not_found(kind.plural, kind.group, name)
        uid = body["metadata"].get("uid")
        # A uid in the body is a precondition of an update, and an object that was deleted has none
        # (k8s.io/apiserver, rest.DefaultUpdatedObjectInfo and storage.Preconditions.Check).
        if uid:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
            raise conflict(kind.plural, kind.group, name, why)
        write.may_create()
        body["metadata"].pop("resourceVersion", None)
        return self.create(kind, namespace, body, replace(write, effect=_no_effect))

    def patch(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        patch: Value,
        media_type: str,
        write: Write,
    ) -> Json:
        """Apply a JSON, merge or strategic merge patch to the newest state; a resourceVersion in it
        is obeyed.

        Custom kinds have no strategic merge. Raises ApiError: 404, 415 for another media type, and
        what :mod:`migrator.lab.kubernetes.patches` raises.
        """
        with write.performing(name), self.store.lock:
            before = self.get(kind, namespace, name)
            match media_type:
                case "application/json-patch+json":
                    after = patches.json_patch(before, patch)
                case "application/strategic-merge-patch+json" if not kind.custom:
                    after = patches.strategic_merge_patch(before, as_object(patch))
                case "application/merge-patch+json":
                    after = patches.merge_patch(before, as_object(patch))
                case _:
                    raise ApiError(
                        415,
                        "UnsupportedMediaType",
                        "the body of the request was in an unknown format - accepted media types "
                        "include: "
                        "application/json-patch+json, application/merge-patch+json, "
                        "application/apply-patch+yaml",
                    )
            after = write.prepare(kind, namespace, after)
            self._check_version(kind, after, before, explicit=False)
            return self._replace(kind, namespace, name, before, after, write)

    def apply(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        body: Json,
        write: Write,
        *,
        force: bool,
    ) -> tuple[Json, bool]:
        """Server-side apply; returns the object and whether it was made by this.

        Raises ApiError: 400 for another name than the URL's and for managedFields, 409 for fields
        of other managers unless ``force``, and for the uid of an object that does not exist; 500
        for a field that the kind does not have, whatever the request says about unknown fields.
        """
        _check_typed(kind, namespace, name, as_object(body), kind.api_version(write.version))
        body = write.prepare(kind, namespace, as_object(body))
        metadata = body["metadata"]
        if metadata.setdefault("name", name) != name:
            raise bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL "
                f"({name})"
            )
        if metadata.get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        with write.performing(name), self.store.lock:
            before = self.store.get(kind.key, namespace, name)
            if before is None:
                # A resourceVersion is not asked about: there is nothing that it could be of.
                metadata.pop("resourceVersion", None)
                if metadata.get("uid"):
                    why = (
                        "uid mismatch: the provided object specified a uid, and no existing "
                        "object was found"
                    )
                    raise conflict(kind.plural, kind.group, name, why)
                write.may_create()
                self._check_namespace(kind, namespace)
            else:
                self._check_version(kind, body, before, explicit=False)
            after = managed_fields.apply(
                before,
                body,
                write.manager,
                kind.api_version(write.version),
                self._stamp(),
                force=force,
            )
            if before is not None:
                found = self._replace(
                    kind,
                    namespace,
                    name,
                    before,
                    after,
                    write,
                    tracked=True,
                )
                return found, False
            found = self._born(kind, after)
            validation.validate(kind, found, None)
            write.guard(found, None)
            return self._store(kind, namespace, name, found, None, write), True

    def delete(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        options: Json,
        write: Write,
    ) -> Json:
        """Remove an object, or mark it while finalizers are left (Kubernetes documentation,
        "Finalizers").

        ``options`` are DeleteOptions. Raises ApiError: 403 for a namespace of the system, 404, 409
        for a precondition that does not hold.
        """
        with write.performing(name), self.store.lock:
            before = self.get(kind, namespace, name)
            self._check_preconditions(kind, name, before, options)
            if kind.key == ("", "namespaces") and name in _PROTECTED:
                raise forbidden(kind.plural, kind.group, name, "this namespace may not be deleted")
            if write.dry_run:
                return before
            return self._delete(kind, namespace, name, before)

    def delete_collection(
        self,
        kind: ResourceType,
        namespace: str | None,
        chosen: Matcher,
        write: Write,
    ) -> list[Json]:
        """Remove every object that matches, in one effect; returns what was removed. ``namespace``
        None is all namespaces.
        """
        removed = []
        with write.performing("*"), self.store.lock:
            for found in self.store.items(kind.key, namespace)[0]:
                if not chosen(found):
                    continue
                removed.append(found)
                if write.dry_run:
                    continue
                metadata = found["metadata"]
                self._delete(kind, metadata.get("namespace", ""), metadata["name"], found)
        return removed

    # loading a world

    def load(self, found: Json) -> Json:
        """Store an object of a world file as one that has existed for long: nothing is refused, and
        no manager owns its fields.

        A kind that no definition announces becomes a custom resource; its namespace appears if it
        is missing.
        """
        metadata = dict(part_of(found, "metadata"))
        found = {**found, "metadata": metadata}
        api_version, name = found["apiVersion"], metadata["name"]
        kind = self.types.of_kind(api_version, found["kind"])
        if kind is None:
            kind = self.types.add_unannounced(
                api_version, found["kind"], namespaced=bool(metadata.get("namespace"))
            )
        namespace = metadata.setdefault("namespace", "default") if kind.namespaced else ""
        if not kind.namespaced:
            metadata.pop("namespace", None)
        with self.store.lock:
            if kind.namespaced:
                self.ensure_namespace(namespace)
            metadata.setdefault("uid", str(uuid.uuid4()))
            metadata.setdefault("creationTimestamp", self._stamp())
            if kind.key == ("", "namespaces"):
                found = validation.default(kind, found)
            stored = self.store.put(kind.key, namespace, name, found)
            self._controllers.after_write(kind, stored)
            return stored

    def ensure_namespace(self, name: str) -> None:
        """Make the namespace if it is missing."""
        if self.store.get(("", "namespaces"), "", name) is None:
            self.load({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def ensure_default_namespaces(self) -> None:
        """The namespaces that every cluster has."""
        for name in _DEFAULT_NAMESPACES:
            self.ensure_namespace(name)

    # parts

    def _stamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _born(self, kind: ResourceType, body: Json) -> Json:
        """The object with what the server gives a new one: uid, time, and a generation for kinds
        that have one (apiserver ``pkg/registry/rest/create.go``, BeforeCreate). What only the
        server sets is dropped.
        """
        metadata = {
            key: value
            for key, value in body["metadata"].items()
            if key not in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
        }
        metadata["uid"], metadata["creationTimestamp"] = str(uuid.uuid4()), self._stamp()
        if kind.custom or kind.group in _WITH_GENERATION:
            metadata["generation"] = 1
        return validation.default(kind, {**body, "metadata": metadata})

    def _replace(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        before: Json,
        body: Json,
        write: Write,
        *,
        tracked: bool = False,
    ) -> Json:
        """Store the next state of an object, with what an update cannot change taken from
        ``before`` (apiserver ``pkg/registry/rest/update.go``, BeforeUpdate).

        ``tracked``: the managedFields are those of an apply. A write that changes nothing makes no
        new revision; a change of ``spec`` makes a new generation.
        """
        kept = {
            key: before["metadata"][key]
            for key in ("creationTimestamp", "deletionTimestamp", "generation")
            if key in before["metadata"]
        }
        metadata = {**body["metadata"], **kept}
        metadata.setdefault("uid", before["metadata"]["uid"])
        metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
        found = validation.default(kind, {**body, "metadata": metadata})
        validation.validate(kind, found, before)
        write.guard(found, before)
        if not tracked:
            found = managed_fields.track_update(
                before, found, write.manager, kind.api_version(write.version), self._stamp()
            )
        if found == before:
            return before
        if "generation" in metadata and found.get("spec") != before.get("spec"):
            found = {
                **found,
                "metadata": {**found["metadata"], "generation": metadata["generation"] + 1},
            }
        return self._store(kind, namespace, name, found, before, write)

    def _store(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        found: Json,
        before: Json | None,
        write: Write,
    ) -> Json:
        """Put the object into the store and let the controllers follow; a dry run stops before
        that.

        An object that is marked for removal ends with its last finalizer.
        """
        if write.dry_run:
            return found
        metadata = found["metadata"]
        stored = self.store.put(kind.key, namespace, name, found)
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            return self.store.remove(kind.key, namespace, name) or found
        self._controllers.after_write(kind, stored)
        return stored

    def _check_namespace(self, kind: ResourceType, namespace: str) -> None:
        """Raise a 404 ApiError where the namespace of a new object does not exist (apiserver
        ``pkg/admission/plugin/namespace/lifecycle``).
        """
        if not kind.namespaced:
            return
        found = self.store.get(("", "namespaces"), "", namespace)
        if found is None:
            raise not_found("namespaces", "", namespace)

    def _check_version(
        self,
        kind: ResourceType,
        body: Json,
        before: Json,
        *,
        explicit: bool,
    ) -> None:
        """Optimistic locking: raise ApiError where the body is of another object (409, by uid) or
        of an older state (409, by resourceVersion).

        ``explicit``: a PUT, which some kinds refuse without a resourceVersion (422).
        """
        name, given = before["metadata"]["name"], body["metadata"].get("resourceVersion")
        uid = body["metadata"].get("uid")
        if uid and uid != before["metadata"]["uid"]:
            why = (
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
                f"{before['metadata']['uid']}"
            )
            raise conflict(kind.plural, kind.group, name, why)
        # Go's own error comes through (apiserver ``pkg/storage/api_object_versioner.go``).
        if given and not (given.isascii() and given.isdecimal()):
            raise unexpected(f"strconv.ParseUint: parsing {json.dumps(given)}: invalid syntax")
        if given and given != before["metadata"]["resourceVersion"]:
            raise modified(kind.plural, kind.group, name)
        if given or not explicit:
            return
        if not kind.unconditional_update:
            text = "Invalid value: 0x0: must be specified for an update"
            cause = ("FieldValueInvalid", "metadata.resourceVersion", text)
            raise invalid(kind.kind, kind.group, name, [cause])

    def _check_preconditions(
        self,
        kind: ResourceType,
        name: str,
        before: Json,
        options: Json,
    ) -> None:
        """Raise a 409 ApiError unless the object is the one that DeleteOptions name, by uid and
        resourceVersion.
        """
        wanted = part_of(options, "preconditions")
        uid, version = wanted.get("uid"), wanted.get("resourceVersion")
        actual = before["metadata"]
        if uid and uid != actual["uid"]:
            why = (
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
                f"{actual['uid']}"
            )
            raise conflict(kind.plural, kind.group, name, why)
        if version and version != actual["resourceVersion"]:
            why = (
                f"Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion "
                f"in object meta: "
                f"{actual['resourceVersion']}"
            )
            raise conflict(kind.plural, kind.group, name, why)

    def _delete(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        before: Json,
    ) -> Json:
        """Remove an object, or mark it with the time where finalizers are left; a second removal
        leaves the first mark.
        """
        if before["metadata"].get("finalizers"):
            if before["metadata"].get("deletionTimestamp"):
                return before
            marked = {
                **before["metadata"],
                "deletionTimestamp": self._stamp(),
                "deletionGracePeriodSeconds": 0,
            }
            return self.store.put(kind.key, namespace, name, {**before, "metadata": marked})
        removed = self.store.remove(kind.key, namespace, name) or before
        self._controllers.after_removal(kind, name, before)
        return removed


def _check_typed(
    kind: ResourceType, namespace: str, name: str, body: Json, api_version: str
) -> None:
    """Raise the 500 ApiError of an apply with a field that the kind does not have: the fields of an
    apply are typed before anything else is done with them (apimachinery
    ``pkg/util/managedfields/internal/structuredmerge.go``, structured-merge-diff
    ``typed/helpers.go``).
    """
    _, unknown = field_schema.pruned(kind, body)
    if not unknown:
        return
    said = [f".{path}: field not declared in schema" for path in unknown]
    errors = said[0] if len(said) == 1 else "errors:\n  " + "\n  ".join(said)
    place = f"{namespace}/{name}; {api_version}, Kind={kind.kind}"
    raise unexpected(f"failed to create typed patch object ({place}): {errors}")
