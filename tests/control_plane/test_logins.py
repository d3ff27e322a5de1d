"""Who a login is: the whole table, and every recorded answer of the real authenticator."""

from collections.abc import Mapping

import pytest

from migrator.model.access_entry import AuthenticationMode
from tests.support.control_plane.bed import STS, Bed, fresh_token, rows, who
from tests.support.control_plane.logins import CASES, MODES, Case, expected, logins
from tests.support.control_plane.recorded import (
    answers_by_aws_auth,
    answers_by_mode,
    recorded_by_mode,
)
from tests.support.kubernetes_lab import token_of


def test_the_table_is_complete() -> None:
    assert len(CASES) == len(set(CASES)) == 288


@pytest.fixture(scope="module")
def table(bed: Bed) -> Mapping[Case, str | None]:
    """All answers of one cluster: asked in three rounds, one for each mode."""
    return {case: answer for mode in MODES for case, answer in logins(bed, mode).items()}


@pytest.mark.parametrize("case", CASES, ids=" | ".join)
def test_a_login(table: Mapping[Case, str | None], case: Case) -> None:
    assert table[case] == expected(case)


@pytest.mark.parametrize("mode", MODES)
def test_every_recorded_login_by_entry_and_row(bed: Bed, mode: AuthenticationMode) -> None:
    found = list(answers_by_mode(bed, mode))
    assert len(found) > 100
    for vector, answer in found:
        assert answer == recorded_by_mode(vector), vector


def test_every_recorded_login_by_aws_auth(bed: Bed) -> None:
    checked = 0
    for vector, caller, answer in answers_by_aws_auth(bed):
        wanted = {key: value for key, value in vector["results"][caller].items() if key != "http"}
        assert {key: answer.get(key) for key in wanted} == wanted, (vector["case"], caller)
        checked += 1
    assert checked > 150


def test_a_login_carries_its_principal(bed: Bed) -> None:
    arn = bed.lab.add_role("carried", "/team/")
    bed.lab.set_mode("CONFIG_MAP")
    bed.put_aws_auth(rows({arn: ("c:{{SessionName}}", ["g"])}))
    bed.settle()
    user = who(bed, fresh_token(bed, arn, "alice@example.com"))
    assert user is not None
    assert (user["username"], sorted(user["groups"])) == (
        "c:alice-example.com",
        ["g", "system:authenticated"],
    )
    assert user["uid"] == "aws-iam-authenticator:111122223333:AROACARRIEDXXXXXXXXXX"
    assert user["extra"]["canonicalArn"] == ["arn:aws:iam::111122223333:role/carried"]
    assert user["extra"]["sessionName"] == ["alice@example.com"]
    assert user["extra"]["principalId"] == ["AROACARRIEDXXXXXXXXXX"]


def test_a_token_of_another_cluster_is_refused(bed: Bed) -> None:
    arn = bed.lab.add_role("elsewhere")
    bed.lab.set_mode("CONFIG_MAP")
    bed.put_aws_auth(rows({arn: ("elsewhere", [])}))
    bed.settle()
    assert who(bed, fresh_token(bed, arn)) is not None
    assert who(bed, token_of(bed.lab.world, arn, cluster="another", endpoint=STS)) is None


def test_a_role_made_anew_is_another_principal(bed: Bed) -> None:
    """The entry is dead at once; where rows count, the row answers again."""
    arn = bed.lab.add_role("reborn")
    bed.lab.add_entry(arn, "entry")
    bed.lab.set_mode("API_AND_CONFIG_MAP")
    bed.put_aws_auth(rows({arn: ("row", [])}))
    bed.settle()
    assert (who(bed, fresh_token(bed, arn)) or {}).get("username") == "entry"
    bed.lab.add_role("reborn", id="AROAREBORNAGAINXXXXXX")
    assert (who(bed, fresh_token(bed, arn, "again")) or {}).get("username") == "row"
    bed.lab.set_mode("API")
    bed.settle()
    assert who(bed, fresh_token(bed, arn, "last")) is None
