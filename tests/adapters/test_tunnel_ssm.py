"""The tunnel, with a stand-in for AWS's plugin: how it is started, what it is told, and that it
ends.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from migrator.adapters import tunnel_relay
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.adapters.kubernetes_wire import CONNECT_SECONDS, open_wire
from migrator.adapters.tunnel_ssm import open_tunnel
from migrator.adapters.via import Via
from migrator.errors import MigratorError
from tests.support.scripted_api import scripted_api
from tests.support.small_lab import SmallLab
from tests.support.stubbed_aws import answering, stubbed_session

INSTANCE = "i-0123456789abcdef0"
ENDPOINT = Endpoint(
    server="https://abc.gr7.eu-central-1.eks.amazonaws.com", ca_pem="PEM", cluster_name="prod"
)
STARTED = {"SessionId": "s-1", "TokenValue": "very-secret-token", "StreamUrl": "wss://x"}
# Forwards the local port that it is told to a target on this machine, and writes down what it was
# told.
PROGRAM = """#!{python}
import json, os, socket, sys, threading
if sys.argv[1:] == ["--version"]:
    print("{version}")
    raise SystemExit
request = json.loads(sys.argv[5])
told = {{"argv": sys.argv[1:], "response": os.environ["AWS_SSM_START_SESSION_RESPONSE"]}}
with open({told!r}, "w", encoding="utf-8") as file:
    json.dump(told, file)
if {dies}:
    raise SystemExit(3)
listener = socket.create_server(("127.0.0.1", int(request["Parameters"]["localPortNumber"][0])))
def copy(a, b):
    try:
        while data := a.recv(65536):
            if not os.path.exists({silent!r}):
                b.sendall(data)
    except OSError:
        pass
    finally:
        b.close()
while True:
    one, _ = listener.accept()
    other = socket.create_connection(("127.0.0.1", {port}))
    threading.Thread(target=copy, args=(one, other), daemon=True).start()
    threading.Thread(target=copy, args=(other, one), daemon=True).start()
