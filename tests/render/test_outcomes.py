"""What commands say at their end: verdicts, gates, outcomes, status, reports. Hostile text is text
in all of them.
"""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from migrator.errors import Refused
from migrator.model.evidence import Evidence, PrincipalVerdict, SelfSubject
from migrator.model.gate import Gate
from migrator.model.outcome import (
    CutOverOutcome,
    RunOutcome,
    StatusOutcome,
    StepOutcome,
    VerifyOutcome,
)
from migrator.render.before_after import before_after
from migrator.render.cut_over import cut_over_document, cut_over_text
from migrator.render.gates import gate_table
from migrator.render.junit import junit
from migrator.render.outcome import outcome_document, outcome_text
from migrator.render.report import report_markdown
from migrator.render.status import status_document, status_text
from migrator.render.verdicts import verdict_document, verdict_markdown, verdict_table
from tests.support.plans import HOSTILE, company, role
from tests.support.reports import hostile

SSO = company().principals[0].principal_arn
NODES = role("nodes")
RUNNER = role("ci/runner")
LIVE = Evidence(
    SSO,
    "live",
    "after",
    "2026-11-22T00:00:00Z",
    "",
    subject=SelfSubject("admin:anna", ("platform",)),
)
VERIFIED = VerifyOutcome(
    "after",
    "API_AND_CONFIG_MAP",
    (
        PrincipalVerdict(SSO, "ok", "live", "live", "logged in; 31 of 31 probes equal", LIVE),
        PrincipalVerdict(RUNNER, "failed", "live", "live", "get pods: denied, and was not before"),
        PrincipalVerdict(NODES, "unknown", "unverified", "observed", "nothing was shown yet"),
    ),
    "failed",
    (LIVE,),
    6,
)
GATES = (
    Gate(1, "mode", "Is it?", "pass", "it is"),
    Gate(2, "nodes", "Do they?", "unknown", "not read", "look"),
    Gate(3, "code", "Does it?", "fail", "Terraform", "remove it", "anna: agreed"),
)


def test_verdicts_come_worst_first_with_before_and_now() -> None:
    text = verdict_table(company(), VERIFIED)
    assert text.index("failed ") < text.index("unknown ") < text.index("ok ")
    assert "before admin:{{SessionName}}; system:masters, platform" in text
    assert "now    admin:anna; platform" in text
    assert "demanded: observed" in text
    assert "failed (1 ok, 1 unknown, 1 failed)" in text


def test_a_baseline_shows_what_was_taken_and_judges_nothing() -> None:
    differing = replace(LIVE, principal_arn=RUNNER, differences=("the login was refused",))
    outcome = replace(VERIFIED, phase="before", evidence=(LIVE, differing), verdicts=())
    text = verdict_table(company(), outcome)
    assert text.index("differs") < text.index("as read")
    assert "the login was refused" in text
    assert "baseline of 2 principals taken, 1 not as the plan reads them" in text


def test_only_ok_passes_in_junit() -> None:
    (suite,) = ElementTree.fromstring(junit(company(), VERIFIED))  # noqa: S314 - our own text
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [case.find("failure") is None for case in suite] == [True, False, False]


def test_junit_has_what_ci_servers_ask_for() -> None:
    root = ElementTree.fromstring(junit(company(), VERIFIED))  # noqa: S314 - our own text
    assert root.tag == "testsuites"
    for counted in (root, root[0]):
        assert {"name", "tests", "failures", "errors", "skipped", "time"} == set(counted.attrib)
    cases = root.findall("testsuite/testcase")
    assert all({"classname", "name", "time"} == set(case.attrib) for case in cases)
    assert len({case.get("name") for case in cases}) == len(cases)
    failures = root.findall("testsuite/testcase/failure")
    assert [failure.get("type") for failure in failures] == ["failed", "unknown"]
    assert failures[0].get("message") == "failed: live proof is demanded, there is live"
    assert failures[0].text == "get pods: denied, and was not before"


def test_a_document_has_every_principal_and_the_verdict() -> None:
    document = verdict_document(company(), VERIFIED)
    assert document["verdict"] == "failed"
    assert [each["username"] for each in document["principals"]] == ["admin:anna", None, None]


