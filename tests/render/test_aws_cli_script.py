"""The AWS CLI script of ``migrate generate aws-cli``, run by bash and the real AWS CLI against a
lab.
"""

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.server import Lab
from migrator.lab.worlds.effects import KillPoint
from migrator.lab.worlds.faults import Fault, FaultKind
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.plan import PlannedPrincipal
from tests.support.aws_command import entries, run_script
from tests.support.aws_lab import (
    ALICE,
    CLUSTER_ADMIN,
    HOME,
    NODES,
    OPERATOR,
    REGION,
    RUNNER,
    VIEW,
    client,
    serving,
    small_world,
)
from tests.support.plans import HOSTILE, cluster, generated, plan, principal, role

# What a second parser between the plan and EKS would read as something else than this text: the AWS
# CLI by files, addresses, options, JSON and shorthand; bash, CloudFormation, Terraform, XML, HTML,
# spreadsheets, CI logs.
SECOND_PARSERS = (
    "file:///etc/passwd",
    "file://~/.aws/credentials",
    "fileb:///etc/hostname",
    "http://127.0.0.1:1/x",
    "https://127.0.0.1:1/x",
    "--endpoint-url",
    "--endpoint-url=http://127.0.0.1:1",
    "--no-verify-ssl",
    "--profile",
    "--debug",
    "-",
    "--",
    "-h",
    "help",
    '["a","b"]',
    '{"kubernetesGroups":["system-masters"]}',
    "{}",
    "[]",
    "a,b",
    "a=b,c=d",
    "type=cluster",
    "@file",
    "null",
    "1e3",
    "$(reboot)",
    "`reboot`",
    "${HOME}",
    "$HOME",
    "%{ if true }x%{ endif }",
    "{{resolve:secretsmanager:prod/db:SecretString:password}}",
    "]]>",
    "</script><script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "'; reboot; '",
    "it's",
    'say "hi"',
    "back\\slash",
    "\\u0027",
    "!!",
    "~root",
    "*",
    "a\nb",
    "a\tb",
    "a\rb",
    "\x1b[2J",
    "\x7f",
    "::error::x",
    "##vso[task.setvariable variable=PATH]x",
    "Zo\u00eb \u6f22\u5b57",
    "e\u0301",
    "\u202egpj.exe",
    "\U0001f600",
    "\u2028",
    " leading and trailing ",
)
_GROUPS = tuple(dict.fromkeys((*SECOND_PARSERS, *(text for text in HOSTILE if text))))
ARN = f"arn:aws:eks:{REGION}:{HOME}:cluster/demo"
ON_SHOP = AssociatedPolicy(VIEW, AccessScope("namespace", ("shop", "shop-*")))
ADMIN = AssociatedPolicy(CLUSTER_ADMIN, AccessScope())


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(authenticationMode="API_AND_CONFIG_MAP"), tmp_path / "lab") as running:
        yield running


def script(*principals: PlannedPrincipal) -> str:
    return script_for(ARN, *principals)


def script_for(arn: str, *principals: PlannedPrincipal) -> str:
    value = plan(*principals, cluster=cluster(name="demo", region=REGION, arn=arn))
    return generated("aws-cli", value)["access-entries.sh"]


def entry(arn: str, spec: EntrySpec) -> PlannedPrincipal:
    return principal(arn, entry=spec)


def effects(lab: Lab) -> list[str]:
    """Names of the calls that changed something."""
    return [each.operation for each in lab.world.effects.all()]


def made_by_hand(lab: Lab, arn: str, *groups: str, **more: str) -> None:
    client(lab, "eks").create_access_entry(
        clusterName="demo", principalArn=arn, kubernetesGroups=list(groups), **more
    )


