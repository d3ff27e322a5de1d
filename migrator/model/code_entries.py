"""Which access entries belong into a team's code, as values: the source of every code generator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.model.access_entry import EntrySpec

CodeKind: TypeAlias = Literal[
    "terraform",
    "terraform-aws-modules",
    "terraform-cloudposse",
    "cloudformation",
    "eksctl",
    "aws-cli",
    "cdk-typescript",
    "cdk-python",
    "pulumi-typescript",
    "pulumi-python",
    "ack",
    "crossplane",
]

ModuleVersion: TypeAlias = Literal["v2", "v3", "v4", "v20", "v21"]
# Major versions of the Terraform modules that code is written for; the last is the default.
MODULE_VERSIONS: Mapping[CodeKind, tuple[ModuleVersion, ...]] = {
    "terraform-aws-modules": ("v20", "v21"),
    "terraform-cloudposse": ("v2", "v3", "v4"),
}


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """An entry to write down: its stable identifier (letters, digits, underscores) and why it
    exists.
    """

    name: str
    principal_arn: str
    spec: EntrySpec
    sources: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text of the entry that is not the generator's own.

        A generator escapes them: names and groups are foreign text in its language.
        """
        found = [self.principal_arn, self.spec.username or "", *self.spec.kubernetes_groups]
        for policy in self.spec.access_policies:
            found.append(policy.policy_arn)
            found.extend(policy.scope.namespaces)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A principal without code, and the reason as one line."""

    principal_arn: str
    reason: str


@dataclass(frozen=True, slots=True)
class CodeEntries:
    """Everything that a code generator needs, in the plan's order. ``made_from``: what was read, as
    ``the plan of 2026-11-22T00:00:00Z``. ``blocked``: codes of findings that block that plan.
    """

    entries: tuple[CodeEntry, ...]
    left_out: tuple[LeftOut, ...]
    made_from: str = ""
    blocked: tuple[str, ...] = ()
