"""What every test shares: the number of examples, and an environment in which nothing real can be
reached.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Their asserts are explained like those of tests. It must be said before the first import.
pytest.register_assert_rewrite("tests.support")

from tests.support.iri_syntax import build_grammar_when_asked  # noqa: E402

# Images of containers often forbid bytecode: then each of the many processes that tests start would
# compile the whole package again, and pytest would rewrite every test again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

build_grammar_when_asked()

# Nothing of what is collected is garbage: it is looked through once, when all of it is there.
gc.disable()

pytest_plugins = [
    "tests.support.judge.summary",
    "tests.support.lab_fixtures",
    "tests.support.processor_time",
    "tests.support.unsynced_files",
]

_COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("default", max_examples=100, derandomize=True, database=None, **_COMMON)  # type: ignore[arg-type]
settings.register_profile("quick", max_examples=25, derandomize=True, database=None, **_COMMON)  # type: ignore[arg-type]
settings.register_profile("long", max_examples=20_000, print_blob=True, database=None, **_COMMON)  # type: ignore[arg-type]
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A shell that starts the tests in the background has SIGINT ignored, nohup SIGHUP, and every
# process they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

_FOREIGN = ("AWS_", "KUBE", "MIGRATE_", "SSL_CERT", "REQUESTS_CA", "CURL_CA", "NO_COLOR")
_PROXIES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)


@pytest.fixture(autouse=True)
def no_foreign_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """No credentials, CA bundles, proxies or profiles of the developer."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name in _PROXIES:
            monkeypatch.delenv(name)
    nowhere = tmp_path_factory.getbasetemp() / "nowhere"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that build on each other come first: a worker that has nothing left to do takes tests
    from the end of another one's list, and would begin in the middle of such a module. Modules with
    slow tests are next: one that begins last keeps the other workers idle.
    """
    from tests.support.processor_time import LISTED, listed

    slow = {test.partition("::")[0] for test in listed(LISTED.read_text(encoding="utf-8"))}

    def place(item: pytest.Item) -> int:
        if item.get_closest_marker("in_order") is not None:
            return 0
        return 1 if item.nodeid.partition("::")[0] in slow else 2

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Where tests use the AWS SDK, its descriptions of services are read once."""
    if "botocore" in sys.modules:
        from tests.support.service_models import read_service_models_once

        read_service_models_once()
    gc.collect()
    gc.freeze()
    # What the AWS SDK makes is looked through again and again otherwise: a tenth of those tests.
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
