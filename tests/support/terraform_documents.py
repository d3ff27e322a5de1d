"""Terraform plans as ``terraform show -json`` prints them, made in a test, and what they are judged
against.
"""

import json
from dataclasses import replace
from typing import Any

from migrator.decide.planning.proof.basis import aws_auth_basis
from migrator.decide.proving.terraform_plan import judge_terraform_plan
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.files.terraform_plan import read_terraform_plan
from migrator.model.plan import Plan
from migrator.model.terraform_plan import TerraformVerdict
from tests.support.plans import CLUSTER_ADMIN, VIEW, plan, principal, role

ENTRY = "aws_eks_access_entry"
POLICY = "aws_eks_access_policy_association"


def planned() -> Plan:
    """What the documents are compared with."""
    admin = (AssociatedPolicy(CLUSTER_ADMIN, AccessScope()),)
    view = (AssociatedPolicy(VIEW, AccessScope("namespace", ("shop",))),)
    return plan(
        principal(role("dev")),
        principal(role("admin"), entry=EntrySpec("STANDARD", "admin:{{SessionName}}", (), admin)),
        principal(role("view"), entry=EntrySpec("STANDARD", "view", (), view)),
        principal(role("unnamed"), entry=EntrySpec("STANDARD", None, ("devs",))),
        principal(role("skipped"), "skip"),
    )


def judged(
    found: dict[str, Any], value: Plan | None = None, accepted: tuple[str, ...] = ()
) -> TerraformVerdict:
    terraform = read_terraform_plan(json.dumps(found).encode(), "tfplan.json")
    return judge_terraform_plan(terraform, value or planned(), (), accepted)


def faults(verdict: TerraformVerdict) -> set[tuple[str, str]]:
    return {(each.address, each.fault) for each in verdict.problems}


def change(
    kind: str, before: dict[str, Any] | None, after: dict[str, Any] | None, **more: object
) -> dict[str, Any]:
    """A document with one change; its actions follow from what is there before and after."""
    actions = {(True, False): "delete", (True, True): "update"}
    fields = {
        "actions": [actions.get((before is not None, after is not None), "create")],
        "before": before,
        "after": after,
        "after_unknown": {},
    }
    resource = {"address": f"{kind}.x", "type": kind, "mode": "managed", "change": fields | more}
    return {"format_version": "1.2", "resource_changes": [resource]}


def entry(name: str, **more: object) -> dict[str, Any]:
    return {"cluster_name": "prod", "principal_arn": role(name), "type": "STANDARD", **more}


def association(name: str, kind: str, *namespaces: str) -> dict[str, Any]:
    scope = {"type": kind, "namespaces": list(namespaces)}
    named = {"cluster_name": "prod", "principal_arn": role(name), "policy_arn": VIEW}
    return {**named, "access_scope": [scope]}


NAMED_AWS_AUTH = {"metadata": [{"name": "aws-auth", "namespace": "kube-system"}]}
ROW = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev\n  groups: [devs]\n"


def with_rows(**sections: str) -> Plan:
    """The plan, made from an aws-auth with these sections."""
    basis = {"awsAuth": aws_auth_basis(read_aws_auth(sections))}
    return replace(planned(), basis=basis)


def of(found: dict[str, Any], value: Plan | None = None) -> set[str]:
    return {each.fault for each in judged(found, value).problems}
