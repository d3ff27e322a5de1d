"""Findings about the ConfigMap as a whole, the cluster, and what was not read."""

from collections.abc import Iterable, Iterator, Sequence

from migrator.decide.access.name_references import binding_place, is_ours
from migrator.decide.findings.findings_catalogue import make_finding
from migrator.decide.findings.node_join import CODE, node_join
from migrator.decide.findings.platform import platform_obstacle, quota_obstacle
from migrator.decide.planning.entries.creator import HIDDEN_CREATOR, names_of_hidden_creator
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.order.order_steps import acting_keys, needs_bridge
from migrator.decide.planning.order.required_proof import is_admin
from migrator.decide.planning.principals.candidate_principals import creator_is_known
from migrator.decide.planning.principals.creator_evidence import has_hidden_creator
from migrator.decide.planning.principals.mapped_accounts import (
    answer_arn,
    bound_sessions,
    can_have_entry,
    left_behind,
    named_principals,
)
from migrator.decide.planning.principals.plan_facts import PlanFacts, quoted
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.decide.reading.unread_rows import unread_rows
from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.decide.steps.rehearsal_objects import blank_under_rehearsal
from migrator.model.aws_auth import AccountRow, RowMapping, SectionProblem
from migrator.model.finding import Finding, Severity
from migrator.model.long_lists import some_of
from migrator.model.plan import MODE_NOT_READ
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX

_ACCOUNT_DIGITS = 12
_SHOWN_SESSIONS = 8
# Kubernetes' own binding of system:masters.
_OWN_BINDING = "ClusterRoleBinding cluster-admin"
# Notes of principals that get a policy in exchange for system:masters.
_FROM_MASTERS = frozenset({"masters-becomes-policy", "creator-becomes-entry"})
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

# aws-auth of a file: where it comes from, and what it cannot say.
_DECLARED = {
    "configMap.manifest": "`configMap` was not read from the cluster: it is that of a file, and "
    "what is in force now is not known.",
    "configMap.eksctl-config": "`configMap` was not read from the cluster: its rows are those that "
    "eksctl writes for the iamIdentityMappings of a ClusterConfig. Rows of node groups, of other "
    "programs and of later edits are not known, and accessConfig of the file was not used.",
    "configMap.eksctl-mappings": "`configMap` was not read from the cluster: its rows are those "
    "that eksctl get iamidentitymapping printed. What has changed since is not known.",
}


