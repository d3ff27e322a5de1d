"""The dashboard of a fleet of a thousand clusters as readers meet it: in a browser, a phone, on
paper, by keyboard.
"""

import statistics
from functools import cache

import pytest
from playwright.sync_api import Page, expect

from migrator.decide.reach.detections import DETECTIONS
from migrator.fleet.model.report import FleetReport
from migrator.fleet.render.page import fleet_html
from migrator.render.escape import terminal
from tests.browser.conftest import SCREENSHOTS, Open, Opened
from tests.browser.test_report import MARKUP
from tests.support.fleet_reports import done, hostile, large
from tests.support.plans import HOSTILE

pytestmark = pytest.mark.browser

OPEN = 2000  # milliseconds until the page is there and painted
FILTER = 100  # milliseconds of work for a key, the table laid out


@cache
def a_thousand() -> FleetReport:
    return large()


@cache
def page_of_a_thousand() -> str:
    return fleet_html(a_thousand())


def names(page: Page) -> list[str]:
    """The clusters in the table, those that are drawn."""
    return page.locator("#rows .opener").all_text_contents()


def told(page: Page) -> str:
    return page.locator("#shown").inner_text()


def test_a_thousand_clusters_open_within_two_seconds(open_html: Open) -> None:
    """The fastest of five: what else this machine does makes a page slower, and nothing makes it
    faster.
    """
    opens: list[float] = []
    while len(opens) < 5 and not (opens and min(opens) < OPEN):
        page = open_html(page_of_a_thousand()).page
        # not wait_for_function: what it asks again in the page is an eval, which the page's own
        # policy forbids
        while not page.evaluate("performance.getEntriesByName('first-contentful-paint').length"):
            page.wait_for_timeout(10)
        opens.append(
            page.evaluate(
                "Math.max(performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd,"
                " performance.getEntriesByName('first-contentful-paint')[0].startTime)"
            )
        )
    print("opened in", [round(each) for each in opens], "ms")  # noqa: T201 - shown with -s
    assert min(opens) < OPEN


def test_a_thousand_clusters_filter_without_lag(open_html: Open) -> None:
    """Time of the page's own thread, from a key to the table laid out: what else this machine does
    is not in it.
    """
    page = open_html(page_of_a_thousand()).page
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "ThreadTime")) * 1000

    took = []
    for text in ("payments-web", "observability-vendor blocked", "unverified prod"):
        for end in range(1, len(text) + 1):
            before = spent()
            page.evaluate(
                """(text) => {
                    const search = document.getElementById("filters").elements.search;
                    search.value = text;
                    search.dispatchEvent(new Event("input", { bubbles: true }));
                    // laid out, as the next picture needs it
                    document.body.getBoundingClientRect();
                }""",
                text[:end],
            )
            took.append(spent() - before)
    worst = statistics.quantiles(took, n=20)[-1]
    print(f"{len(took)} keys: median {statistics.median(took):.1f} ms, p95 {worst:.1f} ms")  # noqa: T201 - with -s
    assert statistics.median(took) > 0
    assert worst < FILTER


def test_nothing_is_loaded_and_nothing_complains(open_html: Open) -> None:
    for html in (page_of_a_thousand(), fleet_html(done()), fleet_html(hostile(*HOSTILE))):
        opened = open_html(html)
        assert opened.complaints == []
        assert opened.requests == [opened.page.url]


def test_the_state_of_the_whole_is_seen_first(open_html: Open) -> None:
    page = open_html(page_of_a_thousand()).page
    assert page.locator("h1").inner_text() == "platform"
    for seen in (".verdict", ".figures", ".keys"):
        box = page.locator(seen).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 600
    assert page.locator(".keys li").all_text_contents()[3] == "120 blocked"


def test_rows_are_drawn_as_they_are_needed_and_all_can_be_reached(open_html: Open) -> None:
    page = open_html(page_of_a_thousand()).page
    assert told(page) == "1,000 of 1,000 clusters shown"
    assert len(names(page)) < 200
    page.locator("select[name=account]").select_option("200000000007")
    while page.locator("#more-button").is_visible():
        page.locator("#more-button").click()
    here = [row.cluster.name for row in a_thousand().rows if row.cluster.account == "200000000007"]
    assert sorted(names(page)) == sorted(here)


