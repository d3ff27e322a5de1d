"""Whether a login is who it should be, and a question whose answer shows an access policy at
work.
"""

from collections.abc import Sequence

from migrator.decide.access.authorize import AUTHENTICATED, groups_of_login
from migrator.decide.access.name_templates import readings, render
from migrator.model.access_entry import AssociatedPolicy
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.evidence import SelfSubject
from migrator.model.rbac import AccessRequest, PolicyRule

_UNSEEN = "the cluster does not let the login ask who it is (HTTP 403): its groups were not seen"


def compare_subject(
    username: str, groups: Sequence[str], found: SelfSubject | None
) -> tuple[str, ...]:
    """How a login differs from the identity that is right; empty when it does not.

    ``username`` and ``groups`` may be templates: they are rendered with what the authenticator says
    about the session (``extra`` of SelfSubjectReview), or compared by shape where it says nothing.
    """
    if found is None:
        return ("the login was refused",)
    values = _values(found)
    differences = []
    wanted = render(username, values)
    if wanted != found.username and not _fits(wanted, found.username):
        differences.append(f"the username is {found.username!r}, not {wanted!r}")
    if not found.may_ask:
        # Without system:authenticated a login has no right to ask who it is: that is as it must be
        # (Kubernetes, "Default roles and role bindings", system:basic-user).
        if AUTHENTICATED in groups_of_login(username, groups):
            differences.append(_UNSEEN)
        return tuple(differences)
    # The API server adds this group itself.
    expected = {render(group, values) for group in groups if group} - {AUTHENTICATED}
    # A row of `groups: [""]` (CDK writes them for EMR) logs in with that group. No binding can name
    # it (Kubernetes, ValidateRoleBindingSubject: a name is required), and so it gives nothing.
    present = set(found.groups) - {AUTHENTICATED, ""}
    for group in sorted(expected - present):
        differences.append(f"the group {group!r} is missing")
    for group in sorted(present - expected):
        differences.append(f"the group {group!r} is there and should not be")
    return tuple(differences)


def _values(found: SelfSubject) -> dict[str, str]:
    """The values of the template variables in this login.

    ``extra`` holds them in lists of one text (aws-iam-authenticator ``pkg/server/server.go``).
    """
    values: dict[str, str] = {}
    session = next(iter(found.extra.get("sessionName", ())), None)
    if session is not None:
        # The authenticator replaces "@" in SessionName (renderTemplate).
        values["SessionName"] = session.replace("@", "-")
        values["SessionNameRaw"] = session
    key = next(iter(found.extra.get("accessKeyId", ())), None)
    if key is not None:
        values["AccessKeyID"] = key
    return values


def _fits(template: str, name: str) -> bool:
    """Whether a template with variables left can have become the name.

    No where the readings are too many: a login is then reported as different.
    """
    return bool(readings(template, name))


def policy_probe(policy: AssociatedPolicy) -> AccessRequest | None:
    """A request that the policy allows, and that shows the policy at work.

    None where its exact rules are not published or its scope names no namespace: a pattern may
    cover no namespace that can be named.
    """
    table = ACCESS_POLICIES.get(policy.policy_name)
    if table is None:
        return None
    # An upper bound does not say that one of its requests is allowed.
    if not table.exact:
        return None
    namespace = None
    if policy.scope.type == "namespace":
        plain = [each for each in policy.scope.namespaces if "*" not in each]
        if not plain:
            return None
        namespace = plain[0]
    # A rule for paths, or for objects of certain names, is no rule for any namespace.
    plain_rules = [rule for rule in table.rules if rule.resources and not rule.resource_names]
    return _request(plain_rules[0], namespace) if plain_rules else None


def _request(rule: PolicyRule, namespace: str | None) -> AccessRequest:
    """The first request that the rule names."""
    resource, _, subresource = rule.resources[0].partition("/")
    return AccessRequest(
        verb=rule.verbs[0],
        api_group=rule.api_groups[0],
        resource=resource,
        subresource=subresource,
        namespace=namespace,
    )