"""


def plugin(tmp_path: Path, *, port: int = 9, version: str = "1.2.553.0", dies: bool = False) -> str:
    told = str(tmp_path / "told.json")
    silent = str(silent_in(tmp_path))
    text = PROGRAM.format(
        python=sys.executable, version=version, told=told, dies=dies, port=port, silent=silent
    )
    file = tmp_path / "plugin"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o700)
    return str(file)


def silent_in(tmp_path: Path) -> Path:
    """While it exists, the plugin runs and passes nothing on."""
    return tmp_path / "silent"


def told(tmp_path: Path) -> Any:  # noqa: ANN401 - JSON
    return json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))


def test_the_tunnel_leads_to_the_endpoint_under_its_own_name(tmp_path: Path, lab: SmallLab) -> None:
    """Through the stand-in to the lab's API server: TLS still checks the endpoint's name and
    authority.
    """
    real = lab.wire.endpoint
    port = int(real.server.rpartition(":")[2])
    session = stubbed_session()
    with answering(session, "ssm") as ssm:
        ssm.add_response("start_session", STARTED)
        ssm.add_response("terminate_session", {"SessionId": "s-1"}, {"SessionId": "s-1"})
        with open_tunnel(
            session, Via(INSTANCE), real, plugin=plugin(tmp_path, port=port)
        ) as endpoint:
            assert endpoint.tls_server_name == "127.0.0.1"
            assert endpoint.server != real.server
            assert open_wire(endpoint).send("GET", "/version", authorization=None).status in (
                200,
                401,
            )
    arguments = told(tmp_path)["argv"]
    assert "very-secret-token" not in " ".join(arguments)
    assert json.loads(told(tmp_path)["response"])["TokenValue"] == "very-secret-token"
    request = json.loads(arguments[4])
    assert request["Parameters"]["host"] == ["127.0.0.1"]
    assert request["Parameters"]["portNumber"] == [str(port)]


def test_a_proxy_behind_the_instance_becomes_the_proxy(tmp_path: Path) -> None:
    session = stubbed_session()
    with scripted_api(lambda _: (200, {})) as api, answering(session, "ssm") as ssm:
        ssm.add_response("start_session", STARTED)
        ssm.add_response("terminate_session", {"SessionId": "s-1"})
        port = int(api.url.rpartition(":")[2])
        way = Via(INSTANCE, None, "proxy.internal", 3128)
        with open_tunnel(session, way, ENDPOINT, plugin=plugin(tmp_path, port=port)) as endpoint:
            assert endpoint.server == ENDPOINT.server
            assert str(endpoint.proxy_url).startswith("http://127.0.0.1:")
    assert json.loads(told(tmp_path)["argv"][4])["Parameters"]["host"] == ["proxy.internal"]


def test_the_session_ends_with_an_error_inside(tmp_path: Path) -> None:
    session = stubbed_session()
    with scripted_api(lambda _: (200, {})) as api, answering(session, "ssm") as ssm:
        ssm.add_response("start_session", STARTED)
        ssm.add_response("terminate_session", {"SessionId": "s-1"})
        way = open_tunnel(
            session, Via(INSTANCE), ENDPOINT, plugin=plugin(tmp_path, port=int(api.url[17:]))
        )
        with pytest.raises(ZeroDivisionError), way:
            raise ZeroDivisionError


def test_a_plugin_that_dies_is_told(tmp_path: Path) -> None:
    session = stubbed_session()
    with answering(session, "ssm") as ssm:
        ssm.add_response("start_session", STARTED)
        ssm.add_response("terminate_session", {"SessionId": "s-1"})
        way = open_tunnel(session, Via(INSTANCE), ENDPOINT, plugin=plugin(tmp_path, dies=True))
        with pytest.raises(MigratorError) as caught, way:
            pass
    assert caught.value.code == "tunnel-failed"


@pytest.mark.parametrize(
    ("version", "code"),
    [("1.2.463.0", "plugin-too-old"), ("", "plugin-too-old"), (None, "plugin-missing")],
)
def test_the_plugin_must_be_there_and_take_the_token_by_environment(
    version: str | None, code: str, tmp_path: Path
) -> None:
    program = str(tmp_path / "nothing") if version is None else plugin(tmp_path, version=version)
    way = open_tunnel(stubbed_session(), Via(INSTANCE), ENDPOINT, plugin=program)
    with pytest.raises(MigratorError) as caught, way:
        pass
    assert caught.value.code == code


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed early."""
    monkeypatch.setattr(tunnel_relay, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(tunnel_relay.answers, "__defaults__", (0.3,))


def through(
    lab: SmallLab, tmp_path: Path, steps: str, *, sessions: int = 1, speaks_again: bool = False
) -> list[str]:
    """Requests through a tunnel, each its status or the code of its error. ``steps``: ``s`` falls
    silent, ``r`` is a request.
    """
    real, session, found = lab.wire.endpoint, stubbed_session(), list[str]()
    silent = silent_in(tmp_path)

    def say(text: str) -> None:
        if speaks_again and "once more" in text:
            silent.unlink()

    with answering(session, "ssm") as ssm:
        for _ in range(sessions):
            ssm.add_response("start_session", STARTED)
            ssm.add_response("terminate_session", {"SessionId": "s-1"})
        port = int(real.server.rpartition(":")[2])
        program = plugin(tmp_path, port=port)
        with open_tunnel(session, Via(INSTANCE), real, plugin=program, say=say) as endpoint:
            wire = open_wire(endpoint)
            for step in steps:
                if step == "s":
                    silent.touch()
                    continue
                try:
                    found.append(str(wire.send("GET", "/version", authorization=None).status))
                except MigratorError as error:
                    found.append(error.code)
    return found


def test_silence_is_noticed_before_a_connection_is_given_up() -> None:
    (probe,) = tunnel_relay.answers.__defaults__ or ()
    assert tunnel_relay.SILENT_SECONDS + probe < CONNECT_SECONDS


@pytest.mark.usefixtures("quick")
def test_a_session_that_is_silent_from_the_start_is_one_clear_error(
    tmp_path: Path, lab: SmallLab
) -> None:
    assert through(lab, tmp_path, "srr") == ["tunnel-failed", "tunnel-failed"]


@pytest.mark.usefixtures("quick")
def test_a_session_that_falls_silent_is_opened_once_more(tmp_path: Path, lab: SmallLab) -> None:
    found = through(lab, tmp_path, "rsrr", sessions=2, speaks_again=True)
    assert len(found) == 3
    assert set(found) <= {"200", "401"}


@pytest.mark.usefixtures("quick")
def test_a_session_that_stays_silent_ends_the_run(tmp_path: Path, lab: SmallLab) -> None:
    first, *others = through(lab, tmp_path, "rsrr", sessions=2)
    assert first in ("200", "401")
    assert others == ["tunnel-lost", "tunnel-lost"]
