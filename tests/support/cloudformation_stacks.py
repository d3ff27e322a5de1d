"""As much of CloudFormation as templates with ``AWS::EKS::AccessEntry`` need, over boto3.

The lab has no CloudFormation. This is what its stacks do with the resource type, against the lab's
EKS: creation, update, import, deletion, replacement and roll-back.

The type's schema is the registry's, as cfn-lint carries it: primary identifier, properties that
only a creation sets, read-only ones, ``create_then_delete``, and the calls that each handler may
make. The rest is as the CloudFormation user guide has it:

- "DeletionPolicy attribute": ``Retain`` also keeps what a failed operation had created, unless the
  operation is given ``RetainExceptOnCreate`` (API reference, ExecuteChangeSet).
- "Import AWS resources into a CloudFormation stack": each resource needs a DeletionPolicy, exists,
  and belongs to no other stack; its values are not compared with those of the template. What
  belongs to the stack already is not changed by the same operation.
- "Understand CloudFormation quotas": 51,200 bytes, 500 resources, 200 imports.
- "Resource type handler contract": a handler of creation answers ``AlreadyExists`` for what is
  there, one of deletion ``NotFound`` for what is not.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

Properties: TypeAlias = dict[str, Any]
Client: TypeAlias = Any  # boto3 has no types
ACCESS_ENTRY = "AWS::EKS::AccessEntry"
INLINE_BYTES, RESOURCES, IMPORTS = 51_200, 500, 200
_KEPT = ("Retain", "RetainExceptOnCreate")


class Refused(Exception):
    """The operation does not begin."""


class Failed(Exception):
    """A handler failed, with its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@cache