def test_hostile_texts_reach_eks_exactly_and_a_second_run_changes_nothing(
    lab: Lab, tmp_path: Path
) -> None:
    wanted = {
        RUNNER: EntrySpec("STANDARD", "file:///etc/passwd", _GROUPS, (ADMIN,)),
        ALICE: EntrySpec(
            "STANDARD", "--endpoint-url=http://127.0.0.1:1", ('["a","b"]',), (ON_SHOP,)
        ),
        NODES: EntrySpec("EC2_LINUX"),
    }
    text = script(*(entry(arn, spec) for arn, spec in wanted.items()))
    before = entries(lab)
    first = run_script(lab, tmp_path / "work", text)
    assert first.returncode == 0, first.stderr
    expected = {
        arn: replace(spec, kubernetes_groups=tuple(sorted(spec.kubernetes_groups)))
        for arn, spec in wanted.items()
    }
    assert entries(lab) == before | expected
    changed = effects(lab)
    second = run_script(lab, tmp_path / "work", text)
    assert (second.returncode, second.stderr) == (0, "")
    assert effects(lab) == changed
    assert (entries(lab), set((tmp_path / "work").iterdir())) == (
        before | expected,
        {tmp_path / "work" / "script.sh"},
    )


@pytest.mark.long
@pytest.mark.parametrize("text", SECOND_PARSERS)
def test_each_hostile_text_reaches_eks_as_a_username(lab: Lab, tmp_path: Path, text: str) -> None:
    wanted = EntrySpec("STANDARD", text, (text,))
    ran = run_script(lab, tmp_path / "work", script(entry(RUNNER, wanted)))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert entries(lab)[RUNNER] == wanted


def test_credentials_of_another_account_change_nothing(lab: Lab, tmp_path: Path) -> None:
    """There is a cluster of the same name, and entries take principals of any account."""
    other = ARN.replace(HOME, "999988887777")
    text = script_for(other, entry(ALICE, EntrySpec("STANDARD", "alice", (), (ADMIN,))))
    ran = run_script(lab, tmp_path / "work", text)
    assert (ran.returncode, effects(lab)) == (1, [])
    assert f'are for "{other}", and these credentials reach "{ARN}"' in ran.stderr


def test_cluster_is_looked_at_before_the_first_entry() -> None:
    lines = script(entry(ALICE, EntrySpec("STANDARD", "alice"))).splitlines()
    calls = [line for line in lines if line.startswith(("cluster ", "entry "))]
    assert calls[0] == f'cluster \'"{ARN}"\' \'{{"name":"demo"}}\''
    assert calls[1].startswith(f"entry {ALICE}")


def test_no_text_of_a_row_is_a_word_of_its_own() -> None:
    text = script(
        *(
            entry(role(f"r{n}"), EntrySpec("STANDARD", each, (each,), (ON_SHOP,)))
            for n, each in enumerate(_GROUPS)
        )
    )
    words = re.findall(r"'(\{.*)'", text)
    assert len(words) >= 2 * len(_GROUPS)
    for word in words:
        assert word.isascii()
        assert word.isprintable()
        assert isinstance(json.loads(word), dict)
    code = "".join(
        line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#")
    )
    for option in (
        "--username",
        "--kubernetes-groups",
        "--principal-arn",
        "--policy-arn",
        "--access-scope",
    ):
        assert option not in code


def test_policies_are_associated_with_an_entry_that_was_made_by_hand(
    lab: Lab, tmp_path: Path
) -> None:
    made_by_hand(lab, RUNNER, "ops", "dev", username="ci")
    spec = EntrySpec("STANDARD", "ci", ("dev", "ops"), (ADMIN, ON_SHOP))
    ran = run_script(lab, tmp_path / "work", script(entry(RUNNER, spec)), forked=False)
    assert ran.returncode == 0, ran.stderr
    assert entries(lab)[RUNNER] == replace(
        spec, access_policies=(ADMIN, AssociatedPolicy(VIEW, ON_SHOP.scope))
    )


def test_a_username_left_to_eks_is_compared_with_the_one_of_eks(lab: Lab, tmp_path: Path) -> None:
    made_by_hand(lab, RUNNER)
    made_by_hand(lab, ALICE, username="other")
    ran = run_script(
        lab, tmp_path / "work", script(entry(RUNNER, EntrySpec()), entry(ALICE, EntrySpec()))
    )
    assert (ran.returncode, "different: " + ALICE in ran.stderr, RUNNER in ran.stderr) == (
        3,
        True,
        False,
    )


