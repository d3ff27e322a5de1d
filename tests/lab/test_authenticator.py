"""Logins: the recorded answers of the real authenticator, the checks on tokens, caches and log
lines.
"""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.worlds.principals import Account, Instance
from migrator.model.access_entry import AuthenticationMode
from tests.support.kubernetes_lab import (
    ACCOUNT,
    KubernetesLab,
    kubernetes_lab,
    role_arn,
    token_of,
    user_arn,
    wrap,
)

DATA = Path(__file__).parents[1] / "data"
RECORDED_ACCOUNT = "123456789012"
MASTERS = (
    "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups: [system:masters]\n"
)


def vectors(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / name).read_text())["vectors"]
    return found


def recorded_world(mode: AuthenticationMode) -> KubernetesLab:
    lab = kubernetes_lab(mode)
    lab.world.accounts[RECORDED_ACCOUNT] = Account(RECORDED_ACCOUNT)
    return lab


def add_recorded(lab: KubernetesLab, arn: str, id: str = "") -> None:
    kind, _, rest = arn.split(":", 5)[5].partition("/")
    path, _, name = f"/{rest}".rpartition("/")
    if kind == "role":
        lab.add_role(name, f"{path}/", RECORDED_ACCOUNT, id)
    else:
        lab.add_user(name, f"{path}/", id)
        user = lab.world.accounts[ACCOUNT].users.pop(name)
        user.arn = arn
        lab.world.accounts[RECORDED_ACCOUNT].users[name] = user


def shown(user: dict[str, Any] | None) -> dict[str, Any]:
    if user is None:
        return {"authenticated": False}
    groups = [group for group in user.get("groups", []) if group != "system:authenticated"]
    return {
        "authenticated": True,
        "username": user["username"],
        "groups": groups,
        "extra": sorted(user["extra"]),
    }


