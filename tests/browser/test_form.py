"""The pages in a real Chromium: by keyboard alone, enlarged fourfold, without JavaScript, in both languages, and with no fault that axe finds."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from hub.errors import Unavailable
from hub.web import link_path
from tests.browser.conftest import Opens
from tests.hub.web.desk import HOUSING, PHONE, Counter

NARROW = {"width": 320, "height": 256}
"""1280 by 1024 CSS pixels at 400 % (WCAG 2.2, 1.4.10 Reflow)."""
OPEN = ["/refer", "/cyfeirio", "/refer/myself", "/cyfeirio/fi-fy-hun", "/refer/someone-else", "/cyfeirio/rhywun-arall"]
OPEN += ["/refer/status", "/cyfeirio/statws", "/refer/privacy", "/cyfeirio/preifatrwydd"]


async def opened(window: Opens, path: str, **how: Any) -> Page:  # Any: playwright's own options
    """A page in a window of its own."""
    page = await (await window(**how)).new_page()
    await page.goto(path)
    return page


async def send(pages: Counter, page: Page) -> None:
    """Press the button at the end of the form; a minute has passed since the page was opened."""
    pages.now += 60
    await page.locator("main button[value=send]").last.click()


async def least(page: Page) -> None:
    """A name, a telephone, a yes."""
    await page.fill("#f-family", "Prawf")
    await page.fill("#f-phone", "01792 000000")
    await page.check("#f-consent")


async def no_faults(page: Page) -> None:
    """axe-core finds nothing; every rule of WCAG 2.2 AA and of good practice runs."""
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("path", OPEN)
async def test_axe_finds_nothing_on_a_page_as_it_opens(window: Opens, path: str) -> None:
    await no_faults(await opened(window, path))


@pytest.mark.parametrize(("way", "language"), [("professional", "en"), ("professional", "cy"), ("call-handler", "en"), ("call-handler", "cy")])
async def test_axe_finds_nothing_on_an_organisations_form(window: Opens, pages: Counter, way: str, language: Any) -> None:
    await no_faults(await opened(window, link_path(pages.desk.sealing, HOUSING, way, language)))


@pytest.mark.parametrize("path", ["/refer/myself", "/cyfeirio/fi-fy-hun"])
async def test_axe_finds_nothing_on_the_page_with_faults_nor_on_the_one_after_sending(window: Opens, pages: Counter, path: str) -> None:
    page = await opened(window, path)
    await page.fill("#f-matters", "I am going to kill myself")
    await send(pages, page)
    await expect(page.locator(".summary")).to_be_focused()
    await no_faults(page)
    await least(page)
    await send(pages, page)
    await expect(page.locator(".reference")).to_be_visible()
    await no_faults(page)


async def test_axe_finds_nothing_on_the_pages_that_say_no(window: Opens, pages: Counter) -> None:
    page = await opened(window, "/refer/organisation/x")
    await no_faults(page)
    await page.goto("/refer/status")
    await page.locator("main button").click()
    await no_faults(page)
    await page.fill("#f-reference", "0123-4567-89AB")
    await page.fill("#f-postcode", "SA1 1AA")
    await page.locator("main button").click()
    await expect(page.locator(".note")).to_contain_text("cannot show anything")
    await no_faults(page)


# --- keyboard ---------------------------------------------------------------------------------------------------------------------------


_FOCUS_SHOWS = """(() => {
    const style = getComputedStyle(document.activeElement);
    return style.outlineStyle !== 'none' && style.outlineWidth !== '0px' || style.boxShadow !== 'none';
})()"""
_FOCUSED = """(() => {
    const here = document.activeElement;
    return [here.tagName, here.id || here.className, here.getBoundingClientRect().top + scrollY];
})()"""
_BEYOND_320 = """[...document.querySelectorAll('main *, header *, footer *')]
    .filter(one => !one.closest('.away') && one.getBoundingClientRect().right > 321).map(one => one.tagName + '#' + one.id)"""


async def tab_to(page: Page, selector: str, most: int = 150) -> None:
    """Press Tab until this has the focus, and see that the focus shows."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        if await page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            shown = await page.evaluate(_FOCUS_SHOWS)
            assert shown, f"the focus on {selector} cannot be seen"
            return
    raise AssertionError(f"no way to {selector} by keyboard")


async def test_the_form_is_filled_in_and_sent_by_keyboard_alone(window: Opens, pages: Counter) -> None:
    page = await opened(window, "/refer")
    await tab_to(page, "a[href='/refer/myself']")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/refer/myself")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    await tab_to(page, "#f-language_spoken")
    await page.keyboard.press("Space")
    await tab_to(page, "#f-matters")
    await page.keyboard.type("Hoffwn ganu eto")
    await tab_to(page, "#f-need-arts-and-culture")
    await page.keyboard.press("Space")
    await tab_to(page, "#f-family")
    await page.keyboard.type("Prawf")
    await tab_to(page, "#f-phone")
    await page.keyboard.type("01792 000000")
    await tab_to(page, "#f-consent")
    await page.keyboard.press("Space")
    await tab_to(page, "main button[value=send]")
    pages.now += 60
    await page.keyboard.press("Enter")
    await expect(page.locator(".reference")).to_be_visible()
    assert await pages.book.value("SELECT count(*) FROM referral") == 1


