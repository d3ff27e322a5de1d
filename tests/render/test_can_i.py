"""Witnesses as commands: what kubectl understands, and what a shell does with hostile names."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.model.rbac import Witness
from migrator.render.can_i import can_i, question


@pytest.mark.parametrize(
    ("witness", "command"),
    [
        (Witness("get", resource="pods", namespace="shop"), "kubectl auth can-i get pods -n shop"),
        (Witness("list", resource="nodes"), "kubectl auth can-i list nodes --all-namespaces"),
        (
            Witness("patch", "apps", "deployments", "scale", "web", "shop"),
            "kubectl auth can-i patch deployments.apps/web --subresource=scale -n shop",
        ),
        (Witness("get", non_resource_url="/healthz"), "kubectl auth can-i get /healthz"),
        (
            Witness("get", resource="secrets", name="a b; rm -rf ~", namespace="$(id)"),
            "kubectl auth can-i get 'secrets/a b; rm -rf ~' -n '$(id)'",
        ),
        (
            Witness("--as=admin", resource="pods", namespace="shop"),
            "kubectl auth can-i -n shop -- --as=admin pods",
        ),
    ],
)
def test_a_witness_is_asked_by_kubectl(witness: Witness, command: str) -> None:
    assert can_i(witness) == question(witness) == command


@pytest.mark.parametrize(
    "witness",
    [
        Witness("", resource="pods"),
        Witness("get"),
        Witness("get", non_resource_url="healthz"),
        Witness("get", resource="Pods"),
        Witness("get", resource="pods/"),
        Witness("get", resource="a.b"),
        Witness("get", api_group="X.io", resource="pods"),
        Witness("get", resource="pods", name="a\0b"),
        Witness("get", resource="pods", name="a\ud800b"),
    ],
)
def test_a_question_that_kubectl_would_change_is_not_written(witness: Witness) -> None:
    assert can_i(witness) == question(witness) == ""


def test_a_question_of_one_login_names_it() -> None:
    witness = Witness("get", resource="pods", login=("SessionName=alice",))
    assert question(witness).endswith("  # in a login with SessionName=alice")
    assert question(None) == ""


@given(st.builds(Witness, *[st.text(max_size=8)] * 5, st.text(max_size=8)))
def test_hostile_text_stays_in_the_words_of_the_command(witness: Witness) -> None:
    command = can_i(witness)
    if command and "$'" not in command:
        words = shlex.split(command)
        assert words[:3] == ["kubectl", "auth", "can-i"]
        assert witness.verb in words[3:]
        assert words[words.index("-n") + 1] == witness.namespace
