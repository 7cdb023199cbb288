"""A headless Chromium without a network; absent, the tests fail under CI and skip elsewhere."""

import os
import shutil

import pytest

ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync"]  # fmt: skip


def _missing(what):
    message = f"{what} is missing: apt-get install chromium, pip install playwright"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright")
    path = os.environ.get("GEO_RISK_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        _missing("Chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser):
    """Give a function that opens a file offline and returns the page; its `faults` must stay empty."""
    contexts = []

    def _open(path, width=1400, height=900):
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        context.set_offline(True)
        contexts.append(context)
        page = context.new_page()
        page.faults = []
        page.on("console", lambda m: page.faults.append(f"console {m.type}: {m.text}"))
        page.on("pageerror", lambda e: page.faults.append(f"error: {e}"))
        page.on("dialog", lambda d: page.faults.append(f"dialog: {d.message}"))
        page.on(
            "request", lambda r: page.faults.append(f"request: {r.url[:200]}") if _is_foreign(r.url, path) else None
        )
        page.goto(path.as_uri())
        return page

    yield _open
    for context in contexts:
        context.close()


def _is_foreign(url, path):
    return not url.startswith(("data:", "blob:")) and url != path.as_uri()
