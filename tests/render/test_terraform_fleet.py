"""Terraform for a fleet: each cluster by the provider of its own account and Region."""

import re
from pathlib import Path

from migrator.decide.planning.code_entries import code_entries
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.plan import Plan
from migrator.render.terraform_fleet import terraform_fleet
from tests.support.plans import CLUSTER_ADMIN, cluster, plan, principal, role
from tests.support.terraform_code import assert_formatted, raw_entries, read, resources

ADMIN = EntrySpec("STANDARD", "a", (), (AssociatedPolicy(CLUSTER_ADMIN, AccessScope()),))


def _plan(account: str, region: str, name: str) -> Plan:
    arn = f"arn:aws:eks:{region}:{account}:cluster/{name}"
    place = cluster(name=name, arn=arn, account_id=account, region=region)
    return plan(
        principal(role("dev", account)),
        principal(role("admin", account), entry=ADMIN),
        cluster=place,
    )


FLEET = (
    _plan("111122223333", "eu-west-1", "prod"),
    _plan("111122223333", "us-east-1", "prod"),
    _plan("111122223333", "eu-west-1", "a-b"),
    _plan("111122223333", "eu-west-1", "a_b"),
    _plan("444455556666", "eu-west-1", "9lives"),
)


def made(*plans: Plan) -> dict[str, str]:
    return terraform_fleet([(each, code_entries(each)) for each in plans])


def _module(files: dict[str, str], account: str) -> dict[str, str]:
    return {name: text for name, text in files.items() if name.startswith(f"account_{account}/")}


def test_each_cluster_has_its_entries_by_its_own_provider() -> None:
    files = made(*FLEET)
    for account, count in (("111122223333", 4), ("444455556666", 1)):
        found = [text for name, text in _module(files, account).items() if "versions" not in name]
        assert len(found) == count
        for text in found:
            wanted = code_entries(_plan(account, "eu-west-1", "x")).entries
            assert raw_entries(text) == {each.principal_arn: each.spec for each in wanted}
    text = files["account_111122223333/prod_us_east_1.tf"]
    for kind in ("aws_eks_access_entry", "aws_eks_access_policy_association"):
        made_by = resources(text, kind)
        assert {each["provider"] for each in made_by.values()} == {"${aws.us_east_1}"}


def test_names_in_one_module_differ() -> None:
    for account in ("111122223333", "444455556666"):
        texts = "".join(_module(made(*FLEET), account).values())
        for names in (
            re.findall(r'^resource "(\w+" "\w+)" ', texts, re.MULTILINE),
            re.findall(r"^  (access_\w+) += ", texts, re.MULTILINE),
        ):
            assert names
            assert len(names) == len(set(names))


def test_a_cluster_that_joins_moves_no_address_of_another() -> None:
    """Terraform destroys the entries at the addresses that have become another cluster's."""
    account, region = "111122223333", "eu-west-1"
    names = ("a-b", "a_b", "A-b", "1x", "c1x", "c-1x", "prod")
    fleet = [_plan(account, region, name) for name in names]
    alone: dict[str, str] = {}
    for each in fleet:
        alone |= _clusters(made(each))
    # Files of macOS and Windows know no capitals.
    assert len({name.lower() for name in alone}) == len(names)
    assert _clusters(made(*fleet)) == alone
    assert f"account_{account}/a_b_eu_west_1.tf" in alone


def _clusters(files: dict[str, str]) -> dict[str, str]:
    """The files of clusters alone."""
    return {
        name: text
        for name, text in files.items()
        if name.startswith("account_") and "versions" not in name
    }


def test_imports_are_in_the_root_and_name_resources_of_the_modules() -> None:
    files = made(*FLEET)
    blocks = read(files["access_entries_import.tf"])["import"]
    wanted = set()
    for name, text in files.items():
        for kind in ("aws_eks_access_entry", "aws_eks_access_policy_association"):
            if name.startswith("account_") and "versions" not in name:
                module = name.partition("/")[0]
                wanted |= {f"module.{module}.{kind}.{each}" for each in resources(text, kind)}
    assert {block["to"].strip("${}") for block in blocks} == wanted
    assert len(blocks) == len(wanted) == 15
    assert f"9lives:{role('dev', '444455556666')}" in {block["id"] for block in blocks}


def test_provider_admits_its_account_alone() -> None:
    found = read(made(*FLEET)["main.tf"])
    providers = {each["aws"]["alias"]: each["aws"] for each in found["provider"]}
    assert {alias: each["allowed_account_ids"] for alias, each in providers.items()} == {
        "account_111122223333_eu_west_1": ["111122223333"],
        "account_111122223333_us_east_1": ["111122223333"],
        "account_444455556666_eu_west_1": ["444455556666"],
    }
    modules = {name: each for block in found["module"] for name, each in block.items()}
    assert modules["account_111122223333"]["source"] == "./account_111122223333"


def test_order_of_the_plans_changes_no_byte_and_terraform_fmt_neither(tmp_path: Path) -> None:
    files = made(*FLEET)
    assert made(*reversed(FLEET)) == files
    assert_formatted(tmp_path, files)
