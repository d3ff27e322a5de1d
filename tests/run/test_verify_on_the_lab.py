"""What verification catches on the lab, with the probe that shows it; and what impersonation would
have let pass.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import boto3
import pytest

from migrator.adapters.eks_token import TokenMint
from migrator.app.connect import WORKERS
from migrator.errors import Failed, WrongUse
from migrator.lab.worlds.faults import Fault
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.evidence import Evidence, OwnProbe, PrincipalVerdict, Probe, SelfSubject
from migrator.model.plan import Plan
from migrator.model.rbac import AccessRequest
from migrator.ports import AccessReviewer, Reviewers
from migrator.run.verify_access import VerifyOptions, verify_access
from tests.support.proof_lab import (
    CLOSED,
    CLUSTER,
    DEVS,
    POLICY,
    VIEWER,
    ProofLab,
    is_done_as_asked,
    proof_lab,
)

SECRETS_IN_PAYMENTS = AccessRequest("get", "", "secrets", "", "payments")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProofLab]:
    with proof_lab(tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture
def plan(lab: ProofLab) -> Plan:
    """A plan whose developers were moved to an entry and proven; the viewer had an entry all
    along.
    """
    return proven(lab)


def proven(lab: ProofLab) -> Plan:
    """Make that plan, apply it to the developers, and prove it."""
    made, digest = lab.plan()
    assert lab.verify(made, DEVS, VIEWER, baseline=True).exit_code in (0, 6)
    assert is_done_as_asked(lab.apply(made, digest, DEVS))
    for arn in (DEVS, VIEWER):
        assert lab.verdict(made, arn).verdict == "ok"
    return made


def test_a_baseline_that_was_taken_stays_taken_once_everybody_has_crossed(lab: ProofLab) -> None:
    made, digest = lab.plan()
    assert lab.verify(made, DEVS, baseline=True).exit_code == 0
    assert is_done_as_asked(lab.apply(made, digest, DEVS))
    again = lab.verify(made, DEVS, baseline=True)
    assert (again.exit_code, again.evidence) == (0, ())


def test_a_baseline_that_nobody_took_in_time_is_missed(lab: ProofLab) -> None:
    made, digest = lab.plan()
    assert is_done_as_asked(lab.apply(made, digest, DEVS))
    assert lab.verify(made, DEVS, baseline=True).exit_code == 6


def thinner(lab: ProofLab) -> str:
    lab.eks(
        "update_access_entry",
        principalArn=DEVS,
        username="dev:{{SessionName}}",
        kubernetesGroups=[],
    )
    return DEVS


def wider(lab: ProofLab) -> str:
    lab.eks(
        "update_access_entry",
        principalArn=DEVS,
        username="dev:{{SessionName}}",
        kubernetesGroups=["devs", "wide"],
    )
    return DEVS


def renamed(lab: ProofLab) -> str:
    lab.eks(
        "update_access_entry",
        principalArn=DEVS,
        username="developer:{{SessionName}}",
        kubernetesGroups=["devs"],
    )
    return DEVS


def stale(lab: ProofLab) -> str:
    """The role is deleted and made again under its name: the entry is pinned to the old one, the
    row answers.
    """
    iam = boto3.Session().client("iam")
    trust = iam.get_role(RoleName="devs")["Role"]["AssumeRolePolicyDocument"]
    iam.delete_role(RoleName="devs")
    lab.pass_time(5)
    iam.create_role(RoleName="devs", AssumeRolePolicyDocument=json.dumps(trust))
    return DEVS


def lost_scope(lab: ProofLab) -> str:
    scope = {"type": "namespace", "namespaces": ["shop"]}
    policy = f"{POLICY}AmazonEKSEditPolicy"
    lab.eks("associate_access_policy", principalArn=VIEWER, policyArn=policy, accessScope=scope)
    return VIEWER


def hidden(lab: ProofLab) -> str:
    """A policy more: no rules review and no impersonation shows it."""
    policy = f"{POLICY}AmazonEKSAdminViewPolicy"
    lab.eks(
        "associate_access_policy",
        principalArn=VIEWER,
        policyArn=policy,
        accessScope={"type": "cluster"},
    )
    return VIEWER


Change: TypeAlias = Callable[[ProofLab], str]


@dataclass(frozen=True)
class Seen:
    """What is seen of a change: the verdict after it, and before and after it what impersonation
    answers and what a rules review shows.
    """

    verdict: PrincipalVerdict
    impersonated: tuple[list[bool], list[bool]]
    rules: tuple[Any, Any]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Change], Seen]:
    """Each change on a lab of its own, looked at by all tests about it."""

    @cache
    def of(change: Change) -> Seen:
        place = tmp_path_factory.mktemp(change.__name__)
        with pytest.MonkeyPatch.context() as patch, proof_lab(place, patch) as lab:
            return _seen(lab, proven(lab), change)

    return of


def _seen(lab: ProofLab, plan: Plan, change: Change) -> Seen:
    arn = DEVS if change in (thinner, wider, renamed, stale) else VIEWER
    taken = lab.verify(plan, arn).evidence[0]
    assert isinstance(taken, Evidence)
    assert taken.subject is not None
    who = (taken.subject.username, taken.subject.groups)
    probes = [result.probe for result in taken.probes]

    def look() -> tuple[list[bool], Any]:
        return impersonated(lab, who, probes), rules_review(lab, plan)

    before = look()
    assert change(lab) == arn
    lab.pass_time(60)
    outcome = lab.verify(plan, arn)
    assert outcome.exit_code == 6
    after = look()
    return Seen(outcome.verdicts[0], (before[0], after[0]), (before[1], after[1]))


def wrong_probes(verdict: PrincipalVerdict) -> dict[str, bool]:
    """What was answered otherwise than it must be: question -> answer."""
    assert verdict.evidence is not None
    return {
        f"{r.probe.request.verb} {r.probe.request.resource} "
        f"{r.probe.request.namespace or '*'}": r.allowed
        for r in verdict.evidence.probes
        if r.allowed != r.probe.expected
    }


def test_a_thinner_entry_is_caught_by_what_is_denied_now(seen: Callable[[Change], Seen]) -> None:
    found = seen(thinner).verdict
    assert (found.verdict, found.proof_class) == ("failed", "live")
    assert "the group 'devs' is missing" in found.why
    assert wrong_probes(found)["get secrets shop"] is False


def test_a_wider_entry_is_caught_by_what_is_allowed_now(seen: Callable[[Change], Seen]) -> None:
    found = seen(wider).verdict
    assert found.verdict == "failed"
    assert "the group 'wide' is there and should not be" in found.why
    assert any(wrong_probes(found).values())


def test_a_wrong_username_is_caught_by_who_the_login_is(seen: Callable[[Change], Seen]) -> None:
    found = seen(renamed).verdict
    assert found.verdict == "failed"
    assert "the username is 'developer:migrate-run', not 'dev:migrate-run'" in found.why


def test_a_stale_entry_is_caught_although_every_probe_passes_through_the_row(
    seen: Callable[[Change], Seen],
) -> None:
    found = seen(stale).verdict
    assert found.verdict == "failed"
    assert "the entry is dead" in found.why
    assert wrong_probes(found) == {}
    assert found.evidence is not None
    assert found.evidence.attribution == "none"


def test_a_stale_entry_is_not_ok_where_iam_may_not_be_read_either(
    lab: ProofLab, plan: Plan
) -> None:
    stale(lab)
    lab.control(
        "world", permissions={lab.lab.world.settings.operator: {"deniedActions": ["iam:*"]}}
    )
    found = lab.verdict(plan, DEVS)
    assert found.verdict == "partial"
    assert "attributable to the entry" in found.why


def test_a_lost_namespace_scope_is_caught_by_the_probe_in_that_namespace(
    seen: Callable[[Change], Seen],
) -> None:
    found = seen(lost_scope).verdict
    assert found.verdict == "failed"
    wrong = wrong_probes(found)
    assert wrong["get secrets payments"] is False
    assert not any(question.endswith(" shop") for question in wrong)


def test_a_policy_that_rules_reviews_do_not_show_is_caught_by_a_probe(
    seen: Callable[[Change], Seen],
) -> None:
    found = seen(hidden)
    assert found.verdict.verdict == "failed"
    assert any(wrong_probes(found.verdict).values())
    assert found.rules[1] == found.rules[0]


FEWER_RIGHTS = {
    "principals": {
        DEVS: {
            "action": "create",
            "username": "dev:{{SessionName}}",
            "groups": [],
            "reason": "fewer rights",
        }
    },
    "accept_loss": {DEVS: {"by": "anna", "reason": "they deploy by pipeline"}},
}


def test_announced_losses_are_asked_for_before_and_after(lab: ProofLab) -> None:
    made, digest = lab.plan(FEWER_RIGHTS)
    lost = next(p for p in made.principals if p.principal_arn == DEVS).access.lost
    assert all(row.witness is not None and row.witness.namespace == "shop" for row in lost)
    taken = lab.verify(made, DEVS, baseline=True)
    assert taken.exit_code == 0
    assert {r.allowed for r in taken.evidence[0].probes if r.probe.announced == "lost"} == {True}
    assert is_done_as_asked(lab.apply(made, digest, DEVS))
    found = lab.verdict(made, DEVS)
    assert found.verdict == "ok"
    shown = found.evidence
    assert shown is not None
    asked = [each for each in shown.probes if each.probe.announced == "lost"]
    assert 0 < len(asked) <= 10
    assert len(shown.probes) <= 30
    assert not any(each.allowed for each in asked)
    assert f"{len(asked)} of {len(asked)} announced losses shown" in shown.how


def test_an_announced_loss_that_did_not_come_true_fails_the_verification(lab: ProofLab) -> None:
    made, digest = lab.plan(FEWER_RIGHTS)
    assert is_done_as_asked(lab.apply(made, digest, DEVS))
    lab.eks(
        "update_access_entry",
        principalArn=DEVS,
        username="dev:{{SessionName}}",
        kubernetesGroups=["devs"],
    )
    lab.pass_time(60)
    outcome = lab.verify(made, DEVS)
    assert outcome.exit_code == 6
    assert (
        "announced as lost, and still allowed (RBAC: allowed by RoleBinding"
        in outcome.verdicts[0].why
    )


def rules_review(lab: ProofLab, plan: Plan) -> Any:  # noqa: ANN401
    """SelfSubjectRulesReview as the viewer: what ``kubectl auth can-i --list`` shows."""
    connection = lab.connect()
    token = TokenMint(lab.session.assume(VIEWER), CLUSTER).mint()
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": "payments"},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    answer = connection.wire.send("POST", path, authorization=f"Bearer {token.reveal()}", body=body)
    return answer.json()["status"]["resourceRules"]


def impersonated(
    lab: ProofLab, identity: tuple[str, tuple[str, ...]], probes: Iterable[Probe]
) -> list[bool]:
    """The probes as ``kubectl auth can-i --as NAME --as-group GROUP`` would ask them, by the
    operator.
    """
    connection = lab.connect()
    token = TokenMint(lab.session, CLUSTER).mint()
    name, groups = identity
    headers: Any = __import__("urllib3").HTTPHeaderDict(
        {"Authorization": f"Bearer {token.reveal()}"}
    )
    headers.add("Content-Type", "application/json")
    headers.add("Impersonate-User", name)
    for group in groups:
        headers.add("Impersonate-Group", group)
    answers = []
    for probe in probes:
        asked = probe.request
        attributes = {
            "verb": asked.verb,
            "group": asked.api_group,
            "resource": asked.resource,
            "subresource": asked.subresource,
            "namespace": asked.namespace or "",
            "name": asked.name,
        }
        spec = (
            {"nonResourceAttributes": {"path": asked.path, "verb": asked.verb}}
            if asked.path is not None
            else {"resourceAttributes": {key: value for key, value in attributes.items() if value}}
        )
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": spec,
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        response = connection.wire._pool.request(
            "POST", connection.wire.endpoint.server + path, body=json.dumps(body), headers=headers
        )
        assert response.status == 201, response.data
        answers.append(bool(json.loads(response.data)["status"]["allowed"]))
    return answers


@pytest.mark.parametrize(
    "change", [thinner, wider, renamed, stale, lost_scope, hidden], ids=lambda c: c.__name__
)
def test_impersonation_would_have_seen_no_difference(
    seen: Callable[[Change], Seen], change: Change
) -> None:
    """Whoever impersonates types in the name and groups that should be right, and access policies
    do not count for it: it asks about RBAC, not about the principal. All six changes, each of which
    verification catches, pass.
    """
    found = seen(change)
    assert found.verdict.verdict == "failed"
    assert found.impersonated[1] == found.impersonated[0]


def test_an_entry_that_was_deleted_after_apply_is_missed_although_the_row_answers(
    lab: ProofLab, plan: Plan
) -> None:
    """The row gives every right answer: only a look at the entry shows that API mode would lock the
    principal out.
    """
    lab.eks("delete_access_entry", principalArn=DEVS)
    outcome = lab.verify(plan, DEVS)
    assert (outcome.phase, outcome.exit_code) == ("after", 6)
    found = lab.verdict(plan, DEVS)
    assert (found.verdict, found.why) == ("failed", "there is no entry")


def test_an_entry_that_is_not_in_force_yet_is_compared_itself(lab: ProofLab, plan: Plan) -> None:
    """A login within the propagation of a change still passes every probe; the entry shows the
    change at once.
    """
    thinner(lab)
    outcome = lab.verify(plan, DEVS)
    assert outcome.exit_code == 6
    assert any("devs" in each for each in outcome.evidence[-1].differences)


def test_own_probes_are_asked_of_everybody_or_of_one(lab: ProofLab, plan: Plan) -> None:
    wanted = Probe(SECRETS_IN_PAYMENTS, expected=True)
    of_all = lab.verify(plan, DEVS, VIEWER, own_probes=(OwnProbe(wanted),))
    assert {v.principal_arn: v.verdict for v in of_all.verdicts} == {DEVS: "failed", VIEWER: "ok"}
    failed = next(v for v in of_all.verdicts if v.verdict == "failed")
    assert "get secrets in payments: denied, and must be allowed" in failed.why
    of_one = lab.verify(plan, DEVS, VIEWER, own_probes=(OwnProbe(wanted, VIEWER),))
    assert {v.verdict for v in of_one.verdicts} == {"ok"}


def test_what_was_shown_is_void_once_the_entry_changes(lab: ProofLab, plan: Plan) -> None:
    """The login of today does not speak for the entry of tomorrow, whoever asks without logging in
    again.
    """
    from migrator.run.verify_access import current_verdicts

    ports = lab.ports(plan)
    verdicts = {
        v.principal_arn: v.verdict for v in current_verdicts(plan, ports, ports.read_snapshot())
    }
    assert verdicts[DEVS] == "ok"
    renamed(lab)
    verdicts = {
        v.principal_arn: v.verdict for v in current_verdicts(plan, ports, ports.read_snapshot())
    }
    assert verdicts[DEVS] == "unknown"


def test_evidence_is_too_old_after_a_day(lab: ProofLab, plan: Plan) -> None:
    from migrator.run.verify_access import current_verdicts

    lab.pass_time(24 * 3600 + 60)
    ports = lab.ports(plan)
    verdicts = {v.principal_arn: v for v in current_verdicts(plan, ports, ports.read_snapshot())}
    assert verdicts[DEVS].verdict == "unknown"
    assert "too old" in verdicts[DEVS].why


def test_proof_policy_asks_for_a_class_by_kind_of_principal(lab: ProofLab, plan: Plan) -> None:
    found = lab.verdict(plan, DEVS, proof_policy={"role": "live"})
    assert (found.required, found.verdict) == ("live", "ok")
    other = lab.verdict(plan, DEVS, proof_policy={"node": "simulated"})
    assert other.required == "observed"


def test_principals_become_ready_beside_the_questions_and_each_is_assumed_once(
    lab: ProofLab,
) -> None:
    """STS is waited for while the API server answers; a failure is told once, and tried anew after
    that.
    """
    made, _ = lab.plan()
    count = lab.lab.world.faults.add(Fault("sts:AssumeRole", "latency"))
    reviewers = lab.ports(made).reviewers
    with reviewers.log_in_ahead([DEVS, CLOSED]):
        assert reviewers.as_principal(DEVS) is reviewers.as_principal(DEVS)
        for asked in (2, 3):
            with pytest.raises(Failed) as raised:
                reviewers.as_principal(CLOSED)
            assert raised.value.code == "cannot-become"
            assert count.seen == asked


class MeteredReviewers:
    """Reviewers of the lab; the most questions that were asked at the same time."""

    def __init__(self, inner: Reviewers) -> None:
        self.inner = inner
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def as_principal(self, principal_arn: str) -> AccessReviewer:
        return MeteredReviewer(self.inner.as_principal(principal_arn), self)

    def log_in_ahead(self, principal_arns: Iterable[str]) -> AbstractContextManager[None]:
        return self.inner.log_in_ahead(principal_arns)

    def forget(self, principal_arn: str) -> None:
        self.inner.forget(principal_arn)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """One question, which takes its time."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            time.sleep(0.01)
            yield
        finally:
            with self._lock:
                self._now -= 1


