"""What the findings about people and pipelines say: the name, why, and where it is meant; each with
its row.
"""

import pytest

from migrator.model.decision import Decisions, GroupAnswer
from migrator.model.finding import Finding
from tests.support.worlds import (
    Row,
    bind,
    finding,
    findings,
    group,
    kinds,
    named,
    planned,
    rbac,
    role,
    row,
    world,
)

OPS = role("ops")
DEFAULT = "arn:aws:sts::111122223333:assumed-role/ops/{{SessionName}}"


def told(code: str, *rows: Row, bound: str = "", answers: Decisions | None = None) -> Finding:
    """The one finding of the code."""
    candidate = named(bound.removeprefix("user ")) if bound.startswith("user ") else group(bound)
    state = rbac(bind(candidate, name="team")) if bound else rbac()
    return finding(planned(world(rows, rbac=state), answers), code)


@pytest.mark.parametrize(
    ("code", "what", "bound", "message"),
    [
        ("username-empty", row(OPS, ""), "", f"The row has no username; EKS gives `{DEFAULT}`"),
        (
            "username-default",
            row(OPS, "{{SessionName}}"),
            "",
            "`{{SessionName}}` has no colon before the session",
        ),
        (
            "username-default",
            row(OPS, "a:{{AccessKeyID}}"),
            "",
            "`a:{{AccessKeyID}}` holds the access key; EKS gives",
        ),
        (
            "username-reserved",
            row(OPS, "system:ops"),
            "",
            "`system:ops` has a reserved prefix, and no login with it",
        ),
        (
            "username-bound",
            row(OPS, "{{SessionName}}"),
            "user ben",
            "`{{SessionName}}` has no colon",
        ),
        (
            "group-template",
            row(OPS, "ops", ("team-{{SessionName}}",)),
            "",
            "`team-{{SessionName}}`",
        ),
        (
            "bridge-name-used",
            row(OPS, "ops", ("migrator-bridge:1",)),
            "",
            "The row gives `migrator-bridge:1`.",
        ),
        (
            "reserved-group-bound",
            row(OPS, "ops", ("eks:team",)),
            "eks:team",
            "`eks:team` is named by ",
        ),
        (
            "reserved-group-dropped",
            row(OPS, "ops", ("eks:team",)),
            "",
            "`eks:team` is named by nothing, and an entry",
        ),
        (
            "node-groups-bound",
            row(OPS, "ops", ("system:nodes",)),
            "system:nodes",
            "`system:nodes` under the username",
        ),
        (
            "reserved-group-dropped",
            row(OPS, "ops", ("system:nodes",)),
            "",
            "`system:nodes` is named by nothing",
        ),
        (
            "node-groups-dropped",
            row(OPS, "ops", ("system:masters", "system:nodes")),
            "",
            "`system:nodes` beside `system:masters` under an ordinary username.",
        ),
    ],
)
def test_a_finding_names_what_it_is_about_and_its_row(
    code: str, what: Row, bound: str, message: str
) -> None:
    found = told(code, row(role("first"), "first"), what, bound=bound)
    assert message in found.message
    assert found.source == "mapRoles[1]"
    if bound:
        assert "ClusterRoleBinding" in found.message or "RoleBinding" in found.message


def test_a_renamed_group_is_named_with_its_new_name_and_only_other_places_are_listed() -> None:
    answers = Decisions(groups={"eks:team": GroupAnswer(rename_to="team")})
    plan = planned(
        world([row(OPS, "ops", ("eks:team",))], rbac=rbac(bind(group("eks:team"), name="team"))),
        answers,
    )
    assert finding(plan, "reserved-group-renamed").message.startswith(
        "`eks:team` becomes `team`, with bindings of our"
    )
    assert (
        findings(plan, "renamed-group-referenced") == ()
    )  # the binding that is there gets its twin
    assert kinds(plan).count("create-binding") == 1


def test_an_admin_group_and_a_renamed_one_both_get_their_bindings() -> None:
    answers = Decisions(
        groups={
            "system:masters": GroupAnswer(also="admins"),
            "eks:team": GroupAnswer(rename_to="team"),
        }
    )
    snapshot = world(
        [row(OPS, "ops", ("system:masters", "eks:team"))],
        rbac=rbac(bind(group("eks:team"), name="team")),
    )
    plan = planned(snapshot, answers)
    assert kinds(plan).count("create-binding") == 2
    assert "`admins`, bound to cluster-admin" in finding(plan, "masters-also-group").message
