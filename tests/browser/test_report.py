"""The HTML report as a reader meets it: in a browser, on a phone, on paper, by keyboard, and with
hostile names.
"""

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from migrator.decide.reach.security_note import security_note
from migrator.render.escape import terminal
from migrator.render.html import report_html
from tests.browser.conftest import SCREENSHOTS, Open, Opened
from tests.support.plans import HOSTILE
from tests.support.reports import good, hostile, troubled

pytestmark = pytest.mark.browser

MARKUP = (
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    "\"><svg onload='window.ran = 1'>",
    "' autofocus onfocus='window.ran = 1' x='",
    "</script><script>window.ran = 1</script>",
    "</style><script>window.ran = 1</script>",
    "</title><script>window.ran = 1</script>",
    "<!-- --!><script>window.ran = 1</script>",
    "javascript:window.ran=1",
    "{{ 7 * 7 }}{% for x in y %}",
    "<base href=//evil.example><a href=//evil.example>x</a>",
)


def shown(page: Page) -> list[str]:
    """The names of the principals whose cards are visible."""
    return page.locator("article.card:visible").locator("h3 b").all_text_contents()


def test_nothing_is_loaded_and_nothing_complains(open_html: Open) -> None:
    for report in (good(), troubled()):
        opened = open_html(report_html(report))
        assert opened.complaints == []
        assert opened.requests == [opened.page.url]


def test_the_verdict_is_the_first_thing_after_the_name(open_html: Open) -> None:
    page = open_html(report_html(troubled())).page
    assert page.locator("h1").inner_text() == "prod"
    verdict = page.locator(".verdict")
    assert verdict.inner_text().upper().startswith("FAILED")
    box = verdict.bounding_box()
    assert box is not None
    assert box["y"] < 200


def test_search_finds_names_groups_policies_rows_and_findings(open_html: Open) -> None:
    opened = open_html(report_html(troubled()))
    page, search = opened.page, opened.page.get_by_label("Search")
    everybody = shown(page)
    for words, found in (
        ("runner", ["runner"]),
        ("arn:aws:iam::111122223333:user/anna", ["anna"]),
        ("PARTNERS", ["partner"]),
        ("AmazonEKSClusterAdminPolicy", ["AWSReservedSSO_AdministratorAccess_0123456789abcdef"]),
        ("mapRoles[3]", ["deployer"]),
        ("dead-role-path", ["deployer"]),
        ("role nodes bootstrappers", ["nodes", "managed-nodes"]),
    ):
        search.fill(words)
        assert shown(page) == found
    search.fill("nobody is called this")
    assert shown(page) == []
    expect(page.get_by_text("No principal matches the filter.")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("status")).to_have_text("8 of 8 principals shown")
    assert shown(page) == everybody
    assert opened.complaints == []


def test_filters_hide_the_same_principals_in_matrix_list_and_timeline(open_html: Open) -> None:
    page = open_html(report_html(troubled())).page
    page.get_by_label("Verdict").select_option("failed")
    assert shown(page) == ["anna"]
    assert page.locator(".matrix tbody tr:visible th").all_inner_texts() == ["anna"]
    expect(page.get_by_role("status")).to_have_text("Filtered: 1 of 8 principals shown")
    page.get_by_label("Verdict").select_option("")
    page.get_by_label("Only those with").select_option("changed")
    assert len(shown(page)) == 4
    page.get_by_label("Action").select_option("recreate")
    assert shown(page) == ["runner"]
    page.get_by_label("Action").select_option("create")
    assert (
        page.locator(".lane[data-card]:visible .who").all_inner_texts()
        == page.locator(".matrix tbody tr:visible th").all_inner_texts()
    )


def test_a_link_to_somebody_filtered_out_shows_everybody_again(open_html: Open) -> None:
    page = open_html(report_html(troubled())).page
    page.get_by_label("Search").fill("runner")
    page.locator("#attention").get_by_role("link", name="user/anna").click()
    expect(
        page.locator("article.card", has=page.locator("h3", has_text="anna"))
    ).to_be_in_viewport()
    assert len(shown(page)) == 8


def test_everything_can_be_reached_and_used_by_keyboard(open_html: Open) -> None:
    page = open_html(report_html(troubled())).page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    search = page.get_by_label("Search")
    for _ in range(30):
        page.keyboard.press("Tab")
        if search.evaluate("field => field === document.activeElement"):
            break
    page.keyboard.type("runner")
    assert shown(page) == ["runner"]
    page.keyboard.press("Enter")  # must not send the form anywhere
    assert shown(page) == ["runner"]
    page.get_by_role("button", name="Show all").press("Enter")
    expect(
        page.locator("article.card").first
    ).to_be_visible()  # the form's reset is answered after the event
    card = page.locator("article.card", has=page.locator("table.questions")).first
    card.locator("summary", has_text="asked").press("Enter")
    expect(card.locator("table.questions")).to_be_visible()


