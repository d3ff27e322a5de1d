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
    """Whether a label selector matches. An empty one matches everything, an invalid one nothing."""
    if any(labels.get(key) != value for key, value in selector.match_labels):
        return False
    return all(_expression_holds(expression, labels) for expression in selector.match_expressions)


def _expression_holds(
    expression: tuple[str, str, tuple[str, ...]], labels: Mapping[str, str]
) -> bool:
    key, operator, values = expression
    match operator:
        case "In":
            return labels.get(key) in values
        # A missing label is not in any list (apimachinery, labels.Requirement.Matches).
        case "NotIn":
            return bool(values) and labels.get(key) not in values
        case "Exists":
            return key in labels and not values
        case "DoesNotExist":
            return key not in labels and not values
        case _:
            return False


def effective_rules(state: RbacState) -> dict[tuple[str | None, str], tuple[PolicyRule, ...]]:
    """``(namespace, name)`` -> rules in force, aggregation included. ClusterRoles have namespace
    None.
    """
    rules = {(role.namespace, role.name): role.rules for role in state.roles}
    cluster_roles = {role.name: role for role in state.roles if role.namespace is None}
    parts = {
        role.name: _selected(role.name, role.aggregation, cluster_roles.values())
        for role in cluster_roles.values()
        if role.aggregation is not None
    }
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
    others = [role for role in roles if role.name != name]
    found = [role for role in others if any(selects(each, role.labels) for each in selectors)]
    return tuple(sorted(role.name for role in found))


def _closure(name: str, parts: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The role itself and everything that flows into it, directly or not; cycles are fine."""
    seen = {name: None}
    queue = [name]
    for current in queue:
        for part in parts.get(current, ()):
            if part not in seen:
                seen[part] = None
                queue.append(part)
    return queue
