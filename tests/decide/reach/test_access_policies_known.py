"""Access policies that the Region offers and this version does not know."""

from migrator.decide.reach.access_policies_known import access_policies_check
from migrator.model.access_policy_tables import ACCESS_POLICIES

STEM = "arn:aws-us-gov:eks::aws:cluster-access-policy/"
KNOWN = [f"{STEM}{name}" for name in ACCESS_POLICIES]


def test_nothing_is_named_where_all_policies_are_known() -> None:
    check = access_policies_check(KNOWN)
    assert (check.state, check.remedy) == ("ok", "")
    assert check.said == f"This version knows all {len(KNOWN)} access policies of EKS."


def test_unknown_policies_are_named_as_information() -> None:
    check = access_policies_check([f"{STEM}B2Policy", *KNOWN, f"{STEM}A1Policy"])
    assert (check.state, check.remedy) == ("ok", "")
    assert f"2 of {len(KNOWN) + 2} access policies" in check.said
    assert "A1Policy, B2Policy." in check.said


def test_policies_that_the_region_does_not_offer_are_no_matter_here() -> None:
    assert "knows all 1 " in access_policies_check(KNOWN[:1]).said
