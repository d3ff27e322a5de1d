"""The note for a SOC on a fleet: what the notes of its clusters say, with the numbers together."""

from collections import Counter

from migrator.decide.reach.security_note import calls_of_plan, security_note
from migrator.fleet.decide.soc import fleet_security_note
from migrator.fleet.model.outcome import ClusterFacts
from migrator.model.plan import Plan
from tests.support.example_plans import example_plans
from tests.support.plans import company


def _facts(plans: list[Plan]) -> list[ClusterFacts]:
    return [
        ClusterFacts(each.cluster.arn, f"sha256:{number}", calls=calls_of_plan(each))
        for number, each in enumerate(plans)
    ]


def test_the_numbers_of_a_fleet_are_those_of_its_clusters_together() -> None:
    plans = [company(), *example_plans().values()]
    note = fleet_security_note([*_facts(plans), ClusterFacts("arn:unread", problem="damaged")])
    assert note.clusters == len(plans)
    single: Counter[tuple[str, ...]] = Counter()
    alone = set()
    detections = set()
    for plan in plans:
        of_one = security_note(plan, "sha256:x")
        detections |= set(of_one.detections)
        for call in of_one.calls:
            kind = (call.command, call.log, call.effect, call.call, call.detail, call.when)
            if call.count is not None:
                single[kind] += call.count
            elif call.effect != "read" or call.detections:
                alone.add(kind)
    of_fleet = {
        (call.command, call.log, call.effect, call.call, call.detail, call.when): call
        for call in note.calls
    }
    assert len(of_fleet) == len(note.calls)
    counted = {kind: call.count for kind, call in of_fleet.items() if call.count is not None}
    assert counted == single
    assert set(of_fleet) - set(counted) == alone
    assert set(note.detections) == detections
    # Principals are in the note of their cluster: a fleet has too many.
    assert not any(call.on for call in note.calls)


def test_what_the_journals_show_is_summed_and_unknown_where_none_does() -> None:
    (one, *more) = calls_of_plan(company())
    with_journal = [one.__class__(one.command, one.log, one.effect, one.call, count=2, made=1)]
    without = [one.__class__(one.command, one.log, one.effect, one.call, count=3)]
    assert more
    for calls, made in (([with_journal, without], 1), ([without, without], None)):
        facts = [ClusterFacts(f"arn:{n}", "sha256:x", calls=tuple(c)) for n, c in enumerate(calls)]
        (found,) = [each for each in fleet_security_note(facts).calls if each.count is not None]
        assert (found.made, found.count) == (made, sum(c[0].count or 0 for c in calls))


def test_a_fleet_without_a_plan_has_no_note() -> None:
    assert fleet_security_note([ClusterFacts("arn:x")]).calls == ()
