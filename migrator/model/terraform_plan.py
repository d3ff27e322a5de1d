"""What Terraform is about to do, as ``terraform show -json`` says it, and what is wrong with it.

Attributes have the names of the AWS provider's resources. What a document leaves out or has as null
has the value of the field: the provider reads it as not set.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from migrator.model.access_entry import AccessScope

TerraformFault: TypeAlias = Literal[
    "cluster-destroyed",
    "cluster-replaced",
    "mode-changed",
    "aws-auth-destroyed",
    "aws-auth-replaced",
    "aws-auth-changed",
    "entry-destroyed",
    "entry-replaced",
    "entry-not-planned",
    "entry-twice",
    "type-changed",
    "username-dropped",
    "username-changed",
    "groups-dropped",
    "groups-added",
    "association-destroyed",
    "association-replaced",
    "policy-missing",
    "policy-narrowed",
    "policy-widened",
    "policy-changed",
    "principal-destroyed",
    "principal-replaced",
    "principal-renamed",
    "binding-destroyed",
    "binding-replaced",
    "binding-changed",
    "binding-added",
    "entry-before-policy",
    "value-unknown",
]
# Faults that take no access away.
ACCEPTABLE: frozenset[TerraformFault] = frozenset(
    (
        "entry-not-planned",
        "groups-added",
        "policy-widened",
        "binding-added",
    )
)
# Why a change that may matter to access is not judged.
UnjudgedReason: TypeAlias = Literal[
    "role-rules",
    "names",
    "identity-center",
    "user-keys",
    "trust-policy",
    "log-in-provider",
    "trusted-provider",
    "node-roles",
    "manifest",
    "manifest-unread",
    "object-unknown",
    "subjects-unknown",
    "objects-elsewhere",
    "program",
]


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """A block ``access_config`` of a cluster."""

    authentication_mode: str = ""


@dataclass(frozen=True, slots=True)
class ClusterAttributes:
    """``aws_eks_cluster``."""

    name: str = ""
    arn: str = ""
    region: str = ""
    access_config: tuple[AccessConfig, ...] = ()

    @property
    def mode(self) -> str:
        """The authentication mode; empty where it is not known.

        The provider takes one block ``access_config``, or none.
        """
        return "".join(each.authentication_mode for each in self.access_config)

    @property
    def cluster_name(self) -> str:
        """As the other resources call it."""
        return self.name


@dataclass(frozen=True, slots=True)
class EntryAttributes:
    """``aws_eks_access_entry``."""

    cluster_name: str = ""
    principal_arn: str = ""
    type: str = "STANDARD"
    user_name: str = ""
    kubernetes_groups: frozenset[str] = frozenset()
    access_entry_arn: str = ""
    region: str = ""

    @property
    def arn(self) -> str:
        """Its own ARN; empty until it exists."""
        return self.access_entry_arn


@dataclass(frozen=True, slots=True)
class AssociationAttributes:
    """``aws_eks_access_policy_association``; the provider takes one block ``access_scope``."""

    cluster_name: str = ""
    principal_arn: str = ""
    policy_arn: str = ""
    access_scope: tuple[AccessScope, ...] = ()
    association_arn: str = ""
    region: str = ""

    @property
    def arn(self) -> str:
        """Its own ARN; empty where the provider does not say it."""
        return self.association_arn


@dataclass(frozen=True, slots=True)
class ObjectName:
    """A block ``metadata`` of a Kubernetes object."""

    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ConfigMapAttributes:
    """``kubernetes_config_map``, ``_v1`` and ``_v1_data``, of any cluster: they name none."""

    metadata: tuple[ObjectName, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PrincipalAttributes:
    """``aws_iam_role`` and ``aws_iam_user``. ``assume_role_policy``: who may assume the role, as
    the text of a JSON document.
    """

    arn: str = ""
    name: str = ""
    path: str = ""
    assume_role_policy: str = ""


@dataclass(frozen=True, slots=True)
class SubjectName:
    """A block ``subject`` of a binding: ``kind`` is User, Group or ServiceAccount; ``namespace``
    is for the last one.
    """

    kind: str = ""
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class RoleName:
    """A block ``role_ref`` of a binding: ``kind`` is ClusterRole or Role."""

    kind: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class BindingAttributes:
    """``kubernetes_cluster_role_binding``, ``kubernetes_role_binding`` and their ``_v1``."""

    subject: tuple[SubjectName, ...] = ()
    role_ref: tuple[RoleName, ...] = ()
    metadata: tuple[ObjectName, ...] = ()


Attributes: TypeAlias = (
    ClusterAttributes
    | EntryAttributes
    | AssociationAttributes
    | ConfigMapAttributes
    | PrincipalAttributes
    | BindingAttributes
)


@dataclass(frozen=True, slots=True)
class ClusterName:
    """A cluster as the code names it; empty for what is not known."""

    name: str = ""
    arn: str = ""
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class ProviderPlace:
    """Where the provider of a resource leads to, as far as the document shows it.

    ``provider``: its local name. ``clusters``: what its configuration refers to or names.
    ``texts``: the texts in it, of which one may be a cluster's name; ``names``: those at the place
    of one. ``region`` and ``account``:
    of an AWS provider; empty where not known.
    """

    provider: str = ""
    clusters: frozenset[ClusterName] = frozenset()
    texts: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    region: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource of a Terraform plan (Terraform documentation, "JSON Output Format", change
    representation).

    ``before`` and ``after`` are None where there is no object. ``unknown`` has the attributes of
    ``after`` that Terraform knows after its apply only, ``given`` those of them that the code sets.
    ``replace_paths``: what forces a replacement, as ``access_config[0].authentication_mode``.
    ``principals``: where ``principal_arn`` is not known, what the ARNs of the principals end with
    of which it is one, as ``role/teams/dev``, with a star where the rest of the name comes later;
    none where the code does not lead to principals that Terraform makes.
    """

    address: str
    actions: frozenset[str]
    before: Attributes | None
    after: Attributes | None
    unknown: frozenset[str] = frozenset()
    replace_paths: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    place: ProviderPlace = ProviderPlace()
    principals: frozenset[str] = frozenset()

    @property
    def destroys(self) -> bool:
        """Whether the object that exists is deleted; ``forget`` takes it out of the state alone."""
        return "delete" in self.actions