def cluster_findings(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> Iterator[Finding]:
    """All findings that belong to no single principal, in a fixed order."""
    yield from _platform(decided, facts)
    yield from _node_join(facts)
    yield from _reading(facts)
    yield from _rows(facts)
    yield from _accounts(facts)
    yield from _unknown(facts)
    yield from _creator(facts)
    yield from _masters(decided, facts)
    yield from _admins(decided, facts)
    yield from _pass_role(decided)
    yield from _gap(decided, facts)
    yield from _leftovers(facts)
    yield from _strange_entries(facts)
    yield from _logins(facts)
    # The rows are saved, and are to be restored: that is no cluster without rows.
    if blank_under_rehearsal(facts.snapshot):
        yield make_finding(
            "rehearsal-unfinished",
            "Every value of aws-auth is empty, and the timer of a rehearsal is in the cluster.",
        )
    elif _has_no_row_in_force(facts):
        yield make_finding("nothing-to-migrate", "No row of aws-auth is in force.")


def _gap(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> Iterator[Finding]:
    """Administrators that have no access between their entry and its policy, because a person chose
    that instead of the bridge.
    """
    if not facts.accept_gap:
        return
    gap = [each.candidate.arn for each in decided if needs_bridge(each)]
    if gap:
        yield make_finding(
            "gap-accepted",
            "Without access for some seconds each, and for two to three minutes each if they are "
            "rolled back: "
            f"{quoted(gap)}.",
        )


def _has_no_row_in_force(facts: PlanFacts) -> bool:
    """Whether aws-auth certainly admits no principal."""
    # A section that cannot be read may hold rows.
    if any(problem.kind for problem in facts.aws_auth.problems):
        return False
    if facts.mode == "API":
        return True
    if facts.aws_auth.rows:
        return False
    return not facts.aws_auth.accounts


def _platform(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> Iterator[Finding]:
    """What keeps the entries from this cluster, whatever they are."""
    entries = facts.snapshot.access_entries or ()
    more = sum(each.action in ("create", "await") for each in decided)
    obstacles = (
        platform_obstacle(facts.snapshot.cluster_raw),
        quota_obstacle(len(entries), more),
    )
    for obstacle in obstacles:
        if obstacle is not None:
            yield make_finding(obstacle.code, obstacle.message, remedy=obstacle.remedy)


def _node_join(facts: PlanFacts) -> Iterator[Finding]:
    """A public endpoint that admits nodes from listed addresses only. Where EKS says already that
    instances fail to join, moving them to entries would look like the cause.
    """
    snapshot = facts.snapshot
    found = node_join(
        snapshot.cluster_raw,
        snapshot.nodegroups,
        snapshot.fargate_profiles,
        snapshot.node_network,
    )
    if found is None:
        return
    severity: Severity | None = None
    if found.failing:
        severity = "block"
    yield make_finding(CODE, found.message, severity=severity, remedy=found.remedy)


def _reading(facts: PlanFacts) -> Iterator[Finding]:
    """Sections and keys of the ConfigMap that have no effect. In API mode none has any."""
    if facts.mode == "API":
        return
    for problem in facts.aws_auth.problems:
        yield from _problem(problem, facts)
    # The authenticator reads three keys, spelled exactly so (pkg/mapper/configmap/configmap.go).
    for key in facts.aws_auth.unknown_keys:
        yield make_finding("unknown-data-key", f"`{key}` is not mapRoles, mapUsers or mapAccounts.")
    for row in unread_rows(facts.snapshot.aws_auth_data, facts.aws_auth):
        message = f"`{row.name}` is {row.reason}: no log-in matches this row."
        yield make_finding("row-unread", message, source=row.key, line=row.line)


def _problem(problem: SectionProblem, facts: PlanFacts) -> Iterator[Finding]:
    """A section without effect: the authenticator drops all of it where its YAML is wrong."""
    section, line = problem.section, problem.line
    where = f"{section}, line {line}, column {problem.column}: {problem.message}"
    # YAML parsers differ here, and it is not certain what the authenticator's makes of it: no
    # answer can know that either.
    if problem.kind != "lost":
        yield make_finding("section-doubtful", where, source=section, line=line)
        return
    if section not in facts.decisions.accept_lost_sections:
        yield make_finding("section-lost", where, source=section, line=line)
        return
    yield make_finding("section-lost", where, source=section, line=line, severity="warn")
    # The acceptance never covers a role that live nodes use: that must be known.
    unread = _unread_of_nodes(facts)
    if section == "mapRoles" and unread:
        message = f"Not read: {quoted(unread)}."
        yield make_finding("lost-section-nodes-unknown", message, source=section)


def _unread_of_nodes(facts: PlanFacts) -> list[str]:
    """The parts of a snapshot that show the roles of nodes and that were not read."""
    snapshot = facts.snapshot
    parts = {
        "nodes": snapshot.nodes,
        "nodegroups": snapshot.nodegroups,
        "fargateProfiles": snapshot.fargate_profiles,
    }
    unread = [name for name, part in parts.items() if part is None]
    if _nodes_of_unknown_roles(facts):
        unread.append("nodes.roleArn")
    return unread


def _rows(facts: PlanFacts) -> Iterator[Finding]:
    """Items of mapRoles and mapUsers that match no log-in, whatever the principal is."""
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
    pattern = _after_service(row_key(row.arn).removesuffix("*"))
    seen: list[str] = []
    for key in facts.logins:
        if not _after_service(key).startswith(pattern):
            continue
        if not facts.explains(key):
            seen.append(key)
    # In API mode the log-in came through an entry.
    if seen and facts.mode != "API":
        message = (
            f"An SSO row never matches on EKS. Yet {quoted(sorted(seen))} logged in, and no "
            f"other row explains it."
        )
        return make_finding("dead-row-logged-in", message, source=row.source, line=row.line)
    return make_finding(
        "dead-sso-matcher", "Its feature gate is off on EKS.", source=row.source, line=row.line
    )


def _after_service(arn: str) -> str:
    """Account and name of an IAM ARN, without the partition."""
    return arn.partition(":iam::")[2]


def _accounts(facts: PlanFacts) -> Iterator[Finding]:
    """Each item of mapAccounts; in API mode it admits no principal."""
    if facts.mode == "API":
        return
    for row in facts.aws_auth.accounts:
        yield _account(row, facts)


def _account(row: AccountRow, facts: PlanFacts) -> Finding:
    """What becomes of an account of mapAccounts: skipped, expanded, kept in aws-auth, or a
    question.
    """
    account, decisions = row.account, facts.decisions
    source, line = row.source, row.line
    # The authenticator compares texts: a text that is no account number is no login's account.
    if not _is_account_number(account):
        message = f"`{account}` is no account number."
        return make_finding("map-accounts-dead", message, source=source, line=line)
    if account in decisions.accounts:
        message = f"Account {account}: {_sentence(decisions.accounts[account])}"
        return _left_out("account-skipped", message, row, facts)
    if account in decisions.expand_accounts:
        arns = quoted(decisions.expand_accounts[account])
        message = f"Account {account} becomes {arns or 'no principal'}."
        return _left_out("account-expanded", message, row, facts)
    # Entries name principals one by one: nothing expresses an account (EKS user guide, "Create
    # access entries"). It keeps working where the ConfigMap stays in force.
    message = f"Every principal of account {account} that has no row may log in."
    # In full: each of them is written into the question for decisions.yaml.
    principals = named_principals(account, facts)
    named = [f"`{answer_arn(each)}`" for each in principals if can_have_entry(each.arn)]
    if named:
        message += f" Named in the cluster: {', '.join(named)}."
    # Without backquotes: those are what the question lists.
    without_entry = [each.arn for each in principals if not can_have_entry(each.arn)]
    if without_entry:
        message += (
            " Named too, and can have no entry (root user, federated user or service-linked "
            f"role): {', '.join(without_entry)}."
        )
    message += _sessions_named(account, facts)
    severity: Severity | None = None
    if facts.target == "API_AND_CONFIG_MAP":
        severity = "warn"
    return make_finding("map-accounts", message, source=source, line=line, severity=severity)


def _left_out(
    code: str,
    message: str,
    row: AccountRow,
    facts: PlanFacts,
) -> Finding:
    """An account that an answer drops or lists. What it leaves out is accepted by name: without
    RBAC no name is known, and the account stays a question where the plan ends it.
    """
    message += _names_lost(row.account, facts)
    if facts.names.rbac_known or facts.target == "API_AND_CONFIG_MAP":
        return make_finding(code, message, source=row.source, line=row.line)
    return make_finding(
        code,
        f"{message} RBAC was not read: whom it names in this account is not known.",
        source=row.source,
        line=row.line,
        severity="block",
        remedy="Let the snapshot read RBAC, or take the answer back, and plan again.",
    )


def _sentence(reason: str) -> str:
    """A person's reason with a full stop, so that another sentence may follow."""
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _names_lost(account: str, facts: PlanFacts) -> str:
    sessions = _sessions_named(account, facts)
    lost = left_behind(account, facts)
    if not lost:
        return sessions
    return f" Named in the cluster and left out: {quoted(each.arn for each in lost)}.{sessions}"


def _sessions_named(account: str, facts: PlanFacts) -> str:
    """Names of sessions that something binds, which give nothing through mapAccounts."""
    sessions = bound_sessions(account, facts)
    if not sessions:
        return ""
    # Without backquotes: those are what the question lists.
    return (
        f" Named as users, but no login through mapAccounts has the name of a session: "
        f"{some_of(sessions, _SHOWN_SESSIONS)}."
    )


def _is_account_number(text: str) -> bool:
    """Whether a text is twelve digits, as AWS writes the id of an account."""
    if len(text) != _ACCOUNT_DIGITS:
        return False
    # Python's isdigit takes the digits of every script.
    return text.isascii() and text.isdigit()


def _unknown(facts: PlanFacts) -> Iterator[Finding]:
    """What was not read, and what the plan cannot say because of that."""
    is_unread = facts.snapshot.access_entries is None
    # EKS API: in CONFIG_MAP mode ListAccessEntries is refused, so that there is nothing to read.
    if is_unread and facts.mode != "CONFIG_MAP":
        yield make_finding(
            "entries-unread", f"The mode is {facts.mode}, and the access entries were not read."
        )
    for name in facts.snapshot.unknown:
        declared = _DECLARED.get(name)
        if declared is not None:
            yield make_finding("input-unknown", declared)
            yield make_finding("input-unknown", MODE_NOT_READ)
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
    are_profiles_read = facts.snapshot.fargate_profiles is not None
    count = 0
    for node in facts.snapshot.nodes or ():
        if node.role_arn is not None:
            continue
        is_fargate = node.labels.get("eks.amazonaws.com/compute-type") == "fargate"
        if is_fargate and are_profiles_read:
            continue
        count += 1
    return count


def _creator(facts: PlanFacts) -> Iterator[Finding]:
    """A creator that the plan cannot name: it is an administrator whom no row and no entry shows
    (EKS user guide, "Access entries", legacy cluster access).
    """
    # From the mode step on the creator has an entry that is listed.
    if facts.mode != "CONFIG_MAP":
        return
    if creator_is_known(facts):
        return
    if not has_hidden_creator(facts.snapshot.cluster_raw):
        return
    creator = facts.snapshot.creator
    session = ""
    if creator is not None:
        session = f" beyond `{creator.arn}`, a session of a role whose path was not read"
    yield make_finding("creator-unknown", f"The cluster's creator is not known{session}.")
    places = names_of_hidden_creator(facts)
    if places:
        message = f"`{HIDDEN_CREATOR.username}` is named by {quoted(places)}."
        yield make_finding("creator-name-referenced", message)


def _masters(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> Iterator[Finding]:
    """What names system:masters besides Kubernetes' own binding of it."""
    also = facts.decisions.groups.get("system:masters")
    second = (also.also if also else None) or ""
    # What names a second group, too, means the same principals by both.
    named: dict[str, None] = {}
    for place in facts.names.only_of_group("system:masters", second):
        if place != _OWN_BINDING:
            named[place] = None
    if not named:
        return
    # What names the group matters only to a principal that is in it today and not later.
    if any(map(_leaves_masters, decided)):
        yield make_finding("masters-referenced", f"`system:masters` is named by {quoted(named)}.")


def _leaves_masters(each: PrincipalDecision) -> bool:
    """Whether the principal's logins lose the group: holders of the policy are not in it."""
    if each.action in ("skip", "keep"):
        return False
    # An answer may give the policy without the note of the rule.
    if "system:masters" in each.before.groups:
        return True
    return not _FROM_MASTERS.isdisjoint(note.code for note in each.notes)


def admins(decided: Iterable[PrincipalDecision]) -> tuple[str, ...]:
    """Principals that hold AmazonEKSClusterAdminPolicy for the cluster when the plan is done."""
    return tuple(each.candidate.arn for each in decided if _will_be_admin(each))


def _will_be_admin(each: PrincipalDecision) -> bool:
    """Whether a person can administer the cluster as this principal when the plan is done."""
    if each.action in ("skip", "block"):
        return False
    assert each.entry is not None  # noqa: S101 - who is not left out has an entry
    # A service's own role is no person who can repair the cluster.
    if "/aws-service-role/" in each.candidate.arn:
        return False
    return is_admin(each.update or each.entry)


def _admins(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> Iterator[Finding]:
    """Admins are independent of each other when they are different principals; callers of a chain
    count once.
    """
    # A break-glass principal makes an entry for itself where no administrator can log in.
    if facts.decisions.break_glass is not None:
        return
    acting = set(acting_keys(facts))
    found = admins(decided)
    chain = [arn for arn in found if principal_key(arn) in acting]
    # All principals of the chain that the operator arrives through count as one.
    independent = len(found) - max(0, len(chain) - 1)
    if independent < 2:
        names = quoted(found) or "no principal"
        yield make_finding("single-admin", f"Admins after the migration: {names}.")


def _pass_role(decided: Sequence[PrincipalDecision]) -> Iterator[Finding]:
    """The node roles whose entries the operator may make only with ``iam:PassRole``."""
    roles = [each.candidate.arn for each in decided if _needs_pass_role(each)]
    if roles:
        yield make_finding(
            "pass-role-needed",
            f"The principal that runs apply needs iam:PassRole on {quoted(roles)}.",
        )


def _needs_pass_role(each: PrincipalDecision) -> bool:
    """Whether CreateAccessEntry is sent for a type that runs nodes."""
    if each.action not in ("create", "recreate"):
        return False
    assert each.entry is not None  # noqa: S101 - what is made
    # EKS user guide, "Create access entries": iam:PassRole is needed for these two types alone.
    return each.entry.type in ("EC2_LINUX", "EC2_WINDOWS")


def _leftovers(facts: PlanFacts) -> Iterator[Finding]:
    """Bindings of bridge and marker groups, which only a run that is under way may have."""
    rbac = facts.snapshot.rbac
    if rbac is None:
        return
    for binding in rbac.bindings:
        names = _names_of_runs(subject.name for subject in binding.subjects)
        if not names:
            continue
        # Our label shows an interrupted run, which a plan cleans up. Another writer's binding
        # would give a run's group what no plan says.
        code = "bridge-name-used"
        if is_ours(binding):
            code = "leftover-bridge"
        yield make_finding(code, f"{binding_place(binding)} binds {quoted(names)}.")


def _strange_entries(facts: PlanFacts) -> Iterator[Finding]:
    """Entries of other writers that give groups of runs: a bridge would give them cluster-admin."""
    # In API mode no row is left to migrate, so that no run makes a bridge.
    if facts.mode == "API":
        return
    for entry in facts.snapshot.access_entries or ():
        # An entry of ours is half-made: the principal has a finding about that.
        if PLAN_TAG in entry.tags:
            continue
        names = _names_of_runs(entry.kubernetes_groups)
        if names:
            message = (
                f"The access entry of `{entry.principal_arn}`, which is not ours, gives "
                f"{quoted(names)}."
            )
            yield make_finding("bridge-name-used", message, principal_arn=entry.principal_arn)


def _names_of_runs(names: Iterable[str]) -> list[str]:
    """The names that only a run gives: of bridge groups and marker groups."""
    return [name for name in names if name.startswith((BRIDGE_PREFIX, MARKER_PREFIX))]


def _logins(facts: PlanFacts) -> Iterator[Finding]:
    """Log-ins in the audit log of principals that no row and no entry names. The last one of each
    is shown.
    """
    for key, logins in sorted(facts.logins.items()):
        if facts.explains(key):
            continue
        last = logins[-1]
        who = f"`{last.username}`"
        usernames = {login.username for login in logins}
        if HIDDEN_CREATOR.username in usernames:
            who = "the hidden creator's name"
        yield make_finding("login-unexplained", f"`{last.arn}` logged in as {who}.")
