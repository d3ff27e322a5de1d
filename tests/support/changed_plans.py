"""Systematic changes of a plan document, each of which alters what the plan does or claims.

A change is made in place on a copy; its digests are computed again, as whoever changes a plan on
purpose does.
"""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from migrator.decide.planning.proof.basis import digest_of
from migrator.model.files.plan import plan_digest

Document = dict[str, Any]
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
_POLICY = {"policyArn": ADMIN, "accessScope": {"type": "cluster", "namespaces": []}}
_NAMESPACED = {"policyArn": ADMIN, "accessScope": {"type": "namespace", "namespaces": ["shop"]}}
_SOMEBODY = "arn:aws:iam::111122223333:role/somebody-else"


def changes(document: Document) -> Iterator[tuple[str, Document]]:
    """``(what was changed, the changed document with its digests)``, every kind at every place
    where it fits.
    """
    for what, changed in edits(document):
        yield what, with_digests(changed, document)


def edits(document: Document) -> Iterator[tuple[str, Document]]:
    """The same, with the digests of the plan as it was."""
    # Read from its text: a tenth of what a deep copy takes.
    text = msgspec.json.encode(document)
    document = msgspec.json.decode(text)
    for make in (_of_steps, _of_principals, _of_findings, _of_document):
        for what, change in make(document):
            changed = msgspec.json.decode(text)
            change(changed)
            if changed != document:
                yield what, changed


def with_digests(changed: Document, document: Document) -> Document:
    """The changed document with the digests that fit it."""
    if changed["basis"] != document["basis"]:
        changed["snapshotDigest"] = digest_of(changed["basis"])
    changed["planDigest"] = plan_digest(changed)
    return changed


Change = Callable[[Document], object]


def _at(place: int, change: Callable[[Document, int], object]) -> Change:
    return lambda document: change(document, place)


def _of_steps(document: Document) -> Iterator[tuple[str, Change]]:
    for place, step in enumerate(document["steps"]):
        name = f"{step['id']} {step['kind']}"
        yield f"drop {name}", _at(place, _drop)
        yield (
            f"repeat {name}",
            _at(place, lambda d, i: d["steps"].insert(i + 1, copy.deepcopy(d["steps"][i]))),
        )
        yield (
            f"repeat {name} under a new id",
            _at(place, lambda d, i: d["steps"].append({**d["steps"][i], "id": "s999"})),
        )
        yield (
            f"{name}: another undo",
            _at(place, lambda d, i: d["steps"][i].update(undo=_other_undo(d, i))),
        )
        yield (
            f"{name}: because of nothing it has",
            _at(place, lambda d, i: d["steps"][i].update(because_of=["mapRoles[99]"])),
        )
        yield (
            f"{name}: requires a later step",
            _at(place, lambda d, i: d["steps"][i]["requires"].append("s998")),
        )
        if step["requires"]:
            yield (
                f"{name}: requires nothing",
                _at(place, lambda d, i: d["steps"][i].update(requires=[])),
            )
        yield (
            f"{name}: other preconditions",
            _at(place, lambda d, i: d["steps"][i].update(preconditions={"x": 1})),
        )
        if step["principalArn"]:
            yield (
                f"{name}: for somebody else",
                _at(place, lambda d, i: d["steps"][i].update(principalArn=_SOMEBODY)),
            )
            yield (
                f"{name}: policy after it",
                _at(place, lambda d, i: d["steps"].insert(i + 1, _associate(d["steps"][i]))),
            )
        if (
            place + 1 < len(document["steps"])
            and step["id"] in document["steps"][place + 1]["requires"]
        ):
            yield f"{name}: swapped with the next", _at(place, lambda d, i: _swap(d["steps"], i))
        for key in ("entry", "before", "expected"):
            if (
                isinstance(step["payload"].get(key), dict)
                and "kubernetesGroups" in step["payload"][key]
            ):
                yield from _of_entry(f"{name} {key}", _payload(place, key), step["payload"][key])
        yield from _of_payload(name, place, step)


