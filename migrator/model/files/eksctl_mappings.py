"""The two forms of eksctl's mappings: the items of ``iamIdentityMappings`` in a ClusterConfig, and
those that ``eksctl get iamidentitymapping`` prints.

Fields and types of eksctl main (2026-08), ``pkg/apis/eksctl.io/v1alpha5/identitymapping.go`` and
``pkg/iam/mapping.go``. eksctl refuses a file with an unknown field or a value of another type, and
takes null for a missing one.
"""

from typing import TypeVar

import msgspec

from migrator.errors import Failed
from migrator.model.files import wire

T = TypeVar("T", bound=msgspec.Struct)


class DeclaredMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of ``iamIdentityMappings``."""

    arn: str | None = None
    username: str | None = None
    groups: tuple[str, ...] | None = None
    account: str | None = None
    service: str | None = msgspec.field(name="serviceName", default=None)
    namespace: str | None = None
    no_duplicates: bool | None = msgspec.field(name="noDuplicateARNs", default=None)

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text of the mapping."""
        found = (self.arn, self.username, self.account, self.service, self.namespace)
        return tuple(filter(None, (*found, *(self.groups or ()))))


class PrintedMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item that ``eksctl get iamidentitymapping`` prints."""

    rolearn: str | None = None
    userarn: str | None = None
    account: str | None = None
    username: str | None = None
    groups: tuple[str, ...] | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text of the mapping."""
        found = (self.rolearn, self.userarn, self.account, self.username)
        return tuple(filter(None, (*found, *(self.groups or ()))))


def mapping_of(value: object, kind: type[T], place: str) -> T:
    """An item of one of the forms. Raises Failed ``manifest-eksctl``; ``place`` names the item."""
    try:
        return wire.convert(value, kind)
    except msgspec.ValidationError as problem:
        raise Failed(
            "manifest-eksctl",
            f"{place} is no mapping that eksctl would take.",
            why=str(problem),
            remedy="read the cluster instead: "
            "kubectl -n kube-system get configmap aws-auth -o yaml",
        ) from None
