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
        for address in (name, f"of_{name}[0]", f'each["{name}"]')
    ]
    states += [
        resource(f'module.all["{name}"].aws_eks_cluster.this', name=name, arn=arn)
        for name, arn in (("prod", PROD), ("stage", STAGE))
    ]
    values = {"root_module": {"resources": states}}
    return {
        **found,
        "configuration": code,
        "prior_state": {"values": values},
        "variables": {
            "stage_cluster": {"value": "stage"},
            "prod_cluster": {"value": "prod"},
            "profile": {"value": "stage"},
        },
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
    "variable": lambda name, _: {"exec": [{"args": refers(f"var.{name}_cluster")}]},
    # Terraform lists what a reference begins with, and the module has an instance for each.
    "instance": lambda name, _: {
        "host": refers(
            f'data.aws_eks_cluster.each["{name}"].endpoint',
            f'data.aws_eks_cluster.each["{name}"]',
            "data.aws_eks_cluster.each",
        )
    },
    "instance of a module": lambda name, _: {
        "host": refers(f'module.all["{name}"].endpoint', f'module.all["{name}"]', "module.all")
    },
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
        # What is called as another cluster is, and is no cluster.
        {"exec": [{"args": refers("local.name"), "env": refers("var.profile")}]},
        {"exec": [{"args": refers("local.name", "var.profile")}]},
        {"exec": [{"args": constant(["token", "--profile", "stage"])}]},
        {"exec": [{"env": {"references": ["module.stage.profile", "module.stage"]}}]},
        {"config_context": refers("local.x"), "config_context_user": constant("stage")},
        {"host": refers("local.host"), "username": refers("var.stage_cluster")},
        {"config_context": constant("stage")} | get_token("prod"),
        {"host": refers("module.prod.x", "module.stage.x")},
    ],
)
def test_aws_auth_of_which_it_is_not_shown_whose_it_is_is_refused_in_these_words(
    expressions: dict[str, Any],
) -> None:
    verdict = judged(with_provider(two_clusters(), **expressions))
    [problem] = verdict.problems
    if expressions.keys() >= {"config_context", "exec"}:
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


def coded(address: str, **expressions: object) -> dict[str, Any]:
    return {"address": address, "provider_config_key": "aws", "expressions": expressions}


def with_code(
    found: dict[str, Any], *resources: dict[str, Any], inside: str = ""
) -> dict[str, Any]:
    """The document with the code of its resources, in the root module or one that it calls."""
    root: dict[str, Any] = {"resources": [*resources]}
    if inside:
        given = {"cluster": refers("aws_eks_cluster.a.name", "aws_eks_cluster.a")}
        root = {"module_calls": {inside: {"expressions": given, "module": root}}}
    return {**found, "configuration": {"root_module": root}}


def made_with_cluster(name: str, address: str, cluster_address: str) -> dict[str, Any]:
    """An entry is made for a cluster whose name is known after the apply only."""
    later = {"cluster_name": True, "access_entry_arn": True}
    found = change(
        ENTRY, None, {"principal_arn": role("dev"), "type": "STANDARD"}, after_unknown=later
    )
    found["resource_changes"][0]["address"] = address
    [made] = change("aws_eks_cluster", None, {"name": name})["resource_changes"]
    found["resource_changes"].append({**made, "address": cluster_address})
    return found


ITS = refers("aws_eks_cluster.this[0].id", "aws_eks_cluster.this[0]", "aws_eks_cluster.this")


@pytest.mark.parametrize(
    ("address", "cluster_address", "expression", "inside"),
    [
        (f"{ENTRY}.x", "aws_eks_cluster.this[0]", ITS, ""),
        (f"module.b.{ENTRY}.x", "module.b.aws_eks_cluster.this[0]", ITS, "b"),
        (f'module.b["c"].{ENTRY}.x["o"]', 'module.b["c"].aws_eks_cluster.this[0]', ITS, "b"),
        (f"module.b.{ENTRY}.x", "aws_eks_cluster.a", refers("var.cluster"), "b"),
    ],
)
def test_entry_is_of_the_cluster_that_its_code_refers_to(
    address: str, cluster_address: str, expression: dict[str, Any], inside: str
) -> None:
    code = (coded(f"{ENTRY}.x", cluster_name=expression), coded("aws_eks_cluster.this"))
    made = made_with_cluster("orders", address, cluster_address)
    verdict = judged(with_code(made, *code, inside=inside))
    assert (verdict.problems, verdict.others) == ((), ("orders",))
    # Of this cluster it is judged as any other.
    made = made_with_cluster("prod", address, cluster_address)
    said = {each.fault for each in judged(with_code(made, *code, inside=inside)).problems}
    assert said == {"username-dropped", "groups-dropped"}


@pytest.mark.parametrize(
    "expression",
    [
        {},
        refers("local.name"),
        refers("aws_eks_cluster.this[0].id", "local.name"),
        refers("aws_eks_cluster.another.id"),
        refers("var.name"),
    ],
)
def test_entry_of_which_the_code_does_not_show_the_cluster_is_unknown(
    expression: dict[str, Any],
) -> None:
    made = made_with_cluster("orders", f"{ENTRY}.x", "aws_eks_cluster.this[0]")
    found = with_code(made, coded(f"{ENTRY}.x", cluster_name=expression))
    assert {each.fault for each in judged(found).problems} == {"value-unknown"}


