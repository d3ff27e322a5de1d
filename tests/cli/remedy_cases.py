"""How each error whose remedy is a command is caused on the lab, and what succeeds afterwards.

``cause`` leads to the state in which ``fails`` ends with the code; the command of the catalogue is
then run as it is printed, and ``then`` succeeds. The cases of one story follow each other on one
cluster, so that each has what the one before left.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrator.adapters.this_process import process_mark
from migrator.lab.worlds.lab_cluster import LabPolicy
from migrator.model.access_entry import AccessScope
from migrator.model.canonical import digest_of
from tests.support.remedy_lab import (
    ACCOUNT,
    EDITOR,
    NOBODY,
    OPERATOR,
    PARTNER,
    READER,
    REGION,
    ROLE,
    SECOND,
    WAIVERS,
    RemedyLab,
    row,
    rows_of,
)

Cause = Callable[[RemedyLab], object]
APPLY = "apply plan.json --yes"
ROLL_BACK = "rollback plan.json --yes"
PLAN = "plan CLUSTER --out plan.json"
PLAN_WITH = "plan CLUSTER --decisions decisions.yaml"
PROBE = "verify plan.json --probes probes.yaml"
RETIRE = "retire plan.json --yes"
CUT_OVER = "cutover plan.json --confirm CLUSTER --decisions decisions.yaml"


ARN_OF = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/"
OF_CATALOGUE = "arn:aws:eks:eu-west-1:111122223333:cluster/prod"


def nothing(_lab: RemedyLab) -> None:
    """The remedy alone is enough."""


@dataclass(frozen=True)
class Case:
    """``first`` and ``between``: what a person does before and after the catalogue's command, as
    its remedy says. ``ends``: the exit codes of that command. ``words``: what stands in it for
    words of the catalogue. Empty ``then``: the catalogue's command is the one that failed, put
    right.
    """

    code: str
    fails: str
    then: str = ""
    cause: Cause = nothing
    first: Cause = nothing
    between: Cause = nothing
    ends: tuple[int, ...] = (0,)
    words: Mapping[str, str] = field(default_factory=dict)


def planned(lab: RemedyLab) -> None:
    """A plan, and answers that waive what a lab does not have."""
    lab.write("decisions.yaml", WAIVERS)
    lab.ok("plan CLUSTER --decisions decisions.yaml --out plan.json")


def applied(lab: RemedyLab) -> None:
    """The plan is applied."""
    planned(lab)
    lab.ok(APPLY)


def files(**content: str) -> Cause:
    """A plan, and files of the folder by name; ``_`` is a dot."""

    def write(lab: RemedyLab) -> None:
        planned(lab)
        for name, text in content.items():
            lab.write(name.replace("_", "."), text)

    return write


def after(*causes: Cause) -> Cause:
    """One after the other."""

    def run(lab: RemedyLab) -> None:
        for cause in causes:
            cause(lab)

    return run


def without_plan_in_state(lab: RemedyLab) -> None:
    """The state has nothing of the cluster."""
    shutil.rmtree(lab.work / ".migrate", ignore_errors=True)


def rows(*more: str, drop: str = "") -> Cause:
    """Another writer adds rows, or drops those in which ``drop`` is."""

    def write(lab: RemedyLab) -> None:
        kept = [each for each in rows_of(lab.name).splitlines(True) if not drop or drop not in each]
        lab.write_rows(*kept, *more)

    return write


def edit_plan(lab: RemedyLab, change: Callable[[dict[str, Any]], None]) -> None:
    """The plan with another content and the digest of that."""
    document = json.loads((lab.work / "plan.json").read_text())
    change(document)
    del document["planDigest"]
    lab.write("plan.json", json.dumps({**document, "planDigest": digest_of(document)}))


def namesake(lab: RemedyLab) -> None:
    """A kubectl context with the name of the cluster means that of another Region."""
    elsewhere = ARN_OF.replace(REGION, "us-east-1") + lab.name
    context = {"name": lab.name, "context": {"cluster": elsewhere}}
    lab.write("namesake.yaml", json.dumps({"contexts": [context]}))
    lab.variables["KUBECONFIG"] = "namesake.yaml"


def contradicting(lab: RemedyLab) -> None:
    """A plan that says of itself what is not so."""
    planned(lab)
    edit_plan(lab, lambda document: document["summary"].update(create=40))


def leased(lab: RemedyLab) -> None:
    """Another run, of a process that lives, holds the lock of the cluster."""
    planned(lab)
    annotation = "eks-access-migrator/lock-process"
    lab.control(
        "putObject",
        object={
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": "eks-access-migrator",
                "namespace": "kube-system",
                "annotations": {annotation: process_mark()},
            },
            "spec": {
                "holderIdentity": "other@host/1",
                "leaseDurationSeconds": 3,
                "renewTime": lab.world.now().isoformat(),
            },
        },
    )


def lease_over(lab: RemedyLab) -> None:
    """The other run has ended."""
    lab.control(
        "deleteObject",
        apiVersion="coordination.k8s.io/v1",
        kind="Lease",
        namespace="kube-system",
        name="eks-access-migrator",
    )


def probes_of(arn: str) -> Cause:
    """A file with a probe as one principal."""
    probe = {"verb": "get", "resource": "secrets", "expected": "denied", "principal": arn}
    return lambda lab: lab.write("probes.yaml", json.dumps([probe]))


def recreated(lab: RemedyLab) -> None:
    """The role is deleted and created again: it has another id."""
    applied(lab)
    with lab.world.lock:
        role = lab.world.principal(lab.developer)
        assert role is not None
        role.id = "AROA" + "Z" * 17


def withdrawn(lab: RemedyLab) -> None:
    """Another administrator withdraws the policy of an entry."""
    applied(lab)
    lab.edit_entry(SECOND, policies=())


def associated_again(lab: RemedyLab) -> None:
    """It was not on purpose."""
    now = lab.world.now()
    arn = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    lab.edit_entry(SECOND, policies=(LabPolicy(arn, AccessScope("cluster"), now, now),))


def deleted(lab: RemedyLab) -> None:
    """The role is deleted."""
    applied(lab)
    account = lab.world.accounts["111122223333"]
    with lab.world.lock:
        del account.roles[f"dev-{lab.name}"]


def answers(text: str) -> Cause:
    """A file of answers."""

    def write(lab: RemedyLab) -> None:
        named = text.replace("DEVELOPER", lab.developer).replace("OPERATOR", OPERATOR)
        lab.write("decisions.yaml", named)

    return write


def both(lab: RemedyLab) -> None:
    """Rows of a role and a user with one name."""
    users = json.dumps([{"userarn": f"{ROLE.replace(':role', ':user')}/both", "username": "two"}])
    data = {"mapRoles": rows_of(lab.name) + row(f"{ROLE}/both", "one"), "mapUsers": users}
    lab.control("writeAwsAuth", data=data)


def blocked(lab: RemedyLab) -> None:
    """A plan that a person must answer first."""
    lab.write_rows(*rows_of(lab.name).splitlines(True)[:3], row(lab.developer, "system:odd"))
    assert lab.run("plan", lab.name, "--out", "plan.json").code == 3


def bound_in_parallel(lab: RemedyLab) -> None:
    """An applied plan with a binding of the run's own, which another writer then deletes."""
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:odd"}
    lab.control(
        "putObject",
        object={
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "odd"},
            "roleRef": {**group, "kind": "ClusterRole", "name": "view"},
            "subjects": [group],
        },
    )
    lab.write_rows(*rows_of(lab.name).splitlines(True)[:3], row(lab.developer, "d", "system:odd"))
    lab.write("decisions.yaml", "groups: {system:odd: {rename_to: odd-people}}\n")
    lab.ok("plan CLUSTER --decisions decisions.yaml --out plan.json")
    lab.ok(APPLY)
    (binding,) = [
        step["payload"]["bindingName"]
        for step in json.loads((lab.work / "plan.json").read_text())["steps"]
        if step["kind"] == "create-binding"
    ]
    lab.control(
        "deleteObject",
        apiVersion="rbac.authorization.k8s.io/v1",
        kind="ClusterRoleBinding",
        name=binding,
    )