def test_gates_say_what_closes_them_and_who_waived() -> None:
    text = gate_table(GATES)
    assert "do: look" in text
    assert "waived by anna: agreed" in text
    assert "Closed: 2." in text
    assert "do: remove it" not in text


def test_no_gates_are_a_refusal_and_open_ones_are_counted() -> None:
    assert "refused" in gate_table(())
    assert "All 1 gates are open." in gate_table(GATES[:1])


def test_a_refused_cut_over_says_that_nothing_was_switched() -> None:
    refused = CutOverOutcome(
        GATES, "API_AND_CONFIG_MAP", 4, None, Refused("gates-closed", "No.", why="2")
    )
    assert "nothing was switched" in cut_over_text(company(), refused)
    document = cut_over_document(company(), refused)
    assert (document["error"]["code"], document["verification"], len(document["gates"])) == (
        "gates-closed",
        None,
        3,
    )
    done = CutOverOutcome(GATES, "API", 0, VERIFIED)
    assert "aws-auth is not asked any more" in cut_over_text(company(), done)
    assert cut_over_document(company(), done)["verification"]["verdict"] == "failed"


def test_an_outcome_says_each_reason_once() -> None:
    outcome = RunOutcome(
        "apply",
        "r1",
        1,
        3,
        9,
        left=tuple(StepOutcome(f"s{n}", "prove", RUNNER, "not asked for") for n in range(3)),
        refused=((NODES, "EKS refuses it"),),
        outstanding=((SSO, "proof of class live cannot be had now"),),
        state="/state",
    )
    text = outcome_text(company(), outcome)
    assert text.count("not asked for") == text.count("111122223333:role/ci/runner") == 1
    assert "apply: 3 of 9 steps done on prod (run r1)" in text
    assert "Journal and backup: /state" in text
    document = outcome_document(outcome)
    assert (document["complete"], len(document["left"]), document["error"]) == (False, 3, None)


def test_status_says_what_is_next_and_what_is_not_known() -> None:
    status = StatusOutcome(
        "prod",
        None,
        None,
        "sha256:x",
        "r1",
        "apply",
        3,
        9,
        "cut over",
        unknown=("mode: no answer",),
        exit_code=1,
    )
    text = status_text(status)
    assert "Mode       not known (status not known)" in text
    assert "Not known  mode: no answer" in text
    assert "Next       cut over" in text
    assert status_document(status)["unknown"] == ["mode: no answer"]


def test_before_and_after_stand_side_by_side() -> None:
    nodes = {"username": None, "groups": None, "verdict": "ok", "why": "2 of 2 nodes logged in"}
    people = {"username": "admin:anna", "groups": ["platform"], "verdict": "ok", "why": ""}
    text = before_after(company(), {SSO: people, NODES: nodes})
    assert "2 of 2 nodes logged in" in text
    assert "AmazonEKSClusterAdminPolicy" in text
    assert "cannot log in" in text
    assert "not asked" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_everywhere(text: str) -> None:
    subject = SelfSubject(text, (text,))
    verdict = PrincipalVerdict(
        SSO, "failed", "live", "live", text, replace(LIVE, subject=subject, how=text)
    )
    outcome = replace(VERIFIED, verdicts=(verdict,), state=text)
    gate = Gate(1, "mode", text, "fail", text, text, text)
    run = RunOutcome(
        "apply", "r", 1, 0, 1, refused=((text, text),), outstanding=((text, text),), state=text
    )
    status = StatusOutcome(
        text, None, None, text, text, text, 0, 0, text, unknown=(text,), state=text
    )
    baseline = replace(
        outcome,
        phase="before",
        evidence=(replace(LIVE, subject=subject, differences=(text,), how=text),),
    )
    shown = [
        verdict_table(company(), outcome),
        verdict_table(company(), baseline),
        verdict_markdown(company(), outcome),
        gate_table((gate,)),
        outcome_text(company(), run),
        status_text(status),
        junit(company(), outcome),
        report_markdown(hostile(text)),
        before_after(
            company(), {SSO: {"username": text, "groups": [text], "verdict": "ok", "why": text}}
        ),
    ]
    for each in shown:
        assert all(char == "\n" or char.isprintable() for char in each)
    case = ElementTree.fromstring(junit(company(), outcome))[0][0]  # noqa: S314 - our own text
    assert len(case) == 1
