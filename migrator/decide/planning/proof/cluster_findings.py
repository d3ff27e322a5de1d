"""Findings about the ConfigMap as a whole, the cluster, and what was not read."""

from collections.abc import Iterable, Iterator, Sequence

from migrator.decide.access.name_references import binding_place, is_ours
from migrator.decide.findings.findings_catalogue import make_finding
from migrator.decide.planning.entries.creator import HIDDEN_CREATOR, names_of_hidden_creator
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.order.order_steps import acting_keys, needs_bridge
from migrator.decide.planning.order.required_proof import is_admin
from migrator.decide.planning.principals.candidate_principals import creator_is_known
from migrator.decide.planning.principals.creator_evidence import has_hidden_creator
from migrator.decide.planning.principals.plan_facts import PlanFacts, quoted
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.model.aws_auth import AccountRow, RowMapping
from migrator.model.finding import Finding
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX

# What a snapshot without this list weakens, in words.
_WEAKENS = {
    "callerIdentity": "which principal runs the tool is not known, so that it cannot be "
    "migrated last",
    "callerChain": "through whom the caller arrives is not known, so that they cannot be put last",
    "capabilities": "which roles belong to EKS capabilities is not known, and their entries are "
    "EKS's own",
    "accessPolicies": "whether the partition offers the access policies was not asked",
    "nodegroups": "managed node groups are treated as if there were none",
    "fargateProfiles": "whether Fargate uses a role is not known",
    "nodes": "under which roles nodes run, and on which system, is not known",
    "rbac": "what usernames and groups give is not known",
    "groupReferences": "what names groups and usernames outside RBAC is not known",
    "iam": "whether principals exist, and their paths, are not known",
    "identityProviderConfigs": "which groups OIDC tokens may carry is not known",
}