async def test_nothing_holds_the_focus_and_it_goes_in_the_order_of_the_page(window: Opens) -> None:
    page = await opened(window, "/refer/myself")
    tops = []
    for _ in range(110):
        await page.keyboard.press("Tab")
        here = await page.evaluate(_FOCUSED)
        if here[0] == "BODY":
            break
        tops.append(here)
    assert [one[1] for one in tops].count("f-website") == 0, "a trap for robots is no stop for people"
    assert tops[-1][0] in ("A", "BODY")
    backwards = [(a, b) for a, b in itertools.pairwise(tops[3:]) if b[2] < a[2] - 400]
    assert backwards == []


async def test_enter_in_a_field_sends_the_form_and_does_not_switch_the_language(window: Opens, pages: Counter) -> None:
    page = await opened(window, "/refer/myself")
    pages.now += 60
    await page.press("#f-family", "Enter")
    await expect(page.locator(".summary")).to_contain_text("There is a problem")


async def test_the_faults_are_read_first_and_each_leads_to_its_field(window: Opens, pages: Counter) -> None:
    page = await opened(window, "/refer/myself")
    await send(pages, page)
    await expect(page.locator(".summary")).to_be_focused()
    assert (await page.title()).startswith("Error:")
    for name in ("family", "phone", "consent"):
        await page.locator(f".summary a[href='#f-{name}']").click()
        await expect(page.locator(f"#f-{name}")).to_be_focused()
        described = await page.get_attribute(f"#f-{name}", "aria-describedby")
        assert described
        for one in described.split():
            await expect(page.locator(f"#{one}")).to_be_visible()


# --- enlarged, without JavaScript, printed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", OPEN)
async def test_at_400_percent_nothing_needs_scrolling_sideways(window: Opens, path: str) -> None:
    page = await opened(window, path, viewport=NARROW)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    assert await page.evaluate(_BEYOND_320) == []


