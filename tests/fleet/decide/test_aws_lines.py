"""AWS commands in remedies: in the account of the cluster."""

import re
import shlex

import pytest

from migrator.fleet.decide.aws_lines import credentials_note, in_account
from migrator.fleet.model.fleet import FleetAccount, RoleLink

REMEDY = (
    "Look at `aws eks describe-cluster --region eu-west-1 --name c` and at `kubectl get nodes`."
)
ROLES = (
    RoleLink("arn:aws:iam::111122223333:role/hub"),
    RoleLink("arn:aws:iam::222233334444:role/it's", "x y"),
)


def test_profile_of_the_account_is_in_each_aws_command() -> None:
    found = in_account(REMEDY, FleetAccount("222233334444", profile="my profile"))
    assert found == REMEDY.replace("`aws ", "`aws --profile 'my profile' ")


def test_each_role_of_a_chain_is_assumed_before_the_aws_commands() -> None:
    found = in_account(REMEDY, FleetAccount("222233334444", roles=ROLES))
    assert found.startswith(REMEDY)
    steps = re.findall(r"`export \$\(printf '[^']+' \$\((.+?)\)\)`", found)
    words = [shlex.split(step) for step in steps]
    assert [each[each.index("--role-arn") + 1] for each in words] == [each.arn for each in ROLES]
    assert "--external-id" not in words[0]
    assert words[1][words[1].index("--external-id") + 1] == "x y"


def test_note_names_account_and_roles() -> None:
    account = FleetAccount("222233334444", roles=ROLES)
    said = "The aws commands need credentials of account 222233334444"
    first, second = (each.arn for each in ROLES)
    assert credentials_note(account) == f"{said}: assume {first}, then {second} before them."
    assert credentials_note(FleetAccount("222233334444")) == f"{said}."


@pytest.mark.parametrize("remedy", ["", "See `kubectl get nodes`.", "Ask for laws."])
def test_what_has_no_aws_command_stays(remedy: str) -> None:
    assert in_account(remedy, FleetAccount("222233334444", roles=ROLES)) == remedy
    assert in_account(REMEDY, FleetAccount("222233334444")) == REMEDY