def test_without_scripts_everything_is_there_and_no_dead_controls(open_html: Open) -> None:
    page = open_html(report_html(troubled()), scripts=False).page
    expect(page.locator("#filters")).to_be_hidden()
    assert len(shown(page)) == 8


def is_harmless(opened: Opened) -> None:
    """Only our own elements are there, nothing ran, nothing was asked for, and every link is
    ours.
    """
    page = opened.page
    assert opened.complaints == []
    assert opened.requests == [page.url]
    assert page.evaluate("window.ran") is None
    assert page.locator("script, style, head > *, base, iframe, img, object, link").count() == 8
    assert page.evaluate(
        "[...document.querySelectorAll('*')].every(e => [...e.attributes].every(a => "
        "!/^on|^style$/i.test(a.name)))"
    )
    assert page.evaluate(
        "[...document.links].every(a => a.hash || "
        "a.href.startsWith('https://docs.aws.amazon.com/'))"
    )


@pytest.mark.parametrize("text", MARKUP)
def test_markup_in_names_stays_text(open_html: Open, text: str) -> None:
    opened = open_html(report_html(hostile(text)))
    opened.page.get_by_label("Search").fill(text)
    is_harmless(opened)
    assert opened.page.locator("h1").text_content() == terminal(text)
    assert opened.page.locator(".fact code").first.text_content() == terminal(text)
    assert terminal(text) in opened.page.title()


def test_hostile_names_stay_text(open_html: Open) -> None:
    opened = open_html(report_html(hostile(*HOSTILE)))
    is_harmless(opened)
    names = opened.page.locator(
        "article.card .trio > div:first-child li:first-child"
    ).all_text_contents()
    assert names == [f"name {terminal(text) or '(empty)'}" for text in HOSTILE]


def test_the_policy_of_the_page_lets_no_other_script_or_style_in(open_html: Open) -> None:
    page = open_html(report_html(good())).page
    violated = page.evaluate(
        """() => new Promise((resolve) => {
            const seen = [];
            document.addEventListener(
                "securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
            const script = document.createElement("script");
            script.textContent = "window.ran = 1";
            document.body.append(script);
            const image = document.createElement("img");
            image.src = "https://evil.example/pixel.png";
            document.body.append(image);
            document.body.insertAdjacentHTML(
                "beforeend", "<p style='color: red' onclick='window.ran = 1'>x</p>");
            document.body.lastElementChild.click();
            setTimeout(() => resolve(seen), 200);
        })"""
    )
    assert set(violated) == {"script-src-elem", "img-src", "style-src-attr", "script-src-attr"}
    assert page.evaluate("window.ran") is None


@pytest.mark.parametrize(
    ("kind", "width", "dark"),
    [
        ("troubled", 1280, False),
        ("troubled", 1280, True),
        ("troubled", 400, False),
        ("good", 1280, False),
        ("good", 400, True),
        ("hostile", 400, False),
    ],
)
def test_it_is_readable_at_every_width_and_in_both_schemes(
    open_html: Open, kind: str, width: int, dark: bool
) -> None:
    report = (
        good() if kind == "good" else troubled() if kind == "troubled" else hostile(MARKUP[0] * 3)
    )
    page = open_html(report_html(report), width=width, dark=dark).page
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = f"report-{kind}-{'phone' if width == 400 else 'desktop'}{'-dark' if dark else ''}.png"
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
    assert open_html(report_html(troubled()), width=width, dark=dark).serious_violations() == []


def test_on_paper_it_is_black_on_white_complete_and_without_controls(open_html: Open) -> None:
    page = open_html(
        report_html(troubled()), width=688, dark=True
    ).page  # A4 without its margins, at 96 dpi
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.evaluate("document.documentElement.scrollWidth") == 688
    for hidden in ("nav", "#filters"):
        expect(page.locator(hidden)).to_be_hidden()
    assert len(shown(page)) == 8
    expect(page.locator("table.events tbody tr").last).to_be_visible()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "report-troubled-paper.png", full_page=True)


def test_a_filtered_report_says_so_on_paper(open_html: Open) -> None:
    page = open_html(report_html(troubled())).page
    page.get_by_label("Search").fill("runner")
    page.emulate_media(media="print")
    expect(page.get_by_text("Filtered: 1 of 8 principals shown")).to_be_visible()


def test_it_prints(open_html: Open) -> None:
    assert open_html(report_html(good())).page.pdf(format="A4").startswith(b"%PDF-")


@pytest.mark.parametrize("width", [360, 688])
def test_the_note_for_the_soc_fits_the_paper_and_a_phone(open_html: Open, width: int) -> None:
    report = troubled()
    note = security_note(report.plan, report.plan_digest, journal=report.journal)
    opened = open_html(report_html(replace(report, security_note=note)), width=width, dark=False)
    assert opened.serious_violations() == []
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= max(width, 688)
    expect(opened.page.locator("#soc")).to_be_visible()
