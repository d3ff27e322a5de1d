"""playbooks/reference/permissions.md is generated from the lists. ``UPDATE_GOLDEN=1`` writes it."""

from pathlib import Path

from tests.support.golden import assert_golden
from tests.support.permissions_page import permissions_page

PAGE = Path(__file__).parents[2] / "playbooks" / "reference" / "permissions.md"


def test_the_permissions_page_is_what_the_lists_say() -> None:
    assert_golden(PAGE, permissions_page().encode())
