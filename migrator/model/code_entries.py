"""Which access entries belong into a team's code, as values: the source of every code generator."""

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
    """Everything of a plan that a code generator needs, in the plan's order."""

    entries: tuple[CodeEntry, ...]
    left_out: tuple[LeftOut, ...]
