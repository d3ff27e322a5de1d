"""A fault of the code that tool and lab share: both say the same, and the evaluator sees it.

Each fault is put into the function itself, so that every module that imported it has it.
"""

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from migrator.decide.access import access_policies, aggregate_roles, authorize, match_rules
from migrator.decide.reading import aws_auth_rows, effective_identity, effective_rows
from migrator.lab.kubernetes import authorizer
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.rbac import PolicyRule, RbacState
from tests.support.control_plane import random_logins, random_reviews
from tests.support.control_plane.bed import EmbeddedBed
from tests.support.judge.reviews import Judge
from tests.support.judge.tally import Tally
from tests.support.judged.bed import (
    caller_of,
    cluster_of,
    judge_login,
    judge_review,
    objects_of,
)
from tests.support.judged.tool import ToolLogins, allows

SEED, REVIEWS, LOGINS = 5, 1_500, 800


@dataclass(frozen=True)
class Fault:
    """A text of a function's source, and what stands there with the fault."""

    of: Callable[..., Any]
    old: str
    new: str


FAULTS_OF_REVIEWS = {
    "policy scope: a star in front of anything": Fault(
        access_policies.namespace_matches, "return namespace.startswith(head)", "return True"
    ),
    "RBAC: resource names are not looked at": Fault(
        match_rules.RuleSet._compile, "frozenset(rule.resource_names) or None", "None"
    ),
    "RBAC: a rule for a resource holds for its subresources": Fault(
        match_rules._resource_keys, 'f"*/{sub}", "*"', 'f"*/{sub}", "*", resource'
    ),
    "RBAC: a RoleBinding holds in the cluster": Fault(
        authorize.RbacIndex._bound_roles, "binding.namespace is None", "True"
    ),
    "RBAC: a ServiceAccount without a namespace is nobody": Fault(
        authorize._username_of, "subject.namespace or binding.namespace", "subject.namespace"
    ),
    "aggregation: NotIn wants the label to be there": Fault(
        aggregate_roles._expression_holds,
        "labels.get(key) not in values",
        "labels.get(key) not in (None, *values)",
    ),
    "aggregation: DoesNotExist is Exists": Fault(
        aggregate_roles._expression_holds, "key not in labels", "key in labels"
    ),
    "aggregation: In is never true": Fault(
        aggregate_roles._expression_holds, "return labels.get(key) in values", "return False"
    ),
    "node: what is another node's is its own": Fault(
        authorizer.Authorizer._node_allows, 'request.name in ("", node)', "True"
    ),
    "node: the pods of all nodes are its own": Fault(
        authorizer.Authorizer._pods_refer, 'spec.get("nodeName") != node', "not spec"
    ),
}
FAULTS_OF_LOGINS = {
    "row reading: the first of two rows wins": Fault(
        effective_rows.effective_roles, "in aws_auth.rows", "in reversed(aws_auth.rows)"
    ),
    "row reading: a number is a username": Fault(
        aws_auth_rows._assign_text,
        "if not isinstance(value.value, str):\n        return False",
        "if not isinstance(value.value, str):\n        texts[name] = value.text\n"
        "        return True",
    ),
    "precedence: rows before entries": Fault(
        effective_identity.identity_of, 'if mode != "CONFIG_MAP"', 'if mode == "API"'
    ),
    "precedence: users before roles": Fault(
        effective_identity.identity_of,
        "index.roles.get(key) or index.users.get(key)",
        "index.users.get(key) or index.roles.get(key)",
    ),
    "identity: an entry of a deleted principal answers": Fault(
        effective_identity._entry_of,
        "mine = by_id.get(caller.principal_id)",
        "mine = next((e for e in by_id.values() if e.principal_arn.endswith("
        "caller.canonical_arn.rpartition('/')[2])), None)",
    ),
    "template: a session keeps its second @": Fault(
        effective_identity.template_renderer, '.replace("@", "-")', '.replace("@", "-", 1)'
    ),
}


