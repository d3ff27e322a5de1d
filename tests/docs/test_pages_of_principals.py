"""Pages about one kind of principal, and the card for the night: every line is run as it is
printed, on a cluster that has what the page is about, with the permissions that the page gives.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.cli_lab import CliLab, Ran, running
from tests.support.page_reader import Reader, lines_of
from tests.support.printed_policy import CLUSTER
from tests.support.reader_worlds import (
    REGION,
    ROLE,
    SERVICES,
    SSO_PATH,
    break_glass_world,
    fargate_world,
    identity_center_world,
    karpenter_world,
    services_world,
)

PAGES = Path(__file__).parents[2] / "playbooks" / "how-to"
DRIFT = f"migrate drift {CLUSTER} --detailed-exitcode"


def _reader(lab: CliLab, principal: str = "") -> Reader:
    """A person with a shell, as the operator or as another principal."""
    environment = lab.as_principal(principal) if principal else lab.environment()
    # The reader's shell finds the program of this tree, and has no lab.
    for name in ("MIGRATE_LAB_DIR", "PATH"):
        environment.pop(name)
    return Reader(lab.work, environment)


@contextmanager
def _reading(place: Path, world: str) -> Iterator[tuple[CliLab, Reader]]:
    with running(place, world) as lab:
        yield lab, _reader(lab)


def _done(reader: Reader, line: str, code: int = 0) -> Ran:
    ran = reader.run(line)
    assert ran.code == code, f"{line}: {ran.code}, not {code}\n{ran.out}\n{ran.err}"
    return ran


def _said(done: list[tuple[str, Ran]]) -> dict[str, str]:
    return {line: ran.out + ran.err for line, ran in done}


def test_page_for_nodes_that_eks_does_not_manage_works(tmp_path: Path) -> None:
    with _reading(tmp_path, karpenter_world()) as (_, reader):
        said = _said(reader.follow(PAGES / "karpenter-and-own-nodes.md"))
    assert "type EC2_LINUX" in said["migrate explain plan.json KarpenterNodeRole-my-cluster"]
    assert "type EC2_LINUX" in said["migrate explain plan.json gpu-nodes"]
    assert "ok (4 ok)" in said["migrate verify plan.json"]


def test_page_for_fargate_works(tmp_path: Path) -> None:
    page = PAGES / "fargate.md"
    again = f"migrate plan {CLUSTER} --out again.json"
    with _reading(tmp_path / "made", fargate_world(pods=False)) as (_, reader):
        said = _said(reader.follow(page, stop_before=again))
        assert "\n  await: " in said["migrate explain plan.json fargate-pods"]
        assert "canary pod reports/" in said["migrate verify plan.json --canary-pods"]
    # "Where pods of the profile run" nothing is left to prove.
    with _reading(tmp_path / "runs", fargate_world()) as (_, reader):
        _done(reader, f"migrate plan {CLUSTER} --out plan.json")
        _done(reader, "migrate apply plan.json --yes")
    with _reading(tmp_path / "missing", fargate_world(automatic=["creator"])) as (_, reader):
        _done(reader, f"migrate plan {CLUSTER} --out plan.json")
        missing = _done(reader, "migrate apply plan.json --yes", 5)
        assert missing.error_code == "automatic-entry-missing"
        (ran,) = reader.follow(page, start_after="migrate status plan.json")
        assert "fargate-entry-missing" in ran[1].out
        assert "No answer in decisions.yaml lifts this" in ran[1].out


def test_page_for_identity_center_works(tmp_path: Path) -> None:
    page = PAGES / "identity-center.md"
    *_, last = lines_of(page.read_text(encoding="utf-8"))
    assert last == (DRIFT, 2)
    with _reading(tmp_path, identity_center_world()) as (lab, reader):
        said = _said(reader.follow(page, stop_before=DRIFT))
        gone = said["migrate explain plan.json AWSReservedSSO_Data_2b3c4d5e6f708192"]
        assert "principal-absent" in gone
        assert "AWSReservedSSO_Data_3c4d5e6f70819203" in gone
        assert "verdict" not in said["migrate apply plan.json --yes"]
        _done(reader, DRIFT)
        _make_again(_reader(lab, f"{ROLE}/creator"))
        drifted = _done(reader, DRIFT, 2).out
        assert "sso-role-replaced" in drifted
        # "Two commands to copy."
        commands = [line.partition("do:")[2].strip() for line in drifted.splitlines()]
        copied = [line for line in commands if line.startswith("aws eks ")]
        assert len(copied) == 2
        for line in copied:
            _done(_reader(lab, f"{ROLE}/creator"), line)
        assert "sso-role-replaced" not in reader.run(DRIFT).out


def _make_again(identity_center: Reader) -> None:
    """The last assignment of the permission set ReadOnly is deleted, and made again."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:iam::111122223333:saml-provider/AWSSSO"},
        "Action": "sts:AssumeRoleWithSAML",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    name = "AWSReservedSSO_ReadOnly"
    _done(identity_center, f"aws iam delete-role --role-name {name}_1b2c3d4e5f607182")
    _done(
        identity_center,
        f"aws iam create-role --role-name {name}_ffffffffffffffff --path {SSO_PATH} "
        f"--assume-role-policy-document '{policy}'",
    )


