"""Which answers about one principal lift a blocker, the one that keeps the access of today first.

Each is an answer that ``entries/answers.py`` takes; ``tests/decide/remedies`` gives all of them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from migrator.decide.planning.entries.classify_node import MASTERS, NODE_GROUPS, WINDOWS_GROUP
from migrator.decide.planning.entries.entry_for import is_reserved
from migrator.decide.planning.principals.find_principal import fixed_words_lower
from migrator.decide.planning.principals.plan_facts import CLUSTER_ADMIN
from migrator.decide.reading.row_keys import principal_key
from migrator.decide.reading.templates import colon_before_session, templates_in
from migrator.model.access_entry import EntrySpec
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.principal import parse_arn

WHY = "<why>"
ACCEPTED: Mapping[str, Any] = {"by": "<your name>", "reason": WHY}
_NODE_USERNAME = "system:node:{{EC2PrivateDNSName}}"
# These have counterparts of their own: node types, an access policy, or every login has them.
_NEVER_RENAMED = NODE_GROUPS | {MASTERS, "system:authenticated"}


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """What is written under one section of decisions.yaml, for one key."""

    section: str
    key: str | None
    answer: Any


@dataclass(frozen=True, slots=True)
class PossibleAnswer:
    """One answer: what it does to access, and all its parts."""

    says: str
    parts: tuple[AnswerPart, ...]


_Answers = tuple[PossibleAnswer, ...]


def answers_about_principal(code: str, principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """All answers that lift this blocker of the principal; none where only a change of the cluster,
    of aws-auth or of the snapshot does.
    """
    found = _ANSWERS.get(code, _confirmed)(principal, plan)
    # EKS refuses an entry for a principal that IAM does not have, and so does the next plan.
    if _is_absent(principal.principal_arn, plan.basis):
        kept = tuple(answer for answer in found if not any(map(_makes_entry, answer.parts)))
        return kept or _left_out(principal, plan)
    return found


def _is_absent(principal_arn: str, basis: Mapping[str, Any]) -> bool:
    """Whether the account of the principal was listed, and does not have it."""
    arn = parse_arn(principal_arn.lower())
    # ListRoles and ListUsers hold neither root nor federated users.
    if arn is None or arn.kind not in ("role", "user"):
        return False
    read: Mapping[str, Any] = basis.get("accountsRead") or {}
    roles, users = read.get(arn.account, (False, False))
    if not (users if arn.kind == "user" else roles):
        return False
    key = principal_key(principal_arn)
    return all(principal_key(known) != key for known in basis.get("iamPrincipals") or ())


def _makes_entry(part: AnswerPart) -> bool:
    return part.section == "principals" and part.answer["action"] == "create"


def proposed_name(group: str) -> str:
    """An ordinary name for a reserved group: ``eks:developer`` becomes
    ``migrated-eks-developer``.
    """
    return "migrated-" + re.sub(r"[^A-Za-z0-9.-]+", "-", group).strip("-")


def _create(principal: PlannedPrincipal, **fields: Any) -> AnswerPart:  # noqa: ANN401 - as in YAML
    answer = {"action": "create", **fields, "reason": WHY}
    return AnswerPart("principals", principal.principal_arn, answer)


def _accept(section: str, principal: PlannedPrincipal) -> AnswerPart:
    return AnswerPart(section, principal.principal_arn, dict(ACCEPTED))


def _confirmed(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """The entry as it is proposed."""
    return (PossibleAnswer("Makes the entry that is proposed.", (_create(principal),)),)


def _left_out(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """Leave the principal out; not where EKS makes its entry, or an entry decides already."""
    if _made_by_eks(principal, plan) or principal.before.via == "access-entry":
        return ()
    skip = AnswerPart("principals", principal.principal_arn, {"action": "skip", "reason": WHY})
    # A principal that cannot log in today has no access to lose.
    if principal.before.via == "none":
        return (PossibleAnswer("No login works through this row today.", (skip,)),)
    says = f"LOSES access: {principal.principal_arn} cannot log in after cut-over."
    return (PossibleAnswer(says, (skip, _accept("accept_loss", principal))),)


def _made_by_eks(principal: PlannedPrincipal, plan: Plan) -> bool:
    """Whether EKS makes the entry at the mode switch, so that it cannot be left out."""
    # EKS makes these entries at the first mode switch alone (EKS user guide, "Access entries").
    if plan.cluster.authentication_mode != "CONFIG_MAP":
        return False
    return bool(_node_groups(principal, plan)) or "creator-becomes-entry" in principal.findings


def _node_groups(principal: PlannedPrincipal, plan: Plan) -> list[Mapping[str, Any]]:
    """The node groups and Fargate profiles that use the role, as the basis of the plan has them."""
    mine = principal_key(principal.principal_arn)
    found: list[Mapping[str, Any]] = []
    for part in ("nodegroups", "fargateProfiles"):
        uses: Mapping[str, Any] = plan.basis.get(part) or {}
        for use in uses.values():
            # A node group that is being deleted makes no entry.
            if not use["counts"]:
                continue
            if principal_key(use["role"]) == mine:
                found.append(use)
    return found


def _loss_accepted(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    says = f"LOSES access: {principal.principal_arn} loses what the plan lists."
    return (PossibleAnswer(says, (_accept("accept_loss", principal),)),)


def _gap_accepted(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    says = (
        "LOSES access for a moment: from the mode step until the entry is updated, the creator "
        "has the entry of EKS alone. Then it has what its row gives."
    )
    answer = PossibleAnswer(says, (_accept("accept_loss", principal),))
    # Either answer about the policy of EKS's entry leaves the gap: both of them need this one too.
    for found in plan.findings:
        is_own = found.principal_arn == principal.principal_arn
        if is_own and found.code == "creator-entry-wider" and found.severity == "block":
            return (answer, answer)
    return (answer,)


def _gain_accepted(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    return (PossibleAnswer(_EVERY_SESSION, (_accept("accept_gain", principal),)),)


_EVERY_SESSION = (
    "GAINS access: with this answer every session of the role logs in, not only those of EC2 "
    "instances."
)


def _every_login_accepted(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    says = (
        "GAINS access: with this answer the principal has what the cluster gives to the group "
        "system:authenticated."
    )
    answer = PossibleAnswer(says, (_accept("accept_gain", principal),))
    return (answer, *_left_out(principal, plan))


def _instance_name(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    named = _create(principal, username="<username>")
    keeps = PossibleAnswer(_EVERY_SESSION, (named, _accept("accept_gain", principal)))
    return (keeps, *_left_out(principal, plan))


def _full_arn(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    # aws-auth has no paths, and an entry needs the path (EKS user guide, "Create access entries").
    # The row may spell the fixed words in another case, which EKS does not take.
    head, _, name = fixed_words_lower(principal.principal_arn).rpartition("/")
    says = "Keeps the access of today. A role without a path: remove `<path>/`."
    return (PossibleAnswer(says, (_create(principal, principal_arn=f"{head}/<path>/{name}"),)),)


def _type_confirmed(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    kind = principal.proposed.type if principal.proposed else "<type>"
    says = "Makes the entry of this type."
    if kind == "<type>":
        says = (
            "Keeps the access of today with the type that fits the nodes: EC2_LINUX or "
            "EC2_WINDOWS where the row names them by {{EC2PrivateDNSName}}, HYBRID_LINUX or EC2 "
            "where it names them by {{SessionName}}."
        )
    return (PossibleAnswer(says, (_create(principal, type=kind),)),)


def _named_otherwise(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """Nodes of other names than the row gives: not where EKS makes an entry by host name anyway."""
    if _made_by_eks(principal, plan) and principal.before.username != _NODE_USERNAME:
        return ()
    return _type_confirmed(principal, plan)


def _unused(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """A dead entry of a role of which it is not known whether nodes use it."""
    skip = AnswerPart("principals", principal.principal_arn, {"action": "skip", "reason": WHY})
    return (PossibleAnswer("No node uses the role: the dead entry stays as it is.", (skip,)),)


def _made_again(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    # Only EKS makes entries for Fargate, with the profile.
    if principal.proposed is None and _of_fargate(principal, plan):
        return ()
    kind = principal.proposed.type if principal.proposed else "<type>"
    says = "GAINS access: the nodes, which cannot log in now, can log in again."
    return (PossibleAnswer(says, (_create(principal, type=kind),)),)


def _of_fargate(principal: PlannedPrincipal, plan: Plan) -> bool:
    """Whether Fargate profiles use the role, and no node group does."""
    uses = _node_groups(principal, plan)
    return bool(uses) and all("amiType" not in use for use in uses)


def _nodes_and_people(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """A role of nodes whose row is no node's, or that has no row."""
    groups = _node_groups(principal, plan)
    # Live nodes are not in the basis that a plan is read against: an entry for a role that only
    # they name would be refused there as a new grant.
    if principal.before.via == "none" and not groups:
        return _left_out(principal, plan)
    if principal.before.via == "none" and _of_fargate(principal, plan):
        return ()
    if principal.before.via == "none":
        kinds = {str(use.get("amiType", "")).startswith("WINDOWS") for use in groups}
        kind = "<type>"
        if kinds == {False}:
            kind = "EC2_LINUX"
        if kinds == {True}:
            kind = "EC2_WINDOWS"
        says = "GAINS access: the nodes of this role, which no row gives an identity, can log in."
        return (PossibleAnswer(says, (_create(principal, type=kind),)),)
    # EKS makes a node entry at the switch: neither another type nor leaving it out is possible.
    if _made_by_eks(principal, plan):
        return ()
    says = "Keeps what the row gives. As today, no node can log in with this role."
    return (PossibleAnswer(says, (_create(principal, type="STANDARD", **_as_today(principal)),)),)