def becoming(arn: str, *denied: str) -> Cause:
    """Run as another principal to whom IAM denies actions."""

    def become(lab: RemedyLab) -> None:
        lab.permit(arn, *denied)
        lab.become(arn)

    return become


def as_operator(lab: RemedyLab) -> None:
    """The operator again, with everything allowed."""
    for arn in (OPERATOR, EDITOR):
        lab.permit(arn)
    lab.variables.clear()


def denied(*actions: str) -> Cause:
    """IAM denies actions to the operator."""
    return lambda lab: lab.permit(OPERATOR, *actions)


def fleet(lab: RemedyLab) -> None:
    """A fleet of this cluster."""
    text = f"""\
format: migrator/fleet/v1
name: one
accounts: [{{account_id: "{ACCOUNT}", regions: [{REGION}]}}]
select: {{clusters: [{lab.name}]}}
"""
    lab.write("fleet.yaml", text)


def partner_row(lab: RemedyLab) -> None:
    """A row of a role of another account, and a plan that was made with its reader."""
    lab.write_rows(*rows_of(lab.name).splitlines(True), row(PARTNER, "partner"))
    (lab.work / "made").mkdir()
    lab.ok(f"plan CLUSTER --reader-role {READER} --out made/plan.json")
    lab.write("plan.json", (lab.work / "made/plan.json").read_text())


