"""The brain of a rehearsal: total, and never away from a blank map without putting it back."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.running.dead_man import blanked, original_of, read_original, timer_objects
from migrator.decide.running.progress import Progress, Status, StepState
from migrator.decide.running.rehearsal import (
    BLANK,
    CLEAN,
    RESTORE,
    TIMER_STEP,
    AdoptRestored,
    Blank,
    Conclude,
    Over,
    RemoveTimer,
    Restore,
    SeenRehearsal,
    Watch,
    map_state,
    next_rehearsal,
)
from migrator.errors import Failed

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
LENGTH = timedelta(minutes=30)
STATUSES: tuple[Status, ...] = ("pending", "intended", "done", "adopted")


@st.composite
def progresses(draw: st.DrawFn) -> Progress:
    """Any states of the rehearsal's steps."""
    states = {}
    for step in (TIMER_STEP, BLANK, RESTORE, CLEAN):
        status: Status = draw(
            st.sampled_from((*STATUSES, "refused") if step == BLANK else STATUSES)
        )
        at = (NOW - timedelta(seconds=draw(st.integers(0, 4000)))).isoformat()
        if status != "pending":
            states[step] = StepState(status, draw(st.sampled_from([at, ""])))
    return Progress(states=states)


seen = st.builds(
    SeenRehearsal,
    now=st.just(NOW),
    map=st.sampled_from(["original", "blank", "foreign", "absent"]),
    timer=st.sampled_from(["none", "starting", "armed", "fired"]),
    trouble=st.sampled_from(["", "trouble"]),
    resumed=st.booleans(),
)


@given(progresses(), seen)
def test_a_blank_map_is_watched_or_put_back_and_never_left(
    progress: Progress, at: SeenRehearsal
) -> None:
    action = next_rehearsal(progress, at, LENGTH)
    blanked_once = progress.of(BLANK).status not in ("pending", "refused")
    inside = blanked_once and progress.of(RESTORE).status in ("pending", "intended")
    later = at.timer == "fired" and at.map in ("foreign", "absent")
    if (
        inside and later
    ):  # the timer says that it fired once the map is back: what is there was written since
        assert isinstance(action, AdoptRestored)
    elif inside and at.map != "original":
        assert isinstance(action, Watch | Conclude | Restore)
        if at.resumed or at.trouble or at.timer != "armed" or at.map != "blank":
            assert isinstance(action, Restore)
    if inside and at.map == "original":
        assert isinstance(action, Blank | AdoptRestored)
    if isinstance(action, Watch | Conclude):
        assert inside and at.map == "blank"


@given(progresses(), seen)
def test_the_map_is_blanked_only_under_an_armed_timer_and_without_trouble(
    progress: Progress, at: SeenRehearsal
) -> None:
    if isinstance(next_rehearsal(progress, at, LENGTH), Blank):
        assert (at.timer, at.map, at.trouble, at.resumed) == ("armed", "original", "", False)


@given(progresses(), seen)
def test_it_is_over_only_when_the_timer_is_gone(progress: Progress, at: SeenRehearsal) -> None:
    if isinstance(next_rehearsal(progress, at, LENGTH), Over):
        assert (
            progress.of(CLEAN).status in ("done", "adopted")
            or progress.of(TIMER_STEP).status == "pending"
        )


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=4))
def test_the_timer_reads_back_exactly_what_was_saved(data: dict[str, str]) -> None:
    manifests = timer_objects({"data": data}, run="r", image="i", length=LENGTH, now=NOW)
    saved = next(m for m in manifests if m["kind"] == "ConfigMap")
    assert read_original(saved)["data"] == data
    assert map_state({"data": data}, data) == "original"
    if any(data.values()):
        assert map_state({"data": blanked(data)}, data) == "blank"


def test_the_timers_account_may_write_aws_auth_and_one_lease_and_nothing_else() -> None:
    manifests = timer_objects(original_of({"data": {}}), run="r", image="i", length=LENGTH, now=NOW)
    rules = next(m for m in manifests if m["kind"] == "Role")["rules"]
    writing = [rule for rule in rules if set(rule["verbs"]) - {"get"}]
    assert [(rule["resources"], rule["resourceNames"]) for rule in writing] == [
        (["configmaps"], ["aws-auth"]),
        (["leases"], ["migrator-rehearsal"]),
    ]


def test_every_object_carries_the_label_that_one_line_removes() -> None:
    manifests = timer_objects({"data": {}}, run="r", image="i", length=LENGTH, now=NOW)
    assert all(m["metadata"]["labels"]["eks-access-migrator/rehearsal"] == "r" for m in manifests)
    assert {m["kind"] for m in manifests} == {
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ConfigMap",
        "Lease",
        "Job",
    }


@pytest.mark.parametrize(
    "document",
    [{}, {"data": {}}, {"data": {"original.json": "{"}}, {"data": {"original.json": "[]"}}],
)
def test_a_damaged_original_is_an_error_and_never_an_empty_map(document: dict[str, Any]) -> None:
    with pytest.raises(Failed) as error:
        read_original(document)
    assert error.value.code == "timer-damaged"


def _after_blanking(**fields: Any) -> object:  # noqa: ANN401 - any field
    states = {TIMER_STEP: StepState("done"), BLANK: StepState("done", NOW.isoformat())}
    return next_rehearsal(Progress(states=states), SeenRehearsal(now=NOW, **fields), LENGTH)


def test_a_map_that_lost_its_timer_is_put_back_at_once() -> None:
    assert _after_blanking(map="blank", timer="none") == Restore("the timer is not there any more")
    assert _after_blanking(map="blank", timer="armed", resumed=True) == Restore(
        "the rehearsal was interrupted"
    )
    assert _after_blanking(map="blank", timer="armed", trouble="denied") == Restore("denied")


def test_a_blanking_that_was_not_done_yet_is_done_under_the_armed_timer_alone() -> None:
    states = {TIMER_STEP: StepState("done"), BLANK: StepState("intended", NOW.isoformat())}
    for timer, action in (("armed", Blank()), ("fired", AdoptRestored("the timer put it back"))):
        seen_now = SeenRehearsal(now=NOW, map="original", timer=timer)  # type: ignore[arg-type]
        assert next_rehearsal(Progress(states=states), seen_now, LENGTH) == action


def test_a_timer_that_fired_before_the_blanking_ends_the_rehearsal() -> None:
    states = {TIMER_STEP: StepState("done", NOW.isoformat())}
    found = next_rehearsal(
        Progress(states=states), SeenRehearsal(now=NOW, map="original", timer="fired"), LENGTH
    )
    assert found == RemoveTimer("the timer fired before the rehearsal began")