@pytest.mark.parametrize(
    "different",
    [
        {"username": "someone-else", "kubernetesGroups": ["dev"]},
        {"username": "ci", "kubernetesGroups": ["dev", "::error::x ##vso[a]b"]},
        {"type": "EC2_LINUX"},
    ],
)
def test_a_different_entry_is_named_and_left_alone_and_the_others_are_made(
    lab: Lab, tmp_path: Path, different: dict[str, Any]
) -> None:
    client(lab, "eks").create_access_entry(clusterName="demo", principalArn=NODES, **different)
    before = entries(lab)
    spec = EntrySpec("STANDARD", "ci", ("dev",), (ADMIN,))
    ran = run_script(
        lab,
        tmp_path / "work",
        script(entry(NODES, spec), entry(ALICE, EntrySpec("STANDARD", "alice"))),
    )
    assert ran.returncode == 3
    assert f"different: {NODES}" in ran.stderr
    assert "##vso[" not in ran.stderr
    assert entries(lab) == before | {ALICE: EntrySpec("STANDARD", "alice")}


@pytest.mark.parametrize(
    "scope", [{"type": "namespace", "namespaces": ["other"]}, {"type": "cluster"}]
)
def test_a_policy_with_another_scope_or_a_further_policy_is_a_difference(
    lab: Lab, tmp_path: Path, scope: dict[str, Any]
) -> None:
    made_by_hand(lab, RUNNER, "dev", username="ci")
    client(lab, "eks").associate_access_policy(
        clusterName="demo", principalArn=RUNNER, policyArn=VIEW, accessScope=scope
    )
    before = entries(lab)
    policies = (ADMIN,) if scope["type"] == "cluster" else (ON_SHOP,)
    ran = run_script(
        lab,
        tmp_path / "work",
        script(entry(RUNNER, EntrySpec("STANDARD", "ci", ("dev",), policies))),
    )
    assert (ran.returncode, f"different: {RUNNER}" in ran.stderr, entries(lab)) == (3, True, before)


# Each call of a run over one entry that is there and one that is not, in the order of the script.
_CALLS = (
    ("DescribeAccessEntry", 0),
    ("ListAssociatedAccessPolicies", 0),
    ("AssociateAccessPolicy", 0),
    ("DescribeAccessEntry", 1),
    ("CreateAccessEntry", 0),
    ("AssociateAccessPolicy", 0),
)


def _two_entries(lab: Lab) -> tuple[str, dict[str, EntrySpec]]:
    made_by_hand(lab, RUNNER, "dev", username="ci")
    wanted = {
        RUNNER: EntrySpec("STANDARD", "ci", ("dev",), (ADMIN,)),
        ALICE: EntrySpec("STANDARD", "alice", ("dev",), (ON_SHOP,)),
    }
    return script(*(entry(arn, spec) for arn, spec in wanted.items())), wanted


def test_a_run_that_fails_at_any_call_says_so_and_the_next_run_goes_on(
    lab: Lab, tmp_path: Path
) -> None:
    text, wanted = _two_entries(lab)
    expected = entries(lab) | wanted
    for operation, skip in _CALLS:
        lab.world.faults.add(Fault(f"eks:{operation}", "error", skip=skip, times=1))
        ran = run_script(lab, tmp_path / "work", text)
        assert ran.returncode == 1, (operation, ran.stdout, ran.stderr)
        assert ran.stderr.splitlines()[-1].startswith(f"error: {operation} failed for arn:aws:iam:")
        lab.world.faults.clear()
    last = run_script(lab, tmp_path / "work", text)
    assert (last.returncode, last.stderr, entries(lab)) == (0, "", expected)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "place"),
    [
        *(
            (kind, place)
            for kind in ("error", "throttle", "reset", "expired-credentials")
            for place in range(7)
        ),
        # The lab loses answers of calls that succeed: call 4 is answered that there is no such
        # entry.
        *(("lost-answer", place) for place in (0, 1, 2, 3, 5, 6)),
    ],
)
def test_every_failure_at_every_call_is_made_good_by_the_next_run(
    lab: Lab, tmp_path: Path, kind: FaultKind, place: int
) -> None:
    text, wanted = _two_entries(lab)
    expected = entries(lab) | wanted
    lab.world.faults.add(Fault("eks:*", kind, skip=place, times=1))
    failed = run_script(lab, tmp_path / "work", text)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    lab.world.faults.clear()
    last = run_script(lab, tmp_path / "work", text)
    assert (last.returncode, last.stderr, entries(lab)) == (0, "", expected)


