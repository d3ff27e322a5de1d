"""An object of Kubernetes in a Terraform plan is of the cluster that its provider leads to; where
the document does not show it, that is said.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.app.generate import check_terraform_fleet, refuse_unnamed
from migrator.errors import MigratorError
from migrator.model.plan import Plan
from migrator.model.terraform_plan import TerraformVerdict
from tests.support.plans import cluster, plan, principal, role
from tests.support.terraform_documents import (
    ENTRY,
    NAMED_AWS_AUTH,
    change,
    entry,
    judged,
    planned,
)

PROD = planned().cluster.arn
STAGE = PROD.replace("/prod", "/stage")
SENT = {**NAMED_AWS_AUTH, "data": {"mapRoles": "[]"}}


def resource(address: str, **values: object) -> dict[str, Any]:
    kind = address.removeprefix("data.").split(".")[-2]
    return {"address": address, "type": kind, "values": values}


def two_clusters() -> dict[str, Any]:
    """aws-auth is destroyed; the state has prod and stage."""
    found = change("kubernetes_config_map", SENT, None)
    for name, arn in (("prod", PROD), ("stage", STAGE)):
        values = {"name": name, "arn": arn, "endpoint": f"https://{name}.example"}
        [more] = change("aws_eks_cluster", values, values, actions=["no-op"])["resource_changes"]
        found["resource_changes"].append({**more, "address": f"module.{name}.aws_eks_cluster.this"})
    return found


def with_provider(found: dict[str, Any], **expressions: object) -> dict[str, Any]:
    """The document, whose aws-auth has a provider of its own."""
    code = {
        "provider_config": {"kubernetes.x": {"name": "kubernetes", "expressions": expressions}},
        "root_module": {
            "resources": [
                {"address": "kubernetes_config_map.x", "provider_config_key": "kubernetes.x"},
            ],
            "module_calls": {name: {"module": {}} for name in ("prod", "stage")},
        },
    }
    states = [
        resource(f"data.aws_eks_cluster.{address}", name=name, arn=arn)
        for name, arn in (("prod", PROD), ("stage", STAGE))
        for address in (name, f"of_{name}[0]")
    ]
    values = {"root_module": {"resources": states}}
    return {
        **found,
        "configuration": code,
        "prior_state": {"values": values},
        "variables": {"of_stage": {"value": "stage"}, "of_prod": {"value": "prod"}},
    }


def refers(*references: str) -> dict[str, Any]:
    return {"references": [*references]}


def constant(value: object) -> dict[str, Any]:
    return {"constant_value": value}


def get_token(name: str) -> dict[str, Any]:
    return {"exec": [{"args": constant(["eks", "get-token", "--cluster-name", name])}]}


WAYS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "data source": lambda name, _: {"host": refers(f"data.aws_eks_cluster.{name}.endpoint")},
    "with index": lambda name, _: {"host": refers(f"data.aws_eks_cluster.of_{name}[0].endpoint")},
    "module": lambda name, _: {"host": refers(f"module.{name}.cluster_endpoint", f"module.{name}")},
    "context": lambda _, arn: {"config_context": constant(arn)},
    "host": lambda name, _: {"host": constant(f"https://{name}.example")},
    "exec": lambda name, _: get_token(name),
    "variable": lambda name, _: {"exec": [{"args": refers(f"var.of_{name}")}]},
    "local beside it": lambda name, _: {
        "token": refers("local.token"),
        "host": refers(f"data.aws_eks_cluster.{name}.endpoint"),
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_aws_auth_is_of_the_cluster_that_its_provider_leads_to(way: str) -> None:
    ours = judged(with_provider(two_clusters(), **WAYS[way]("prod", PROD)))
    [problem] = ours.problems
    assert (problem.fault, "does not show" in problem.what) == ("aws-auth-destroyed", False)
    other = judged(with_provider(two_clusters(), **WAYS[way]("stage", STAGE)))
    assert (other.problems, other.others, other.doubtful) == ((), ("stage",), ())


@pytest.mark.parametrize(
    "expressions",
    [
        {},
        {"host": refers("local.host")},
        {"host": refers("each.value")},
        {"config_context": constant("stage")} | get_token("prod"),
        {"host": refers("module.prod.x", "module.stage.x")},
    ],
)
def test_aws_auth_of_which_it_is_not_shown_whose_it_is_is_refused_in_these_words(
    expressions: dict[str, Any],
) -> None:
    verdict = judged(with_provider(two_clusters(), **expressions))
    [problem] = verdict.problems
    if "config_context" in expressions:
        # A context may have any name: the one in exec decides.
        assert "does not show" not in problem.what
        return
    assert "whose cluster it is, the Terraform plan does not show (provider" in problem.what
    assert verdict.doubtful == ("kubernetes_config_map.x",)


def test_provider_of_a_module_is_followed_through_its_call() -> None:
    found = two_clusters()
    found["resource_changes"][0]["address"] = 'module.auth["a"].kubernetes_config_map.x'
    call = {
        "expressions": {"cluster": refers("module.stage.name", "module.stage")},
        "module": {
            "resources": [{"address": "kubernetes_config_map.x", "provider_config_key": "k"}]
        },
    }
    provider = {
        "name": "kubernetes",
        "module_address": "module.auth",
        "expressions": {"host": refers("var.cluster.endpoint", "var.cluster")},
    }
    root = {"module_calls": {"auth": call}}
    found["configuration"] = {"provider_config": {"k": provider}, "root_module": root}
    assert (judged(found).problems, judged(found).others) == ((), ("stage",))


def test_aws_auth_alone_is_judged_where_its_provider_names_the_cluster() -> None:
    """The document names no cluster beside it."""
    found = with_provider(
        change("kubernetes_config_map", SENT, SENT, actions=["no-op"]), **get_token("prod")
    )
    verdict = judged(found)
    assert (verdict.named, verdict.judged, verdict.doubtful) == (True, 1, ())
    refuse_unnamed([planned()], [verdict], "tfplan.json")


def aws(region: str, account: str) -> dict[str, Any]:
    expressions = {"region": constant(region), "allowed_account_ids": constant([account])}
    return {"name": "aws", "expressions": expressions}


@pytest.mark.parametrize(
    ("region", "account", "said"),
    [
        ("eu-west-1", "111122223333", {"entry-destroyed"}),
        ("us-east-1", "111122223333", set()),
        ("eu-west-1", "999988887777", set()),
    ],
)
def test_entry_is_of_the_cluster_in_the_account_and_region_of_its_provider(
    region: str, account: str, said: set[str]
) -> None:
    found = change(ENTRY, entry("dev"), None)
    code = {"resources": [{"address": f"{ENTRY}.x", "provider_config_key": "aws.x"}]}
    providers = {"aws.x": aws(region, account)}
    found["configuration"] = {"provider_config": providers, "root_module": code}
    assert {each.fault for each in judged(found).problems} == said


def fleet() -> tuple[Plan, ...]:
    """Two clusters of one name in two Regions of an account, and a third."""
    east = PROD.replace("eu-west-1", "us-east-1")
    return (
        planned(),
        plan(principal(role("east")), cluster=cluster(arn=east, region="us-east-1")),
        plan(principal(role("dev")), cluster=cluster(arn=STAGE, name="stage")),
    )


def checked(found: dict[str, Any]) -> tuple[TerraformVerdict, ...]:
    return check_terraform_fleet(fleet(), json.dumps(found).encode(), "tfplan.json")


def fleet_document(*entries: dict[str, Any]) -> dict[str, Any]:
    found = change(ENTRY, entries[0], entries[0], actions=["no-op"])
    for each in entries[1:]:
        more = change(ENTRY, each, None)["resource_changes"]
        found["resource_changes"] += more
    return found


def test_each_cluster_of_a_fleet_is_judged_by_its_own_plan() -> None:
    west = entry("dev", region="eu-west-1", user_name="dev", kubernetes_groups=["devs"])
    east = {**entry("east"), "region": "us-east-1"}
    stage = {**entry("dev"), "cluster_name": "stage"}
    other = {**entry("dev"), "cluster_name": "forgotten"}
    verdicts = checked(fleet_document(west, east, stage, other))
    assert [[each.fault for each in verdict.problems] for verdict in verdicts] == [
        [],
        ["entry-destroyed"],
        ["entry-destroyed"],
    ]
    # Clusters of the fleet are none that no plan was given for.
    assert {verdict.others for verdict in verdicts} == {("forgotten",)}


def test_cluster_of_a_fleet_that_the_terraform_plan_lacks_is_refused() -> None:
    verdicts = checked(fleet_document(entry("dev", region="eu-west-1")))
    with pytest.raises(MigratorError) as caught:
        refuse_unnamed(fleet(), verdicts, "tfplan.json")
    assert caught.value.code == "terraform-plan-other-cluster"


json_values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
KEYS = ("configuration", "prior_state", "variables")


@given(st.sampled_from(sorted(WAYS)), st.data())
def test_any_value_in_the_code_is_judged_or_refused_by_name(way: str, data: st.DataObject) -> None:
    found = with_provider(two_clusters(), **WAYS[way]("prod", PROD))
    found = json.loads(json.dumps(found))
    place: Any = {key: found[key] for key in KEYS}
    root = found
    while True:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from([*keys]))
        if not (isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans())):
            break
        place = place[key]
    (root if key in root else place)[key] = data.draw(json_values)
    try:
        judged(found)
    except MigratorError as error:
        assert error.code == "terraform-plan-malformed"
