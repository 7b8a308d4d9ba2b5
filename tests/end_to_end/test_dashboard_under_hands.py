"""What a refresh, a lost answer or a press must not take from who is at a page, in a real browser."""

from __future__ import annotations

from importlib import resources

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from seedcast.services.master import dashboard
from tests.end_to_end.pages import IN_CHROMIUM, LONG, browser, status_is, visible, watched
from tests.processes import Server, submit, wait_for_end, wait_for_generation
from tests.specs import cartpole_values

__all__ = ["browser"]

pytestmark = IN_CHROMIUM


def test_a_paused_run_that_is_stopped_is_not_started_by_taking_that_back(
    cluster: Server, browser: Browser
) -> None:
    experiment = submit(cluster, cartpole_values() | {"name": "kept-still"} | LONG)
    wait_for_generation(cluster, experiment, 1)
    with watched(browser, cluster) as page:
        page.goto(f"/dashboard/{experiment}")
        page.get_by_role("button", name="Pause").click()
        status_is(page, "paused")
        for undone in (False, True):
            page.get_by_role("button", name="Stop").click()
            page.get_by_role("dialog").get_by_role("button", name="Stop").click()
            status_is(page, "stopped")
            expect(page.locator("#notice")).to_contain_text("is stopped")
            expect(page.locator("#notice").get_by_role("button", name="Undo")).to_have_count(int(undone))
            if not undone:
                page.get_by_role("button", name="Resume").click()
                status_is(page, "running")


def test_an_edit_changes_nothing_that_was_not_touched(cluster: Server, browser: Browser) -> None:
    tags = {"a=b": "c", "t": "line1\nline2", "sp": " lead "}
    experiment = submit(cluster, cartpole_values() | {"tags": tags, "stop": {"generations": 1}})
    wait_for_end(cluster, experiment)
    with watched(browser, cluster) as page:
        page.goto(f"/dashboard/{experiment}")
        page.get_by_role("button", name="Edit").click()
        page.get_by_label("Note").fill("only this")
        page.get_by_role("button", name="Save").click()
        visible(page, "only this")
    found = httpx.get(f"{cluster.url}/experiments/{experiment}").json()
    assert (found["note"], found["spec"]["tags"]) == ("only this", tags)


@pytest.mark.parametrize(("address", "kind"), [("submit", "experiments"), ("studies/new", "studies")])
def test_a_start_whose_answer_was_lost_starts_one_thing_when_it_is_pressed_again(
    cluster: Server, browser: Browser, address: str, kind: str
) -> None:
    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    context = browser.new_context(base_url=cluster.url)  # a lost answer is in the console: nothing is watched here
    page = context.new_page()
    page.goto(f"/dashboard/{address}")
    expect(page.locator("#verdict")).to_contain_text("It can be started.")
    editor = page.locator("#spec")
    editor.fill(editor.input_value().replace("name: cartpole", f"name: lost-{kind}", 1))
    expect(page.locator("#verdict")).to_contain_text("It can be started.")
    page.route(f"**/{kind}", lose)
    page.locator("#start").click()
    expect(page.locator("#verdict")).to_contain_text("Start asks again, and starts nothing twice")
    expect(editor).not_to_have_attribute("aria-invalid", "true")  # nothing is wrong with what is written
    page.unroute(f"**/{kind}")
    page.locator("#start").click()
    page.wait_for_url(f"**/lost-{kind}-*")
    context.close()
    started = [one["id"] for one in httpx.get(f"{cluster.url}/{kind}").json()[kind]]
    assert sum(one.startswith(f"lost-{kind}-") for one in started) == 1


def test_a_check_that_got_no_answer_is_made_again(cluster: Server, browser: Browser) -> None:
    context = browser.new_context(base_url=cluster.url)
    page = context.new_page()
    page.route("**/presets", lambda route: route.abort())
    page.goto("/dashboard/submit")
    expect(page.locator("#verdict")).to_contain_text("This page could not begin")
    page.route("**/experiments?dry_run=true", lambda route: route.abort())
    page.unroute("**/presets")
    expect(page.locator("#verdict")).to_contain_text("the master does not answer")
    page.unroute("**/experiments?dry_run=true")
    expect(page.locator("#verdict")).to_contain_text("It can be started.")
    page.route("**/presets", lambda route: route.abort())
    page.goto("/dashboard/submit")
    expect(page.locator("#verdict")).to_contain_text("This page could not begin")
    page.locator("#spec").fill("name: mine")
    page.unroute("**/presets")
    page.wait_for_timeout(5000)
    expect(page.locator("#spec")).to_have_value("name: mine")
    context.close()