def put(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the function the code that it has with the fault."""
    source = textwrap.dedent(inspect.getsource(fault.of))
    assert source.count(fault.old) == 1, fault.old
    made: dict[str, Any] = {}
    exec(source.replace(fault.old, fault.new), dict(fault.of.__globals__), made)  # noqa: S102
    monkeypatch.setattr(fault.of, "__code__", made[fault.of.__name__].__code__)


@pytest.fixture(autouse=True)
def caches() -> Iterator[None]:
    """What was worked out with a fault is not kept, and the other way round."""
    forget()
    yield
    forget()


def forget() -> None:
    """Empty every cache of the package."""
    for name, module in list(sys.modules.items()):
        if name.startswith("migrator."):
            for each in list(vars(module).values()):
                if hasattr(each, "cache_clear"):
                    each.cache_clear()


def reviews_judged() -> tuple[Tally, int]:
    """Counts of the evaluator, and how often tool and lab say different things."""
    bed, tally = EmbeddedBed(), Tally()
    answered = list(random_reviews.answers(bed, random_reviews.questions(SEED, REVIEWS)))
    objects = objects_of(bed)
    judge = Judge(objects)
    index = index_of(objects._asdict())
    unlike = 0
    for review, allowed in answered:
        judge_review(tally, judge, review, allowed)
        # Nodes are the node authorizer's, which the tool leaves to the cluster.
        unlike += not review.is_of_node and allows(index, review) is not allowed
    return tally, unlike


def index_of(objects: dict[str, Any]) -> authorize.RbacIndex:
    names = {
        "roles": "roles",
        "roleBindings": "role_bindings",
        "clusterRoles": "cluster_roles",
        "clusterRoleBindings": "cluster_role_bindings",
    }
    raw = {name: objects[field] for name, field in names.items()}
    return authorize.RbacIndex(RbacState.from_raw(raw))


def logins_judged() -> tuple[Tally, int]:
    """The same of logins."""
    bed, tally = EmbeddedBed(), Tally()
    random_logins.prepare(bed)
    judge = Judge(objects_of(bed))
    entries: list[random_logins.Entry] = []
    unlike = 0
    for made in random_logins.rounds(SEED, LOGINS):
        entries += made.entries
        cluster, tool = cluster_of(made, entries), ToolLogins(made, entries)
        for asked, answer in random_logins.answers(bed, made):
            caller = caller_of(bed, asked)
            judge_login(tally, judge, caller, cluster, answer)
            unlike += not tool.agree(caller, answer)
    return tally, unlike


def test_without_a_fault_all_three_agree() -> None:
    for tally, unlike in (reviews_judged(), logins_judged()):
        tally.check()
        assert unlike == 0


def test_fault_of_the_policy_table_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    table = ACCESS_POLICIES["AmazonEKSViewPolicy"]
    secrets = PolicyRule(("get", "list", "watch"), ("",), ("secrets",))
    wrong = replace(table, rules=(*table.rules, secrets))
    monkeypatch.setitem(ACCESS_POLICIES, "AmazonEKSViewPolicy", wrong)
    tally, unlike = reviews_judged()
    assert unlike == 0
    assert tally.differences


@pytest.mark.parametrize("name", FAULTS_OF_REVIEWS)
def test_fault_of_the_authorizer_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(FAULTS_OF_REVIEWS[name], monkeypatch)
    tally, unlike = reviews_judged()
    assert unlike == 0
    assert tally.differences


@pytest.mark.parametrize("name", FAULTS_OF_LOGINS)
def test_fault_of_the_authenticator_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(FAULTS_OF_LOGINS[name], monkeypatch)
    tally, unlike = logins_judged()
    assert unlike == 0
    assert tally.differences


def test_fault_of_the_completion_of_groups_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab completes them by itself, so that the tool alone is wrong."""
    ignored = Fault(
        authorize.groups_of_login,
        "AUTHENTICATED in own or UNAUTHENTICATED in own",
        "AUTHENTICATED in own",
    )
    put(ignored, monkeypatch)
    tally, unlike = logins_judged()
    assert unlike > 0
    tally.check()