STORIES: Mapping[str, tuple[Case, ...]] = {
    "files": (
        Case("usage", "plan --nonsense"),
        Case(
            "decision-invalid",
            PLAN_WITH,
            PLAN_WITH,
            cause=answers("principals: {DEVELOPER: {action: create, principal_arn: OPERATOR}}"),
            first=answers(""),
        ),
        Case(
            "decisions-malformed",
            PLAN_WITH,
            PLAN_WITH,
            cause=answers("waivers: {}"),
            first=answers(""),
        ),
        Case(
            "decisions-unreadable",
            PLAN_WITH,
            "plan CLUSTER --decisions new.yaml",
            cause=answers("a: ["),
        ),
        Case(
            "usage-unreadable",
            "plan CLUSTER --usage usage.json",
            "plan CLUSTER --usage usage.json",
            cause=files(usage_json="[]"),
        ),
        Case(
            "nothing-to-compare",
            "drift CLUSTER",
            "drift CLUSTER",
            cause=without_plan_in_state,
            ends=(0, 1),
        ),
        Case(
            "access-unreadable",
            "drift CLUSTER --against access.json",
            "drift CLUSTER --against access.json",
            cause=files(access_json="{"),
            ends=(0, 1),
        ),
        Case("plan-inconsistent", "show plan.json", "show plan.json", cause=contradicting),
    ),
    "both": (
        Case(
            "principal-ambiguous",
            "explain plan.json both",
            cause=after(both, planned),
            words={"arn:aws:iam::111122223333:role/dev": f"{ROLE}/both"},
        ),
    ),
    "reach": (
        Case(
            "iam-denied",
            PLAN,
            PLAN,
            cause=becoming(EDITOR, "eks:DescribeCluster"),
            between=as_operator,
        ),
        Case(
            "not-authenticated",
            APPLY,
            cause=after(planned, becoming(NOBODY)),
            words={"PROFILE": "operator"},
            first=as_operator,
        ),
        Case(
            "lock-not-possible",
            APPLY,
            APPLY,
            cause=after(planned, becoming(EDITOR, "eks:TagResource")),
            ends=(1,),
            between=as_operator,
        ),
        Case(
            "kubernetes-denied",
            APPLY,
            "status plan.json",
            cause=after(planned, becoming(EDITOR)),
            ends=(1,),
            between=as_operator,
        ),
    ),
    "namesakes": (
        Case(
            "cluster-ambiguous",
            "access CLUSTER",
            cause=namesake,
            words={OF_CATALOGUE: f"{ARN_OF}CLUSTER"},
            ends=(0, 1),
        ),
    ),
    "runs": (
        Case("locked", APPLY, "show plan.json", cause=leased, first=lease_over, ends=(7,)),
        Case(
            "lock-owner-differs",
            f"{APPLY} --break-lock another@else/2",
            "show plan.json",
            cause=leased,
            first=lease_over,
            ends=(7,),
        ),
        Case("cluster-changed", APPLY, "show plan.json", cause=after(planned, rows(drop="editor"))),
        Case("gates-closed", CUT_OVER, "show plan.json", cause=planned, ends=(4,)),
        Case(
            "probe-not-in-plan",
            PROBE,
            PROBE,
            cause=after(rows(), applied, probes_of(NOBODY)),
            between=probes_of(EDITOR),
        ),
        Case("principal-recreated", APPLY, "show plan.json", cause=recreated),
    ),
    "changed": (
        Case("row-changed", APPLY, APPLY, cause=after(applied, rows(drop="editor"))),
        Case("row-added", APPLY, APPLY, cause=after(applied, rows(row(NOBODY, "late", "late")))),
        Case(
            "aws-auth-lost",
            APPLY,
            "show plan.json",
            cause=lambda lab: lab.control("writeAwsAuth", data=None),
            first=rows(),
        ),
        Case(
            "entry-changed",
            APPLY,
            APPLY,
            cause=lambda lab: lab.edit_entry(lab.developer, kubernetes_groups=("x",)),
        ),
        Case("principal-deleted", APPLY, "show plan.json", cause=deleted),
    ),
    "withdrawn": (
        Case(
            "policy-withdrawn",
            ROLL_BACK,
            "status plan.json",
            cause=withdrawn,
            first=associated_again,
            words={"PLAN": "plan.json --yes"},
        ),
    ),
    "bound": (Case("binding-changed", APPLY, cause=bound_in_parallel),),
    "cut-over": (
        Case(
            "not-cut-over",
            RETIRE,
            cause=applied,
            words={"PLAN": "plan.json --confirm CLUSTER --decisions decisions.yaml"},
        ),
        Case("no-way-back", ROLL_BACK),
        Case(
            "aws-auth-changed",
            RETIRE,
            RETIRE,
            cause=lambda lab: lab.fault(
                "kubernetes:delete configmaps", "second-writer", cluster=lab.name, times=1
            ),
        ),
    ),
    "partner": (Case("principals-not-read", APPLY, cause=partner_row, ends=(7,)),),
    "fleet": (
        Case("no-inventory", "fleet status fleet.yaml", cause=fleet, words={"FLEET": "fleet.yaml"}),
        Case(
            "inventory-unreadable",
            "fleet status fleet.yaml",
            words={"FLEET": "fleet.yaml"},
            cause=lambda lab: (lab.work / ".migrate/fleet/one/inventory.json").write_text("[]"),
        ),
    ),
}
CASES = tuple(case for story in STORIES.values() for case in story)