def cluster_findings(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> Iterator[Finding]:
    """All findings that belong to no single principal, in a fixed order."""
    yield from _reading(facts)
    yield from _rows(facts)
    yield from _accounts(facts)
    yield from _unknown(facts)
    yield from _creator(facts)
    yield from _masters(decided, facts)
    yield from _admins(decided, facts)
    yield from _pass_role(decided)
    gap = [each.candidate.arn for each in decided if needs_bridge(each)]
    if facts.accept_gap and gap:
        yield make_finding(
            "gap-accepted",
            "Without access for some seconds each, and for two to three minutes each if they are "
            "rolled back: "
            f"{quoted(gap)}.",
        )
    yield from _leftovers(facts)
    yield from _logins(facts)
    in_force = facts.mode != "API" and (facts.aws_auth.rows or facts.aws_auth.accounts)
    if not in_force and not any(p.kind for p in facts.aws_auth.problems):
        yield make_finding("nothing-to-migrate", "No row of aws-auth is in force.")


def _reading(facts: PlanFacts) -> Iterator[Finding]:
    if facts.mode == "API":
        return
    for problem in facts.aws_auth.problems:
        where = (
            f"{problem.section}, line {problem.line}, column {problem.column}: {problem.message}"
        )
        accepted = (
            problem.kind == "lost" and problem.section in facts.decisions.accept_lost_sections
        )
        code = "section-lost" if problem.kind == "lost" else "section-doubtful"
        yield make_finding(
            code,
            where,
            source=problem.section,
            line=problem.line,
            severity="warn" if accepted else None,
        )
        snapshot = facts.snapshot
        unread = [
            name
            for name, value in (
                ("nodes", snapshot.nodes),
                ("nodegroups", snapshot.nodegroups),
                ("fargateProfiles", snapshot.fargate_profiles),
            )
            if value is None
        ]
        unread += ["nodes.roleArn"] if _nodes_of_unknown_roles(facts) else []
        if accepted and problem.section == "mapRoles" and unread:
            yield make_finding(
                "lost-section-nodes-unknown", f"Not read: {quoted(unread)}.", source=problem.section
            )
    for key in facts.aws_auth.unknown_keys:
        yield make_finding("unknown-data-key", f"`{key}` is not mapRoles, mapUsers or mapAccounts.")


def _rows(facts: PlanFacts) -> Iterator[Finding]:
    for dropped in facts.aws_auth.dropped:
        yield make_finding(
            "row-dropped",
            f"The item is dropped: {dropped.reason}",
            source=dropped.source,
            line=dropped.line,
        )
    for row in facts.aws_auth.rows:
        if row.sso:
            yield _sso(row, facts)


def _sso(row: RowMapping, facts: PlanFacts) -> Finding:
    """A row of the SSO matcher; its pattern would match the logins that start with it."""
    pattern = row_key(row.arn).removesuffix("*").partition(":iam::")[2]
    seen = [
        key
        for key in facts.logins
        if key.partition(":iam::")[2].startswith(pattern) and not facts.explains(key)
    ]
    if seen and facts.mode != "API":
        message = (
            f"An SSO row never matches on EKS. Yet {quoted(sorted(seen))} logged in, and no "
            f"other row explains it."
        )
        return make_finding("dead-row-logged-in", message, source=row.source, line=row.line)
    return make_finding(
        "dead-sso-matcher", "Its feature gate is off on EKS.", source=row.source, line=row.line
    )


def _accounts(facts: PlanFacts) -> Iterator[Finding]:
    if facts.mode == "API":
        return
    for row in facts.aws_auth.accounts:
        yield _account(row, facts)


def _account(row: AccountRow, facts: PlanFacts) -> Finding:
    decisions = facts.decisions
    if not (len(row.account) == 12 and row.account.isascii() and row.account.isdigit()):
        code, message = "map-accounts-dead", f"`{row.account}` is no account number."
    elif row.account in decisions.accounts:
        code, message = (
            "account-skipped",
            f"Account {row.account}: {decisions.accounts[row.account]}",
        )
    elif row.account in decisions.expand_accounts:
        arns = quoted(decisions.expand_accounts[row.account])
        code = "account-expanded"
        message = f"Account {row.account} becomes {arns or 'no principal'}."
    else:
        code, message = (
            "map-accounts",
            f"Every principal of account {row.account} that has no row may log in.",
        )
    stays = code == "map-accounts" and facts.target == "API_AND_CONFIG_MAP"
    return make_finding(
        code, message, source=row.source, line=row.line, severity="warn" if stays else None
    )


def _unknown(facts: PlanFacts) -> Iterator[Finding]:
    if facts.snapshot.access_entries is None and facts.mode != "CONFIG_MAP":
        yield make_finding(
            "entries-unread", f"The mode is {facts.mode}, and the access entries were not read."
        )
    for name in facts.snapshot.unknown:
        weakens = _WEAKENS.get(name.partition(".")[0])
        if weakens is not None:
            yield make_finding("input-unknown", f"`{name}` was not read: {weakens}.")
    unresolved = _nodes_of_unknown_roles(facts)
    if unresolved:
        yield make_finding(
            "input-unknown", f"The role of {unresolved} live nodes could not be resolved."
        )


def _nodes_of_unknown_roles(facts: PlanFacts) -> int:
    """How many live nodes have a role that is not known. Nodes on Fargate are not counted where the
    profiles were read: the profiles name their role.
    """
    told = facts.snapshot.fargate_profiles is not None
    return sum(
        node.role_arn is None
        and not (told and node.labels.get("eks.amazonaws.com/compute-type") == "fargate")
        for node in facts.snapshot.nodes or ()
    )


def _creator(facts: PlanFacts) -> Iterator[Finding]:
    if (
        facts.mode != "CONFIG_MAP"
        or not has_hidden_creator(facts.snapshot.cluster_raw)
        or creator_is_known(facts)
    ):
        return
    creator = facts.snapshot.creator
    session = (
        f" beyond `{creator.arn}`, a session of a role whose path was not read" if creator else ""
    )
    yield make_finding("creator-unknown", f"The cluster's creator is not known{session}.")
    places = names_of_hidden_creator(facts)
    if places:
        message = f"`{HIDDEN_CREATOR.username}` is named by {quoted(places)}."
        yield make_finding("creator-name-referenced", message)


def _masters(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> Iterator[Finding]:
    """What names system:masters besides Kubernetes' own binding of it."""
    changing = any(
        note.code in ("masters-becomes-policy", "creator-becomes-entry")
        for each in decided
        if each.action not in ("skip", "keep")
        for note in each.notes
    )
    places = [
        p for p in facts.names.of_group("system:masters") if p != "ClusterRoleBinding cluster-admin"
    ]
    if changing and places:
        yield make_finding(
            "masters-referenced", f"`system:masters` is named by {quoted(dict.fromkeys(places))}."
        )


def admins(decided: Iterable[PrincipalDecision]) -> tuple[str, ...]:
    """Principals that hold AmazonEKSClusterAdminPolicy for the cluster when the plan is done."""
    return tuple(
        each.candidate.arn
        for each in decided
        if each.action not in ("skip", "block")
        and each.entry is not None
        and is_admin(each.update or each.entry)
        and "/aws-service-role/" not in each.candidate.arn
    )


def _admins(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> Iterator[Finding]:
    """Admins are independent of each other when they are different principals; callers of a chain
    count once.
    """
    acting = set(acting_keys(facts))
    found = admins(decided)
    chain = [arn for arn in found if principal_key(arn) in acting]
    independent = len(found) - max(0, len(chain) - 1)
    if independent < 2 and facts.decisions.break_glass is None:
        names = quoted(found) or "nobody"
        yield make_finding("single-admin", f"Admins after the migration: {names}.")


def _pass_role(decided: Sequence[PrincipalDecision]) -> Iterator[Finding]:
    roles = [
        each.candidate.arn
        for each in decided
        if each.action in ("create", "recreate")
        and each.entry
        and each.entry.type in ("EC2_LINUX", "EC2_WINDOWS")
    ]
    if roles:
        yield make_finding(
            "pass-role-needed",
            f"The principal that runs apply needs iam:PassRole on {quoted(roles)}.",
        )


def _leftovers(facts: PlanFacts) -> Iterator[Finding]:
    rbac = facts.snapshot.rbac
    for binding in rbac.bindings if rbac else ():
        names = [
            s.name for s in binding.subjects if s.name.startswith((BRIDGE_PREFIX, MARKER_PREFIX))
        ]
        if names and is_ours(binding):
            yield make_finding(
                "leftover-bridge", f"{binding_place(binding)} binds {quoted(names)}."
            )
        elif names:
            yield make_finding(
                "bridge-name-used", f"{binding_place(binding)} binds {quoted(names)}."
            )
    for entry in (facts.snapshot.access_entries or ()) if facts.mode != "API" else ():
        names = [
            name
            for name in entry.kubernetes_groups
            if name.startswith((BRIDGE_PREFIX, MARKER_PREFIX))
        ]
        if names and PLAN_TAG not in entry.tags:
            message = (
                f"The access entry of `{entry.principal_arn}`, which is not ours, gives "
                f"{quoted(names)}."
            )
            yield make_finding("bridge-name-used", message, principal_arn=entry.principal_arn)


def _logins(facts: PlanFacts) -> Iterator[Finding]:
    for key, logins in sorted(facts.logins.items()):
        hidden = any(login.username == HIDDEN_CREATOR.username for login in logins)
        if not facts.explains(key):
            who = "the hidden creator's name" if hidden else f"`{logins[-1].username}`"
            yield make_finding("login-unexplained", f"`{logins[-1].arn}` logged in as {who}.")
