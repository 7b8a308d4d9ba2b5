"""What tests of the pages share: a browser that can reach no other host, and what is waited for in it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect, sync_playwright

from tests.processes import Server, eventually

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REQUIRED = os.environ.get("CI") == "true"
"""CI installs a browser, so that there the tests cannot be skipped unseen."""

IN_CHROMIUM = pytest.mark.skipif(CHROMIUM is None and not REQUIRED, reason="no Chromium installed")
LONG = {"stop": {"generations": 10_000}}
PATIENCE = 120_000
"""Milliseconds that a page may take on a busy machine; `expect` and every new context are told."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "CI has to install Chromium"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=PATIENCE)
        expect.set_options(timeout=PATIENCE)
        browser.on("context", lambda context: context.set_default_timeout(PATIENCE))
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, server: Server, **options: Any) -> Iterator[Page]:
    """A page of which every console error, fault and request to another host is a failure of the test."""
    context: BrowserContext = browser.new_context(
        base_url=server.url, viewport={"width": 1440, "height": 900}, **options
    )
    context.set_default_timeout(PATIENCE)
    page, faults = context.new_page(), list[str]()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("response", lambda answer: None if _fine(answer) else faults.append(f"{answer.status} {answer.url}"))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: None if _own(request.url, server) else faults.append(request.url))
    yield page
    context.close()
    # What the API refuses is in the console as a failed request; those are looked at by the test itself.
    expected = re.compile(r"the server responded with a status of (404|409|422)")
    unexpected = [fault for fault in faults if not expected.search(fault)]
    assert not unexpected, unexpected


def _fine(answer: Response) -> bool:
    """Whether an answer is none that a page shows nothing of, such as a picture that is not there."""
    return answer.status < 400 or answer.request.resource_type not in ("image", "media", "script", "stylesheet")


def _own(url: str, server: Server) -> bool:
    return url.startswith((server.url, "data:", "blob:"))


def visible(page: Page, text: str) -> None:
    expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=PATIENCE)


def becomes(page: Page, expression: str) -> None:
    """Wait until an expression is true; the page's policy lets it evaluate no text itself."""
    eventually(lambda: page.evaluate(expression), PATIENCE / 1000)


def status_is(page: Page, status: str) -> None:
    expect(page.locator("#status")).to_have_text(status)
