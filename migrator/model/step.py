"""Steps: the effects that a plan consists of, as values. Interpreters (execute, simulate, undo,
render) live elsewhere as ``match`` statements that end in ``assert_never``, so that a new kind of
step does not type-check until each of them knows it.

``{run}`` in group and binding names is replaced by the run's random id, which apply chooses and
journals: the plan of the same snapshot stays the same bytes, and the group cannot be guessed
beforehand.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from migrator.model.access_entry import AccessEntry, AssociatedPolicy, AuthenticationMode, EntrySpec

ProofClass: TypeAlias = Literal["live", "observed", "simulated", "attested", "unverified"]

Attribution: TypeAlias = Literal["marker", "policy", "node", "rehearsal"]

# Names of what a run makes for itself; ``{run}`` ends them, so that apply can tell its own
# placeholders.
RUN = "{run}"
BRIDGE_PREFIX = "migrator-bridge:"
BRIDGE_GROUP = "migrator-bridge:{run}"
BRIDGE_BINDING = "migrator-bridge-{run}"
MARKER_PREFIX = "migrator-probe:"  # bound to nothing
MARKER_GROUP = "migrator-probe:{run}"
# The label of every binding of ours, and what it says.
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "eks-access-migrator"


@dataclass(frozen=True, slots=True)
class EnableEntries:
    """Switch CONFIG_MAP to API_AND_CONFIG_MAP. One-way."""

    kind: ClassVar[str] = "enable-entries"
    mode_from: AuthenticationMode = "CONFIG_MAP"
    mode_to: AuthenticationMode = "API_AND_CONFIG_MAP"


@dataclass(frozen=True, slots=True)
class AwaitEntry:
    """Wait for an entry that EKS makes itself, and compare it with what is expected; never thin
    it.
    """

    kind: ClassVar[str] = "await-entry"
    principal_arn: str
    expected: EntrySpec


@dataclass(frozen=True, slots=True)
class CreateBridge:
    """Bind a group that only this run uses to cluster-admin, so that policy holders have no gap."""

    kind: ClassVar[str] = "create-bridge"
    binding_name: str
    group: str


@dataclass(frozen=True, slots=True)
class CreateBinding:
    """Create a labelled binding of our own that gives a new group what a reserved group's binding
    gives.
    """

    kind: ClassVar[str] = "create-binding"
    binding_name: str
    namespace: str | None  # None: a ClusterRoleBinding
    role_kind: Literal["Role", "ClusterRole"]
    role_name: str
    group: str


@dataclass(frozen=True, slots=True)
class CreateEntry:
    """Create an access entry; from here on it shadows the principal's row."""

    kind: ClassVar[str] = "create-entry"
    principal_arn: str
    entry: EntrySpec


@dataclass(frozen=True, slots=True)
class UpdateEntry:
    """Replace username and groups of an entry. All fields are sent: omitted ones would be reset by
    EKS.
    """

    kind: ClassVar[str] = "update-entry"
    principal_arn: str
    entry: EntrySpec
    before: EntrySpec


@dataclass(frozen=True, slots=True)
class DeleteEntry:
    """Delete a dead entry (pinned to a deleted principal's id) before it is made again."""

    kind: ClassVar[str] = "delete-entry"
    principal_arn: str
    before: AccessEntry


@dataclass(frozen=True, slots=True)
class AssociatePolicy:
    """Associate an access policy; replaces the scope of an existing association."""

    kind: ClassVar[str] = "associate-policy"
    principal_arn: str
    policy: AssociatedPolicy
    before: AssociatedPolicy | None = None


@dataclass(frozen=True, slots=True)
class DisassociatePolicy:
    """Take an access policy from an entry."""

    kind: ClassVar[str] = "disassociate-policy"
    principal_arn: str
    policy: AssociatedPolicy


@dataclass(frozen=True, slots=True)
class Prove:
    """Show that the principal is who it was, by an entry and not by a row.

    ``attribution`` says what ties the proof to the entry: the marker group, the policy's reason,
    the absence of ``system:bootstrappers`` on nodes, or a rehearsal.
    """

    kind: ClassVar[str] = "prove"
    principal_arn: str
    username: str
    groups: tuple[str, ...]
    proof_class: ProofClass
    attribution: Attribution


@dataclass(frozen=True, slots=True)
class RemoveBridge:
    """Delete a binding of ours that no entry needs any more: the bridge's, or, as undo, a parallel
    one's.

    ``namespace`` None: a ClusterRoleBinding, as the bridge's always is.
    """

    kind: ClassVar[str] = "remove-bridge"
    binding_name: str
    group: str
    namespace: str | None = None


Effect: TypeAlias = (
    EnableEntries
    | AwaitEntry
    | CreateBridge
    | CreateBinding
    | CreateEntry
    | UpdateEntry
    | DeleteEntry
    | AssociatePolicy
    | DisassociatePolicy
    | Prove
    | RemoveBridge
)


@dataclass(frozen=True, slots=True)
class Step:
    """An effect with its place in the plan. ``because_of`` names the rows it comes from; ``undo``
    is stored, not guessed: None means that this step needs no undoing or has none
    (``EnableEntries`` is one-way). ``principal_arn`` is the effect's, None for steps about the
    cluster.
    """

    id: str
    effect: Effect
    requires: tuple[str, ...] = ()
    because_of: tuple[str, ...] = ()
    undo: Effect | None = None
    principal_arn: str | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "principal_arn", getattr(self.effect, "principal_arn", None))


Sequence: TypeAlias = tuple[Step, ...]  # the steps of one principal, or of the cluster, in order