@dataclass
class MeteredReviewer:
    inner: AccessReviewer
    meter: MeteredReviewers

    def session_name(self) -> str:
        return self.inner.session_name()

    def who_am_i(self) -> SelfSubject | None:
        return self.inner.who_am_i()

    def can(self, request: AccessRequest) -> tuple[bool, str]:
        with self.meter.counted():
            return self.inner.can(request)


@pytest.mark.parametrize("only", [(DEVS,), ()], ids=["one principal", "all principals"])
def test_eight_questions_are_asked_at_a_time_and_never_more(
    lab: ProofLab, plan: Plan, only: tuple[str, ...]
) -> None:
    ports = lab.ports(plan)
    meter = MeteredReviewers(ports.reviewers)
    found = verify_access(plan, replace(ports, reviewers=meter), VerifyOptions(only=only))
    assert meter.most == WORKERS
    results = next(each for each in found.evidence if each.principal_arn == DEVS).probes
    asked = [each.probe for each in results]
    again = verify_access(plan, ports, VerifyOptions(only=(DEVS,))).evidence[0].probes
    assert [each.probe for each in again] == asked


def test_no_list_of_rules_is_proof(lab: ProofLab, plan: Plan) -> None:
    """SelfSubjectRulesReview may be incomplete, and shows no access policy (Kubernetes API
    reference, SubjectRulesReviewStatus): each permission is asked for.
    """
    faults = lab.lab.world.faults
    listed = faults.add(Fault("kubernetes:create selfsubjectrulesreviews", "latency"))
    asked = faults.add(Fault("kubernetes:create selfsubjectaccessreviews", "latency"))
    found = lab.verdict(plan, DEVS)
    assert found.verdict == "ok"
    assert found.evidence is not None
    assert (listed.seen, asked.seen) == (0, len(found.evidence.probes))


