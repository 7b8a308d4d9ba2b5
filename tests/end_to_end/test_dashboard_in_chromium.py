"""The dashboard in a real browser that can reach no other host: what a person does there, step by step."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests.end_to_end.pages import IN_CHROMIUM, LONG, PATIENCE, becomes, browser, status_is, visible, watched
from tests.processes import ROOT, Server, eventually, master, submit, wait_for_end, wait_for_generation
from tests.specs import cartpole_values

__all__ = ["browser"]

pytestmark = IN_CHROMIUM
BALL: dict[str, Any] = {
    "name": "ball",
    "objective": {"id": "sphere", "kwargs": {"dimension": 6}},
    "strategy": {"name": "snes", "sigma_init": 1.0},
    "population_size": 12,
    "stop": {"generations": 400, "value": 0.01},
    "test": {"every": 5},
}
AXE = ROOT / "services" / "master" / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
SHOWN = (
    "document.body.dataset.looks !== undefined || document.querySelector('#verdict .good, #verdict .bad') !== null"
)
"""True once a page shows what it has asked the master for."""


def test_an_experiment_is_written_corrected_started_watched_paused_resumed_stopped_and_deleted(
    cluster: Server, browser: Browser
) -> None:
    with watched(browser, cluster) as page:
        page.goto("/")
        page.get_by_role("link", name="New experiment").first.click()
        editor = page.locator("#spec")
        expect(editor).to_have_value(re.compile("CartPole-v1"))
        good = editor.input_value().replace("name: cartpole", "name: written", 1).replace("475", "9999")
        editor.fill(good.replace("radius: 2", "radius: -2").replace("generations: 200", "generations: 100000"))
        fault = page.locator(".faults li")
        expect(fault).to_contain_text("greater than 0")
        expect(page.locator("#start")).to_be_disabled()
        fault.get_by_role("button").click()
        assert page.evaluate("getSelection().toString()").strip() == "radius: -2", "a press selects the wrong line"
        editor.fill(good.replace("generations: 200", "generations: 100000"))
        visible(page, "It can be started.")
        expect(page.locator("#estimate")).to_contain_text("Rollouts a generation")
        page.locator("#start").click()
        page.wait_for_url("**/dashboard/written-*")
        status_is(page, "running")
        points = "document.querySelector('.plot').data?.find(t => t.name === 'training mean')?.y.length ?? 0"
        becomes(page, f"({points}) > 2")
        before = page.evaluate(points)
        becomes(page, f"({points}) > {before}")
        page.get_by_role("button", name="Pause").click()
        status_is(page, "paused")
        page.get_by_role("button", name="Resume").click()
        status_is(page, "running")
        page.get_by_role("button", name="Edit").click()
        page.get_by_label("Note").fill("<img src=x onerror=alert(1)> is text")
        page.get_by_label("Tags, one a line: name=value").fill("owner=ann")
        page.get_by_role("button", name="Save").click()
        visible(page, "<img src=x onerror=alert(1)> is text")
        visible(page, "owner=ann")
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("dialog").get_by_role("button", name="Stop").click()
        status_is(page, "stopped")
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        page.wait_for_url(cluster.url + "/")


def test_charts_share_one_zoom_fit_its_heights_and_change_their_axis(cluster: Server, browser: Browser) -> None:
    experiment_id = submit(cluster, cartpole_values() | {"name": "curves", "stop": {"generations": 12}})
    wait_for_end(cluster, experiment_id)
    with watched(browser, cluster) as page:
        page.goto(f"/dashboard/{experiment_id}")
        status_is(page, "completed")
        for card in page.locator("section.chart").all():  # a chart is drawn once it is near what is seen
            card.scroll_into_view_if_needed()
        becomes(page, "[...document.querySelectorAll('.plot')].every(p => p.layout)")
        assert page.locator(".plot").count() > 6
        ranges = "[...document.querySelectorAll('.plot')].map(p => p.layout.xaxis.range.map(Number))"
        page.evaluate("Plotly.relayout(document.querySelector('.plot'), {'xaxis.range': [4, 8]})")
        becomes(page, f"({ranges}).every(([from, to]) => from === 4 && to === 8)")
        fitted = page.evaluate(  # events have an axis of their own, y2
            """() => { const plot = document.querySelectorAll('.plot')[0];
            const shown = plot.data.filter(t => t.y && t.visible !== 'legendonly' && t.yaxis !== 'y2');
            const seen = shown.flatMap(t => t.y.filter((_, i) => t.x[i] >= 4 && t.x[i] <= 8));
            const [low, high] = plot.layout.yaxis.range;
            return [low <= Math.min(...seen), high >= Math.max(...seen), high - low,
                Math.max(...seen) - Math.min(...seen)]; }"""
        )
        assert fitted[:2] == [True, True]
        assert fitted[2] <= 1.6 * fitted[3], "the height is not fitted to what is in view"
        page.get_by_role("button", name="Show all").click()
        becomes(page, f"({ranges})[0][1] > 11")
        page.locator(".plot").first.press("+")
        becomes(page, f"({ranges}).every(([from, to]) => from > 3 && to < 10)")
        page.locator(".plot").first.press("0")
        becomes(page, f"({ranges})[0][1] > 11")
        for label, title in (
            ("Time", "Training time"),
            ("Env-steps", "Environment steps"),
            ("Core-hours", "Core"),
        ):
            page.locator("fieldset").get_by_text(label, exact=True).click()
            becomes(page, f"document.querySelector('.plot').layout.xaxis.title.text.startsWith('{title}')")
        assert page.url.endswith("#core-hours")
        page.locator("#log").check()
        becomes(page, "document.querySelector('.plot').layout.yaxis.type === 'log'")
        page.locator("details.figures").first.locator("summary").click()
        expect(page.locator("details.figures table").first).to_contain_text("training mean")
        page.locator("#log-box summary").click()
        expect(page.locator("#log-text")).to_contain_text("generation")
        expect(page.locator("#files")).to_contain_text("best_model.npz")


def test_the_list_is_sorted_filtered_and_keeps_both_in_its_address(cluster: Server, browser: Browser) -> None:
    for name, tag in (("sort-b", "left"), ("sort-a", "right")):
        values = cartpole_values() | {"name": name, "stop": {"generations": 1}, "tags": {"side": tag}}
        wait_for_end(cluster, submit(cluster, values))
    with watched(browser, cluster) as page:
        page.goto("/?text=sort-")
        names = page.locator("#rows .name a")
        expect(names).to_have_text(["sort-a", "sort-b"])
        page.get_by_role("button", name="Name").click()
        page.get_by_role("button", name="Name").click()
        expect(names).to_have_text(["sort-b", "sort-a"])
        expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
        page.get_by_role("button", name="side=left").first.click()
        expect(names).to_have_text(["sort-b"])
        page.reload()
        expect(names).to_have_text(["sort-b"])
        assert "tag=side%3Dleft" in page.url
        page.locator("#text").fill("nothing is called so")
        expect(page.locator("#no-match")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("button", name="Show all").click()
        expect(page.locator("#rows .name a").nth(1)).to_be_visible(timeout=PATIENCE)


def test_a_run_is_archived_found_again_and_taken_back(cluster: Server, browser: Browser) -> None:
    wait_for_end(cluster, submit(cluster, cartpole_values() | {"name": "old-one", "stop": {"generations": 1}}))
    with watched(browser, cluster) as page:
        page.goto("/?text=old-one")
        names = page.locator("#rows .name a")
        expect(names).to_have_text(["old-one"])
        for _ in range(2):
            page.get_by_role("button", name="Actions of old-one").click()
            page.get_by_role("button", name="Archive", exact=True).click()
            expect(names).to_have_count(0)
            if _ == 0:
                page.locator("#notice").get_by_role("button", name="Undo").click()
                expect(names).to_have_text(["old-one"])
        page.locator("#status").select_option("archived")
        expect(names).to_have_text(["old-one"])
        names.click()
        visible(page, "archived")
        page.get_by_role("button", name="Take out of the archive").click()
        expect(page.locator("#archived")).to_be_hidden(timeout=PATIENCE)


def test_two_runs_are_compared_by_what_differs_and_as_a_group(cluster: Server, browser: Browser) -> None:
    for seed in (3, 1, 2):  # the newest come first, so that the first of them stands last
        values = cartpole_values() | {"name": "compared", "seed": seed, "tags": {"group": "pair"}}
        wait_for_end(cluster, submit(cluster, values))
    with watched(browser, cluster) as page:
        page.goto("/?text=compared")
        for place in (0, 1):
            page.get_by_role("checkbox", name="Compare compared").nth(place).check()
        compare = page.get_by_role("button", name="Compare 2")
        page.get_by_role("checkbox", name="Compare compared").nth(2).check()
        page.get_by_role("button", name="Actions of compared").nth(2).click()
        page.get_by_role("button", name="Delete", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(compare).to_be_enabled(timeout=PATIENCE)
        compare.click()
        page.wait_for_url("**/dashboard/compare?*")
        lines = "document.querySelector('.plot')?.data?.filter(t => t.showlegend !== false).length ?? 0"
        becomes(page, f"({lines}) === 2")
        expect(page.locator("#differences th")).to_have_text(["Run", "Best test", "Status", "seed"])
        page.locator("#group").select_option("group")
        becomes(page, f"({lines}) === 1")
        legend = "document.querySelector('.plot').data.at(-1).name"
        assert page.evaluate(legend) == "pair (2 runs)"


def test_a_run_is_cloned_from_the_list_with_its_parent_named(cluster: Server, browser: Browser) -> None:
    seed = 2**53 + 1  # no number of the browser's
    original = submit(cluster, cartpole_values() | {"name": "cloned", "seed": seed, "stop": {"generations": 2}})
    wait_for_end(cluster, original)
    with watched(browser, cluster) as page:
        page.goto("/?text=cloned")
        page.get_by_role("button", name="Actions of cloned").first.click()
        page.get_by_role("button", name="Clone", exact=True).click()
        expect(page.locator("#spec")).to_have_value(re.compile(f"parent: {original}"))
        visible(page, "It can be started.")
        page.keyboard.press("Tab")
        page.locator("#spec").press("Control+Enter")
        page.wait_for_url("**/dashboard/cloned-*")
        clone = page.url.rpartition("/")[2]
        spec = cluster.http.get(f"/experiments/{clone}").json()["spec"]
        assert (spec["tags"]["parent"], spec["seed"]) == (original, seed)


@pytest.fixture(scope="module")
def radii(cluster: Server) -> str:
    """A study that has ended."""
    study = {
        "name": "radii",
        "specification": cartpole_values(),
        "axes": [{"field": "strategy.radius", "values": [1, 3]}],
        "seeds": 2,
        "budget": {"environment_steps": 3_000, "runs_at_once": 2},
    }
    study_id = str(cluster.http.post("/studies", json=study).json()["id"])
    eventually(lambda: cluster.http.get(f"/studies/{study_id}").json()["study"]["status"] == "completed")
    return study_id


@pytest.mark.usefixtures("radii")
def test_the_fleet_shows_its_workers_and_a_study_its_trials(cluster: Server, browser: Browser) -> None:
    with watched(browser, cluster) as page:
        page.goto("/dashboard/fleet")
        expect(page.locator("#workers tbody tr")).to_have_count(2)
        expect(page.locator("#workers td[data-label=Memory]").first).to_contain_text("MiB")
        page.get_by_role("link", name="Studies").click()
        page.get_by_role("link", name="radii").click()
        expect(page.locator("#trials tbody tr")).to_have_count(2)
        becomes(page, "document.querySelector('.plot')?.data?.some(t => t.name.startsWith('radius 3'))")
        expect(page.locator("#copy")).to_be_enabled()
        page.goto("/dashboard/studies/nobody")
        visible(page, "There is no such study")


@pytest.mark.slow
def test_an_environment_is_searched_and_a_study_is_started_from_a_run(cluster: Server, browser: Browser) -> None:
    original = submit(cluster, cartpole_values() | {"name": "studied", "stop": {"generations": 2}})
    wait_for_end(cluster, original)
    with watched(browser, cluster) as page:
        page.goto("/dashboard/submit")
        visible(page, "It can be started.")
        nothing_yet = {"environments": [], "total": 0, "complete": False}  # while the workers are busy
        page.route("**/environments?*", lambda route: route.fulfill(json=nothing_yet))
        page.get_by_label("Search environments").fill("classic acrobot")
        expect(page.locator("#environments-note")).to_have_text("The workers are being asked …")
        page.unroute("**/environments?*")
        page.get_by_role("button", name="Acrobot-v1").click()
        expect(page.locator("#spec")).to_have_value(re.compile(r"environment:\n  id: Acrobot-v1"))
        page.goto(f"/dashboard/{original}")
        page.get_by_role("button", name="Study").click()
        editor = page.locator("#spec")
        expect(editor).to_have_value(re.compile("name: studied-study"))
        wrong = editor.input_value().replace("[16, 32, 64]", "[8, -3]").replace("200000", "2000")
        editor.fill(wrong)
        expect(page.locator(".faults li")).to_contain_text("with population_size=-3")
        editor.fill(wrong.replace("-3", "16").replace("seeds: 3", "seeds: 1"))
        visible(page, "It can be started.")
        expect(page.locator("#estimate")).to_contain_text("Runs2")
        page.locator("#start").click()
        page.wait_for_url("**/dashboard/studies/studied-study-*")
        status_is(page, "completed")
        expect(page.locator("#trials tbody tr")).to_have_count(2)


@pytest.fixture(scope="module")
def every_page(cluster: Server, radii: str) -> list[str]:
    """The paths of all pages, with something on each: long tags, an objective, a study."""
    tags = {"a-long-name": "w" * 90}
    walker = submit(cluster, cartpole_values() | {"name": "narrow", "tags": tags})
    ball = submit(cluster, BALL)
    for experiment_id in (walker, ball):
        wait_for_end(cluster, experiment_id)
    places = ["submit", "fleet", "studies", "studies/new", f"studies/{radii}", "nobody-000000"]
    return [
        "/",
        *(f"/dashboard/{place}" for place in [walker, ball, *places]),
        f"/dashboard/compare?run={walker}&run={ball}",
    ]


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there: make check-scripts fetches it")
@pytest.mark.slow
def test_every_page_can_be_used_by_everybody_and_fits_a_telephone(
    cluster: Server, browser: Browser, every_page: list[str]
) -> None:
    found = list[str]()
    with watched(browser, cluster, color_scheme="light") as page:
        for path in every_page:
            page.set_viewport_size({"width": 1440, "height": 900})
            page.goto(path)
            becomes(page, SHOWN)
            page.evaluate(AXE.read_text())
            found += faults(page, {"resultTypes": ["violations"]})
            page.emulate_media(color_scheme="dark")
            found += faults(page, {"resultTypes": ["violations"], "runOnly": ["color-contrast"]})
            page.emulate_media(color_scheme="light")
            page.set_viewport_size({"width": 390, "height": 800})
            becomes(page, "innerWidth === 390 && document.documentElement.scrollWidth <= 390")
    assert not found, "\n".join(found)


def faults(page: Page, options: dict[str, Any]) -> list[str]:
    """Return what axe-core finds serious, by element."""
    violations = page.evaluate("options => axe.run(document, options).then(r => r.violations)", options)
    return [
        f"{page.url}: {fault['id']} ({fault['impact']}): {fault['help']}: {node['html'][:200]}"
        for fault in violations
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def test_an_objective_has_values_and_evaluations_and_the_least_is_the_best(
    cluster: Server, browser: Browser
) -> None:
    experiment_id = submit(cluster, BALL | {"name": "downhill"})
    best = wait_for_end(cluster, experiment_id)["best_test_return"]
    with watched(browser, cluster) as page:
        page.goto(f"/dashboard/{experiment_id}")
        status_is(page, "completed")
        expect(page.locator("#about")).to_contain_text("sphere, minimised")
        tiles = page.locator("#tiles")
        expect(tiles).to_contain_text("Mean value")
        expect(tiles).to_contain_text("Evaluations / s")
        expect(page.locator("#steps-axis")).to_have_text("Evaluations")
        becomes(page, "document.querySelector('.plot').layout?.yaxis?.title?.text === 'Value'")
        line = "document.querySelector('.plot').data.find(t => t.name === 'best mean so far').y"
        assert page.evaluate(f"({line}).every((value, i, all) => i === 0 || value <= all[i - 1])")
        assert page.evaluate(f"({line}).at(-1) < ({line})[0]")
        for part in ("#tiles", "#charts", "#about"):
            shown = str(page.locator(part).text_content()).lower()
            assert "env-steps" not in shown
            assert "return" not in shown
        expect(page.get_by_role("heading", name="Episode length")).to_have_count(0)
        page.goto("/?text=downhill")
        expect(page.locator("#rows .reached")).to_have_count(1)
        assert best <= BALL["stop"]["value"]


def test_a_film_of_the_best_model_is_asked_for_and_played(cluster: Server, browser: Browser) -> None:
    experiment_id = submit(cluster, cartpole_values() | {"name": "filmed"})
    wait_for_end(cluster, experiment_id)
    with watched(browser, cluster) as page:
        page.goto(f"/dashboard/{experiment_id}")
        page.get_by_role("button", name="Film it").click()
        film = page.locator("#best-film video")
        expect(film).to_be_visible(timeout=PATIENCE)
        expect(film).to_have_attribute("aria-label", re.compile("a return of"))
        film.evaluate("video => video.play()")
        becomes(page, "document.querySelector('#best-film video').currentTime > 0.1")
        page.get_by_role("button", name="How it learnt").click()
        held = page.get_by_role("button", name=re.compile("Play or hold: Generation")).first
        held.press("Enter")
        becomes(page, "document.querySelector('#films video').currentTime > 0.1")


def test_a_blocked_experiment_says_why_and_can_be_stopped(
    cluster: Server, browser: Browser, tmp_path: Path
) -> None:
    full = "checkpoint.before_write=error@3-1000000"
    urls = [one["url"] for one in cluster.http.get("/workers").json()["workers"]]
    with master(tmp_path, urls, SEEDCAST_FAILPOINTS=full) as server:
        experiment_id = submit(server, cartpole_values() | LONG)
        with watched(browser, server) as page:
            page.goto(f"/dashboard/{experiment_id}")
            status_is(page, "blocked")
            expect(page.locator("#reason")).to_contain_text("storage: ")
            page.goto("/")
            expect(page.locator("#summary")).to_contain_text("1 active")
            page.goto(f"/dashboard/{experiment_id}")
            page.get_by_role("button", name="Stop").click()
            page.get_by_role("dialog").get_by_role("button", name="Stop").click()
            status_is(page, "stopped")


def test_a_run_that_is_resumed_elsewhere_lives_on_its_page(cluster: Server, browser: Browser) -> None:
    experiment_id = submit(cluster, cartpole_values() | LONG | {"name": "asleep"})
    wait_for_generation(cluster, experiment_id, 2)
    cluster.http.post(f"/experiments/{experiment_id}/stop")
    with watched(browser, cluster) as page:
        with page.expect_request(lambda request: f"/{experiment_id}/events?" in request.url):
            page.goto(f"/dashboard/{experiment_id}")
        status_is(page, "stopped")
        cluster.http.post(f"/experiments/{experiment_id}/resume")
        status_is(page, "running")
        becomes(page, "document.querySelector('.plot').data?.some(t => t.name === 'resumed' && t.x.length === 1)")
        assert "resumed" in page.evaluate("document.querySelector('.plot').layout.yaxis2.ticktext")
    cluster.http.delete(f"/experiments/{experiment_id}", params={"force": True})


def test_a_lost_master_is_said_and_found_again(cluster: Server, browser: Browser) -> None:
    experiment_id = submit(cluster, cartpole_values() | LONG | {"name": "lost"})
    wait_for_generation(cluster, experiment_id, 1)
    context = browser.new_context(base_url=cluster.url)
    page = context.new_page()
    page.goto(f"/dashboard/{experiment_id}")
    status_is(page, "running")
    context.set_offline(True)
    expect(page.locator("#connection")).to_have_text(re.compile("retrying"))
    context.set_offline(False)
    expect(page.locator("#connection")).to_be_hidden(timeout=PATIENCE)
    context.close()
    cluster.http.delete(f"/experiments/{experiment_id}", params={"force": True})


def test_the_api_documentation_renders(cluster: Server, browser: Browser) -> None:
    with watched(browser, cluster) as page:
        page.goto("/docs")
        expect(page.locator("#operations-experiments-create_experiment")).to_be_visible(timeout=PATIENCE)


def test_the_pages_work_with_a_token_as_the_password(browser: Browser, tmp_path: Path) -> None:
    token = "sixteen-letters-and-more"  # noqa: S105 - this test's own
    with master(tmp_path, ["http://127.0.0.1:9"], SEEDCAST_TOKEN=token) as server:
        server.http.auth = ("anyone", token)
        experiment_id = submit(server, cartpole_values() | {"name": "secret"})
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://anyone:{token}@127.0.0.1:{server.port}/")
        expect(page.locator(f'a[href="/dashboard/{experiment_id}"]')).to_be_visible(timeout=PATIENCE)
        context.close()
        context = browser.new_context()
        page = context.new_page()
        with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
            page.goto(f"{server.url}/")
        context.close()


def test_how_far_a_run_is_goes_by_its_nearest_limit(cluster: Server, browser: Browser) -> None:
    steps = 1_000_000
    run = submit(
        cluster,
        cartpole_values() | {"name": "nearest", "stop": {"generations": 10**7, "environment_steps": steps}},
    )
    wait_for_generation(cluster, run, 2)
    assert cluster.http.post(f"/experiments/{run}/pause").is_success
    part = cluster.http.get(f"/experiments/{run}").json()["environment_steps"] / steps
    with watched(browser, cluster) as page:
        page.goto("/")
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name="nearest", exact=True))
        expect(row).to_be_visible()
        shown = row.locator("progress").evaluate("bar => bar.value / bar.max")
        assert shown == pytest.approx(part)
