"""Names of a fleet's clusters as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.errors import WrongUse
from migrator.fleet.decide.clusters_meant import clusters_meant
from migrator.fleet.model.short_texts import short_cluster

ARNS = st.lists(
    st.builds(
        "arn:aws:eks:{}:{}:cluster/{}".format,
        st.sampled_from(["eu-central-1", "us-east-1"]),
        st.sampled_from(["111122223333", "444455556666"]),
        st.sampled_from(["orders", "games", "shop", "orders-test"]),
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(ARNS, st.data())
def test_what_a_table_prints_and_an_arn_mean_their_cluster(
    arns: list[str], data: st.DataObject
) -> None:
    arn = data.draw(st.sampled_from(arns))
    assert clusters_meant([short_cluster(arn), arn], arns) == (arn,)


@given(ARNS, st.data())
def test_a_name_means_the_one_cluster_that_has_it_and_never_one_of_several(
    arns: list[str], data: st.DataObject
) -> None:
    arn = data.draw(st.sampled_from(arns))
    name = arn.rpartition("/")[2]
    namesakes = [each for each in arns if each.endswith(f"/{name}")]
    if len(namesakes) == 1:
        assert clusters_meant([name], arns) == (arn,)
        return
    with pytest.raises(WrongUse) as caught:
        clusters_meant([name], arns)
    assert caught.value.code == "cluster-ambiguous"
    assert all(short_cluster(each) in caught.value.why for each in namesakes)


@given(ARNS, st.text(alphabet="xyz/:", max_size=9))
def test_a_text_that_names_none_is_refused(arns: list[str], text: str) -> None:
    for known in (arns, []):
        with pytest.raises(WrongUse) as caught:
            clusters_meant([text], known)
        assert (caught.value.code, caught.value.exit_code) == ("fleet-cluster-unknown", 64)


def test_a_name_with_a_wrong_letter_is_answered_with_the_nearest() -> None:
    with pytest.raises(WrongUse) as caught:
        clusters_meant(["oders"], ["arn:aws:eks:eu-west-1:111122223333:cluster/orders"])
    assert "Did you mean 111122223333/eu-west-1/orders?" in caught.value.why


def test_a_cluster_that_no_inventory_has_is_named_by_its_arn() -> None:
    new = "arn:aws:eks:eu-west-1:111122223333:cluster/new"
    assert clusters_meant([new], []) == (new,)