def endless_study(server: Server, name: str) -> str:
    """Start a study of two runs that do not end by themselves."""
    study = {
        "name": name,
        "specification": cartpole_values() | {"stop": None},
        "axes": [{"field": "strategy.radius", "values": [1, 2]}],
        "seeds": 1,
        "budget": {"environment_steps": 10**9, "runs_at_once": 2},
    }
    made: str = server.http.post("/studies", json=study).raise_for_status().json()["id"]
    return made


def test_a_study_that_goes_on_leaves_the_keyboard_where_it_is(cluster: Server, browser: Browser) -> None:
    made = endless_study(cluster, "going-on")
    try:
        with watched(browser, cluster) as page:
            page.goto(f"/dashboard/studies/{made}")
            links = page.locator("#trials a")
            expect(links).to_have_count(2)
            page.keyboard.press("Tab")
            links.first.focus()
            for _ in range(3):  # what it shows after each may be other than before
                with page.expect_response("**/curves"):
                    pass
            assert page.evaluate("document.activeElement.closest('#trials') !== null"), "the focus was taken away"
    finally:
        httpx.post(f"{cluster.url}/studies/{made}/stop").raise_for_status()


def test_a_study_that_is_deleted_elsewhere_shows_nothing_of_what_it_was(cluster: Server, browser: Browser) -> None:
    made = endless_study(cluster, "deleted-elsewhere")
    with watched(browser, cluster) as page:
        page.goto(f"/dashboard/studies/{made}")
        expect(page.locator("#trials a").first).to_be_visible()
        cluster.http.post(f"/studies/{made}/stop").raise_for_status()
        cluster.http.delete(f"/studies/{made}").raise_for_status()
        expect(page.get_by_role("heading", name="There is no such study")).to_be_visible()
        expect(page.locator("#study")).to_be_hidden()


def test_a_filter_that_the_api_refuses_is_taken_out_of_the_address(cluster: Server, browser: Browser) -> None:
    with watched(browser, cluster) as page:
        page.goto(f"/?text={'x' * 10_000}&sort=name")
        expect(page.locator("#text")).to_have_value("")
        expect(page.locator("#page")).to_contain_text("of ")
        assert "text=" not in page.url


def test_a_return_of_any_size_is_a_short_number(browser: Browser) -> None:
    shown = {
        -1.2346e11: "−1.235e11",
        1e300: "1.000e300",
        1234.56: "1234.6",
        -0.5: "−0.50",
        0.00012: "0.000120",
    }
    module = (resources.files(dashboard) / "static" / "format.js").read_text().replace("export ", "")
    page = browser.new_page()
    for value, text in shown.items():
        assert page.evaluate(f"(value) => {{ {module}; return score(value); }}", value) == text
    page.close()


@pytest.mark.slow
def test_a_later_page_of_the_list_knows_where_it_is_after_a_reload(cluster: Server, browser: Browser) -> None:
    for number in range(101):
        made = submit(cluster, cartpole_values() | {"name": f"paged-{number:03}"} | LONG)
        httpx.post(f"{cluster.url}/experiments/{made}/stop").raise_for_status()
    with watched(browser, cluster) as page:
        page.goto("/?sort=name&text=paged-")
        page.locator("#next").click()
        shown = page.locator("#page")
        expect(shown).to_have_text("101 to 101 of 101")
        page.reload()
        expect(shown).to_have_text("101 to 101 of 101")
        page.locator("#rows .name a").first.click()
        page.wait_for_url("**/dashboard/paged-*")
        page.go_back()
        expect(shown).to_have_text("101 to 101 of 101")
        address = page.url
        page.locator("#previous").click()
        expect(shown).to_have_text("1 to 100 of 101")
        page.goto("about:blank")
        page.goto(address)  # as somebody else was sent it
        expect(shown).to_have_text("of 101")
        page.locator("#previous").click()
        expect(shown).to_have_text("1 to 100 of 101")


def test_charts_that_come_with_the_first_generation_stand_where_they_do_after_a_reload(
    cluster: Server, browser: Browser
) -> None:
    whole = {"name": "from-nothing", "population_size": 20_000, "stop": {"generations": 2}}
    experiment = submit(cluster, cartpole_values() | whole)
    cluster.http.post(f"/experiments/{experiment}/pause").raise_for_status()
    with watched(browser, cluster) as page:
        page.goto(f"/dashboard/{experiment}")
        status_is(page, "paused")
        titles = page.locator("#charts .chart:not([hidden]) h3")
        expect(titles).to_have_count(4)
        page.get_by_role("button", name="Resume").click()
        wait_for_end(cluster, experiment)
        expect(titles).not_to_have_count(4)
        status_is(page, "completed")
        seen = titles.all_text_contents()
        page.reload()
        expect(titles).to_have_text(seen)
