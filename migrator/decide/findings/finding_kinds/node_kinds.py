"""Findings about node roles."""

from migrator.decide.findings.finding_kinds import references as ref
from migrator.model.finding_kind import FindingKind

_ONE_TYPE = "A principal has one entry, an entry has one type, and the type cannot be changed."

KINDS: tuple[FindingKind, ...] = (
    FindingKind(
        "node-role-without-node-row",
        "block",
        "Nodes run under this role, but what aws-auth makes of it is no node.",
        "Two intents and one entry whose type cannot be changed.",
        "Correct the row, or give nodes and people roles of their own. The finding says which "
        "answer under principals the next plan takes, if any.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "node-row-with-masters",
        "block",
        "A node's username together with system:masters: nodes and an admin in one row.",
        _ONE_TYPE,
        "Give the admin a separate role, then correct the row. Or answer under principals with "
        "the type of the nodes, and accept the loss of system:masters under accept_loss.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "node-row-extra-groups",
        "block",
        "A node row has groups that something in the cluster names; node entries carry no groups "
        "of their own.",
        "What these groups give would be lost.",
        "Bind what is needed to a ServiceAccount, or accept the loss under accept_loss.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "node-groups-dropped",
        "info",
        "Groups of a node row are left out: the entry's type already gives system:nodes.",
        "system:bootstrappers and system:node-proxier are not needed by nodes with an entry, and "
        "the others are bound "
        "to nothing.",
        "Nothing has to be done.",
        ref.CREATING_ENTRIES,
        ("loss",),
    ),
    FindingKind(
        "windows-group-added",
        "warn",
        "Windows nodes run under this role, whose row does not give eks:kube-proxy-windows; the "
        "entry's type does.",
        "Nodes on Windows need the group for kube-proxy, and the type EC2_WINDOWS always gives it.",
        "Add eks:kube-proxy-windows to the row if the finding shall go. The entry gives the "
        "group either way, and nodes on Windows need it.",
        ref.WINDOWS,
        ("gain",),
    ),
    FindingKind(
        "fargate-group-added",
        "warn",
        "Fargate profiles use this role, whose row does not give system:node-proxier; the entry "
        "that EKS makes does.",
        "kube-proxy on Fargate needs the group, and EKS itself makes the entry at the first mode "
        "switch.",
        "Add system:node-proxier to the row if the finding shall go. The entry that EKS makes "
        "gives the group either way; look whether a binding of yours gives it more than "
        "kube-proxy needs.",
        ref.FARGATE_ROLE,
        ("gain",),
    ),
    FindingKind(
        "node-row-without-nodes-group",
        "block",
        "A row with a node's username but without the group system:nodes.",
        "A node entry would give system:nodes, which this row does not.",
        "Correct the row before the migration: nodes need system:nodes. Or leave the row out: "
        "action: skip under principals and accept_loss.",
        ref.NODE_AUTHORIZER,
    ),
    FindingKind(
        "node-name-differs",
        "block",
        "The row gives nodes another name than any type of node entry does.",
        "Node types fix the username; a kubelet that changes its name is another node.",
        "Write the row as EKS does, or skip the principal under principals with accept_loss: its "
        "nodes then cannot log in.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "node-trust-ambiguous",
        "block",
        "The role may be assumed by several kinds of nodes.",
        _ONE_TYPE,
        "Narrow the trust policy, or give the type of its nodes under principals.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "node-os-mixed",
        "block",
        "Linux and Windows nodes run under one role.",
        _ONE_TYPE,
        "Give the Windows nodes a role of their own.",
        ref.WINDOWS,
    ),
    FindingKind(
        "node-os-differs",
        "warn",
        "The row of a node role is for Windows, and the nodes that run under the role are Linux.",
        _ONE_TYPE,
        "Where no Windows nodes are to come under this role, take eks:kube-proxy-windows from the "
        "row and plan again: the entry is of type EC2_LINUX then. Where they are, give them a role "
        "of their own.",
        ref.WINDOWS,
    ),
    FindingKind(
        "node-type-unknown",
        "block",
        "It is not known which kind of node uses this role.",
        "Rows for Fargate, hybrid nodes and nodes named by instance id have the same username. "
        "The role's trust policy distinguishes them, and it was not read.",
        "Allow iam:GetRole and take a new snapshot, or give the type under principals.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "instance-id-node-names",
        "block",
        "Nodes of this role are named by their instance id, which needs an entry of type EC2.",
        "The row names nodes by session on a role for EC2 instances.",
        "Confirm with `type: EC2` under principals.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "node-names-contradict",
        "block",
        "Live nodes of this role have names that its row does not give.",
        "A kubelet may act only as the node whose name it has, and a node entry gives one form of "
        "name.",
        "Look whether the nodes are Ready and under which role they run. Then correct the row, or "
        "answer under principals with the type that gives what the row gives.",
        ref.NODE_AUTHORIZER,
    ),
    FindingKind(
        "node-template-refuted",
        "block",
        "A node's username on a role that no kind of node can assume.",
        "Kubernetes takes every principal that may assume the role for a node, under any name "
        "that the principal chooses.",
        "Correct the row, or skip the principal with accept_loss.",
        ref.NODE_AUTHORIZER,
    ),
    FindingKind(
        "node-template-unverified",
        "block",
        "{{EC2PrivateDNSName}} in a row that is no node's, and the trust policy was not read.",
        "On a role for EC2 instances the row is alive, on any other it is dead.",
        "Allow iam:GetRole and take a new snapshot. Or answer under principals with a username "
        "and accept under accept_gain that every session of the role logs in with it.",
        ref.SERVER,
    ),
    FindingKind(
        "fargate-unused",
        "warn",
        "No Fargate profile uses this role.",
        "Only EKS can make entries for Fargate. It makes them when a profile is created.",
        "Delete the row when convenient. EKS makes the entry when a Fargate profile is created.",
        ref.FARGATE_ROLE,
        ("loss",),
    ),
    FindingKind(
        "fargate-entry-missing",
        "block",
        "A Fargate profile uses this role, but EKS has made no entry for it.",
        "Only EKS makes entries of this type; without one, pods on Fargate fail in API mode.",
        "Re-create the Fargate profile, or ask AWS support, before cut-over.",
        ref.FARGATE_ROLE,
    ),
    FindingKind(
        "fargate-profiles-unread",
        "block",
        "A Fargate row, and the cluster's Fargate profiles were not read.",
        "While a profile uses the role EKS makes the entry itself; without one the row is left "
        "behind.",
        "Allow eks:ListFargateProfiles and eks:DescribeFargateProfile and take a new snapshot.",
        ref.FARGATE_ROLE,
    ),
    FindingKind(
        "entry-wrong-type",
        "block",
        "Nodes run under this role, but its access entry is of another type.",
        _ONE_TYPE,
        "Look whether the nodes are Ready, then delete the entry and make one of the right type.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "automatic-entry-differs",
        "block",
        "EKS will make an entry of another type than the nodes of this role need.",
        "At the first mode switch EKS makes entries for managed node groups, and they shadow the "
        "rows immediately.",
        "Give the Windows nodes a node group with an EKS Windows AMI and a role of their own.",
        ref.WINDOWS,
    ),
    FindingKind(
        "automatic-entry",
        "info",
        "EKS makes this entry itself when access entries are switched on.",
        "It shadows the row immediately.",
        "Nothing has to be done.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "foreign-node-row",
        "block",
        "A node row of another account: node entries are for roles of the cluster's own account.",
        "EKS refuses node types for foreign roles.",
        "Skip it under principals with accept_loss, or stay with `--target API_AND_CONFIG_MAP`.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "pass-role-needed",
        "info",
        "Entries of type EC2_LINUX and EC2_WINDOWS need iam:PassRole on the node role.",
        "EKS checks it when the entry is created.",
        "Nothing has to be done. `migrate doctor` checks that the principal that runs apply has "
        "iam:PassRole on these roles.",
        ref.PASS_ROLE,
    ),
)