@pytest.mark.parametrize(
    ("after", "point"),
    [
        (2, "answer-lost"),
        *(
            pytest.param(after, point, marks=pytest.mark.long)
            for after, point in (
                (0, "before-next"),
                (1, "answer-lost"),
                (1, "before-next"),
                (2, "before-next"),
                (3, "answer-lost"),
            )
        ),
    ],
)
def test_a_run_that_is_killed_at_any_change_is_made_good_by_the_next_run(
    lab: Lab, tmp_path: Path, after: int, point: KillPoint
) -> None:
    text, wanted = _two_entries(lab)
    expected = entries(lab) | wanted
    before = len(effects(lab))
    killed = run_script(lab, tmp_path / "work", text, kill=(after, point))
    assert killed.returncode == -signal.SIGKILL
    assert len(effects(lab)) == before + after
    last = run_script(lab, tmp_path / "work", text)
    assert (last.returncode, last.stderr, entries(lab)) == (0, "", expected)


@pytest.mark.long
@pytest.mark.parametrize(
    "denied",
    [
        "eks:DescribeCluster",
        "eks:DescribeAccessEntry",
        "eks:ListAssociatedAccessPolicies",
        "eks:AssociateAccessPolicy",
        "eks:CreateAccessEntry",
    ],
)
def test_a_run_without_a_permission_says_so_and_the_next_run_with_it_goes_on(
    lab: Lab, tmp_path: Path, denied: str
) -> None:
    text, wanted = _two_entries(lab)
    expected = entries(lab) | wanted
    operator = lab.world.principal(OPERATOR)
    assert operator is not None
    operator.permissions.denied = (denied,)
    ran = run_script(lab, tmp_path / "work", text)
    assert (ran.returncode, "AccessDenied" in ran.stderr) == (1, True)
    operator.permissions.denied = ()
    last = run_script(lab, tmp_path / "work", text)
    assert (last.returncode, last.stderr, entries(lab)) == (0, "", expected)


def test_an_operator_who_may_not_describe_entries_makes_none(lab: Lab, tmp_path: Path) -> None:
    operator = lab.world.principal(OPERATOR)
    assert operator is not None
    before = entries(lab)
    operator.permissions.denied = ("eks:DescribeAccessEntry",)
    ran = run_script(lab, tmp_path / "work", script(entry(ALICE, EntrySpec("STANDARD", "alice"))))
    assert (ran.returncode, effects(lab)) == (1, [])
    assert "AccessDenied" in ran.stderr
    operator.permissions.denied = ()
    assert entries(lab) == before


def test_an_error_that_repeats_a_name_writes_no_command_into_the_log(
    lab: Lab, tmp_path: Path
) -> None:
    refused = EntrySpec(
        "STANDARD", "alice", ("system:##vso[task.setvariable variable=x]y\n ::error::x\x1b[2J",)
    )
    ran = run_script(lab, tmp_path / "work", script(entry(ALICE, refused)))
    assert (ran.returncode, "The kubernetes group name system:" in ran.stderr) == (1, True)
    assert "##" not in ran.stderr
    assert "\x1b" not in ran.stderr
    assert not [line for line in ran.stderr.splitlines() if line.lstrip().startswith("::")]


def test_what_the_script_leaves_out_is_said_in_it_and_by_it(lab: Lab, tmp_path: Path) -> None:
    text = script(principal(role("gone\x1b[2J"), "skip"), principal(RUNNER, "recreate"))
    ran = run_script(lab, tmp_path / "work", text)
    for said in (text, ran.stdout):
        assert f"{role('gone')}\\x1b[2J: skipped: no entry is made" in said
        assert f"{RUNNER}: its entry is dead" in said
    assert (ran.returncode, RUNNER in entries(lab)) == (0, False)
