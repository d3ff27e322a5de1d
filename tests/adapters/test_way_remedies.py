"""Remedies that are commands are run, and the next try succeeds; the clock is read from AWS."""

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest

from migrator.adapters.aws_session import AwsSettings, open_session, skew_of
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.adapters.kubernetes_wire import open_wire
from migrator.adapters.proxy_settings import is_exempt
from migrator.decide.reach.way.clock import clock_check
from migrator.decide.reach.way.stages import way_failure
from migrator.errors import MigratorError
from tests.support.way_certificates import issuer, served
from tests.support.way_servers import Proxy, api, closed_port, listening

OWN, OTHER = issuer(), issuer("inspection.corp.example")
VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def failure(endpoint: Endpoint) -> MigratorError:
    wire = open_wire(endpoint, explain=way_failure, connect_seconds=0.5)
    with pytest.raises(MigratorError) as caught:
        wire.send("GET", "/api", authorization=None)
    wire.close()
    return caught.value


def works(endpoint: Endpoint) -> bool:
    wire = open_wire(endpoint, explain=way_failure, connect_seconds=2)
    status = wire.send("GET", "/api", authorization=None).status
    wire.close()
    return status == 200


def endpoint(port: int) -> Endpoint:
    server = f"https://127.0.0.1:{port}"
    return Endpoint(server=server, ca_pem=OWN.pem, cluster_name="prod", public=True)


def test_no_proxy_as_the_remedy_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(api(served(OWN).context(tmp_path))) as port, closed_port() as dead:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{dead}")
        error = failure(endpoint(port))
        assert error.code == "proxy-unreachable"
        command = re.findall(r"`(export [^`]+)`", error.remedy)[0]
        shell = f'{command}; printf %s "$NO_PROXY"'
        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
        monkeypatch.setenv("NO_PROXY", done.stdout)
        assert works(endpoint(port))


def test_user_and_password_where_the_remedy_puts_them(tmp_path: Path) -> None:
    proxy = Proxy(login="ann:p@ss:w\N{LATIN SMALL LETTER O WITH DIAERESIS}rd")
    with listening(api(served(OWN).context(tmp_path))) as port, listening(proxy.serve) as through:
        asked = replace(endpoint(port), proxy_url=f"http://127.0.0.1:{through}")
        error = failure(asked)
        assert error.code == "proxy-login-missing"
        url = re.findall(r"http://USER:PASSWORD@\S+", error.remedy)[0]
        given = url.replace("USER", "ann").replace("PASSWORD", "p%40ss%3Aw%C3%B6rd")
        assert works(replace(asked, proxy_url=given))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
def test_the_command_that_shows_who_answers(tmp_path: Path) -> None:
    with listening(api(served(OTHER).context(tmp_path))) as port:
        error = failure(endpoint(port))
        command = re.findall(r"`(openssl [^`]+)`", error.remedy)[0]
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "inspection.corp.example" in done.stdout


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_off_is_read_from_the_date_of_aws(
    minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = datetime.now(timezone.utc) - timedelta(minutes=minutes)  # noqa: TID251
    body = (
        b'{"message": "Signature expired: 20261129T000000Z is now earlier than 20261129T001000Z"}'
    )
    head = (
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"
        "x-amzn-ErrorType: InvalidSignatureException\r\n"
        f"Date: {format_datetime(theirs, usegmt=True)}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)

    def serve(stream: object) -> None:
        stream.recv(65536)  # type: ignore[attr-defined]
        stream.sendall(head.encode() + body)  # type: ignore[attr-defined]

    with listening(serve) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        session = open_session(AwsSettings(region="eu-central-1"))
        with pytest.raises(MigratorError) as caught:
            session.call("eks", "describe_cluster", name="prod")
    side = "ahead of" if minutes > 0 else "behind"
    assert caught.value.code == "clock-skewed"
    assert f"10 minutes {side} AWS's" in caught.value.why
    assert "timedatectl" in caught.value.remedy
    assert clock_check(session.clock_skew).state == "fail"


@pytest.mark.skipif(shutil.which("timedatectl") is None, reason="there is no timedatectl here")
def test_timedatectl_knows_the_command_that_sets_the_clock() -> None:
    """The help of the program that is installed here: setting the clock is not for a test."""
    remedy = clock_check(timedelta(minutes=-10)).remedy
    (line,) = re.findall(r"`([^`]+)`", remedy)
    program, command, value = shlex.split(line)[-3:]
    helped = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert re.search(rf"^ +{command} BOOL ", helped.stdout, re.M)
    assert value == "true"


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, "ok"), (59, "ok"), (61, "warn"), (-299, "warn"), (300, "fail")]
)
def test_a_clock_is_judged_by_minutes(seconds: int, state: str) -> None:
    assert clock_check(timedelta(seconds=seconds)).state == state


def test_what_is_no_date_says_nothing_of_the_clock() -> None:
    assert [skew_of(text) for text in ("", "yesterday", "Sun, 99 Nov 2026 00:00:00 GMT")] == [
        None
    ] * 3
    assert clock_check(None).state == "unknown"


@pytest.mark.parametrize(
    ("no_proxy", "exempt"),
    [
        ("", False),
        ("*", True),
        ("abc.gr7.eu-central-1.eks.amazonaws.com", True),
        (".eks.amazonaws.com", True),
        ("*.eks.amazonaws.com", True),
        ("localhost, eks.amazonaws.com", True),
        ("ks.amazonaws.com", False),
        ("abc.gr7.eu-central-1.eks.amazonaws.com:443", False),
        ("10.0.0.0/8", False),
    ],
)
def test_no_proxy_names_hosts_and_their_subdomains(no_proxy: str, exempt: bool) -> None:
    server = "https://ABC.gr7.eu-central-1.eks.amazonaws.com"
    assert is_exempt(server, no_proxy) is exempt


def test_no_proxy_names_addresses_by_block() -> None:
    assert is_exempt("https://10.1.2.3:443", "10.0.0.0/8")
    assert is_exempt("https://[fd00::1]:443", "fd00::/8")
    assert not is_exempt("https://11.1.2.3:443", "10.0.0.0/8")
