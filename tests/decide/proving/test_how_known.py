"""How a verdict is known, said in one line."""

from typing import get_args

from migrator.decide.proving.how_known import TIES, how_of_login, tied
from migrator.model.evidence import Attribution, Probe, ProbeResult, SelfSubject
from migrator.model.rbac import AccessRequest

JO, AT = SelfSubject("dev:jo", ("devs",)), "2026-11-22T09:00:00.123456+00:00"
SHOWN = "2026-11-22 09:00:00Z"


def answers(*pairs: tuple[bool, bool]) -> list[ProbeResult]:
    """Probes as ``(expected, allowed)``."""
    return [
        ProbeResult(Probe(AccessRequest("get", "", "pods"), expected), allowed)
        for expected, allowed in pairs
    ]


def test_it_says_who_when_and_what_the_probes_answered() -> None:
    right = answers((True, True), (True, True), (False, False))
    assert (
        how_of_login(JO, right, AT)
        == f"logged in as dev:jo at {SHOWN}; 2 of 2 probes equal; 1 of 1 negative probes denied"
    )


def test_what_differs_is_counted_on_its_own_side() -> None:
    wrong = answers((True, False), (True, True), (False, True), (False, False))
    assert how_of_login(JO, wrong, AT).endswith(
        "; 1 of 2 probes equal; 1 of 2 negative probes denied"
    )


def test_a_refused_login_and_a_login_without_probes_say_so() -> None:
    assert how_of_login(None, (), AT) == f"tried to log in at {SHOWN}, and was refused"
    assert how_of_login(JO, (), AT) == f"logged in as dev:jo at {SHOWN}; no probe was asked"


def test_every_attribution_but_none_is_put_into_words() -> None:
    assert set(TIES) == set(get_args(Attribution)) - {"none"}
    assert tied("none") == ""
    assert tied("marker") == "tied to the entry: its groups show the run's own marker"
    assert (
        tied("policy", AT) == f"tied to the entry at {SHOWN}: the decision names an access policy"
    )


def test_probe_about_an_announced_difference_is_no_equal_probe() -> None:
    announced = ProbeResult(Probe(AccessRequest("get", "", "pods"), True, "gained"), True)
    assert how_of_login(JO, [announced], AT).endswith("; no probe was asked")