@pytest.mark.parametrize("mode", ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"])
def test_every_recorded_login_by_mode_entry_and_row_is_answered_alike(
    mode: AuthenticationMode,
) -> None:
    checked = 0
    for vector in vectors("vectors-modes.json"):
        if vector["mode"] != mode:
            continue
        lab = recorded_world(mode)
        arn = vector["principal"]
        add_recorded(lab, arn, vector["id"])
        if entry := vector["entry"]:
            lab.add_entry(
                entry["principalArn"], entry["username"], entry["groups"], pinned=entry["pinnedId"]
            )
        if row := vector["row"]:
            lab.set_aws_auth(**{"mapRoles" if "rolearn" in row else "mapUsers": json.dumps([row])})
        answer = shown(lab.who(lab.token(arn, vector["session"] or "")))
        wanted = dict(vector["answer"])
        if "extra" in wanted:
            wanted["extra"] = sorted(wanted["extra"])
        assert answer == wanted, vector
        checked += 1
    assert checked > 100


def test_every_recorded_login_by_aws_auth_is_answered_alike() -> None:
    lab = recorded_world("CONFIG_MAP")
    for arn in ("role/team/dev", "role/ops", "role/node", "user/carol", "user/div/dave"):
        add_recorded(lab, f"arn:aws:iam::{RECORDED_ACCOUNT}:{arn}")
    checked = 0
    for vector in vectors("vectors-aws-auth.json"):
        lab.set_aws_auth(**vector["data"])
        for caller, recorded in vector["results"].items():
            arn, _, session = caller.partition("@")
            session = (
                "sess1" if session == "s1" else session
            )  # the recorder's label is shorter than its session
            answer = shown(lab.who(lab.token(f"arn:aws:iam::{RECORDED_ACCOUNT}:{arn}", session)))
            lab.api.authenticator.forget()
            answer.pop("extra", None)
            wanted = {key: value for key, value in recorded.items() if key != "http"}
            assert answer == wanted, (vector["case"], caller)
            checked += 1
    assert checked > 150


# what a login gives


def test_a_login_carries_uid_and_extra_of_its_principal() -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("dev", "/team/")
    lab.set_aws_auth(
        mapRoles=json.dumps(
            [{"rolearn": role_arn("dev"), "username": "d:{{SessionName}}", "groups": ["g"]}]
        )
    )
    user = lab.who(lab.token(arn, "alice@example.com"))
    assert user is not None
    assert user["username"] == "d:alice-example.com"
    assert user["groups"] == ["g", "system:authenticated"]
    assert user["uid"] == "aws-iam-authenticator:111122223333:AROADEVXXXXXXXXXXXXXX"
    key = user["extra"].pop("accessKeyId")
    assert re.fullmatch("ASIA[A-Z2-7]{16}", key[0])
    assert user["extra"] == {
        "arn": [f"arn:aws:sts::{ACCOUNT}:assumed-role/dev/alice@example.com"],
        "canonicalArn": [role_arn("dev")],
        "principalId": ["AROADEVXXXXXXXXXXXXXX"],
        "sessionName": ["alice@example.com"],
        "sigs.k8s.io/aws-iam-authenticator/principalId": ["AROADEVXXXXXXXXXXXXXX"],
    }


def test_the_hidden_creator_is_kubernetes_admin_while_the_mode_is_config_map() -> None:
    lab = kubernetes_lab(creator=role_arn("creator", "/infra/"))
    arn = lab.add_role("creator", "/infra/")
    user = lab.who(lab.token(arn))
    assert user is not None
    assert (user["username"], user["groups"]) == (
        "kubernetes-admin",
        ["system:masters", "system:authenticated"],
    )
    lab.set_mode("API_AND_CONFIG_MAP")
    lab.api.authenticator.forget()
    assert lab.who(lab.token(arn)) is None


def test_a_creator_with_a_row_is_what_the_row_says() -> None:
    lab = kubernetes_lab(creator=role_arn("creator", "/infra/"))
    arn = lab.add_role("creator", "/infra/")
    mine = {
        "rolearn": role_arn("creator").upper().replace("ARN:AWS", "arn:aws"),
        "username": "boss",
        "groups": ["g"],
    }
    lab.set_aws_auth(mapRoles=json.dumps([mine | {"rolearn": arn}]))
    assert (
        shown(lab.who(lab.token(arn)))["username"] == "kubernetes-admin"
    )  # with its path a row matches nobody
    lab.set_aws_auth(mapRoles=json.dumps([mine]))
    assert shown(lab.who(lab.token(arn, "s2")))["username"] == "boss"
    lab.set_aws_auth(mapAccounts=json.dumps([ACCOUNT]))
    assert shown(lab.who(lab.token(arn, "s3")))["username"] == "kubernetes-admin"


def test_a_node_is_named_after_the_instance_of_its_session() -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("nodes")
    name = "ip-10-0-0-1.eu-central-1.compute.internal"
    lab.world.accounts[ACCOUNT].instances["i-0123456789abcdef0"] = Instance(
        "i-0123456789abcdef0", "eu-central-1", name
    )
    row = {
        "rolearn": arn,
        "username": "system:node:{{EC2PrivateDNSName}}",
        "groups": ["system:nodes"],
    }
    lab.set_aws_auth(mapRoles=json.dumps([row]))
    user = lab.who(lab.token(arn, "i-0123456789abcdef0"))
    assert user is not None
    assert user["username"] == f"system:node:{name}"
    assert lab.who(lab.token(arn, "i-0fffffffffffffff0")) is None
    assert lab.who(lab.token(arn, "somebody")) is None


def test_a_role_made_anew_is_not_the_one_that_the_entry_was_made_for() -> None:
    lab = kubernetes_lab("API_AND_CONFIG_MAP")
    arn = lab.add_role("ops", id="AROAFIRSTXXXXXXXXXXXX")
    lab.add_entry(arn, "from-entry")
    lab.set_aws_auth(mapRoles=MASTERS)
    assert shown(lab.who(lab.token(arn)))["username"] == "from-entry"
    lab.add_role("ops", id="AROASECONDXXXXXXXXXXX")
    assert shown(lab.who(lab.token(arn, "s2")))["username"] == "ops"
    lab.set_mode("API")
    assert lab.who(lab.token(arn, "s3")) is None


def test_an_entry_counts_when_it_has_propagated() -> None:
    lab = kubernetes_lab("API_AND_CONFIG_MAP")
    lab.world.clock.freeze()
    arn = lab.add_role("ops")
    lab.add_entry(arn, "from-entry", delay=timedelta(seconds=20))
    assert lab.who(lab.token(arn)) is None
    lab.world.clock.advance(timedelta(seconds=21))
    assert shown(lab.who(lab.token(arn)))["username"] == "from-entry"


def test_two_spellings_of_one_user_are_drawn_anew_at_each_login() -> None:
    lab = kubernetes_lab()
    arn = lab.add_user("carol")
    rows = [
        {"userarn": arn, "username": "one"},
        {"userarn": arn.replace("carol", "Carol"), "username": "two"},
    ]
    lab.set_aws_auth(mapUsers=json.dumps(rows))
    seen = set()
    for _ in range(60):
        lab.api.authenticator.forget()
        seen.add(shown(lab.who(lab.token(arn)))["username"])
    assert seen == {"one", "two"}


# aws-auth as watched


def test_deleting_aws_auth_empties_the_map_at_once() -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("ops")
    lab.set_aws_auth(mapRoles=MASTERS)
    assert lab.who(lab.token(arn, "a")) is not None
    assert (
        lab.ask(lab.admin(), "DELETE", "/api/v1/namespaces/kube-system/configmaps/aws-auth").code
        == 200
    )
    assert lab.who(lab.token(arn, "b")) is None


def test_a_section_that_does_not_parse_is_lost_and_the_other_stays() -> None:
    lab = kubernetes_lab()
    role, user = lab.add_role("ops"), lab.add_user("carol")
    lab.set_aws_auth(
        mapRoles="- rolearn: x\n\tusername: tab",
        mapUsers=json.dumps([{"userarn": user, "username": "carol"}]),
    )
    assert lab.who(lab.token(role)) is None
    assert shown(lab.who(lab.token(user)))["username"] == "carol"


# the cache


def test_an_old_token_lives_on_until_the_cache_forgets_it() -> None:
    lab = kubernetes_lab()
    lab.world.clock.freeze()
    lab.world.settings.token_cache = timedelta(seconds=10)
    arn = lab.add_role("ops")
    lab.set_aws_auth(mapRoles=MASTERS)
    old = lab.token(arn, "old")
    assert lab.who(old) is not None
    lab.set_aws_auth()
    assert lab.who(lab.token(arn, "fresh")) is None
    lab.world.clock.advance(timedelta(seconds=9))
    assert lab.who(old) is not None
    lab.world.clock.advance(timedelta(seconds=2))
    assert lab.who(old) is None


def test_a_refusal_is_never_remembered() -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("ops")
    token = lab.token(arn)
    assert lab.who(token) is None
    lab.set_aws_auth(mapRoles=MASTERS)
    assert lab.who(token) is not None


# the token


def test_a_token_for_another_cluster_is_refused() -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("ops")
    lab.set_aws_auth(mapRoles=MASTERS)
    assert lab.who(token_of(lab.world, arn, cluster="other")) is None


def test_a_token_of_a_real_sts_host_of_the_partition_is_accepted() -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("ops")
    lab.set_aws_auth(mapRoles=MASTERS)
    for host in ("sts.amazonaws.com", "sts.eu-central-1.amazonaws.com", "sts.eu-central-1.api.aws"):
        assert lab.who(token_of(lab.world, arn, endpoint=f"https://{host}")) is not None, host
    for host in (
        "sts.amazonaws.com.evil.example",
        "evil.example.com",
        "sts.cn-north-1.amazonaws.com.cn",
    ):
        assert lab.who(token_of(lab.world, arn, endpoint=f"https://{host}")) is None, host


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda url: "x" * 5000, "token is too large"),
        (
            lambda url: url.replace("http://127.0.0.1:4566", "http://sts.amazonaws.com"),
            "unexpected scheme",
        ),
        (lambda url: url.replace("127.0.0.1:4566/", "127.0.0.1:4566/sts"), "unexpected path"),
        (lambda url: url + "&Extra=1", "non-whitelisted query parameter"),
        (lambda url: url + "&action=GetCallerIdentity", "multiple values not supported"),
        (lambda url: url.replace("GetCallerIdentity", "GetSessionToken"), "unexpected action"),
        (lambda url: url.replace("%3Bx-k8s-aws-id", ""), "did not sign the x-k8s-aws-id header"),
        (lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=901"), "invalid X-Amz-Expires"),
        (lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=-1"), "invalid X-Amz-Expires"),
        (lambda url: re.sub("X-Amz-Date=[^&]*", "X-Amz-Date=20200101T000000Z", url), "is expired"),
        (lambda url: re.sub("X-Amz-Date=[^&]*&", "", url), "must be present"),
        (
            lambda url: re.sub("X-Amz-Signature=.*", "X-Amz-Signature=" + 64 * "0", url),
            "sts getCallerIdentity failed",
        ),
    ],
)
def test_a_damaged_token_is_refused_and_the_log_says_why(
    damage: Callable[[str], str], said: str
) -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("ops")
    lab.set_aws_auth(mapRoles=MASTERS)
    token = lab.token(arn)
    encoded = token.removeprefix("k8s-aws-v1.")
    url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    damaged = damage(url)
    assert damaged != url
    answer = lab.ask(wrap(damaged), "GET", "/api/v1/nodes")
    assert (answer.code, answer.message) == (401, "Unauthorized")
    assert said in lines(lab)[-1]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "k8s-aws-v1",
        "k8s-aws-v1.*",
        "k8s-aws-v1.aHR0cHM6Ly9b",
        "k8s-aws-v1.__8",
        "eyJ.e30.x",
        "a.",
        "ä",
        "k8s-aws-v1.\ud800",
    ],
)
def test_garbage_is_no_token(token: str) -> None:
    lab = kubernetes_lab()
    assert lab.ask(token, "GET", "/api/v1/nodes").code == 401


