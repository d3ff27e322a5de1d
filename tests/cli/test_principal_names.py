"""A principal is named by ARN, by what tables print, by an end of it or by its row, in every option
and argument that takes one; what names none or several says which may be meant.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.app.on_plan import arns_of
from migrator.errors import MigratorError
from migrator.model.principal_names import arns_meant, did_you_mean, row_meant
from tests.support.cli_lab import ACCOUNT, CliLab, running

ROLE = f"arn:aws:iam::{ACCOUNT}:role"
DEVELOPER = f"{ROLE}/developer"
SPELLINGS = (
    DEVELOPER,
    f"{ACCOUNT}:role/developer",
    "role/developer",
    "developer",
    "mapRoles[2]",
    "mapRoles[2] line 3",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/developer/me",
)
# Where a principal of the plan is named, and what shows that it is the one: `{}` is its name.
PLACES = (
    ("explain", "plan.json", "{}"),
    ("verify", "plan.json", "--baseline", "--only", "{}"),
    ("verify", "plan.json", "--baseline", "--only", DEVELOPER, "--as", "{}=operator"),
)
# Those that write: a name that is none is refused before anything is sent.
WRITES = (
    ("apply", "plan.json", "--yes", "--only", "{}"),
    ("rollback", "plan.json", "--yes", "--only", "{}"),
    ("apply", "plan.json", "--yes", "--as", "{}=operator"),
    ("rehearse", "plan.json", "--yes", "--image", "x", "--as", "{}=operator"),
    ("cutover", "plan.json", "--confirm", "small", "--as", "{}=operator"),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("names")) as found:
        assert found.run("plan", "small", "--out", "plan.json").code == 0
        yield found


def named(place: tuple[str, ...], name: str) -> list[str]:
    return [word.replace("{}", name) for word in place]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: " ".join(place[:1] + place[-2:-1]))
def test_every_spelling_is_the_same_principal(lab: CliLab, place: tuple[str, ...]) -> None:
    outputs = set()
    for spelling in SPELLINGS:
        ran = lab.run(*named(place, spelling))
        assert ran.error_code == "", ran.err
        outputs.add((ran.code, DEVELOPER.removeprefix("arn:aws:iam::") in ran.out))
    assert len(outputs) == 1
    assert outputs.pop()[1]


@pytest.mark.parametrize("place", (*PLACES, *WRITES), ids=" ".join)
def test_misspelt_name_is_refused_with_the_nearest(lab: CliLab, place: tuple[str, ...]) -> None:
    before = lab.effects()
    ran = lab.run(*named(place, "develper"))
    assert ran.error_code == "principal-not-in-plan"
    assert ran.code == (1 if place[0] == "explain" else 64)
    assert f"Did you mean {DEVELOPER}?" in ran.err
    assert lab.effects() == before


@pytest.mark.parametrize("spelling", SPELLINGS[:4])
def test_lab_takes_the_same_spellings(lab: CliLab, spelling: str) -> None:
    place = ("--lab-dir", str(lab.directory))
    shown = lab.run("lab", "credentials", spelling, *place)
    assert (shown.code, "AWS_ACCESS_KEY_ID" in shown.out) == (0, True)
    assert lab.run("lab", "kubeconfig", "small", "--as", spelling, *place).code == 0


def test_lab_says_which_may_be_meant(lab: CliLab) -> None:
    ran = lab.run("lab", "credentials", "develper", "--lab-dir", str(lab.directory))
    assert ran.error_code == "principal-unknown"
    assert f"Did you mean {DEVELOPER}?" in ran.err


def test_hostile_name_cannot_leave_its_line(lab: CliLab) -> None:
    ran = lab.run("explain", "plan.json", "x\x1b[31m\nerror: fake")
    assert "\x1b" not in ran.err
    assert len(ran.err.splitlines()) <= 3


ARNS = st.lists(
    st.from_regex(r"arn:aws:iam::\d{12}:(role|user)(/[a-z]{1,3}){1,3}", fullmatch=True),
    min_size=1,
    max_size=8,
    unique=True,
)


def spellings(arn: str) -> tuple[str, ...]:
    """An ARN as IAM and as aws-auth have it: a row of a role has no path."""
    head, sign, tail = arn.partition(":role/")
    return (arn, f"{head}{sign}{tail.rpartition('/')[2]}") if sign else (arn,)


@given(ARNS, st.data())
def test_end_of_an_arn_means_every_arn_that_ends_so(arns: list[str], data: st.DataObject) -> None:
    arn = data.draw(st.sampled_from(arns))
    spelled = data.draw(st.sampled_from(spellings(arn)))
    cuts = [number for number, sign in enumerate(spelled) if sign in ":/"]
    end = spelled[data.draw(st.sampled_from(cuts)) + 1 :]
    meant = arns_meant(arns, end)
    assert arn in meant
    # Never in the middle of a name, and never a part of those that may be meant.
    ends = (f":{end}", f"/{end}")
    assert set(meant) == {
        each for each in arns if any(way.endswith(ends) for way in spellings(each))
    }


@given(ARNS, st.text(max_size=12))
def test_text_of_rows_is_no_way_to_another_principal(arns: list[str], tail: str) -> None:
    """A row's text may end as another principal or row is written: it is named with it, and never
    instead of it.
    """
    wanted = arns[0]
    hostile = f"x{tail}/{wanted}"
    assert arns_meant([*arns, hostile], wanted) == (wanted,)
    assert hostile not in arns_meant([*arns[1:], hostile], wanted)
    assert row_meant("mapRoles[3]") == "mapRoles[3]"
    end = wanted.partition("::")[2]
    assert set(arns_meant([*arns, f"x/{end}"], end)) >= {wanted, f"x/{end}"}


def test_row_that_ends_as_another_row_is_written_is_not_that_row() -> None:
    from tests.support.plans import company

    plan = company()
    first = next(each for each in plan.principals if each.sources)
    assert arns_of(plan, [first.sources[0]]) == (first.principal_arn,)
    with pytest.raises(MigratorError, match="mapUsers"):
        arns_of(plan, ["mapUsers[99999]"])


def test_nearest_are_at_most_three_and_none_where_nothing_is_near() -> None:
    arns = [f"{ROLE}/developer{number}" for number in range(9)]
    assert did_you_mean(arns, "develop").count("arn:") == 3
    assert did_you_mean(arns, "zzz") == ""
