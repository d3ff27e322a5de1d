"""Plans for the memory cluster, in the order that real plans have, and the ports of a run over
it.
"""

from dataclasses import dataclass, field

from migrator.model.access_entry import AccessEntry, AssociatedPolicy, EntrySpec, Identity
from migrator.model.finding import Finding
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    MARKER_GROUP,
    AssociatePolicy,
    AwaitEntry,
    CreateBridge,
    CreateEntry,
    DeleteEntry,
    DisassociatePolicy,
    Effect,
    EnableEntries,
    Prove,
    RemoveBridge,
    Step,
    UpdateEntry,
)
from migrator.run.begin_run import RunPorts
from tests.support.memory_ports import (
    ACCOUNT,
    OPERATOR,
    Cluster,
    InTurn,
    MemoryApprover,
    MemoryClock,
    MemoryConfigMaps,
    MemoryEntries,
    MemoryEntropy,
    MemoryEvents,
    MemoryLock,
    MemoryMode,
    MemoryPrincipals,
    MemoryRbac,
    MemoryReader,
    MemoryReviewers,
    MemoryStore,
    basis_of,
    cluster_ref,
    snapshot_of,
)

DIGEST = "sha256:" + "ab" * 32
ADMIN_POLICY = AssociatedPolicy(
    "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
)
ALICE, BOB, NODES, CREATOR = (
    f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("alice", "bob", "nodes", "creator")
)
DEVS = f"arn:aws:iam::{ACCOUNT}:role/team/devs"


@dataclass
class PlanBuilder:
    """Builds sequences as the planner orders them; every sequence requires what its caller says."""

    principals: list[PlannedPrincipal] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def add(self, effect: Effect, *requires: str, undo: Effect | None = None) -> str:
        """One step; its id."""
        step = Step(
            f"s{len(self.steps) + 1:02d}",
            effect,
            tuple(r for r in requires if r),
            ("mapRoles[0]",),
            undo,
        )
        self.steps.append(step)
        return step.id

    def standard(self, arn: str, username: str, groups: tuple[str, ...], *requires: str) -> str:
        """Create with the marker, prove, take the marker off. Returns the last step."""
        final = EntrySpec("STANDARD", username, groups)
        marked = EntrySpec("STANDARD", username, (*groups, MARKER_GROUP))
        self.principals.append(
            PlannedPrincipal(arn, "create", Identity(username, groups, "config-map"), entry=final)
        )
        made = self.add(CreateEntry(arn, marked), *requires, undo=delete(arn, marked))
        shown = self.add(Prove(arn, username, marked.kubernetes_groups, "live", "marker"), made)
        return self.add(
            UpdateEntry(arn, final, marked), shown, undo=UpdateEntry(arn, marked, final)
        )

    def admin(self, arn: str, username: str, *requires: str, groups: tuple[str, ...] = ()) -> str:
        """The zero-gap sequence of a policy holder. Returns the last step."""
        final = EntrySpec("STANDARD", username, groups, (ADMIN_POLICY,))
        bridged = EntrySpec("STANDARD", username, (*groups, MARKER_GROUP, BRIDGE_GROUP))
        marked = EntrySpec("STANDARD", username, (*groups, MARKER_GROUP), (ADMIN_POLICY,))
        before = Identity(username, ("system:masters", *groups), "config-map")
        self.principals.append(PlannedPrincipal(arn, "create", before, entry=final))
        last = self.add(CreateEntry(arn, bridged), *requires, undo=delete(arn, bridged))
        last = self.add(
            AssociatePolicy(arn, ADMIN_POLICY), last, undo=DisassociatePolicy(arn, ADMIN_POLICY)
        )
        last = self.add(Prove(arn, username, bridged.kubernetes_groups, "live", "marker"), last)
        last = self.add(
            UpdateEntry(arn, marked, bridged), last, undo=UpdateEntry(arn, bridged, marked)
        )
        last = self.add(Prove(arn, username, marked.kubernetes_groups, "live", "policy"), last)
        return self.add(UpdateEntry(arn, final, marked), last, undo=UpdateEntry(arn, marked, final))

    def node(self, arn: str, *requires: str) -> str:
        """A node role that EKS makes no entry for."""
        spec = EntrySpec("EC2_LINUX")
        before = Identity(
            "system:node:{{EC2PrivateDNSName}}",
            ("system:bootstrappers", "system:nodes"),
            "config-map",
        )
        self.principals.append(
            PlannedPrincipal(arn, "create", before, entry=spec, required_proof="observed")
        )
        made = self.add(CreateEntry(arn, spec), *requires, undo=delete(arn, spec))
        return self.add(Prove(arn, before.username, ("system:nodes",), "observed", "node"), made)

    def awaited(self, arn: str, spec: EntrySpec, *requires: str) -> str:
        """An entry that EKS makes itself."""
        before = Identity("kubernetes-admin", ("system:masters",), "automatic")
        self.principals.append(PlannedPrincipal(arn, "await", before, entry=spec))
        return self.add(AwaitEntry(arn, spec), *requires)

    def plan(self, cluster: Cluster, *findings: Finding) -> Plan:
        """The plan, made for the cluster as it is."""
        snapshot = snapshot_of(cluster)
        return Plan(
            created_at=snapshot.taken_at,
            cluster=cluster_ref(cluster.mode),
            basis=basis_of(snapshot),
            snapshot_digest="sha256:" + "0" * 64,
            strategy="preserve",
            target="API",
            principals=tuple(self.principals),
            findings=findings,
            steps=tuple(self.steps),
        )