def _of_payload(name: str, place: int, step: Document) -> Iterator[tuple[str, Change]]:
    values = step["payload"]
    for key, other in {
        "group": "system:masters",
        "bindingName": "cluster-admin",
        "roleName": "cluster-admin",
        "username": "system:admin",
        "modeTo": "API",
        "proofClass": "attested",
        "attribution": "rehearsal",
    }.items():
        if key in values:
            yield f"{name}: another {key}", partial(_set_at, place, key, other)
    if step["kind"] == "prove":
        yield (
            f"{name}: more groups",
            _at(place, lambda d, i: d["steps"][i]["payload"]["groups"].append("x")),
        )
    if "policy" in values:
        yield (
            f"{name}: another scope",
            _at(place, lambda d, i: _set(d["steps"][i], "policy", _NAMESPACED)),
        )


def _set_at(place: int, key: str, value: str, document: Document) -> None:
    _set(document["steps"][place], key, value)


def _set(step: Document, key: str, value: Any) -> None:  # noqa: ANN401 - a JSON value
    """In the payload, and in the undo that follows from it."""
    step["payload"][key] = value
    if step["undo"] and key in step["undo"]["payload"]:
        step["undo"]["payload"][key] = value


def _of_entry(
    name: str, entry_of: Callable[[Document], Document], entry: Document
) -> Iterator[tuple[str, Change]]:
    yield f"{name}: another username", lambda d: entry_of(d).update(username="boss")
    yield (
        f"{name}: one more group",
        lambda d: entry_of(d)["kubernetesGroups"].append("developers-of-others"),
    )
    yield (
        f"{name}: one more policy",
        lambda d: entry_of(d)["accessPolicies"].append(_POLICY_OF_OTHERS),
    )
    if entry["kubernetesGroups"]:
        yield f"{name}: no groups", lambda d: entry_of(d).update(kubernetesGroups=[])
    if entry["accessPolicies"]:
        yield f"{name}: no policies", lambda d: entry_of(d).update(accessPolicies=[])
        yield f"{name}: another scope", lambda d: entry_of(d).update(accessPolicies=[_NAMESPACED])
    yield (
        f"{name}: another type",
        lambda d: entry_of(d).update(
            type="EC2_LINUX" if entry["type"] == "STANDARD" else "STANDARD"
        ),
    )


_POLICY_OF_OTHERS = {
    "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy",
    "accessScope": {"type": "cluster", "namespaces": []},
}


def _of_principals(document: Document) -> Iterator[tuple[str, Change]]:
    principals = document["principals"]
    for place, principal in enumerate(principals):
        name = principal["principalArn"]
        if _is_in_basis(document, principal):
            yield f"drop {name}", _at(place, _drop_principal)
            yield (
                f"{name}: another id",
                _at(place, lambda d, i: d["principals"][i].update(principalId="AROAOTHER")),
            )
        yield (
            f"repeat {name}",
            _at(place, lambda d, i: d["principals"].append(copy.deepcopy(d["principals"][i]))),
        )
        yield (
            f"{name}: another ARN",
            _at(place, lambda d, i: d["principals"][i].update(principalArn=_SOMEBODY)),
        )
        yield (
            f"{name}: other rows",
            _at(place, lambda d, i: d["principals"][i].update(sources=["mapRoles[99]"])),
        )
        yield (
            f"{name}: a finding more",
            _at(place, lambda d, i: d["principals"][i]["findings"].append("answered")),
        )
        for action in ("create", "update", "recreate", "keep", "await", "skip", "block"):
            yield f"{name}: action {action}", partial(_act, place, action)
        yield (
            f"{name}: another username before",
            _at(place, lambda d, i: d["principals"][i]["before"].update(username="x")),
        )
        yield (
            f"{name}: a group more before",
            _at(place, lambda d, i: d["principals"][i]["before"]["groups"].append("x")),
        )
        yield (
            f"{name}: an administrator before",
            _at(
                place,
                lambda d, i: d["principals"][i]["before"].update(
                    groups=["system:masters"], username="boss"
                ),
            ),
        )
        if principal["findings"]:
            yield (
                f"{name}: no findings",
                _at(place, lambda d, i: d["principals"][i].update(findings=[])),
            )
        if principal["entry"]:
            yield from _of_entry(name, _entry_of(place), principal["entry"])
            yield f"{name}: a group more in entry and steps", _at(place, _everywhere)
    if len(principals) > 1:
        for key in ("entry", "before", "action", "sources", "principalArn"):
            yield f"{key} of the first two swapped", partial(_swap_key, key)


