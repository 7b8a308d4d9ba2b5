"""`make bench-dashboard`: how soon a browser shows each page, of 200 runs of 5,000 generations and one of 100,000.

Bars: each first view in under 1 s on loopback; an update of a list of 200 rows at most 40 KB. Needs Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.records import GenerationRecord, Movement
from tests.master.records import evaluated, generation
from tests.processes import Server, eventually, master
from tests.specs import cartpole

LONG = "long-run"
QUANTILES = [float(n) for n in range(11)]
WATCH = """
new MutationObserver((_, observer) => {
    if (document.body?.dataset.looks === undefined) return;
    window.shownAfter = performance.now();
    observer.disconnect();
}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-looks']});
"""
"""Notes when the page has shown for the first time what it has asked the master for, charts included."""


def record(number: int) -> GenerationRecord:
    """Return a record with all that a training of now notes."""
    movement = Movement(update_norm=0.1, mean_norm=1.0, update_cosine=0.2, mirrored_correlation=-0.3)
    plain = generation(number, sigma_min=0.1, sigma_max=0.2, speed=0.2)
    return plain.model_copy(update={"quantiles": QUANTILES, "movement": movement, "population_size": 256})


async def fill(path: Path, runs: int, generations: int, longest: int) -> None:
    """Make the runs: every generation's record, and a test after every hundredth."""
    database = Database(path)
    repository = ExperimentRepository(database)
    records = [record(number).model_dump_json() for number in range(1, longest + 1)]
    tests = [(n, evaluated(n).model_dump_json()) for n in range(100, longest + 1, 100)]
    for name, length in [*((f"run-{n:03}", generations) for n in range(runs)), (LONG, longest)]:
        await repository.add(name, cartpole(test={"every": 100, "episodes": 100}), None)
        await database.write(partial(_insert, name=name, records=records[:length], tests=tests, length=length))
        await repository.settle(name, Status.COMPLETED, "made up")
        await repository.note_files_exact(name)
    database.close()


def _insert(
    connection: sqlite3.Connection, name: str, records: list[str], tests: list[tuple[int, str]], length: int
) -> None:
    rows = ((name, number, text) for number, text in enumerate(records, 1))
    connection.executemany("INSERT INTO generations VALUES (?, ?, ?)", rows)
    connection.executemany(
        "INSERT INTO tests VALUES (?, ?, ?)", ((name, n, text) for n, text in tests if n <= length)
    )
    connection.execute(
        "UPDATE experiments SET generation = ?, environment_steps = ?, elapsed_seconds = ? WHERE id = ?",
        (length, 1000 * length, 2.0 * length, name),
    )


def shown_after(browser: Browser, url: str) -> float:
    """Open a page in a browser that has nothing of it yet; return the milliseconds until it is shown."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(url)
    milliseconds = float(eventually(lambda: page.evaluate("window.shownAfter")))
    context.close()
    return milliseconds


def sizes(server: Server, path: str) -> tuple[int, int, int]:
    """Return an answer's bytes as JSON, as they travel, and when nothing has changed since."""
    headers = {"Accept-Encoding": "gzip"}
    with server.http.stream("GET", path, headers=headers) as answer:
        travelled = sum(len(chunk) for chunk in answer.iter_raw())
        etag = answer.headers["etag"]
    whole = len(server.http.get(path).content)
    with server.http.stream("GET", path, headers=headers | {"If-None-Match": etag}) as answer:
        again = sum(len(chunk) for chunk in answer.iter_raw())
    return whole, travelled, again


def run(folder: Path, runs: int, generations: int, longest: int) -> None:
    """Measure and print."""
    (folder / "data").mkdir()
    asyncio.run(fill(folder / "data" / "database" / "seedcast.db", runs, generations, longest))
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with ExitStack() as stack:
        server = stack.enter_context(master(folder, ["http://127.0.0.1:9"]))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        print(f"{runs} runs of {generations:,} generations and one of {longest:,} (load {os.getloadavg()[0]:.1f})")
        pages = {
            "the list": "/",
            f"a run of {generations:,}": "/dashboard/run-001",
            f"the run of {longest:,}": f"/dashboard/{LONG}",
            "ten runs compared": "/dashboard/compare?" + "&".join(f"run=run-{n:03}" for n in range(10)),
            "the fleet": "/dashboard/fleet",
        }
        for name, path in pages.items():
            first, *later = [shown_after(browser, server.url + path) for _ in range(4)]
            print(f"  {name}: shown after {first:.0f} ms, then {', '.join(f'{one:.0f}' for one in later)}")
        whole, travelled, again = sizes(server, f"/experiments?limit={runs}")
        print(
            f"  {runs} rows: {whole:,} bytes of JSON, {travelled:,} as sent, {again:,} where nothing has changed"
        )
        browser.close()


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--generations", type=int, default=5_000)
    parser.add_argument("--longest", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.runs, arguments.generations, arguments.longest)


if __name__ == "__main__":
    main()
