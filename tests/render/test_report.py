"""The report for a change ticket: the same values as Markdown and as HTML."""

import base64
import hashlib
import html.parser
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.model.evidence import Evidence, PrincipalVerdict
from migrator.model.finding import Finding
from migrator.model.gate import Gate
from migrator.model.leftover import Leftover
from migrator.model.outcome import StepOutcome, VerifyOutcome
from migrator.model.report import Report
from migrator.render.attention import NOTHING, attention_of
from migrator.render.escape import terminal
from migrator.render.headline import figures, sentence
from migrator.render.html import report_html
from migrator.render.page import spans, when
from migrator.render.report import report_markdown
from tests.support.plans import HOSTILE, REFERENCE, hostile_text, plan, plans, principal, role
from tests.support.reports import good, hostile, troubled
from tests.support.taken_words import refused_words

VOID = {"meta", "link", "input", "img", "br", "base"}


class Reader(html.parser.HTMLParser):
    """A document as an HTML parser sees it: its tags with their attributes' names, and its
    texts.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.structure: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[str] = []
        self.texts: list[str] = []
        self.inside: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(text)
        self.close()
        assert self.inside == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.structure.append((tag, tuple(name for name, _ in attrs)))
        self.values += [value or "" for _, value in attrs]
        if tag not in VOID:
            self.inside.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.structure.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] in self.raw:
            self.raw[self.inside[-1]].append(data)
        else:
            self.texts.append(data)


def words(text: str) -> str:
    return re.sub(r"\s+", " ", " ".join(Reader(text).texts))


@given(hostile_text.filter(lambda text: text.strip() and "`" not in text))
@settings(max_examples=100)
def test_whatever_a_name_is_the_document_has_the_same_elements(text: str) -> None:
    tame, wild = Reader(report_html(hostile("x"))), Reader(report_html(hostile(text)))
    assert wild.structure == tame.structure
    assert (wild.raw["script"], wild.raw["style"]) == (tame.raw["script"], tame.raw["style"])
    assert terminal(text) in wild.texts


@given(plans())
@settings(max_examples=60)
def test_every_plan_can_be_reported_in_both_forms(planned: object) -> None:
    report = replace(troubled(), plan=planned, journal=())  # type: ignore[arg-type]
    text = report_html(report)
    assert all(char == "\n" or char.isprintable() for char in text)
    assert all(char == "\n" or char.isprintable() for char in report_markdown(report))
    reader = Reader(text)
    assert sum(tag == "article" for tag, _ in reader.structure) == len(report.plan.principals)
    assert not any(
        name.startswith("on") or name == "style" for _, names in reader.structure for name in names
    )


@pytest.mark.parametrize("report", [good(), troubled(), hostile(*HOSTILE)])
def test_the_policy_names_exactly_what_is_inline(report: Report) -> None:
    reader = Reader(report_html(report))
    policy = next(value for value in reader.values if value.startswith("default-src"))
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        digest = base64.b64encode(
            hashlib.sha256("".join(reader.raw[element]).encode()).digest()
        ).decode()
        assert parts[directive] == f"'sha256-{digest}'"
    assert parts["default-src"] == parts["base-uri"] == parts["form-action"] == "'none'"


def test_the_document_needs_nothing_from_anywhere() -> None:
    reader = Reader(report_html(troubled()))
    assert not {"link", "img", "iframe", "object", "embed", "base"} & {
        tag for tag, _ in reader.structure
    }
    assert not any("src" in names for _, names in reader.structure)
    assert "@import" not in "".join(reader.raw["style"])
    assert "url(" not in "".join(reader.raw["style"])


def test_the_same_report_gives_the_same_bytes() -> None:
    assert report_html(troubled()) == report_html(troubled())


def test_a_reference_is_a_link_only_where_it_is_a_plain_https_address() -> None:
    evil = (
        "javascript:alert(1)",
        "http://docs.example",
        "https://a@evil.example",
        'https://x" onclick="y',
        "//evil",
    )
    for reference in evil:
        finding = Finding("creator-unknown", "warn", "m", "r", reference)
        assert 'class="note"' in report_html(replace(good(), plan=plan(findings=(finding,))))
        assert 'rel="noreferrer"' not in report_html(
            replace(good(), plan=plan(findings=(finding,)))
        )
    good_one = Finding("creator-unknown", "warn", "m", "r", REFERENCE)
    assert f'<a href="{REFERENCE}"' in report_html(replace(good(), plan=plan(findings=(good_one,))))


def test_every_principal_has_row_line_before_after_proof_and_findings() -> None:
    text = words(report_html(troubled()))
    for shown in (
        "AWSReservedSSO_AdministratorAccess_0123456789abcdef",
        "mapRoles[0] line 3, mapRoles[4]",
        "admin:{{SessionName}}",
        "AmazonEKSClusterAdminPolicy in the whole cluster",
        "gains get, list deployments.apps in the whole cluster",
        "loses get secrets in namespace shop kubectl auth can-i get secrets -n shop",
        "Ask with the credentials of the principal itself",
        "Logged in then as admin:anna",
        "Logs in now as admin:anna",
        "mapRoles[0] is overridden.",
        "create pods/exec in namespace payments",
        "(was no)",
        "Demanded: live",
    ):
        assert shown in re.sub(r" +", " ", text), shown


def test_every_finding_is_shown_exactly_once() -> None:
    arn = role("a")
    findings = (
        Finding("dead-role-path", "warn", "by principal", "r", REFERENCE, "mapRoles[7]", 1, arn),
        Finding("row-shadowed", "warn", "by row", "r", REFERENCE, "mapRoles[0]", 1, None),
        Finding(
            "principal-absent",
            "warn",
            "of somebody not planned",
            "r",
            REFERENCE,
            None,
            None,
            role("other"),
        ),
        Finding("creator-unknown", "info", "of the cluster", "r", REFERENCE),
    )
    text = report_html(replace(good(), plan=plan(principal(arn), findings=findings)))
    for finding in findings:
        assert text.count(finding.message) == 1
    assert text.index("by principal") < text.index("by row") < text.index('id="cluster-title"')
    assert text.index('id="cluster-title"') < text.index("of somebody not planned")
    assert "role/other" in text


def test_attention_tells_each_reason_once_and_counts_whom_it_does_not_name() -> None:
    arns = [role(f"r{number}") for number in range(30)]
    report = good()
    verdict = replace(
        report.verification.verdicts[0],
        verdict="unknown",
        why="nothing was shown yet",
        evidence=None,
    )
    verdicts = tuple(replace(verdict, principal_arn=arn) for arn in arns)
    outcome = replace(report.verification, verdicts=verdicts, verdict="unknown")
    text = report_html(replace(report, plan=plan(*map(principal, arns)), verification=outcome))
    section = text[text.index('id="attention"') : text.index('class="filtered"')]
    assert section.count("nothing was shown yet") == 1
    assert section.count("<a href=") == 20
    assert "and 10 more" in section


def test_nothing_to_look_at_is_said() -> None:
    assert attention_of(good()) == ()
    assert NOTHING in words(report_html(good()))
    assert NOTHING in report_markdown(good())


def _with_status(**changes: Any) -> Report:  # noqa: ANN401 - fields of a status
    return replace(good(), status=replace(good().status, **changes))


def _unfinished(**changes: Any) -> Report:  # noqa: ANN401 - fields of a status
    standing = {"done": 1, "exit_code": 7, "next": "`migrate apply PLAN`", **changes}
    return _with_status(**standing)


def _with_gate(name: str, *unproven: str) -> Report:
    gate = Gate(1, name, "Is it so?", "fail", "it is not", "Do it.", unproven=unproven)
    return replace(good(), gates=(gate,))


BRIDGE = Leftover("bridge", "eks-access-migrator-bridge-r1", "bridge-r1", run="r2")
ALICE = role("team/alice")
WORRIES = {
    "drift": (_with_status(changed=((ALICE, "other groups"),)), ("drift", "PLAN")),
    "dead": (_with_status(dead=((ALICE, "made again"),)), ("drift", "PLAN")),
    "bridge": (_with_status(leftovers=(BRIDGE,)), ("rollback", "PLAN", "--leftovers")),
    "endpoint": (_with_status(overdue=("1.2.3.4/32",)), ("doctor", "prod", "--close-endpoint")),
    "unknown": (_with_status(unknown=("the mode",)), ("doctor", "prod")),
    "steps": (_unfinished(), ("apply", "PLAN")),
    "going back": (_unfinished(next="`migrate rollback PLAN`"), ("rollback", "PLAN")),
    "waits for a proof": (
        _unfinished(
            next="prove who is outstanding, then apply again",
            outstanding=((ALICE, "nobody logged in"),),
        ),
        ("apply", "PLAN", "--as", f"{ALICE}=PROFILE"),
    ),
    "question": (
        replace(good(), plan=plan(findings=(Finding("row-shadowed", "block", "a", "b", "c"),))),
        ("plan", "prod", "--write-decisions", "decisions.yaml", "--out", "PLAN"),
    ),
    "gate plan": (_with_gate("plan"), ("plan", "prod", "--out", "PLAN")),
    "gate mode": (_with_gate("mode"), ("apply", "PLAN")),
    "gate no-update-running": (_with_gate("no-update-running"), ("status", "PLAN")),
    "gate end-state": (_with_gate("end-state"), ("plan", "prod", "--out", "PLAN")),
    "gate proofs": (_with_gate("proofs"), ("verify", "PLAN")),
    "gate second-admin": (
        _with_gate("second-admin", ALICE, role("ops")),
        ("verify", "PLAN", "--as", f"{ALICE}=PROFILE"),
    ),
    "gate second-admin without another": (
        _with_gate("second-admin"),
        ("plan", "prod", "--out", "PLAN"),
    ),
    "gate rehearsal": (_with_gate("rehearsal"), ("rehearse", "PLAN", "--image", "IMAGE")),
    "gate code": (_with_gate("code"), ("cutover", "PLAN", "--gates")),
    "gate nodes": (_with_gate("nodes"), ("doctor", "prod")),
}


@pytest.mark.parametrize(("report", "command"), WORRIES.values(), ids=WORRIES)
def test_each_thing_to_look_at_has_its_command(report: Report, command: tuple[str, ...]) -> None:
    (item,) = attention_of(report)
    assert item.command == command
    line = " ".join(("migrate", *command))
    assert refused_words(line) == []
    assert line in words(report_html(report))
    assert f"  - `{line}`\n" in report_markdown(report)


def _kinds(report: Report) -> dict[str, tuple[str, ...]]:
    return {each.what: each.command for each in attention_of(report)}


def test_before_an_apply_only_the_apply_and_what_comes_before_it_is_named() -> None:
    """Verdicts and gates that wait for the apply repeated it eight times."""
    names = ("mode", "end-state", "proofs", "second-admin", "rehearsal", "code")
    gates = tuple(Gate(1, name, "Is it so?", "unknown", "not read", "Do it.") for name in names)
    arn = good().plan.principals[0].principal_arn
    verdict = PrincipalVerdict(arn, "unknown", "unverified", "live", "nothing was shown yet")
    fresh = replace(
        _unfinished(done=0, run=None),
        gates=gates,
        verification=replace(good().verification, verdicts=(verdict,), verdict="unknown"),
    )
    assert _kinds(fresh) == {
        "no baseline": ("verify", "PLAN", "--baseline"),
        "steps not done": ("apply", "PLAN"),
    }
    taken = replace(fresh, baseline=troubled().baseline)
    assert _kinds(taken) == {"steps not done": ("apply", "PLAN")}
    blocked = plan(findings=(Finding("row-shadowed", "block", "a", "b", "c"),))
    asked = ("plan", "prod", "--write-decisions", "decisions.yaml", "--out", "PLAN")
    standing = replace(fresh.status, exit_code=3, next="decide the open findings")
    assert _kinds(replace(fresh, plan=blocked, status=standing)) == {"row-shadowed": asked}


def test_a_changed_cluster_gets_no_apply() -> None:
    """An apply refuses a cluster that another writer changed, whatever is open."""
    why = "the entry of alice is missing"
    changed = {"changed": ((ALICE, why),), "exit_code": 5, "next": "plan again"}
    gate = (Gate(4, "end-state", "Is it so?", "fail", why, "Do it."),)
    again = ("plan", "prod", "--out", "PLAN")
    done = replace(_with_status(**changed), gates=gate)
    assert _kinds(done) == {"drift": ("drift", "PLAN"), "closed gate": ("drift", "PLAN")}
    waiting = replace(_with_status(**changed, done=1, outstanding=((ALICE, "none"),)), gates=gate)
    assert _kinds(waiting) == {
        "drift": ("drift", "PLAN"),
        "unproven": again,
        "steps not done": again,
    }


def test_who_waits_for_a_proof_is_one_thing_with_a_login_of_one() -> None:
    arns = [role(f"r{number}") for number in range(5)]
    verdicts = tuple(
        PrincipalVerdict(arn, "partial", "simulated", "live", f"reason {arn}") for arn in arns
    )
    gate = (Gate(5, "proofs", "Are they?", "fail", "x" * 2_000, "Do it."),)
    outcome = replace(good().verification, verdicts=verdicts, verdict="partial")
    (item,) = attention_of(replace(good(), verification=outcome, gates=gate))
    assert item.command == ("verify", "PLAN", "--as", f"{arns[0]}=PROFILE")
    assert item.who == tuple(arns)
    assert "with each principal" in item.why
    assert "reason arn" not in item.why


def test_what_a_run_removes_at_its_end_is_told_with_what_keeps_it_open() -> None:
    """The bridge of an open run got an apply of its own, which changes nothing without a login."""
    bridge = replace(BRIDGE, run="r1")
    report = _unfinished(
        next="prove who is outstanding, then apply again",
        left=(StepOutcome("s01", "prove", ALICE, "deferred"),),
        outstanding=((ALICE, "nobody logged in"),),
        leftovers=(bridge, replace(bridge, kind="group", name=ALICE)),
    )
    (item,) = attention_of(report)
    assert item.what == "unproven"
    assert "2 of the run's own" in item.why
    assert f"cluster-admin: {bridge.name}" in item.why


def test_a_plan_that_is_rolled_back_needs_nobody() -> None:
    assert attention_of(_with_status(done=0, next="nothing: the plan is rolled back")) == ()


def test_a_failed_proof_is_asked_again_of_that_principal() -> None:
    failed = next(each for each in attention_of(troubled()) if each.what == "failed")
    assert failed.command == ("verify", "PLAN", "--only", *failed.who)


def test_every_item_has_one_command_spelled_as_the_caller_spells_it() -> None:
    report = troubled()
    count = len(attention_of(report))
    assert count > 5
    text = report_html(report, lambda command: f"x {command[0]}")
    assert text.count('<p class="command"><code>x ') == count
    section = report_markdown(report, lambda command: f"x {command[0]}")
    section = section.partition("## Needs attention\n")[2].partition("\n## ")[0]
    assert section.count("\n  - `x ") == count == section.count("\n- **")


def test_gates_are_those_of_the_switch_or_say_that_they_are_not_known() -> None:
    assert "As they were judged at the cut-over, <time>2026-11-22 09:30:00Z" in report_html(good())
    assert "As they stand now" in report_html(troubled())
    without = replace(good(), gates=(), gates_at=None)
    assert "Not judged here" in report_html(without)
    assert "Not judged here" in report_markdown(without)


@pytest.mark.parametrize("verdict", ["ok", "partial", "failed", "unknown"])
def test_the_verdict_stands_in_title_and_banner(verdict: str) -> None:
    report = good()
    outcome: VerifyOutcome = replace(report.verification, verdict=verdict)  # type: ignore[arg-type]
    text = report_html(replace(report, verification=outcome))
    assert f"<title>prod: migration to access entries, {verdict}</title>" in text
    assert f"<strong>{verdict}</strong>" in text


def test_the_sentence_says_what_the_verdict_and_the_mode_mean() -> None:
    assert (
        sentence(good())
        == "The access of every principal is proven. aws-auth is not asked any more."
    )
    told = sentence(troubled())
    assert told.startswith("The access of 1 principal is not what it was. aws-auth is still asked")
    assert told.endswith("The plan is blocked: 1 finding must be decided by a person first.")
    nobody = replace(
        good(), verification=replace(good().verification, verdicts=(), verdict="unknown")
    )
    assert sentence(nobody).startswith("No principal's access was proven.")


@pytest.mark.parametrize("make", [good, troubled])
def test_headline_counts_what_needs_attention_as_drift(make: Callable[[], Report]) -> None:
    """Entries and rows that others changed, and dead entries, in the first line of each form."""
    report = make()
    pairs = (("arn:aws:iam::111122223333:role/dev", "another writer changed it"), ("a row", "gone"))
    dead = (("arn:aws:iam::111122223333:role/dev", "its role was made again"),)
    status = replace(report.status, changed=pairs, dead=dead, exit_code=5)
    drifted = replace(report, status=status)
    told = {who for each in attention_of(drifted) if each.what == "drift" for who in each.who}
    (figure,) = [each for each in figures(drifted) if each.label == "Changed since"]
    assert (figure.value, figure.tone) == (str(len(told)), "bad")
    assert f"{len(told)} things changed beside this plan: see drift." in sentence(drifted)
    for text in (report_markdown(drifted), report_html(drifted)):
        assert sentence(drifted) in text
    calm = replace(report, status=replace(report.status, changed=(), dead=()))
    assert "Changed since" not in {each.label for each in figures(calm)}
    assert "see drift" not in sentence(calm)


def test_figures_count_principals_once_and_say_what_is_not_known() -> None:
    shown = {each.label: each for each in figures(troubled())}
    assert (shown["Access changed"].value, shown["Access changed"].detail) == (
        "3 of 8",
        "by the rules 2 gain, 2 lose, 1 not known",
    )
    assert (shown["Proven"].value, shown["Proven"].tone) == ("2 of 5", "bad")
    assert shown["Gates open"].value == "2 of 3"
    assert shown["Gates open"].detail == "now, 1 of them waived"
    assert shown["Steps done"].detail == "2 given up or waiting"
    assert {each.label: each.tone for each in figures(good())}["Access changed"] == "ok"


def test_markdown_and_html_say_the_same() -> None:
    report = troubled()
    text = report_markdown(report)
    assert text.startswith(
        "# Migration of prod to access entries: failed\n\nThe access of 1 principal"
    )
    for figure in figures(report):
        assert f"| {figure.label} | **{figure.value}** |" in text
    assert "s02 create-entry" in text
    assert "### Findings" in text
    assert "mapRoles\\[0\\] line 3" in text
    assert "waived by anna: agreed" in text
    assert "Nothing was run yet" in report_markdown(replace(report, journal=()))
    assert "Nothing was run yet" in report_html(replace(report, journal=()))


def test_names_between_backticks_are_code_and_odd_backticks_stay() -> None:
    assert spans("`a` becomes `b`.") == (
        (True, "a"),
        (False, " becomes "),
        (True, "b"),
        (False, "."),
    )
    assert spans("`` is empty") == ((True, ""), (False, " is empty"))
    assert spans("a ` b") == ((False, "a ` b"),)
    assert spans("") == ()


@given(st.text())
def test_spans_lose_nothing(text: str) -> None:
    assert "".join(f"`{part}`" if is_code else part for is_code, part in spans(text)) == text


def test_moments_are_shown_in_one_way() -> None:
    assert when("at 2026-11-22T08:57:20.099661+00:00; then 2026-11-22T08:57:21Z") == (
        "at 2026-11-22 08:57:20Z; then 2026-11-22 08:57:21Z"
    )
    assert when("2026-11-22T08:57:20+02:00") == "2026-11-22T08:57:20+02:00"


def test_what_was_evaluated_only_is_shown_with_its_class() -> None:
    report = good()
    seen = replace(report.verification.verdicts[0], proof_class="attested", evidence=None)
    outcome = replace(report.verification, verdicts=(seen,))
    assert "attested : a named person vouches for it" in words(
        report_html(replace(report, verification=outcome))
    )


@pytest.mark.parametrize("package", ["migrator.render", "migrator.fleet.render"])
def test_templates_mark_nothing_as_safe(package: str) -> None:
    from importlib.resources import files

    templates = [*files(package).joinpath("templates").iterdir()]
    assert any(file.name.endswith(".jinja") for file in templates)
    for file in templates:
        if file.name.endswith(".jinja"):
            text = file.read_text(encoding="utf-8")
            assert not re.search(
                r"\|\s*(safe|e|escape|forceescape|tojson|xmlattr|urlize|format)\b", text
            ), file.name
            assert not re.search(r"\{\{[^}]*~", text), file.name
            assert not re.search(r"=\{\{", text), f"{file.name}: an attribute without quotes"
            assert "autoescape" not in text


def test_gates_that_a_journal_keeps_come_back() -> None:
    from migrator.model.gate import gates_from_documents, gates_to_documents

    gates = (
        Gate(1, "mode", "Is it?", "pass", "it is"),
        Gate(2, "code", "Is it?", "fail", "", "Do.", "anna: yes"),
    )
    assert gates_from_documents(gates_to_documents(gates)) == gates
    assert gates_from_documents(None) == gates_from_documents([{"state": "open"}, 3]) == ()


def test_a_probe_that_is_wrong_is_marked_in_words() -> None:
    text = report_html(troubled())
    assert text.count("(was no)") == 1
    assert isinstance(troubled().verification.verdicts[3].evidence, Evidence)