def _of_findings(document: Document) -> Iterator[tuple[str, Change]]:
    for place, finding in enumerate(document["findings"]):
        name = f"finding {place} {finding['code']}"
        if finding["severity"] == "block" and finding["code"] not in (
            "section-lost",
            "map-accounts",
        ):
            yield (
                f"{name}: a warning",
                _at(place, lambda d, i: d["findings"][i].update(severity="warn")),
            )
        yield (
            f"{name}: severity info",
            _at(place, lambda d, i: d["findings"][i].update(severity="info")),
        )
        yield (
            f"{name}: severity block",
            _at(place, lambda d, i: d["findings"][i].update(severity="block")),
        )
        yield (
            f"{name}: unknown code",
            _at(place, lambda d, i: d["findings"][i].update(code="all-is-well")),
        )
        yield (
            f"{name}: another reference",
            _at(place, lambda d, i: d["findings"][i].update(reference="https://example.com")),
        )
        yield (
            f"{name}: about somebody else",
            _at(place, lambda d, i: d["findings"][i].update(principalArn=_SOMEBODY)),
        )
        if finding["severity"] == "block" or document["findings"].count(finding) == 1 == _count(
            document, finding
        ):
            yield f"drop {name}", _at(place, lambda d, i: d["findings"].pop(i))


def _of_document(document: Document) -> Iterator[tuple[str, Change]]:
    yield "summary", lambda d: d["summary"].update(create=d["summary"]["create"] + 1)
    yield "snapshotDigest", lambda d: d.update(snapshotDigest="sha256:" + "0" * 64)
    yield "cluster ARN", lambda d: d["cluster"].update(arn=d["cluster"]["arn"] + "2")
    yield "cluster name", lambda d: d["cluster"].update(name="another")
    yield (
        "mode",
        lambda d: d["cluster"].update(
            authenticationMode="API"
            if d["cluster"]["authenticationMode"] != "API"
            else "CONFIG_MAP"
        ),
    )
    yield "basis without rows", lambda d: d["basis"]["awsAuth"].update(rows=[])
    yield "basis without a key", lambda d: d["basis"].pop("rbac")
    yield "basis of another shape", lambda d: d["basis"].update(awsAuth=7)
    live = {
        source
        for principal in document["principals"]
        if principal["before"]["via"] == "config-map" and len(principal["sources"]) == 1
        for source in principal["sources"]
    }
    for place, row in enumerate(document["basis"]["awsAuth"]["rows"]):
        if row[0] not in live:
            continue  # what a row without a login says changes nothing
        yield (
            f"basis row {place} {row[0]}: another username",
            _at(place, lambda d, i: _row(d, i, 2, "somebody")),
        )
    for kind, effect in (
        (
            "ClusterRoleBinding",
            {"namespace": None, "roleKind": "ClusterRole", "roleName": "cluster-admin"},
        ),
        (
            "RoleBinding",
            {"namespace": "kube-system", "roleKind": "ClusterRole", "roleName": "admin"},
        ),
    ):
        yield f"a {kind} more", partial(_add_binding, effect)
    yield "a bridge more", lambda d: d["steps"].append(_bridge(d))
    yield "a foreign binding removed", lambda d: d["steps"].append(_removal(d))


def _is_in_basis(document: Document, principal: Document) -> bool:
    """The basis names it by row or entry: roles of live nodes and the creator are not in a
    basis.
    """
    return bool(principal["sources"]) or principal["principalArn"] in (
        document["basis"]["accessEntries"] or {}
    )


def _count(document: Document, finding: Document) -> int:
    """How many findings of the principal have the code; 0 for a finding about the cluster, which
    follows from more than the basis holds.
    """
    if finding["principalArn"] is None:
        return 0
    return sum(
        (f["code"], f["principalArn"]) == (finding["code"], finding["principalArn"])
        for f in document["findings"]
    )


def _row(document: Document, place: int, field: int, value: str) -> None:
    document["basis"]["awsAuth"]["rows"][place][field] = value


def _drop(document: Document, place: int) -> None:
    """The step goes, and whoever rested on it rests on what it rested on."""
    gone = document["steps"].pop(place)
    for step in document["steps"]:
        if gone["id"] in step["requires"]:
            rest = [each for each in step["requires"] if each != gone["id"]]
            step["requires"] = rest + [each for each in gone["requires"] if each not in rest]


def _drop_principal(document: Document, place: int) -> None:
    """Principal, steps and findings of it, and the count."""
    gone = document["principals"].pop(place)
    document["summary"][gone["action"]] -= 1
    arn = gone["principalArn"]
    for step in [step for step in document["steps"] if step["principalArn"] == arn]:
        _drop(document, document["steps"].index(step))
    document["findings"] = [
        finding for finding in document["findings"] if finding["principalArn"] != arn
    ]


