"""ClusterRole aggregation as kube-controller-manager does it
(``pkg/controller/clusterroleaggregation``).

An aggregated role's rules are those of every other ClusterRole that one of its selectors matches;
roles may aggregate aggregated roles (``view`` into ``edit`` into ``admin``). A settled cluster
stores the result in the object itself. Both count here: stored rules are in force now, computed
ones as soon as the controller has run (or now, where no controller runs and the stored rules are
empty).
"""

from collections.abc import Iterable, Mapping

from migrator.model.rbac import LabelSelector, PolicyRule, RbacState, Role


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches. An empty one matches everything, an invalid one nothing.

    All parts of a selector must hold (Kubernetes, "Labels and Selectors").
    """
    for key, value in selector.match_labels:
        if labels.get(key) != value:
            return False
    return all(_expression_holds(expression, labels) for expression in selector.match_expressions)


def _expression_holds(
    expression: tuple[str, str, tuple[str, ...]], labels: Mapping[str, str]
) -> bool:
    """One ``(key, operator, values)`` of ``matchExpressions``; an unknown operator holds never.

    ``In`` and ``NotIn`` need values, the other two must have none (Kubernetes API reference,
    LabelSelectorRequirement).
    """
    key, operator, values = expression
    match operator:
        case "In":
            return labels.get(key) in values
        # A missing label is not in any list (apimachinery, labels.Requirement.Matches); an empty
        # list is refused (NewRequirement).
        case "NotIn":
            if not values:
                return False
            return labels.get(key) not in values
        # Values beside the next two are refused.
        case "Exists":
            if values:
                return False
            return key in labels
        case "DoesNotExist":
            if values:
                return False
            return key not in labels
        case _:
            return False


def effective_rules(state: RbacState) -> dict[tuple[str | None, str], tuple[PolicyRule, ...]]:
    """``(namespace, name)`` -> rules in force, aggregation included.

    ClusterRoles have namespace None. Of an aggregated role the stored rules come first and each
    rule comes once, as the controller writes them.
    """
    rules = {(role.namespace, role.name): role.rules for role in state.roles}
    cluster_roles = {role.name: role for role in state.roles if role.namespace is None}
    # Aggregated role -> the roles that its selectors match.
    parts: dict[str, tuple[str, ...]] = {}
    for name, role in cluster_roles.items():
        if role.aggregation is not None:
            parts[name] = _selected(name, role.aggregation, cluster_roles.values())
    for name in parts:
        # Each rule once, in a fixed order.
        found: dict[PolicyRule, None] = {}
        for part in _closure(name, parts):
            found.update(dict.fromkeys(cluster_roles[part].rules))
        rules[None, name] = tuple(found)
    return rules


def _selected(
    name: str, selectors: tuple[LabelSelector, ...], roles: Iterable[Role]
) -> tuple[str, ...]:
    """The names of all other roles that one of the selectors matches, sorted.

    ``name`` is the aggregated role; its selectors are joined by or (ClusterRole,
    ``aggregationRule.clusterRoleSelectors``).
    """
    found: list[str] = []
    for role in roles:
        # The controller passes the role itself over: its own rules are no source of it.
        if role.name == name:
            continue
        for selector in selectors:
            if selects(selector, role.labels):
                found.append(role.name)
                break
    return tuple(sorted(found))


def _closure(name: str, parts: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The role itself and everything that flows into it, directly or not; cycles are fine.

    ``parts`` maps an aggregated role to the roles that its selectors match.
    """
    seen = {name: None}
    queue = [name]
    for current in queue:
        for part in parts.get(current, ()):
            if part not in seen:
                seen[part] = None
                queue.append(part)
    return queue
