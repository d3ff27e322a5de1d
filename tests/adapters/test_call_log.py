"""The log of calls: each one named, none with what it carried."""

import logging

import pytest

from migrator.adapters.eks_token import TokenMint
from migrator.adapters.foreign_logs import mute_sdk_debug
from migrator.adapters.reviewers import RealReviewers
from migrator.errors import MigratorError
from migrator.model.rbac import AccessRequest
from tests.support.small_lab import CLOSED, CLUSTER, RUNNER, SmallLab


def test_calls_are_logged_with_outcome_and_without_credentials(
    lab: SmallLab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="migrator.calls")
    lab.cluster.describe_cluster()
    reviewers = RealReviewers(lab.session, lab.wire, CLUSTER)
    reviewer = reviewers.as_principal(RUNNER)
    reviewer.who_am_i()
    reviewer.can(AccessRequest("get", "", "pods"))
    with pytest.raises(MigratorError):
        reviewers.as_principal(CLOSED)
    lab.config_maps.read()
    mine = [record.getMessage() for record in caplog.records if record.name == "migrator.calls"]
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert any(
        line.startswith("eks:DescribeCluster (cluster prod") and ": ok, " in line for line in mine
    )
    assert any(line.startswith("sts:AssumeRole") and "iam-denied" in line for line in mine)
    assert any("selfsubjectreviews: 201" in line for line in mine)
    token = TokenMint(lab.session, CLUSTER).mint().reveal()
    keys = lab.session.keys()
    for secret in ("k8s-aws-v1.", "Bearer", "X-Amz-", keys.secret_key, keys.access_key, token):
        assert secret not in text
    assert keys.token is None or keys.token not in text


def test_sdk_loggers_stay_quiet_at_debug(lab: SmallLab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lab.cluster.describe_cluster()
    lab.config_maps.read()
    assert {record.name.partition(".")[0] for record in caplog.records} <= {"migrator"}


def test_levels_that_are_set_are_not_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mute_sdk_debug()
    monkeypatch.setattr(logging.Logger, "setLevel", None)
    mute_sdk_debug()
    assert logging.getLogger("botocore.credentials").level == logging.ERROR