def test_only_the_entries_of_those_who_are_verified_are_read(lab: ProofLab, plan: Plan) -> None:
    shown = lab.lab.world.faults.add(Fault("eks:DescribeAccessEntry", "latency"))
    listed = lab.lab.world.faults.add(Fault("eks:ListAccessEntries", "latency"))
    assert lab.verdict(plan, DEVS).verdict == "ok"
    # Listed once more at the end: an entry that went meanwhile is no proof.
    assert (shown.seen, listed.seen) == (1, 2)


def test_a_verdict_says_who_logged_in_when_with_which_answers_and_what_ties_it_to_the_entry(
    lab: ProofLab, plan: Plan
) -> None:
    found = lab.verdict(plan, DEVS)
    assert found.evidence is not None
    probes = found.evidence.probes
    positive = sum(each.probe.expected for each in probes)
    assert 0 < positive < len(probes)
    assert found.why.startswith("logged in as dev:migrate-run at 20")
    assert f"; {positive} of {positive} probes equal; " in found.why
    denied = len(probes) - positive
    assert f"; {denied} of {denied} negative probes denied; tied to the entry at 20" in found.why
    assert found.why.endswith(": its groups show the run's own marker")


def test_a_policy_without_published_rules_is_compared_as_eks_shows_it(
    lab: ProofLab, plan: Plan
) -> None:
    """No probe can be chosen for it, and no baseline was taken: every probe passes, and the entry
    is still another.
    """
    (unpublished, *_) = sorted(
        name for name, table in ACCESS_POLICIES.items() if table.published == "nothing"
    )
    scope = {"type": "namespace", "namespaces": ["shop"]}
    lab.eks(
        "associate_access_policy",
        principalArn=VIEWER,
        policyArn=f"{POLICY}{unpublished}",
        accessScope=scope,
    )
    lab.pass_time(60)
    found = lab.verdict(plan, VIEWER)
    assert found.verdict == "failed"
    assert "the access policies are not those of the plan" in found.why