def delete(arn: str, spec: EntrySpec) -> DeleteEntry:
    """The undo of making an entry."""
    return DeleteEntry(
        arn, AccessEntry(arn, spec.type, spec.username or "", spec.kubernetes_groups)
    )


def company() -> tuple[Cluster, Plan]:
    """A cluster in CONFIG_MAP mode and its plan: two admins, one of them the operator, developers,
    nodes, a creator.
    """
    masters = ("system:masters",)
    cluster = Cluster(
        rows={
            ALICE: Identity("alice", masters, "config-map"),
            OPERATOR: Identity("operator", masters, "config-map"),
            DEVS: Identity("dev", ("devs",), "config-map"),
            NODES: Identity(
                "system:node:{{EC2PrivateDNSName}}",
                ("system:bootstrappers", "system:nodes"),
                "config-map",
            ),
        },
        automatic={CREATOR: EntrySpec("STANDARD", "creator", (), (ADMIN_POLICY,))},
        unassumable={NODES},
    )
    build = PlanBuilder()
    mode = build.add(EnableEntries())
    bridge = build.add(
        CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP),
        mode,
        undo=RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP),
    )
    build.awaited(CREATOR, cluster.automatic[CREATOR], mode)
    devs = build.standard(DEVS, "dev", ("devs",), mode)
    alice = build.admin(ALICE, "alice", bridge)
    nodes = build.node(NODES, mode)
    operator = build.admin(OPERATOR, "operator", bridge, alice, devs, nodes)
    build.add(RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP), alice, operator)
    return cluster, build.plan(cluster)


@dataclass
class World:
    """A cluster with the ports over it, and a state that outlives a crash."""

    cluster: Cluster
    store: MemoryStore = field(default_factory=MemoryStore)
    approver: MemoryApprover = field(default_factory=MemoryApprover)
    events: MemoryEvents = field(default_factory=MemoryEvents)
    entropy: MemoryEntropy = field(default_factory=MemoryEntropy)
    caller: str = OPERATOR
    host: str = "here"  # another operator works on another one

    def ports(self) -> RunPorts:
        """Fresh ports, as a new process has them. A lock ends with its process."""
        self.store.owner = ""
        cluster = self.cluster
        lock = MemoryLock(cluster, self.host)
        lock.release_dead()
        return RunPorts(
            entries=MemoryEntries(cluster),
            mode=MemoryMode(cluster),
            config_maps=MemoryConfigMaps(cluster),
            rbac=MemoryRbac(cluster),
            reviewers=MemoryReviewers(cluster),
            store=self.store,
            clock=MemoryClock(cluster),
            approver=self.approver,
            events=self.events,
            tasks=InTurn(),
            reader=MemoryReader(cluster, self.caller),
            entropy=self.entropy,
            read_snapshot=lambda: snapshot_of(cluster),
            basis_of=basis_of,
            fresh_principals=lambda: MemoryPrincipals(cluster),
            lock=lock,
        )