def _nodes_and_admin(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """A node's row that gives system:masters too."""
    left_out = _left_out(principal, plan)
    # The role of a person or a pipeline under a node's name: all but the name can be carried.
    if principal.proposed is not None and principal.proposed.type == "STANDARD":
        says = "Keeps the access of today under another name."
        return (PossibleAnswer(says, (_as_proposed(principal),)), *left_out)
    # Only this name is one that a node entry gives to the instances of the role.
    if principal.before.username != _NODE_USERNAME:
        return left_out
    kind = "EC2_WINDOWS" if WINDOWS_GROUP in principal.before.groups else "EC2_LINUX"
    # No answer changes the type of the entry that EKS makes for a managed node group.
    if _made_by_eks(principal, plan):
        images = [str(use.get("amiType", "")) for use in _node_groups(principal, plan)]
        windows = any(image.startswith("WINDOWS") for image in images)
        kind = "EC2_WINDOWS" if windows else "EC2_LINUX"
    parts = (_create(principal, type=kind), _accept("accept_loss", principal))
    says = "The nodes keep their access. LOSES access: what system:masters gives to the role."
    return (PossibleAnswer(says, parts), *left_out)


def _refuted(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """A node's name on a role that no node can assume."""
    left_out = _left_out(principal, plan)
    if principal.proposed is None:
        return left_out
    says = "Keeps the ordinary groups. LOSES access: the permissions of a node."
    parts = (_as_proposed(principal), _accept("accept_loss", principal))
    return (PossibleAnswer(says, parts), *left_out)


def _as_proposed(principal: PlannedPrincipal) -> AnswerPart:
    """``create`` with all that is proposed of an entry of type STANDARD."""
    proposed = principal.proposed or EntrySpec()
    fields: dict[str, Any] = {"username": proposed.username}
    if proposed.kubernetes_groups:
        fields["groups"] = list(proposed.kubernetes_groups)
    if proposed.access_policies:
        names = [policy.policy_name for policy in proposed.access_policies]
        fields["policies"] = [{"policy": name} for name in names]
    return _create(principal, **fields)


def _as_today(principal: PlannedPrincipal) -> dict[str, Any]:
    """Username, groups and policy of an entry that gives what the principal has today, as far as an
    entry can carry it.
    """
    fields: dict[str, Any] = {}
    before = principal.before
    is_plain = before.username and not is_reserved(before.username)
    if is_plain and colon_before_session(before.username):
        fields["username"] = before.username
    groups: list[str] = []
    for name in before.groups:
        if _can_carry(name):
            groups.append(name)
    fields["groups"] = groups
    if MASTERS in before.groups:
        fields["policies"] = [{"policy": CLUSTER_ADMIN}]
    return fields


def _can_carry(group: str) -> bool:
    """Whether an entry can have the group."""
    # An empty group is none, and a template is one group for each log-in (EKS API).
    if not group:
        return False
    if is_reserved(group):
        return False
    return not templates_in(group)


def _one_of_two(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """A user with two mappings: either of them, the last one as written."""
    parts = (_create(principal, **_as_today(principal)), _accept("accept_loss", principal))
    says = (
        "Gives what the last of the rows gives. LOSES access: what another of the rows gives and "
        "this one does not."
    )
    return (PossibleAnswer(says, parts),)


def _plain_groups(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """The groups that an entry can carry."""
    # What is lost is judged by RBAC.
    if plan.basis.get("rbac") is None:
        return ()
    proposed = principal.proposed
    groups = list(proposed.kubernetes_groups) if proposed else ["<group>"]
    parts = (_create(principal, groups=groups), _accept("accept_loss", principal))
    says = "LOSES access: what the groups give that are left out, where something names them."
    return (PossibleAnswer(says, parts),)


def _admin_by_group(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """A group bound to cluster-admin instead of an access policy that is not offered."""
    kept = list(principal.proposed.kubernetes_groups) if principal.proposed else []
    groups = [*kept, "<group bound to cluster-admin>"]
    says = "Keeps the access of today, once the group is bound to the ClusterRole cluster-admin."
    return (PossibleAnswer(says, (_create(principal, groups=groups, policies=[]),)),)


def _new_username(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    # Whether another name keeps access is judged by RBAC.
    if plan.basis.get("rbac") is None:
        return ()
    named = _create(principal, username="<username>")
    keeps = "Keeps the access of today, once the new name is bound as the old one is."
    loses = "LOSES access: what the old name is bound to and the new one is not."
    return (
        PossibleAnswer(keeps, (named,)),
        PossibleAnswer(loses, (named, _accept("accept_loss", principal))),
    )


def _attested_username(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    says = "Makes the entry with a name that EKS takes."
    return (PossibleAnswer(says, (_create(principal, username="<username>"),)),)


def _new_names(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """An ordinary name for each reserved group that an entry cannot carry."""
    parts = [
        AnswerPart("groups", group, {"rename_to": proposed_name(group)})
        for group in principal.before.groups
        if is_reserved(group) and group not in _NEVER_RENAMED
    ]
    says = "Keeps the access of today: bindings of our own give the new group what the old one has."
    return (PossibleAnswer(says, tuple(parts)),)


def _of_thinner_entry(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """Give the entry what the row gives, or accept that it does not."""
    # Where nothing is proposed, the entry is of another type than the row needs: no answer changes
    # the type of an entry (EKS API).
    if principal.proposed is None:
        return ()
    given = PossibleAnswer("The entry gets what the row gives.", (_create(principal),))
    says = "LOSES access: what the row gives and the entry of EKS does not."
    return (given, PossibleAnswer(says, (_accept("accept_loss", principal),)))


def _of_creator(principal: PlannedPrincipal, plan: Plan) -> _Answers:
    """The policies that the creator's row gives, or the policy of the entry that EKS makes."""
    policies = principal.proposed.access_policies if principal.proposed else ()
    names = [policy.policy_name for policy in policies]
    own = [{"policy": name} for name in names if name != CLUSTER_ADMIN]
    as_row = PossibleAnswer(
        "Keeps the access of today: the creator has what its row gives, once its entry is updated "
        "right after the mode switch.",
        (_create(principal, policies=own),),
    )
    named = AnswerPart("creator", None, {"arn": principal.principal_arn, **ACCEPTED})
    stays = PossibleAnswer("GAINS access: the creator stays an administrator.", (named,))
    return (as_row, stays)


_ANSWERS: Mapping[str, Callable[[PlannedPrincipal, Plan], _Answers]] = {
    "absent-but-logged-in": _left_out,
    "ambiguous-user": _one_of_two,
    "authenticated-group-gained": _every_login_accepted,
    "automatic-entry-thinner": _of_thinner_entry,
    "creator-entry-wider": _of_creator,
    "creator-row-differs": _gap_accepted,
    "dead-row-logged-in": _left_out,
    "federated-user": _left_out,
    "foreign-node-row": _left_out,
    "foreign-role-unverified": _full_arn,
    "group-template": _plain_groups,
    "instance-id-node-names": _type_confirmed,
    "log-in-population-gained": _gain_accepted,
    "loss-not-accepted": _loss_accepted,
    "node-entry-dead": _made_again,
    "node-groups-bound": _plain_groups,
    "node-names-contradict": _named_otherwise,
    "node-name-differs": _left_out,
    "node-role-without-node-row": _nodes_and_people,
    "node-row-extra-groups": _loss_accepted,
    "node-row-with-masters": _nodes_and_admin,
    "node-row-without-nodes-group": _left_out,
    "node-template-refuted": _refuted,
    "node-template-unverified": _instance_name,
    "node-trust-ambiguous": _type_confirmed,
    "node-type-unknown": _type_confirmed,
    "orphan-dead-entry": _unused,
    "policy-loses-rules": _loss_accepted,
    "policy-unavailable": _admin_by_group,
    "reserved-group-bound": _new_names,
    "role-unverified": _full_arn,
    "root-user": _left_out,
    "service-linked-role": _left_out,
    "username-bound": _new_username,
    "username-ec2-template": _instance_name,
    "username-reserved": _attested_username,
    "username-unread": _new_username,
}
