"""The note for a SOC: every call of the plan's steps with its number, the runs of the journal, and
the detections that watch the calls.
"""

from collections import Counter

import pytest

from migrator.decide.reach.detections import DETECTIONS, watching
from migrator.decide.reach.security_note import COMMANDS, runs_in, security_note
from migrator.model.access_entry import AssociatedPolicy, EntrySpec
from migrator.model.journal import Event, Journal, next_record
from migrator.model.security_note import NotedCall, NotedRun, SecurityNote
from migrator.model.step import (
    AssociatePolicy,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    DeleteEntry,
    EnableEntries,
    RemoveBridge,
    Step,
)
from tests.support.plans import CLUSTER_ADMIN, plan, role
from tests.support.reports import DIGEST

_ADMIN = role("admin")
_POLICY = AssociatedPolicy(CLUSTER_ADMIN)
_STEPS = (
    Step("s01", EnableEntries()),
    Step("s02", CreateBridge("migrator-bridge-{run}", "migrator-bridge:{run}")),
    Step("s03", CreateBinding("parallel", "shop", "Role", "reader", "readers")),
    Step("s04", CreateEntry(_ADMIN, EntrySpec(kubernetes_groups=("readers",)))),
    Step("s05", CreateEntry(role("other"), EntrySpec(kubernetes_groups=("readers",)))),
    Step("s06", AssociatePolicy(_ADMIN, _POLICY)),
    Step("s07", RemoveBridge("migrator-bridge-{run}", "migrator-bridge:{run}")),
)


def _note(journal: Journal = (), source: str | None = None) -> SecurityNote:
    return security_note(plan(steps=_STEPS), DIGEST, journal=journal, source=source)


def _calls(note: SecurityNote, command: str) -> dict[tuple[str, str], NotedCall]:
    return {
        (each.call, each.detail): each
        for each in note.calls
        if each.command == command and each.effect == "write" and not each.when
    }


def _journal(*records: tuple[Event, str | None, dict[str, object]]) -> Journal:
    found: Journal = ()
    for second, (event, step, effect) in enumerate(records):
        at = f"2026-11-22T09:00:{second:02d}Z"
        found += (next_record(found, at=at, step=step, event=event, effect=effect),)
    return found


def test_the_calls_of_an_apply_are_those_of_its_steps_with_their_numbers() -> None:
    counts = {key: each.count for key, each in _calls(_note(), "apply").items()}
    assert counts == {
        ("eks:UpdateClusterConfig", ""): 1,
        ("patch clusterrolebindings.rbac.authorization.k8s.io", "cluster-admin"): 1,
        ("patch rolebindings.rbac.authorization.k8s.io", "reader"): 1,
        ("eks:CreateAccessEntry", ""): 2,
        ("eks:AssociateAccessPolicy", "AmazonEKSClusterAdminPolicy"): 1,
        ("delete clusterrolebindings.rbac.authorization.k8s.io", ""): 1,
    }


def test_a_call_names_the_principals_that_it_is_about() -> None:
    entries = _calls(_note(), "apply")["eks:CreateAccessEntry", ""]
    assert entries.on == (_ADMIN, role("other"))


@pytest.mark.parametrize(
    ("call", "detail", "names"),
    [
        ("eks:CreateAccessEntry", "", {"AWS EKS Access Entry Modified"}),
        ("eks:AssociateAccessPolicy", "AmazonEKSViewPolicy", {"AWS EKS Access Entry Modified"}),
        (
            "eks:AssociateAccessPolicy",
            "AmazonEKSClusterAdminPolicy",
            {
                "AWS EKS Access Entry Modified",
                "AWS EKS Access Entry Granted Cluster Admin Policy",
                "AWS principal assigned administrative privileges in an EKS cluster",
            },
        ),
        (
            "delete clusterrolebindings.rbac.authorization.k8s.io",
            "",
            {"Kubernetes Rolebinding Modification"},
        ),
        ("delete configmaps", "aws-auth", {"EKS Authentication Configuration Modified"}),
        ("delete configmaps", "migrator-rehearsal", set()),
        ("eks:UpdateClusterConfig", "", set()),
    ],
)
def test_a_detection_watches_the_calls_that_its_publisher_names(
    call: str, detail: str, names: set[str]
) -> None:
    assert set(watching(call, detail)) == names


def test_every_detection_watches_a_call_of_some_command() -> None:
    undone = Step("s04", _STEPS[3].effect, undo=DeleteEntry(_ADMIN, None))  # type: ignore[arg-type]
    note = security_note(plan(steps=(*_STEPS[:3], undone, *_STEPS[4:])), DIGEST)
    assert note.detections == DETECTIONS
    assert all(each.source.startswith("https://") for each in DETECTIONS)


def test_no_command_lists_a_call_twice() -> None:
    seen = Counter(
        (each.command, each.call, each.detail, each.effect, each.when) for each in _note().calls
    )
    assert {key for key, count in seen.items() if count > 1} == set()
    assert {each.command for each in _note().calls} == set(COMMANDS)


def test_the_journal_says_how_many_calls_were_made() -> None:
    journal = _journal(
        ("run-started", None, {"run": "r1", "command": "apply", "caller": "arn:x"}),
        ("done", "s04", {}),
        ("adopted", "s05", {}),
    )
    calls = _calls(_note(journal), "apply")
    assert calls["eks:CreateAccessEntry", ""].made == 1
    assert calls["eks:UpdateClusterConfig", ""].made == 0
    assert _calls(_note(), "apply")["eks:CreateAccessEntry", ""].made is None


@pytest.mark.parametrize(
    ("events", "made"),
    [
        (("intended", "done"), 1),
        # EKS went on with it: the mode is switched by an update that takes minutes.
        (("intended", "sent", "adopted"), 1),
        (("intended", "sent"), 1),
        # The answer was lost, and the next attempt found it done.
        (("intended", "adopted"), 1),
        # Others had made it.
        (("adopted",), 0),
        (("intended", "refused"), 0),
    ],
)
def test_a_call_that_was_sent_is_made_however_its_step_ended(
    events: tuple[Event, ...], made: int
) -> None:
    started: dict[str, object] = {"run": "r1", "command": "apply", "caller": "arn:x"}
    records: list[tuple[Event, str | None, dict[str, object]]] = [("run-started", None, started)]
    records += [(event, "s01", {}) for event in events]
    assert _calls(_note(_journal(*records)), "apply")["eks:UpdateClusterConfig", ""].made == made


def test_each_run_has_its_caller_and_its_times() -> None:
    started: dict[str, object] = {"run": "r1", "command": "apply", "caller": "arn:x"}
    journal = _journal(
        ("run-started", None, started),
        ("run-ended", None, {"exit": 0}),
        ("run-started", None, {**started, "run": "r2", "command": "cutover"}),
        ("intended", "s01", {}),
    )
    assert runs_in(journal) == (
        NotedRun("r1", "apply", "arn:x", "2026-11-22T09:00:00Z", "2026-11-22T09:00:01Z", True),
        NotedRun("r2", "cutover", "arn:x", "2026-11-22T09:00:02Z", "2026-11-22T09:00:03Z", False),
    )
