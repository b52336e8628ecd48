"""The pages in a real Chromium: clicks lead where they should, nothing comes from elsewhere."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from partywall_analyzer.findings import OPERATOR, list_findings
from partywall_collector.store import open_store
from partywall_dashboard.process import DashboardProcess, free_port

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT = 30_000


class Served(NamedTuple):
    """A dashboard over the demo's store: its address, the id of the planted finding, the store."""

    address: str
    planted: str
    store: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests, and for both themes."""
    if not CHROMIUM:
        pytest.skip("no chromium on the PATH")
    home = tmp_path_factory.mktemp("browser") / "home"
    subprocess.run(
        [sys.executable, "-m", "partywall", "demo", "--no-dashboard", "--json", "--keep", home],
        check=True,
        capture_output=True,
    )
    url = f"chdb://{home}"
    with open_store(url, role="reader") as store:
        planted = list_findings(store, OPERATOR, from_tenant="brightwater").rows[0].id
    with DashboardProcess(url, free_port()) as dashboard:
        assert dashboard.wait_ready()
        yield Served(dashboard.url, planted, url)


@pytest.fixture(scope="module", params=["light", "dark"])
def context(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """A browser that prefers one of the two themes."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("chromium"),
            executable_path=CHROMIUM,
            headless=True,
            color_scheme=request.param,
            viewport={"width": 1440, "height": 1000},
            args=QUIET,
        )
        context.set_default_timeout(WAIT)
        yield context
        context.close()


@pytest.fixture
def page(served: Served, context: BrowserContext) -> Iterator[Page]:
    """A tab; the test fails if it asks another host for anything, or if a script fails."""
    ours = urlsplit(served.address).hostname
    foreign: list[str] = []
    errors: list[str] = []
    page = context.new_page()
    page.on(
        "request",
        lambda request: (
            foreign.append(request.url)
            if request.url.startswith(("http", "ws")) and urlsplit(request.url).hostname != ours
            else None
        ),
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    yield page
    page.close()
    assert not foreign
    assert not errors


def test_a_link_opens_its_page_before_anybody_saw_the_start_page(
    page: Page, served: Served
) -> None:
    """A view that was shared may be the first thing that a server is asked for after its start."""
    with DashboardProcess(served.store, free_port()) as fresh:
        assert fresh.wait_ready()
        page.goto(f"{fresh.url}/who?by=dataset&is=postgres://*")
        expect(page.get_by_text("calls, latest first")).to_be_visible()
        expect(page.get_by_role("link", name="Overview")).to_be_visible()


def test_a_step_of_the_chain_shows_what_it_rests_on(page: Page, served: Served) -> None:
    """The picture has a lane for each side; a click or Enter on a step opens its details."""
    address, planted, _ = served
    page.goto(f"{address}/chain?finding={planted}")
    picture = page.locator(".chain svg[role=group]")
    expect(picture).to_be_visible()
    lanes = picture.locator(".tenant").all_text_contents()
    assert "brightwater" in lanes
    assert len(lanes) >= 2
    expect(picture.locator(".hop.crossing").first).to_be_attached()
    agent = picture.get_by_role("button", name="agent bookkeeping").first
    agent.click()
    expect(page.locator("h3", has_text="bookkeeping")).to_be_visible()
    tool = picture.locator(".step", has_text="tool").first
    tool.press("Enter")
    expect(tool).to_have_attribute("aria-pressed", "true")


def test_the_waterfall_shows_only_the_path_when_asked(page: Page, served: Served) -> None:
    """The checkbox hides what is not on the way to the crossing."""
    address, planted, _ = served
    page.goto(f"{address}/chain?finding={planted}")
    rows = page.locator(".waterfall .row")
    expect(rows.first).to_be_visible()
    before = rows.count()
    page.get_by_label("Only spans on the path through the wall").check()
    expect(page.locator(".waterfall .row.crossing").first).to_be_visible()
    assert 0 < rows.count() < before


def test_a_number_of_the_matrix_leads_to_its_findings(page: Page, served: Served) -> None:
    """The two tenants stand in the address, so the view can be shared."""
    page.goto(served.address)
    page.get_by_role("button", name="brightwater reached").first.click()
    page.wait_for_url("**/findings?*src=brightwater*")
    assert "dst=" in page.url
    expect(page.get_by_role("button", name="Open chain")).to_be_visible()
    page.get_by_role("button", name="Open chain").click()
    page.wait_for_url("**/chain?finding=F-*")
    expect(page.get_by_text("Why this is a crossing")).to_be_visible()


def test_a_call_leads_to_its_answers_and_its_findings(page: Page, served: Served) -> None:
    """Who is asked by a dataset; the chosen call is answered beside the table, with its proof."""
    page.goto(f"{served.address}/who")
    wanted = page.get_by_label("Is", exact=True)
    wanted.fill("postgres://erp/*")
    wanted.press("Enter")
    page.wait_for_url("**/who?*is=postgres*")
    expect(page.get_by_text("Against which asset")).to_be_visible()
    expect(page.locator("dd", has_text="postgres://erp/").first).to_be_visible()
    page.get_by_role("button", name="Findings of this trace").click()
    page.wait_for_url("**/findings?q=*")
