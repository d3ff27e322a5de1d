"""Watches: every change once and in order, as a selector sees it; 410 for what is forgotten."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from migrator.lab.http_wire import Request
from tests.support.kubernetes_lab import KubernetesLab, WireClient, kubernetes_lab

CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"


@pytest.fixture
def lab() -> Iterator[KubernetesLab]:
    lab = kubernetes_lab()
    yield lab
    lab.api.stop()


@pytest.fixture
def admin(lab: KubernetesLab) -> str:
    return lab.admin()


def events(lab: KubernetesLab, token: str, query: str, count: int) -> list[tuple[str, Any]]:
    """The first events of a watch, in process."""
    request = Request(
        "GET", CONFIG_MAPS, f"watch=1&{query}", {"authorization": [f"Bearer {token}"]}, b"", "x:1"
    )
    response = lab.api.handle(request)
    assert response.chunks is not None
    found: list[tuple[str, Any]] = []
    for chunk in response.chunks:
        if chunk:
            event = json.loads(chunk)
            found.append((event["type"], event["object"]))
        if len(found) == count:
            break
    return found


def seen(found: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(kind, item["metadata"]["name"]) for kind, item in found]


def write(lab: KubernetesLab, token: str, name: str, **labels: str) -> str:
    body = {"metadata": {"name": name, "labels": labels}}
    answer = lab.ask(token, "PUT", f"{CONFIG_MAPS}/{name}", body)
    if answer.code == 404:
        answer = lab.ask(token, "POST", CONFIG_MAPS, body)
    return str(answer.body["metadata"]["resourceVersion"])


def test_a_watch_from_a_version_sees_what_came_after_in_order(
    lab: KubernetesLab, admin: str
) -> None:
    version = write(lab, admin, "a")
    write(lab, admin, "b")
    write(lab, admin, "a", x="y")
    lab.ask(admin, "DELETE", f"{CONFIG_MAPS}/b")
    lab.load("Secret", "not-a-config-map", "kube-system")
    found = events(lab, admin, f"resourceVersion={version}&timeoutSeconds=5", 3)
    assert seen(found) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    versions = [int(item["metadata"]["resourceVersion"]) for _, item in found]
    assert versions == sorted(versions)


def test_a_watch_without_a_version_begins_with_what_is_there(
    lab: KubernetesLab, admin: str
) -> None:
    write(lab, admin, "a")
    write(lab, admin, "b")
    assert seen(events(lab, admin, "timeoutSeconds=5", 2)) == [("ADDED", "a"), ("ADDED", "b")]


def test_an_object_that_begins_or_ends_to_match_comes_and_goes(
    lab: KubernetesLab, admin: str
) -> None:
    version = write(lab, admin, "a")
    write(lab, admin, "a", mine="yes")
    write(lab, admin, "a", mine="yes", more="x")
    write(lab, admin, "a")
    found = events(
        lab, admin, f"resourceVersion={version}&labelSelector=mine%3Dyes&timeoutSeconds=5", 3
    )
    assert [kind for kind, _ in found] == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_of_one_object_sees_no_other(lab: KubernetesLab, admin: str) -> None:
    version = write(lab, admin, "a")
    write(lab, admin, "b")
    write(lab, admin, "aws-auth")
    query = f"resourceVersion={version}&fieldSelector=metadata.name%3Daws-auth&timeoutSeconds=1"
    assert seen(events(lab, admin, query, 9)) == [("ADDED", "aws-auth")]


def test_a_forgotten_version_ends_in_410(lab: KubernetesLab, admin: str) -> None:
    version = write(lab, admin, "a")
    write(lab, admin, "b")
    lab.api.registry.store.compact()
    ((kind, status),) = events(lab, admin, f"resourceVersion={version}&timeoutSeconds=5", 5)
    assert kind == "ERROR"
    assert (status["code"], status["reason"]) == (410, "Expired")
    assert status["message"].startswith(f"too old resource version: {version} (")


def test_a_version_that_is_no_number_is_400(lab: KubernetesLab, admin: str) -> None:
    assert lab.ask(admin, "GET", f"{CONFIG_MAPS}?watch=1&resourceVersion=x").code == 400


def test_a_watch_ends_at_its_time_with_a_bookmark_when_asked(
    lab: KubernetesLab, admin: str
) -> None:
    version = write(lab, admin, "a")
    query = f"resourceVersion={version}&timeoutSeconds=1&allowWatchBookmarks=true"
    ((kind, found),) = events(lab, admin, query, 5)
    assert kind == "BOOKMARK"
    assert found["metadata"] == {"resourceVersion": str(lab.api.registry.store.revision)}


def test_a_change_reaches_a_watcher_on_the_wire_at_once(lab: KubernetesLab, admin: str) -> None:
    client = WireClient(lab)
    version = write(lab, admin, "a")
    headers = {"Authorization": f"Bearer {admin}"}
    client.connection.request(
        "GET", f"{CONFIG_MAPS}?watch=1&resourceVersion={version}", headers=headers
    )
    response = client.connection.getresponse()
    assert response.status == 200
    # Each is written when the one before it has arrived: none waits for another to be sent.
    for name in ("b", "c", "d"):
        write(lab, admin, name)
        event = json.loads(response.readline())
        assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", name)
    client.close()


def test_a_watch_ends_when_its_client_goes(lab: KubernetesLab, admin: str) -> None:
    client = WireClient(lab)
    client.connection.request(
        "GET", f"{CONFIG_MAPS}?watch=1", headers={"Authorization": f"Bearer {admin}"}
    )
    response = client.connection.getresponse()
    assert response.status == 200
    before = threading.active_count()
    response.close()
    client.close()
    deadline = time.monotonic() + 10
    while threading.active_count() >= before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() < before


def test_every_watch_ends_when_the_server_stops(lab: KubernetesLab, admin: str) -> None:
    client = WireClient(lab)
    client.connection.request(
        "GET", f"{CONFIG_MAPS}?watch=1", headers={"Authorization": f"Bearer {admin}"}
    )
    response = client.connection.getresponse()
    lab.api.stop()
    try:
        assert response.read() == b""
    except http.client.IncompleteRead as cut:  # the connection may be cut before the last chunk
        assert cut.partial == b""
    client.close()