def test_search_finds_names_accounts_tags_principals_and_findings(open_html: Open) -> None:
    opened = open_html(page_of_a_thousand())
    page, search = opened.page, opened.page.get_by_role("searchbox")
    for words, found in (
        ("risk-jobs-0444", "Filtered: 1 of 1,000 clusters shown"),
        ("OBSERVABILITY-VENDOR", "Filtered: 120 of 1,000 clusters shown"),
        ("service=ml 200000000007", None),
        ("nobody is called this", "Filtered: 0 of 1,000 clusters shown"),
    ):
        search.fill(words)
        if found:
            assert told(page) == found
    expect(page.get_by_text("No cluster matches the filter.")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#shown")).to_have_text("1,000 of 1,000 clusters shown")
    assert opened.complaints == []


def test_filters_narrow_together_and_sorting_keeps_every_cluster(open_html: Open) -> None:
    page = open_html(page_of_a_thousand()).page
    page.locator("select[name=stage]").select_option("blocked")
    page.locator("select[name=region]").select_option("eu-west-1")
    page.locator("select[name=finding]").select_option("service-linked-role")
    wanted = [
        row.cluster.name
        for row in a_thousand().rows
        if row.stage == "blocked"
        and row.cluster.region == "eu-west-1"
        and any(each.code == "service-linked-role" for each in row.facts.findings)
    ]
    assert sorted(names(page)) == sorted(wanted)
    assert wanted
    page.get_by_role("button", name="Cluster", exact=True).click()
    assert names(page) == sorted(wanted)
    page.get_by_role("button", name="Cluster", exact=True).click()
    assert names(page) == sorted(wanted, reverse=True)
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_a_row_opens_its_findings_and_the_command_to_run_next(open_html: Open) -> None:
    opened = open_html(page_of_a_thousand())
    page = opened.page
    page.get_by_role("searchbox").fill("logistics-ml-0003")
    opener = page.locator("#rows .opener")
    opener.press("Enter")
    detail = page.locator("tr.detail")
    expect(detail).to_contain_text("foreign-role-unverified")
    arn = next(
        row.cluster.arn for row in a_thousand().rows if row.cluster.name == "logistics-ml-0003"
    )
    where = "--state-dir /srv/migration/.migrate --decisions decisions.yaml"
    expect(detail).to_contain_text(f"migrate fleet plan fleet.yaml --cluster {arn} {where}")
    assert opener.get_attribute("aria-expanded") == "true"
    opener.press("Enter")
    expect(detail).to_have_count(0)
    assert opened.complaints == []


def test_a_question_shows_its_clusters_and_its_answer_can_be_copied(open_html: Open) -> None:
    opened = open_html(page_of_a_thousand())
    page = opened.page
    card = page.locator("#questions article").first
    card.get_by_role("button", name="Show them in the table").click()
    expect(page.locator("#shown")).to_have_text("Filtered: 120 of 1,000 clusters shown")
    expect(page.locator("#only")).to_contain_text("999999999999:role/observability-vendor")
    page.get_by_role("button", name="Show the others, too").click()
    assert told(page) == "1,000 of 1,000 clusters shown"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    # The button says it for a moment, in which a busy machine may not look.
    page.evaluate("window.setTimeout = () => 0")
    card.get_by_role("button", name="Copy").click()
    expect(card.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == card.locator("pre").text_content()
    assert copied.startswith("# 120 clusters: foreign-role-unverified\nwhere:\n  - principals:\n")
    assert opened.complaints == []


def test_a_stage_and_an_account_lead_to_their_clusters(open_html: Open) -> None:
    page = open_html(page_of_a_thousand()).page
    page.locator(".keys").get_by_role("link", name="10 unreachable").click()
    expect(page.locator("#shown")).to_have_text("Filtered: 10 of 1,000 clusters shown")
    expect(page.get_by_role("searchbox")).to_be_in_viewport()
    page.locator("#accounts").get_by_role("link", name="data-dev").first.click()
    expect(page.locator("select[name=account]")).to_have_value("200000000055")
    expect(page.locator("select[name=stage]")).to_have_value("")


def test_everything_can_be_reached_and_used_by_keyboard(open_html: Open) -> None:
    page = open_html(page_of_a_thousand()).page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_role("searchbox").focus()
    page.keyboard.type("risk-jobs-0444")
    page.keyboard.press("Enter")  # must not send the form anywhere
    assert names(page) == ["risk-jobs-0444"]
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "opener":
            break
    page.keyboard.press("Space")
    expect(page.locator("tr.detail")).to_contain_text("The journal is damaged.")


def test_without_scripts_the_summary_and_every_cluster_are_there_and_no_dead_controls(
    open_html: Open,
) -> None:
    page = open_html(page_of_a_thousand(), scripts=False).page
    expect(page.locator(".verdict")).to_contain_text("60 of 1,000 clusters migrated")
    assert page.locator("noscript table tbody tr:visible").count() == 1000
    assert page.locator("button:visible").count() == 0
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#questions pre").first).to_be_visible()


def is_harmless(opened: Opened) -> None:
    page = opened.page
    for opener in page.locator("#rows .opener").all():
        opener.click()
    page.evaluate("for (const each of document.querySelectorAll('details')) { each.open = true; }")
    assert opened.complaints == []
    assert opened.requests == [page.url]
    assert page.evaluate("window.ran") is None
    assert page.locator("script, style, head > *, base, iframe, img, object, link").count() == 9
    assert page.evaluate(
        "[...document.querySelectorAll('*')].every(e => [...e.attributes].every(a => "
        "!/^on|^style$/i.test(a.name)))"
    )
    linked = page.evaluate("[...document.links].filter(a => !a.hash).map(a => a.href)")
    # The note for the SOC links to the detections that it names.
    published = {each.source for each in DETECTIONS}
    assert [
        link
        for link in linked
        if not link.startswith("https://docs.aws.amazon.com/") and link not in published
    ] == []


def test_markup_in_names_stays_text(open_html: Open) -> None:
    opened = open_html(fleet_html(hostile(*MARKUP)))
    assert opened.page.locator("h1").text_content() == terminal(MARKUP[0])
    assert sorted(names(opened.page)) == sorted(terminal(text) for text in MARKUP)
    is_harmless(opened)
    for text in MARKUP:
        opened.page.get_by_role("searchbox").fill(text)
        assert terminal(text) in names(opened.page)


def test_hostile_names_stay_text(open_html: Open) -> None:
    opened = open_html(fleet_html(hostile(*HOSTILE)))
    is_harmless(opened)
    assert sorted(names(opened.page)) == sorted(terminal(text) or "(no name)" for text in HOSTILE)


@pytest.mark.parametrize(
    ("kind", "width", "dark"),
    [
        ("large", 1280, False),
        ("large", 1280, True),
        ("large", 400, False),
        ("large", 400, True),
        ("done", 1280, False),
        ("hostile", 400, False),
    ],
)
def test_it_is_readable_at_every_width_and_in_both_schemes(
    open_html: Open, kind: str, width: int, dark: bool
) -> None:
    reports = {
        "large": page_of_a_thousand(),
        "done": fleet_html(done()),
        "hostile": fleet_html(hostile(MARKUP[0] * 3)),
    }
    page = open_html(reports[kind], width=width, dark=dark).page
    page.locator("#rows .opener").first.click()
    page.evaluate(
        "for (const each of document.querySelectorAll('section')) each.style.contentVisibility = "
        "'visible'"
    )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = f"fleet-{kind}-{'phone' if width == 400 else 'desktop'}{'-dark' if dark else ''}.png"
    page.screenshot(path=SCREENSHOTS / name, full_page=True)
    assert (SCREENSHOTS / name).stat().st_size > 20_000
    assert page.evaluate("document.documentElement.scrollWidth") == width
    small = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => e.childNodes.length && e.offsetParent"
        " && parseFloat(getComputedStyle(e).fontSize) < 11).map(e => e.outerHTML)"
    )
    assert small == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (400, False)])
def test_axe_finds_nothing_serious(open_html: Open, width: int, dark: bool) -> None:
    opened = open_html(fleet_html(large(30, 40)), width=width, dark=dark)
    opened.page.locator("select[name=stage]").select_option("blocked")
    opened.page.locator("#rows .opener").first.click()
    assert opened.serious_violations() == []


def test_on_paper_every_matching_cluster_is_there_in_black_on_white_without_controls(
    open_html: Open,
) -> None:
    page = open_html(
        page_of_a_thousand(), width=688, dark=True
    ).page  # A4 without its margins, at 96 dpi
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") == 688
    for hidden in ("nav", "#filters", "#more"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.locator("button:visible").count() == page.locator(".opener").count()
    assert len(names(page)) == 1000
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(
        path=SCREENSHOTS / "fleet-large-paper.png",
        clip={"x": 0, "y": 0, "width": 688, "height": 6000},
    )
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert len(names(page)) < 200


def test_it_prints(open_html: Open) -> None:
    assert open_html(fleet_html(large(10, 30))).page.pdf(format="A4").startswith(b"%PDF-")