def _act(place: int, action: str, document: Document) -> None:
    """Another action, the count with it; without an entry where the action has none."""
    principal = document["principals"][place]
    document["summary"][principal["action"]] -= 1
    document["summary"][action] += 1
    if action == principal["action"]:
        return
    principal["action"] = action
    if action in ("skip", "block"):
        principal["entry"] = None
        arn = principal["principalArn"]
        for step in [step for step in document["steps"] if step["principalArn"] == arn]:
            _drop(document, document["steps"].index(step))


def _everywhere(document: Document, place: int) -> None:
    with_group(document, document["principals"][place], "developers-of-others")


def with_group(document: Document, principal: Document, group: str) -> None:
    """One more group in the entry and in every step of the principal, undo and proofs too: the
    steps fit the entry.
    """
    for entry in _entries_in(principal["entry"]):
        entry["kubernetesGroups"].append(group)
    for step in document["steps"]:
        if step["principalArn"] != principal["principalArn"]:
            continue
        for entry in _entries_in([step["payload"], step["undo"]]):
            entry["kubernetesGroups"].append(group)
        if step["kind"] == "prove":
            step["payload"]["groups"].append(group)


def _entries_in(value: Any) -> Iterator[Document]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        if "kubernetesGroups" in value:
            yield value
        for each in value.values():
            yield from _entries_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _entries_in(each)


def _swap(items: list[Any], place: int) -> None:
    items[place], items[place + 1] = items[place + 1], items[place]


def _swap_key(key: str, document: Document) -> None:
    first, second = document["principals"][:2]
    first[key], second[key] = second[key], first[key]


def _payload(place: int, key: str) -> Callable[[Document], Document]:
    def found(document: Document) -> Document:
        entry: Document = document["steps"][place]["payload"][key]
        return entry

    return found


def _entry_of(place: int) -> Callable[[Document], Document]:
    def found(document: Document) -> Document:
        entry: Document = document["principals"][place]["entry"]
        return entry

    return found


def _other_undo(document: Document, place: int) -> Document | None:
    if document["steps"][place]["undo"] is not None:
        return None
    return {
        "kind": "remove-bridge",
        "principalArn": None,
        "payload": {"bindingName": "cluster-admin", "group": "x"},
    }


def _associate(after: Document) -> Document:
    arn = after["principalArn"]
    return {
        "id": "s990",
        "kind": "associate-policy",
        "principalArn": arn,
        "requires": [after["id"]],
        "preconditions": {"entry": "present"},
        "payload": {"policy": _POLICY_OF_OTHERS, "before": None},
        "undo": {
            "kind": "disassociate-policy",
            "principalArn": arn,
            "payload": {"policy": _POLICY_OF_OTHERS},
        },
        "because_of": after["because_of"],
    }


def _cluster_step(
    document: Document, kind: str, payload: Document, undo: Document | None
) -> Document:
    first = [step["id"] for step in document["steps"][:1]]
    sources = [source for principal in document["principals"] for source in principal["sources"]]
    return {
        "id": "s990",
        "kind": kind,
        "principalArn": None,
        "requires": first,
        "preconditions": {} if kind == "remove-bridge" else {"binding": "absent"},
        "payload": payload,
        "undo": undo,
        "because_of": sources[:1],
    }


def _binding(document: Document, role: Document) -> Document:
    named = {"bindingName": "migrator-developers", "group": "developers-of-others"}
    undo = {
        "kind": "remove-bridge",
        "principalArn": None,
        "payload": {**named, "namespace": role["namespace"]},
    }
    return _cluster_step(document, "create-binding", {**named, **role}, undo)


def _add_binding(role: Document, document: Document) -> None:
    document["steps"].append(_binding(document, role))


def _bridge(document: Document) -> Document:
    named = {"bindingName": "migrator-bridge-{run}", "group": "migrator-bridge:{run}"}
    undo = {"kind": "remove-bridge", "principalArn": None, "payload": {**named, "namespace": None}}
    return _cluster_step(document, "create-bridge", named, undo)


def _removal(document: Document) -> Document:
    payload = {
        "bindingName": "system:node-proxier",
        "group": "migrator-bridge:x",
        "namespace": None,
    }
    return _cluster_step(document, "remove-bridge", payload, None)