def test_page_for_services_works(tmp_path: Path) -> None:
    (emr, *_) = SERVICES
    with _reading(tmp_path, services_world(emr)) as (_, reader):
        said = _said(reader.follow(PAGES / "service-linked-roles.md"))
        assert "service-linked-role" in said[f"migrate plan {CLUSTER}"]
        both = f"migrate plan {CLUSTER} --target API_AND_CONFIG_MAP --out plan.json"
        assert "stays-in-config-map" in said[both]
        status = reader.run("migrate status plan.json --output json")
        assert json.loads(status.out)["mode"] == "API"


@pytest.mark.parametrize("role", SERVICES)
def test_each_service_of_the_page_stays_in_both_modes(role: str, tmp_path: Path) -> None:
    text = (PAGES / "service-linked-roles.md").read_text(encoding="utf-8")
    name, _, suffix = role.partition("_")
    assert f"`{name}{'_…' if suffix else ''}` | `{SERVICES[role][1]}` |" in text
    target = f"migrate plan {CLUSTER} --target API_AND_CONFIG_MAP --out plan.json"
    with _reading(tmp_path, services_world(role)) as (_, reader):
        assert "service-linked-role" in _done(reader, f"migrate plan {CLUSTER}", 3).out
        for line in (target, "migrate apply plan.json --yes", "migrate status plan.json"):
            _done(reader, line)


def test_card_for_the_night_lets_one_person_in_and_mends_the_rest(tmp_path: Path) -> None:
    page = PAGES / "break-glass.md"
    log_in = "aws eks update-kubeconfig"
    lines = list(lines_of(page.read_text(encoding="utf-8")))
    with running(tmp_path, break_glass_world()) as lab:
        # Each has a shell of their own. The person on call may find the cluster, and nothing else.
        breaker, on_call = _reader(lab, f"{ROLE}/break-glass"), _reader(lab, f"{ROLE}/on-call")
        for each in (breaker, on_call):
            each.environment["AWS_REGION"] = REGION
        for line, code in lines:
            hand = on_call if line.startswith((log_in, "kubectl")) else breaker
            ran = _done(hand, line, code)
            if line.startswith("kubectl"):
                assert ran.out == "yes\n"
        # At the end the administrator is back, and the person on call is not.
        admin = _reader(lab, f"{ROLE}/admin")
        admin.environment["AWS_REGION"] = REGION
        (question,) = [line for line, _ in lines if line.startswith("kubectl")]
        assert _done(admin, question).out == "yes\n"
        assert on_call.run(question).code != 0


def test_card_for_the_night_leaves_a_living_entry_as_it_was(tmp_path: Path) -> None:
    text = (PAGES / "break-glass.md").read_text(encoding="utf-8")
    lines = [line for line, _ in lines_of(text)]
    create, grant = (
        next(line for line in lines if line.startswith(f"aws eks {name}") and "on-call" in line)
        for name in ("create-access-entry", "associate-access-policy")
    )
    (take_back,) = re.findall(r"^`(aws eks disassociate-access-policy .*)`$", text, re.M)
    entry: dict[str, object] = {
        "principalArn": f"{ROLE}/on-call",
        "username": "night",
        "kubernetesGroups": ["night-shift"],
    }
    show = f"aws eks describe-access-entry --cluster-name my-cluster --principal-arn {ROLE}/on-call"
    with running(tmp_path, break_glass_world(entry)) as lab:
        breaker, on_call = _reader(lab, f"{ROLE}/break-glass"), _reader(lab, f"{ROLE}/on-call")
        for each in (breaker, on_call):
            each.environment["AWS_REGION"] = REGION
        before = _entry(breaker, show)
        refused = breaker.run(create)
        assert refused.code != 0
        assert "ResourceInUseException" in refused.err
        _done(breaker, grant)
        for line in lines:
            if line.startswith(("aws eks update-kubeconfig", "kubectl")):
                assert "no" not in _done(on_call, line).out.split()
        _done(breaker, take_back)
        assert _entry(breaker, show) == before
        assert json.loads(before)["kubernetesGroups"] == ["night-shift"]


def _entry(reader: Reader, show: str) -> str:
    """What an entry gives."""
    entry = json.loads(_done(reader, show).out)["accessEntry"]
    return json.dumps({name: entry[name] for name in ("username", "kubernetesGroups", "type")})


def test_card_for_the_night_is_one_page() -> None:
    text = (PAGES / "break-glass.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