def schema() -> dict[str, Any]:
    """The registry's schema of the resource type."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    found: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(
        "us-east-1", ACCESS_ENTRY
    ).schema
    return found


def _names(key: str) -> set[str]:
    """``/properties/Type`` -> ``Type`` of a list of the schema."""
    return {each.rpartition("/")[2] for each in schema()[key]}


def identifier(properties: Properties) -> tuple[str, ...]:
    """The primary identifier of a resource, whose parts the template gives."""
    return tuple(properties[name] for name in sorted(_names("primaryIdentifier")))


class Handlers:
    """The handlers of ``AWS::EKS::AccessEntry``. Each makes only calls that its list of permissions
    has.
    """

    def __init__(self, eks: Client) -> None:
        self._eks = eks

    def _call(self, handler: str, operation: str, given: Properties, **more: object) -> Any:  # noqa: ANN401 - an answer
        permissions = schema()["handlers"][handler]["permissions"]
        name = "".join(word.capitalize() for word in operation.split("_"))
        assert f"eks:{name}" in permissions, (handler, name)
        place = {"clusterName": given["ClusterName"], "principalArn": given["PrincipalArn"]}
        try:
            return getattr(self._eks, operation)(**place, **more)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            known = {
                "ResourceInUseException": "AlreadyExists",
                "ResourceNotFoundException": "NotFound",
            }
            raise Failed(known.get(code, code), str(error)) from error
        except BotoCoreError as error:
            raise Failed("NetworkFailure", str(error)) from error

    def create(self, given: Properties) -> None:
        """The entry, then its policies."""
        named = _named(given)
        if "Type" in given:
            named["type"] = given["Type"]
        self._call("create", "create_access_entry", given, **named)
        for policy in given.get("AccessPolicies", ()):
            self._call("create", "associate_access_policy", given, **_association(policy))
        self._read("create", given)

    def read(self, given: Properties) -> Properties:
        """The properties of what is there; ``given`` needs the identifier only."""
        return self._read("read", given)

    def _read(self, handler: str, given: Properties) -> Properties:
        entry = self._call(handler, "describe_access_entry", given)["accessEntry"]
        listed = self._call(handler, "list_associated_access_policies", given)
        return {
            "ClusterName": entry["clusterName"],
            "PrincipalArn": entry["principalArn"],
            "Type": entry["type"],
            "Username": entry["username"],
            "KubernetesGroups": entry["kubernetesGroups"],
            "AccessPolicies": [
                {
                    "PolicyArn": each["policyArn"],
                    "AccessScope": {
                        "Type": each["accessScope"]["type"],
                        "Namespaces": each["accessScope"].get("namespaces", []),
                    },
                }
                for each in listed["associatedAccessPolicies"]
            ],
        }

    def update(self, before: Properties, given: Properties) -> None:
        """From what is there to what is given. A name that the template gave ``before`` and does
        not give any more goes back to EKS's own.
        """
        there = self._read("update", given)
        for name in ("Username", "KubernetesGroups"):
            last = there if name in given else before
            if given.get(name) != last.get(name):
                self._call("update", "update_access_entry", given, **_named(given))
                break
        wanted = {each["PolicyArn"]: each for each in given.get("AccessPolicies", ())}
        found = {each["PolicyArn"]: each for each in there["AccessPolicies"]}
        for arn in found:
            if arn not in wanted:
                self._call("update", "disassociate_access_policy", given, policyArn=arn)
        for arn, policy in wanted.items():
            if arn not in found or not same_policy(policy, found[arn]):
                self._call("update", "associate_access_policy", given, **_association(policy))

    def delete(self, given: Properties) -> None:
        """The entry with its policies."""
        self._call("delete", "delete_access_entry", given)


def _named(given: Properties) -> dict[str, Any]:
    """Username and groups of a call, where they are given."""
    found = {"username": given.get("Username"), "kubernetesGroups": given.get("KubernetesGroups")}
    return {name: value for name, value in found.items() if value is not None}


def _association(policy: Properties) -> dict[str, Any]:
    scope = policy["AccessScope"]
    found = {"type": scope["Type"]}
    if scope.get("Namespaces"):
        found["namespaces"] = scope["Namespaces"]
    return {"policyArn": policy["PolicyArn"], "accessScope": found}


def same_policy(one: Properties, other: Properties) -> bool:
    """Namespaces are a set: the schema says that their order means nothing."""

    def scope(policy: Properties) -> tuple[str, list[str]]:
        found = policy["AccessScope"]
        return found["Type"], sorted(found.get("Namespaces", ()))

    return one["PolicyArn"] == other["PolicyArn"] and scope(one) == scope(other)


def drift(given: Properties, there: Properties) -> dict[str, Any]:
    """What drift detection finds: of what the template gives, the values that are others. Lists
    are sets by the schema.
    """
    found = {}
    for name in given:
        if name == "AccessPolicies":
            left = list(there[name])
            for policy in given[name]:
                left = [each for each in left if not same_policy(policy, each)]
            same = not left and len(given[name]) == len(there[name])
        elif isinstance(given[name], list):
            same = sorted(given[name]) == sorted(there[name])
        else:
            same = given[name] == there[name]
        if not same:
            found[name] = (given[name], there[name])
    return found


def parse(body: str) -> dict[str, Properties]:
    """Logical id -> resource of a template that CloudFormation takes. The templates have no
    functions, which would need a reader of their own.
    """
    if len(body.encode()) > INLINE_BYTES:
        raise Refused("a template given with the call has at most 51,200 bytes")
    # A program writes JSON, whose escapes are not those of YAML.
    read = json.loads if body.startswith("{") else YAML(typ="safe", pure=True).load
    document = read(body)
    resources: dict[str, Properties] = document["Resources"]
    if not 0 < len(resources) <= RESOURCES:
        raise Refused("a template has 1 to 500 resources")
    for name, resource in resources.items():
        assert name.isalnum() and resource["Type"] == ACCESS_ENTRY, name
        assert "Fn::" not in json.dumps(resource["Properties"])
        errors = Draft7Validator(schema()).iter_errors(resource["Properties"])
        given = set(resource["Properties"]) & _names("readOnlyProperties")
        if messages := [each.message for each in errors] + [*given]:
            raise Refused(f"{name}: {messages}")
    return resources


@dataclass
class Stack:
    """A stack: its status, and its resources as the last operation that was complete left them."""

    status: str
    resources: dict[str, Properties] = field(default_factory=dict)


Undo: TypeAlias = Callable[[], None]


class CloudFormation:
    """The stacks of an account and Region, changed one operation at a time."""

    def __init__(self, eks: Client) -> None:
        self.handlers = Handlers(eks)
        self.stacks: dict[str, Stack] = {}

    def create(self, name: str, body: str, *, retain_except_on_create: bool = False) -> str:
        """CreateStack, or a change set of type CREATE. Returns the status that it ends in."""
        if name in self.stacks:
            raise Refused(f"AlreadyExists: stack {name}")
        resources = parse(body)
        stack = self.stacks[name] = Stack("CREATE_IN_PROGRESS")
        undo: list[Undo] = []
        try:
            for resource in resources.values():
                self._make(resource, undo, retain_except_on_create=retain_except_on_create)
        except Failed:
            stack.status = _rolled_back(undo, "ROLLBACK")
            return stack.status
        stack.status, stack.resources = "CREATE_COMPLETE", resources
        return stack.status

    def update(self, name: str, body: str, *, retain_except_on_create: bool = False) -> str:
        """UpdateStack, or a change set of type UPDATE."""
        stack = self.stacks[name]
        if not stack.status.endswith("_COMPLETE") or stack.status == "ROLLBACK_COMPLETE":
            raise Refused(f"{name} is in {stack.status} and cannot be updated")
        before, after = stack.resources, parse(body)
        if before == after:
            raise Refused("No updates are to be performed.")
        undo: list[Undo] = []
        try:
            for key, resource in after.items():
                old = before.get(key)
                if old is None or _replaced(old, resource):
                    # create_then_delete: the old one stays until the new one is there.
                    self._make(resource, undo, retain_except_on_create=retain_except_on_create)
                elif old["Properties"] != resource["Properties"]:
                    self._change(old["Properties"], resource["Properties"], undo)
        except Failed:
            stack.status = _rolled_back(undo, "UPDATE_ROLLBACK")
            return stack.status
        for key, old in before.items():
            if key not in after:
                self._unmake(old, old.get("DeletionPolicy"))
            elif _replaced(old, after[key]):
                self._unmake(old, old.get("UpdateReplacePolicy"))
        stack.status, stack.resources = "UPDATE_COMPLETE", after
        return stack.status

    def take_over(self, name: str, body: str, imports: Iterable[Mapping[str, Any]]) -> str:
        """A change set of type IMPORT, for a stack that is new or there."""
        resources = parse(body)
        stack = self.stacks.get(name, Stack("REVIEW_IN_PROGRESS"))
        listed = {each["LogicalResourceId"]: each for each in imports}
        if len(listed) > IMPORTS:
            raise Refused("a change set imports at most 200 resources")
        kept = {key: each for key, each in resources.items() if key in stack.resources}
        if kept != stack.resources or set(resources) - set(kept) != set(listed):
            raise Refused("an import creates, changes and deletes nothing")
        for key, each in listed.items():
            resource = resources[key]
            assert each["ResourceType"] == resource["Type"]
            if "DeletionPolicy" not in resource:
                raise Refused(f"{key} has no DeletionPolicy")
            if identifier(each["ResourceIdentifier"]) != identifier(resource["Properties"]):
                raise Refused(f"{key}: the identifier is not the template's")
            if identifier(resource["Properties"]) in self._owned():
                raise Refused(f"{key} belongs to another stack")
        self.stacks[name] = stack
        try:
            for key in listed:
                self.handlers.read(resources[key]["Properties"])
        except Failed:
            # Nothing was made, so that nothing is taken back.
            stack.status = "IMPORT_ROLLBACK_COMPLETE"
            return stack.status
        stack.status, stack.resources = "IMPORT_COMPLETE", resources
        return stack.status

    def delete(self, name: str) -> None:
        """DeleteStack."""
        for resource in self.stacks[name].resources.values():
            self._unmake(resource, resource.get("DeletionPolicy"))
        del self.stacks[name]

    def drift(self, name: str) -> dict[str, Any]:
        """Logical id -> what differs."""
        found = {}
        for key, resource in self.stacks[name].resources.items():
            given = resource["Properties"]
            if differing := drift(given, self.handlers.read(given)):
                found[key] = differing
        return found

    def _owned(self) -> set[tuple[str, ...]]:
        return {
            identifier(each["Properties"])
            for stack in self.stacks.values()
            for each in stack.resources.values()
        }

    def _make(
        self, resource: Properties, undo: list[Undo], *, retain_except_on_create: bool
    ) -> None:
        """Create a resource. What a failed creation leaves is deleted, or kept by its policy."""
        policy = resource.get("DeletionPolicy")
        if retain_except_on_create or policy == "RetainExceptOnCreate":
            policy = "Delete"
        try:
            self.handlers.create(resource["Properties"])
        except Failed as failed:
            # What was there before was not made here.
            if failed.code != "AlreadyExists":
                undo.append(lambda: self._unmake(resource, policy))
            raise
        undo.append(lambda: self._unmake(resource, policy))

    def _change(self, old: Properties, new: Properties, undo: list[Undo]) -> None:
        """Update a resource; a failed update may have changed a part of it."""
        undo.append(lambda: self.handlers.update(new, old))
        self.handlers.update(old, new)

    def _unmake(self, resource: Properties, policy: str | None) -> None:
        if policy in _KEPT:
            return
        try:
            self.handlers.delete(resource["Properties"])
        except Failed as failed:
            if failed.code != "NotFound":
                raise


def _replaced(old: Properties, new: Properties) -> bool:
    """Whether a property differs that only a creation sets."""
    return any(
        old["Properties"].get(name) != new["Properties"].get(name)
        for name in _names("createOnlyProperties")
    )


def _rolled_back(undo: list[Undo], what: str) -> str:
    """The status after the roll-back, last change first."""
    try:
        for each in reversed(undo):
            each()
    except Failed:
        return f"{what}_FAILED"
    return f"{what}_COMPLETE"