def test_a_token_survives_a_step_of_lab_time_because_signatures_are_on_machine_time() -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("ops")
    lab.set_aws_auth(mapRoles=MASTERS)
    lab.world.clock.advance(timedelta(days=2))
    assert lab.who(lab.token(arn)) is not None


# log lines


def lines(lab: KubernetesLab) -> list[str]:
    return [
        line.message
        for line in lab.cluster.logs.between(None, None)
        if line.stream.startswith("authenticator")
    ]


def test_a_login_is_logged_as_the_authenticator_logs_it() -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("ops", "/team/")
    lab.set_aws_auth(mapRoles=MASTERS)
    lab.who(lab.token(arn))
    response, granted = lines(lab)
    assert 'level=info msg="STS response"' in response
    assert f'arn="arn:aws:sts::{ACCOUNT}:assumed-role/ops/s1"' in response
    assert granted.split(" ", 1)[1] == (
        f'level=info msg="access granted" arn="{role_arn("ops")}" client=127.0.0.1 '
        f'groups="[system:masters]" '
        "method=POST path=/authenticate "
        'uid="aws-iam-authenticator:111122223333:AROAOPSXXXXXXXXXXXXXX" username=ops'
    )


def test_a_denied_login_is_logged_with_the_principal() -> None:
    lab = kubernetes_lab()
    lab.who(lab.token(lab.add_user("carol", "/div/")))
    assert lines(lab)[-1].split(" ", 1)[1] == (
        f'level=warning msg="access denied" arn="{user_arn("carol", "/div/")}" client=127.0.0.1 '
        'error="identity is not mapped" method=POST path=/authenticate'
    )


def test_no_line_holds_a_token_or_a_line_break_of_a_name() -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("ops")
    row = {
        "rolearn": role_arn("ops"),
        "username": 'a"\nlevel=info msg="access granted"',
        "groups": [],
    }
    lab.set_aws_auth(mapRoles=json.dumps([row]))
    token = lab.token(arn)
    lab.who(token)
    assert "\n" not in lines(lab)[-1]
    assert 'username="a\\"\\nlevel' in lines(lab)[-1]
    secret = lab.world.credentials_of(arn, "s1")
    assert not any(token[11:40] in line or secret.secret_access_key in line for line in lines(lab))


def test_a_cluster_without_authenticator_logs_logs_nothing() -> None:
    lab = kubernetes_lab()
    lab.cluster.log_types = ()
    lab.who(lab.token(lab.add_role("ops")))
    assert len(lab.cluster.logs) == 0