# Why the remedy of an error is not run here; a file of tests that is named has the code.
_RACE = "the answer of EKS in a race, which runs look at again: they end with what they then see"
_ON_ANOTHER = "another machine or process is needed: "
_OPENING = "the endpoint of the lab admits every address"
_PROXY = "the lab has no proxy; "
_OF_THE_LAB = "the lab's own command line; "
NOT_HERE: Mapping[str, str] = {
    "account-unreadable": "no command ends with it: plans say that the account is unread",
    "api-server-unreachable": "each stage of the way names itself; tests/run/test_diagnose.py",
    "automatic-entry-differs": "EKS has to err; tests/run/test_apply_plan.py",
    "automatic-entry-missing": "a run waits for minutes first; tests/run/test_apply_plan.py",
    "automatic-entry-of-other-type": "EKS has to err; tests/decide/running/test_entry_steps.py",
    "aws-refused": _RACE,
    "bindings-not-allowed": "the operator of the lab may bind; tests/run/test_may_bind.py",
    "cannot-become": "no command ends with it: the verdict of the principal says it",
    "cluster-lock-lost": _ON_ANOTHER + "tests/journeys/test_two_operators.py",
    "endpoint-address-family": "no case yet: " + _OPENING,
    "endpoint-last-range": "no case yet: " + _OPENING,
    "endpoint-left-open": _OPENING + "; tests/run/test_open_endpoint_killed.py",
    "endpoint-not-public": _OPENING + "; tests/journeys/test_open_endpoint.py",
    "endpoint-private": "the lab drops no packets; tests/journeys/test_ways_that_fail.py",
    "entries-not-enabled": _RACE,
    "entry-exists": _RACE,
    "entry-not-found": _RACE,
    "fleet-cluster-unknown": "a lab of one cluster has no fleet; tests/fleet/cli/test_fleet.py",
    "invalid-entry": "no plan has such an entry; tests/adapters/test_eks_on_the_lab.py",
    "irreversible-on-worker": _ON_ANOTHER + "a worker of dask that is asked to switch",
    "lab-clock-unreachable": _OF_THE_LAB + "tests/adapters/test_clock_and_tasks.py",
    "lab-failed": "a port that is used, or a process that hangs; tests/lab/cli/test_shell.py",
    "lab-not-running": _OF_THE_LAB + "tests/journeys/test_whole_migration.py",
    "lab-running": _OF_THE_LAB + "tests/journeys/test_whole_migration.py",
    "evidence-damaged": "no case yet: the file is moved away by hand before the command",
    "lock-lost": _ON_ANOTHER + "tests/run/test_state_in_s3.py",
    "no-plan": "a cluster of a fleet ends with it, and not the command",
    "no-such-gate": "the remedy is to compare names, and no command",
    "not-found": _RACE,
    "not-in-cluster": "the command runs in a pod alone; tests/adapters/test_kubernetes_client.py",
    "plan-blocked": "no case yet; tests/decide/remedies takes each answer to each blocker",
    "plan-unproven": "a defect of the tool",
    "principal-unknown": "no case yet: the lab's own command line ends with it",
    "proxy-login-missing": _PROXY + "tests/adapters/test_way_remedies.py",
    "proxy-malformed": _PROXY + "tests/cli/test_bad_input.py",
    "proxy-unsupported": _PROXY + "tests/cli/test_bad_input.py",
    "rbac-unread": "RBAC is read in part only where the API server fails between two lists",
    "rehearsal-image": "the rehearsal takes minutes, and the lab has no images",
    "rehearsal-unfinished": "tests/run/test_rehearsal_on_the_lab.py runs the rehearsal again",
    "rollback-unfinished": "no case yet; tests/run/test_roll_back.py continues it",
    "source-address-filtered": _OPENING + "; tests/adapters/test_way_on_sockets.py",
    "source-address-unknown": _OPENING + "; tests/run/test_open_endpoint.py",
    "steps-not-allowed": "no case yet; tests/cli/test_show_then_ask.py has the refusal",
    "throttled": "no case yet: retries of a throttled call take a minute",
    "timer-cut-off": "no case yet; tests/run/test_network_policies_on_the_lab.py",
    "timer-reach-unproven": "the rehearsal takes minutes; "
    "tests/run/test_network_policies_on_the_lab.py takes the remedy",
    "timer-damaged": "the rehearsal takes minutes; tests/decide/running/test_rehearsal.py",
    "unexpected-entries": "EKS has to make an entry that no plan expects",
    "world-invalid": _OF_THE_LAB + "tests/lab/test_world_files.py",
}
