"""ARNs are taken apart without being changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.model.principal import PrincipalKind, parse_arn


@pytest.mark.parametrize(
    ("text", "kind", "path", "name"),
    [
        ("arn:aws:iam::111122223333:role/ci", "role", "/", "ci"),
        ("arn:aws:iam::111122223333:role/team/ops/ci", "role", "/team/ops/", "ci"),
        ("arn:aws-cn:iam::111122223333:user/div/dave", "user", "/div/", "dave"),
        ("arn:aws:iam::111122223333:root", "root", "/", "root"),
        ("arn:aws:iam::111122223333:group/devs", "group", "/", "devs"),
        ("arn:aws:sts::111122223333:assumed-role/ci/session", "assumed-role", "/ci/", "session"),
        ("arn:aws:sts::111122223333:federated-user/bob", "federated-user", "/", "bob"),
        (
            "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
            "service-linked-role",
            "/aws-service-role/eks.amazonaws.com/",
            "AWSServiceRoleForAmazonEKS",
        ),
        ("arn:aws:iam::111122223333:role/", "other", "/", ""),
        ("arn:aws:s3:::bucket/role/x", "other", "/role/", "x"),
    ],
)
def test_an_arn_names_its_kind_path_and_name(
    text: str, kind: PrincipalKind, path: str, name: str
) -> None:
    arn = parse_arn(text)
    assert arn is not None
    assert (arn.kind, arn.path, arn.name) == (kind, path, name)


def test_a_pathless_role_keeps_its_account_and_partition() -> None:
    arn = parse_arn(
        "arn:aws-us-gov:iam::111122223333:role/aws-reserved/sso.amazonaws.com/us-gov-west-1/Admin_0123"
    )
    assert arn is not None
    assert str(arn.pathless) == "arn:aws-us-gov:iam::111122223333:role/Admin_0123"


@pytest.mark.parametrize(
    "text", ["", "arn", "arn:aws:iam", "role/ci", " arn:aws:iam::1:role/x", "ARN:aws:iam::1:role/x"]
)
def test_what_has_not_the_shape_of_an_arn_is_none(text: str) -> None:
    assert parse_arn(text) is None


@given(st.text())
def test_an_arn_gives_its_text_back(text: str) -> None:
    arn = parse_arn("arn:" + text)
    assert arn is None or str(arn) == "arn:" + text
