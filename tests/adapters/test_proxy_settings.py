"""Which proxy is in effect, and that no address of one ends in a traceback or in a message."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.adapters.kubeconfig import open_kubeconfig
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.adapters.proxy_settings import choose_proxy
from migrator.errors import WrongUse
from migrator.model.proxy import parse_proxy
from tests.support.way_certificates import issuer

SERVER = "https://abc.gr7.eu-central-1.eks.amazonaws.com"
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters:
- name: prod
  cluster: {{server: {server}, proxy-url: "{proxy}"}}
users:
- name: ann
  user: {{token: x}}
contexts:
- name: prod
  context: {{cluster: prod, user: ann}}
current-context: prod
"""


@given(st.text())
def test_any_text_is_a_proxy_or_a_wrong_use(text: str) -> None:
    try:
        proxy = parse_proxy(text, "--proxy-url")
    except WrongUse as error:
        assert error.code in ("proxy-malformed", "proxy-unsupported")
        return
    assert proxy.scheme in ("http", "https")
    assert 0 < proxy.port < 65536


@given(
    st.text("abcXYZ019.-_~", min_size=8), st.sampled_from(["", ":x", ":0", ":1/y", ":70000", ":1"])
)
def test_a_password_is_in_no_message_and_no_representation(password: str, end: str) -> None:
    try:
        proxy = parse_proxy(f"http://ann:{password}@proxy.example{end}", "HTTPS_PROXY")
    except WrongUse as error:
        assert password not in f"{error.message} {error.why} {error.remedy}"
        return
    assert password not in repr(proxy) + proxy.url + proxy.shown
    assert proxy.password == password


def test_option_then_kubeconfig_then_environment() -> None:
    environment = {"HTTPS_PROXY": "env:1", "https_proxy": "small:2", "ALL_PROXY": "all:3"}
    given = {"proxy_url": "http://option:4", "kubeconfig_proxy": "http://file:5"}

    def host(**arguments: str | None) -> str:
        proxy = choose_proxy(SERVER, **arguments, environment=environment).proxy
        assert proxy is not None
        return f"{proxy.host}:{proxy.port} {proxy.origin}"

    assert host(**given) == "option:4 --proxy-url"
    assert host(kubeconfig_proxy=given["kubeconfig_proxy"]) == "file:5 the kubeconfig"
    assert host() == "small:2 https_proxy"
    del environment["https_proxy"]
    assert host() == "env:1 HTTPS_PROXY"
    del environment["HTTPS_PROXY"]
    assert host() == "all:3 ALL_PROXY"
    environment["NO_PROXY"] = ".amazonaws.com"
    choice = choose_proxy(SERVER, environment=environment)
    assert (choice.proxy, choice.exempt) == (None, True)
    assert host(proxy_url="http://option:4") == "option:4 --proxy-url"


def test_the_proxy_of_a_kubeconfig_is_in_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://env.example:1")
    cluster = Endpoint(server=SERVER, ca_pem=issuer().pem, cluster_name="prod")
    file = tmp_path / "config"
    file.write_text(KUBECONFIG.format(server=SERVER, proxy="http://ann:s3cret@file.example:5"))
    client = open_kubeconfig(cluster, file=str(file))
    proxy = client.wire.ends.proxy
    assert proxy is not None
    assert (proxy.host, proxy.origin, proxy.password) == (
        "file.example",
        "the kubeconfig",
        "s3cret",
    )
    file.write_text(KUBECONFIG.format(server=SERVER, proxy="socks5://file.example:5"))
    with pytest.raises(WrongUse) as caught:
        open_kubeconfig(cluster, file=str(file))
    assert caught.value.code == "proxy-unsupported"
    assert "the kubeconfig" in caught.value.message