@dataclass(frozen=True, slots=True)
class UnreadChange:
    """A change that may matter to access and whose effect the document does not show. ``what``:
    the kind of the object, or the type of the resource. ``cluster_name``: of an AWS resource.
    """

    address: str
    reason: UnjudgedReason
    what: str = ""
    place: ProviderPlace = ProviderPlace()
    cluster_name: str = ""


@dataclass(frozen=True, slots=True)
class TerraformPlan:
    """The resources that access depends on. ``whole``: False where Terraform met an error or
    deferred resources, so that more would follow. ``unread``: what else may matter.
    """

    changes: tuple[ResourceChange, ...]
    whole: bool = True
    unread: tuple[UnreadChange, ...] = ()


@dataclass(frozen=True, slots=True)
class TerraformProblem:
    """What one resource of the Terraform plan would do to access: ``what`` is one sentence."""

    address: str
    fault: TerraformFault
    what: str


@dataclass(frozen=True, slots=True)
class TerraformUnjudged:
    """A change that may matter to access and is not judged: ``why`` is one sentence."""

    address: str
    why: str


@dataclass(frozen=True, slots=True)
class TerraformVerdict:
    """``judged``: resources of the cluster; ``others``: the names of other clusters, whose
    resources are not judged. ``named``: whether a resource names the cluster, or its provider does:
    aws-auth, an IAM principal and a binding do not. ``unjudged``: what "no problem" does not cover.
    ``doubtful``: addresses of objects that may be another cluster's. ``accepted``: what a person
    has agreed to, by its address or with the plan.
    """

    problems: tuple[TerraformProblem, ...]
    judged: int
    others: tuple[str, ...] = ()
    named: bool = True
    unjudged: tuple[TerraformUnjudged, ...] = ()
    doubtful: tuple[str, ...] = ()
    accepted: tuple[TerraformProblem, ...] = ()
