"""The shortest selector that means some clusters and certainly no other one."""

from migrator.fleet.decide.select import selects
from migrator.fleet.decide.selecting import exactly, selector_for
from migrator.fleet.model.fleet import Selector
from tests.support.fleet_values import cluster

DEV = tuple(cluster(f"d{n}", tags={"stage": "dev", "team": f"t{n}"}) for n in range(3))
PROD = tuple(cluster(f"p{n}", tags={"stage": "prod"}) for n in range(3))


def test_nobody_else_is_everywhere() -> None:
    assert selector_for(DEV, ()) is None


def test_a_tag_that_they_share_and_nobody_else_has_is_the_selector() -> None:
    assert selector_for(DEV, PROD) == Selector(tags={"stage": "dev"})


def test_accounts_and_regions_come_before_a_list_of_names() -> None:
    here, there = cluster("a", "1" * 12), cluster("b", "2" * 12)
    assert selector_for((here,), (there,)) == Selector(accounts=("1" * 12,))
    east = cluster("c", "1" * 12, "us-east-1")
    assert selector_for((here,), (there, east)) == Selector(
        accounts=("1" * 12,), regions=("eu-central-1",)
    )


def test_without_anything_in_common_they_are_named() -> None:
    assert selector_for(DEV[:2], DEV[2:]) == Selector(
        clusters=tuple(sorted(each.arn for each in DEV[:2]))
    )


def test_signs_of_patterns_in_names_and_tags_mean_themselves() -> None:
    star, other = cluster("x", tags={"stage": "*"}), cluster("y", tags={"stage": "dev"})
    chosen = selector_for((star,), (other,))
    assert chosen == Selector(tags={"stage": "[*]"})
    assert selects(chosen, star)
    for text in ("*", "?", "[a]", "a[", "]"):
        assert selects(Selector(clusters=(exactly(text),)), cluster(text))
    assert not selects(Selector(clusters=(exactly("[a]"),)), cluster("a"))