def test_where_rbac_may_not_be_read_the_policies_are_asked_all_the_same(
    lab: ProofLab, plan: Plan
) -> None:
    ports = lab.ports(plan)
    blind = replace(
        ports,
        read_snapshot=lambda: replace(ports.read_snapshot(), rbac=None),
        read_without_entries=None,
    )
    (found,) = verify_access(plan, blind, VerifyOptions(only=(VIEWER,))).verdicts
    assert found.evidence is not None
    assert found.evidence.probes
    assert found.verdict == "ok"
    lab.eks(
        "disassociate_access_policy", principalArn=VIEWER, policyArn=f"{POLICY}AmazonEKSEditPolicy"
    )
    lab.pass_time(60)
    (found,) = verify_access(plan, blind, VerifyOptions(only=(VIEWER,))).verdicts
    assert found.verdict == "failed"
    assert any(wrong_probes(found)), found.why


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"only": (f"{DEVS}s",)}, "principal-not-in-plan"),
        (
            {"own_probes": (OwnProbe(Probe(SECRETS_IN_PAYMENTS, expected=False), f"{DEVS}s"),)},
            "probe-not-in-plan",
        ),
    ],
)
def test_whoever_asks_about_somebody_unknown_is_told_instead_of_getting_no_answer(
    lab: ProofLab, options: Mapping[str, Any], code: str
) -> None:
    made, _ = lab.plan()
    with pytest.raises(WrongUse) as raised:
        verify_access(made, lab.ports(made), VerifyOptions(**options))
    assert raised.value.code == code
    assert raised.value.exit_code == 64


def test_an_own_probe_that_nobody_can_answer_is_counted(lab: ProofLab) -> None:
    """Nobody can be this role, and the rules of its policy are not published: the question stays
    open, and says so.
    """
    wanted = Probe(AccessRequest("get", "", "secrets", "", "kube-system"), expected=False)
    (unpublished, *_) = sorted(
        name for name, table in ACCESS_POLICIES.items() if table.published == "nothing"
    )
    lab.eks(
        "create_access_entry", principalArn=CLOSED, username="closed", kubernetesGroups=["devs"]
    )
    scope = {"type": "cluster"}
    lab.eks(
        "associate_access_policy",
        principalArn=CLOSED,
        policyArn=f"{POLICY}{unpublished}",
        accessScope=scope,
    )
    made, _ = lab.plan()
    (found,) = lab.verify(made, CLOSED, own_probes=(OwnProbe(wanted, CLOSED),)).verdicts
    assert "1 of your own could not be answered" in found.why
    assert found.verdict != "ok"
