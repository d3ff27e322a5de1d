"""The system's Chromium, driven by Playwright. Without it the tests are skipped visibly; in CI they
fail.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Where pictures of the pages go, to be looked at; not part of the repository.
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        missing = f"none of {', '.join(NAMES)} is on this machine: pages are not looked at"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


@dataclass
class Opened:
    """A page with everything that went wrong in it, and everything that it asked the network
    for.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def serious_violations(self) -> list[tuple[str, str]]:
        """``(rule, element)`` of what axe-core finds serious or critical, with everything
        unfolded.
        """
        self.page.evaluate(
            "for (const each of document.querySelectorAll('details')) { each.open = true; }"
        )
        self.page.evaluate(
            "for (const each of document.querySelectorAll('.card, section')) "
            "each.style.contentVisibility = 'visible'"
        )
        self.page.evaluate(
            files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        )
        found = self.page.evaluate("axe.run().then(results => results.violations)")
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        return [(each["id"], node["html"]) for each in serious for node in each["nodes"]]

    def heard(self, message: ConsoleMessage) -> None:
        self.complaints.append(f"{message.type}: {message.text}")


Open = Callable[..., Opened]


@pytest.fixture
def open_html(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a document from a file, as somebody who got it by mail does."""
    contexts: list[BrowserContext] = []

    def open_it(
        html: str, *, width: int = 1280, dark: bool = False, scripts: bool = True
    ) -> Opened:
        file = tmp_path / f"page-{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("console", opened.heard)
        opened.page.on("pageerror", lambda error: opened.complaints.append(f"error: {error}"))
        opened.page.on(
            "dialog", lambda dialog: opened.complaints.append(f"dialog: {dialog.message}")
        )
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.goto(file.as_uri())
        return opened

    yield open_it
    for context in contexts:
        context.close()