async def test_at_400_percent_the_form_can_be_sent(window: Opens, pages: Counter) -> None:
    page = await opened(window, "/cyfeirio/fi-fy-hun", viewport=NARROW)
    await least(page)
    await send(pages, page)
    await expect(page.locator(".reference")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320


async def test_text_spaced_wide_is_not_cut_off(window: Opens) -> None:
    """WCAG 2.2, 1.4.12: line height 1.5, letters 0.12, words 0.16, paragraphs 2."""
    page = await opened(window, "/cyfeirio/fi-fy-hun", viewport={"width": 360, "height": 640})
    await page.evaluate(
        """() => {const style = new CSSStyleSheet();
        style.replaceSync('*{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}p{margin-bottom:2em!important}');
        document.adoptedStyleSheets = [style]}"""
    )
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_everything_can_be_pressed_with_a_shaking_hand(window: Opens) -> None:
    """WCAG 2.2, 2.5.8 asks for 24 pixels; boxes, buttons and fields have 40."""
    page = await opened(window, "/refer/myself", viewport={"width": 360, "height": 640})
    small = await page.evaluate(
        "[...document.querySelectorAll('input, button, textarea')].filter(e => !e.closest('.away') && !e.matches('.away, [type=hidden]'))"
        ".filter(e => {const r = e.getBoundingClientRect(); return r.width < 40 || r.height < 40}).map(e => e.id || e.className)"
    )
    assert small == []


async def test_asked_for_anew_it_is_another_form(window: Opens) -> None:
    page = await opened(window, "/refer/myself")
    first = await page.input_value("input[name=request]")
    await page.goto("/refer")
    await page.goto("/refer/myself")
    assert await page.input_value("input[name=request]") != first


@pytest.mark.parametrize(("path", "other"), [("/refer/myself", "/cyfeirio/fi-fy-hun"), ("/refer/someone-else", "/cyfeirio/rhywun-arall")])
async def test_without_javascript_all_of_it_works_and_the_language_switch_keeps_what_was_typed(
    window: Opens, pages: Counter, path: str, other: str
) -> None:
    page = await opened(window, path, java_script_enabled=False)
    await least(page)
    await page.fill("#f-matters", "Two\nlines & <b>ŵ</b>")
    await page.check("#f-need-food")
    await page.check("#f-share-ask")
    if await page.locator("#f-helper_name").count():
        await page.fill("#f-helper_name", "Alex Prawf")
    await page.locator("button.switch").click()
    await page.wait_for_url(f"**{other}/*")
    assert await page.locator("html").get_attribute("lang") == "cy"
    await expect(page.locator("#f-matters")).to_have_value("Two\nlines & <b>ŵ</b>")
    await expect(page.locator("#f-need-food")).to_be_checked()
    await expect(page.locator("#f-share-ask")).to_be_checked()
    await send(pages, page)
    first = await page.locator(".reference").inner_text()
    await page.locator("button.switch").click()
    assert await page.locator("html").get_attribute("lang") == "en"
    assert await page.locator(".reference").inner_text() == first
    assert await pages.book.value("SELECT count(*) FROM referral") == 1


async def test_a_double_click_and_a_reload_are_one_referral(window: Opens, pages: Counter) -> None:
    page = await opened(window, "/refer/myself")
    await least(page)
    pages.now += 60
    await page.locator("main button[value=send]").last.dblclick(no_wait_after=True)
    await expect(page.locator(".reference")).to_be_visible()
    first = await page.locator(".reference").inner_text()
    await page.reload()
    assert await page.locator(".reference").inner_text() == first
    assert await pages.book.value("SELECT count(*) FROM referral") == 1


async def test_back_shows_the_same_form_and_sending_it_again_is_the_same_referral(window: Opens, pages: Counter) -> None:
    page = await opened(window, "/refer/myself")
    await least(page)
    await send(pages, page)
    first = await page.locator(".reference").inner_text()
    await page.go_back()
    await expect(page.locator("#f-family")).to_have_value("Prawf")
    await send(pages, page)
    assert await page.locator(".reference").inner_text() == first
    assert await pages.book.value("SELECT count(*) FROM referral") == 1


async def test_when_the_store_is_down_the_page_keeps_everything_and_the_next_press_sends_it(window: Opens, pages: Counter) -> None:
    page = await opened(window, "/refer/myself")
    await least(page)
    pages.fault = Unavailable("The record does not answer")
    await send(pages, page)
    await expect(page.locator(".summary")).to_contain_text("Nothing was sent")
    await expect(page.locator("#f-family")).to_have_value("Prawf")
    pages.fault = None
    await page.locator(".summary button").click()
    await expect(page.locator(".reference")).to_be_visible()


async def test_the_reference_opens_the_status_page_with_the_date_of_birth(window: Opens, pages: Counter) -> None:
    page = await opened(window, "/refer/myself", java_script_enabled=False)
    await least(page)
    for part, value in (("day", "17"), ("month", "5"), ("year", "1948")):
        await page.fill(f"#f-birth_{part}", value)
    await send(pages, page)
    ref = await page.locator(".reference").inner_text()
    await page.goto("/refer/status")
    await page.fill("#f-reference", ref)
    for part, value in (("day", "17"), ("month", "5"), ("year", "1948")):
        await page.fill(f"#f-birth_{part}", value)
    await page.locator("main button").click()
    await expect(page.locator(".note")).to_contain_text("looking for a link worker")
    assert ref not in page.url


async def test_nothing_is_kept_in_the_browser_and_nothing_is_asked_of_anybody_else(window: Opens, pages: Counter) -> None:
    context = await window()
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto("/refer/myself")
    await least(page)
    await send(pages, page)
    assert await context.cookies() == []
    assert await page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert {re.match(r"https?://[^/]+", url)[0] for url in asked if not url.startswith("data:")} == {pages.url}  # type: ignore[index]


async def test_on_paper_the_reference_and_the_telephone_stay_and_the_buttons_go(window: Opens, pages: Counter) -> None:
    page = await opened(window, "/refer/myself")
    await least(page)
    await send(pages, page)
    await page.emulate_media(media="print")
    await expect(page.locator(".reference")).to_be_visible()
    await expect(page.locator(".call .phone")).to_have_text(PHONE)
    for gone in (".switch", "footer", ".leave"):
        await expect(page.locator(gone)).to_be_hidden()


@pytest.mark.parametrize("size", [{"width": 360, "height": 740}, {"width": 1280, "height": 900}], ids=["phone", "desk"])
async def test_the_way_out_stays_in_reach_however_far_somebody_has_read(window: Opens, size: Any) -> None:
    page = await opened(window, "/refer/myself", viewport=size)
    await page.locator("#f-consent").scroll_into_view_if_needed()
    await expect(page.locator(".leave")).to_be_in_viewport(ratio=1)
    await page.locator("#f-consent").click()
    await expect(page.locator("#f-consent")).to_be_checked()


async def test_a_printed_form_says_whose_it_is_and_asks_for_the_day(window: Opens) -> None:
    page = await opened(window, "/cyfeirio/fi-fy-hun")
    await expect(page.locator(".paper").first).to_be_hidden()
    await page.emulate_media(media="print")
    await expect(page.locator(".name")).to_be_visible()
    for paper in await page.locator(".paper").all():
        await expect(paper).to_be_visible()


@pytest.mark.parametrize("path", ["/refer/myself", "/cyfeirio/fi-fy-hun"])
async def test_a_form_to_fill_in_by_hand_takes_few_sheets(window: Opens, path: str) -> None:
    page = await opened(window, path)
    printed = await page.pdf(format="A4", prefer_css_page_size=True)
    assert 2 <= printed.count(b"/Type /Page\n") <= 5