DATA_TEAM = refers("aws_iam_role.team.arn", "aws_iam_role.team")


def made_with_role(role_address: str = "aws_iam_role.team", **values: object) -> dict[str, Any]:
    """A role and its entry are made: the ARN is known after the apply only."""
    later = {"principal_arn": True, "access_entry_arn": True}
    after = {"cluster_name": "prod", "kubernetes_groups": ["data"]}
    found = change(ENTRY, None, after, after_unknown=later)
    [made] = change("aws_iam_role", None, values, after_unknown={"arn": True})["resource_changes"]
    found["resource_changes"].append({**made, "address": role_address})
    return found


@pytest.mark.parametrize(
    ("made", "argument", "name"),
    [
        (made_with_role(name="data", path="/"), DATA_TEAM, "role/data"),
        (made_with_role(name="dev", path="/teams/"), DATA_TEAM, "role/teams/dev"),
        (made_with_role(name_prefix="data-", path="/"), DATA_TEAM, "role/data-*"),
        (made_with_role("aws_iam_role.team[0]", name="data"), DATA_TEAM, "role/data"),
        (
            made_with_role('aws_iam_role.team["a"]', name="data"),
            refers('aws_iam_role.team["a"].arn', 'aws_iam_role.team["a"]', "aws_iam_role.team"),
            "role/data",
        ),
    ],
)
def test_entry_of_a_role_that_is_made_with_it_is_named_and_no_problem(
    made: dict[str, Any], argument: dict[str, Any], name: str
) -> None:
    verdict = judged(with_code(made, coded(f"{ENTRY}.x", principal_arn=argument)))
    assert verdict.problems == ()
    said = f"{name} is not in the plan: it gets the group data"
    assert [each.why for each in verdict.unjudged] == [said]


@pytest.mark.parametrize(
    ("made", "argument"),
    [
        # A role of the plan that is made again, in any case of letters.
        (made_with_role(name="dev", path="/"), DATA_TEAM),
        (made_with_role(name="DEV"), DATA_TEAM),
        (made_with_role(name_prefix="d"), DATA_TEAM),
        (made_with_role(), DATA_TEAM),
        (made_with_role(name="data"), refers("aws_iam_role.team.arn", "local.arn")),
        (made_with_role(name="data"), refers("data.aws_iam_role.team.arn")),
        (made_with_role(name="data"), refers("aws_iam_role.other.arn")),
        (made_with_role(name="data"), refers("var.arn")),
        (made_with_role(name="data"), {}),
    ],
)
def test_entry_of_a_principal_that_may_be_in_the_plan_is_unknown(
    made: dict[str, Any], argument: dict[str, Any]
) -> None:
    found = with_code(made, coded(f"{ENTRY}.x", principal_arn=argument))
    assert {each.fault for each in judged(found).problems} == {"value-unknown"}


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


@pytest.mark.parametrize(
    "expressions",
    [
        {"region": refers("var.regions", "var.env")},
        {"region": refers("var.geo")},
        {"region": refers("var.other_region", "var.env")},
        {"region": refers("local.region")},
        {"allowed_account_ids": refers("var.accounts", "var.env")},
        {"allowed_account_ids": refers("var.other_account")},
    ],
)
def test_entry_is_judged_where_the_code_does_not_show_the_account_or_the_region(
    expressions: dict[str, Any],
) -> None:
    """The document has what an expression refers to, and not what is made of it."""
    found = change(ENTRY, entry("dev"), None)
    code = {"resources": [{"address": f"{ENTRY}.x", "provider_config_key": "aws.x"}]}
    providers = {"aws.x": {"name": "aws", "expressions": expressions}}
    found["configuration"] = {"provider_config": providers, "root_module": code}
    values = {"env": "prod", "geo": "us", "other_region": "us-east-1", "other_account": "9" * 12}
    found["variables"] = {name: {"value": value} for name, value in values.items()}
    assert {each.fault for each in judged(found).problems} == {"entry-destroyed"}


def test_region_of_one_variable_is_the_region() -> None:
    found = change(ENTRY, entry("dev"), None)
    code = {"resources": [{"address": f"{ENTRY}.x", "provider_config_key": "aws.x"}]}
    providers = {"aws.x": {"name": "aws", "expressions": {"region": refers("var.region")}}}
    found["configuration"] = {"provider_config": providers, "root_module": code}
    found["variables"] = {"region": {"value": "us-east-1"}}
    assert (judged(found).problems, judged(found).others) == ((), ("prod in us-east-1",))


def test_variable_that_is_a_part_of_the_name_does_not_show_another_cluster() -> None:
    """``"${var.prod_cluster}-blue"`` has the same references as ``var.prod_cluster``."""
    found = with_provider(two_clusters(), exec=[{"args": refers("var.prod_cluster")}])
    blue = plan(cluster=cluster(name="prod-blue", arn=f"{PROD}-blue"))
    verdict = judged(found, blue)
    assert [each.fault for each in verdict.problems] == ["aws-auth-destroyed"]


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
