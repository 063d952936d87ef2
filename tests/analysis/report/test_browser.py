"""The page in a real browser: it works offline, by mouse and keyboard, and hostile runs are inert.

Needs selenium, chromium and chromedriver; skipped where one of them is missing.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytestmark = pytest.mark.slow
pytest.importorskip("selenium")

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
ATTACK = "window.hit=1"


def evil(server: str) -> str:
    """A text that runs a script and fetches from `server`, if it is taken for markup."""
    return (
        f"</script></style></title><script>{ATTACK}</script><img src={server}/a onerror={ATTACK}>"
        f"<svg onload={ATTACK}><link rel=stylesheet href={server}/b><iframe src={server}/c>"
        f"\u2028\u202e'\"{{{{7*7}}}}<a href=javascript:{ATTACK}>x</a><base href={server}>"
    )


def evil_svg(server: str) -> bytes:
    """A picture that does, if it is more than a picture."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="{ATTACK}">'
        f"<script>{ATTACK}; fetch('{server}/d')</script><image href='{server}/e.png'/>"
        f"<style>@import url({server}/f.css);</style></svg>"
    ).encode()


#: every request that the page made, itself aside
REQUESTS = """
return performance.getEntriesByType("resource").map((entry) => entry.name)
  .filter((name) => !name.startsWith("data:"))
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium or chromedriver is missing")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(service=Service(DRIVER), options=options)
    yield driver
    driver.quit()


@pytest.fixture
def shown(browser: Any, make: Callable, html: Callable, tmp_path: Path) -> Callable[..., Any]:
    """Opens the page of runs."""

    def of(*directories: Path, **options: Any) -> Any:
        page = tmp_path / "page.html"
        page.write_text(html(*directories, **options))
        browser.get(page.as_uri())
        return browser

    return of


@pytest.fixture
def page(shown: Callable, make: Callable, png: Callable) -> Any:
    """Three settings with two seeds each; the first run has pictures."""
    files = {("mask.png", i): png(8, 6) for i in range(3)}
    made = [
        make(f"run{s}{seed}", seed=seed, signature=f"s{s}", ppl=[30.0, 25.0 - s, 10.0 * (s + seed)],
             parameters={"sparsity": (5 + s) / 10}, files=files if s == seed - 1 == 0 else None,
             state="failed" if (s, seed) == (2, 2) else "completed")
        for s in range(3) for seed in (1, 2)
    ]  # fmt: skip
    return shown(*made)


@dataclass
class Server:
    """Answers every request, and remembers it."""

    address: str
    asked: list[str]


@pytest.fixture
def server() -> Iterator[Server]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        yield Server(f"http://127.0.0.1:{listening.server_port}", asked)
        listening.shutdown()


def all_of(page: Any, selector: str) -> list[Any]:
    return list(page.find_elements("css selector", selector))


def column(page: Any, n: int) -> list[str]:
    rows = "[...document.querySelectorAll('#all tbody tr')]"
    return list(
        page.execute_script(f"return {rows}.map((r) => r.cells[arguments[0]].innerText)", n)
    )


def head(page: Any, name: str) -> tuple[int, Any]:
    heads = all_of(page, "#all th")
    n = [one.text.split()[0] for one in heads].index(name)
    return n, heads[n]


def is_clean(page: Any) -> bool:
    """No error on the console, nothing fetched, no script but ours."""
    return (
        page.get_log("browser") == []
        and page.execute_script(REQUESTS) == []
        and page.execute_script("return window.hit") is None
    )


def test_a_click_sorts_by_number_and_again_turns_the_order(page: Any) -> None:
    n, cell = head(page, "ppl")

    cell.find_element("tag name", "button").click()
    rising = [float(text) for text in column(page, n)]
    assert (rising, cell.get_attribute("aria-sort")) == (sorted(rising), "ascending")
    cell.find_element("tag name", "button").click()

    assert [float(text) for text in column(page, n)] == sorted(rising, reverse=True)
    assert cell.get_attribute("aria-sort") == "descending"
    assert is_clean(page)


def test_the_keyboard_sorts_too(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    n, cell = head(page, "run")
    page.execute_script("arguments[0].focus()", cell.find_element("tag name", "button"))

    page.switch_to.active_element.send_keys(Keys.ENTER)
    page.switch_to.active_element.send_keys(Keys.SPACE)

    assert cell.get_attribute("aria-sort") == "descending"
    assert column(page, n) == sorted(column(page, n), reverse=True)
    page.switch_to.active_element.send_keys(Keys.TAB)
    assert page.switch_to.active_element.text.startswith("state")


@pytest.mark.parametrize(
    ("typed", "ids"),
    [("failed", ["run22"]), ("sparsity=0.5", ["run01", "run02"]), ("<script>", []),
     ("seed=1 ppl>10", ["run11", "run21"]),
     ("state!=failed sparsity>=0.7", ["run21"]), ("run~1 seed<2", ["run01", "run11", "run21"])],
)  # fmt: skip
def test_the_filter_takes_words_and_conditions(page: Any, typed: str, ids: list[str]) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    page.find_element("id", "filter").send_keys(typed)
    count = page.find_element("id", "count")
    WebDriverWait(page, 10).until(lambda _: count.text == f"{len(ids)} of 6 fit")

    rows = [row for row in all_of(page, "#all tbody tr") if row.is_displayed()]
    assert sorted(row.text.split()[0] for row in rows) == ids


def test_a_curve_is_taken_away_and_the_axis_follows(page: Any) -> None:
    before = len(all_of(page, ".canvas g"))
    top = all_of(page, ".tick.y")[-1].text

    key = all_of(page, ".key")[2]
    key.click()

    assert key.get_attribute("aria-pressed") == "false"
    assert (before, len(all_of(page, ".canvas g"))) == (3, 2)
    assert float(all_of(page, ".tick.y")[-1].text) <= float(top)
    all_of(page, "[data-all]")[1].click()
    assert "no curve is chosen" in page.find_element("css selector", ".canvas").text
    assert is_clean(page)


def test_another_metric_and_a_logarithmic_axis(page: Any) -> None:
    before = [tick.text for tick in all_of(page, ".tick.y")]

    page.find_element("name", "log").click()
    logarithmic = [tick.text for tick in all_of(page, ".tick.y")]
    page.find_element("css selector", "option:last-child").click()

    assert logarithmic == ["10", "20", "50"] != before
    assert page.find_element("css selector", ".metric").text == "seconds"


def test_arrow_keys_read_the_curves(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page.execute_script("document.querySelector('.canvas svg').focus()")
    for key in (Keys.END, Keys.ARROW_LEFT):
        page.switch_to.active_element.send_keys(key)

    tip = page.find_element("css selector", ".tip").text.splitlines()
    assert tip[0] == "iteration 1"
    assert tip[-2:] == ["sparsity=0.7", "23"]
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not page.find_element("css selector", ".tip").is_displayed()


def test_the_theme_switches(page: Any) -> None:
    color = "return getComputedStyle(document.body).backgroundColor"
    before = page.execute_script(color)
    button = page.find_element("id", "theme")

    button.click()

    assert page.execute_script(color) != before
    button.click()
    assert page.execute_script(color) == before


def test_pictures_go_by_a_slider_or_all_at_once(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page.execute_script(
        "document.querySelectorAll('details.run').forEach((d) => { d.open = true })"
    )
    slider = page.find_element("css selector", ".slider input")

    assert [f.is_displayed() for f in all_of(page, ".frame")] == [False, False, True]
    slider.send_keys(Keys.HOME)
    assert [f.is_displayed() for f in all_of(page, ".frame")] == [True, False, False]
    page.find_element("css selector", ".slider button").click()
    assert [f.is_displayed() for f in all_of(page, ".frame")] == [True, True, True]
    assert page.execute_script("return document.querySelector('.frame img').naturalWidth") == 8


def test_a_link_in_the_table_opens_the_run(page: Any) -> None:
    all_of(page, "#all a")[-1].click()

    is_open = [run.get_attribute("open") for run in all_of(page, "details.run")]
    assert is_open == [None] * 5 + ["true"]


@pytest.mark.parametrize("width", [400, 800, 2000])
def test_the_page_never_scrolls_sideways(page: Any, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true })")

    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_without_a_script_everything_can_be_read(
    shown: Callable, make: Callable, browser: Any
) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page = shown(make("aaaa"), make("bbbb", seed=2, ppl=[30.0, 21.0]))
        text = page.find_element("tag name", "body").text
        curves = all_of(page, ".canvas .curve")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert [one in text for one in ("Settings", "aaaa", "bbbb", "All runs")] == [True] * 4
    assert "filter" not in text
    assert len(curves) == 3


@pytest.fixture
def hostile(make: Callable, png: Callable, server: Server) -> Path:
    """A run whose every text, name and picture tries to get out."""
    text, svg = evil(server.address), evil_svg(server.address)
    bomb = png()[:16] + (60_000).to_bytes(4) * 2 + png()[24:]
    directory: Path = make(
        text, error=text, parameters={text: text}, labels={text: text}, more={text: 1.0}, note=text,
        about={"paper": text, "arxiv": f"1/{text}"}, model=text, data=text, host=text,
        packages={text: text}, environment={text: text}, command=[text], git={"commit": text},
        objective={"metric": text, "goal": text}, sweep={"id": text},
        files={"a.svg": svg, "b.html": text.encode(), "c.png": bomb, ("d.svg", 1): svg,
               ("d.svg", 2): svg, "e<script>window.hit=1<": b"x"},
    )  # fmt: skip
    (directory / "log.txt").write_text(text)
    (directory / "artifacts" / "passwd.png").symlink_to("/etc/passwd")
    return directory


def test_a_hostile_run_is_inert(
    shown: Callable, make: Callable, hostile: Path, server: Server
) -> None:
    text = evil(server.address)

    page = shown(hostile, make("other", system=text, signature=text, seed=2), title=text)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    page.find_element("id", "filter").send_keys(text[:200])
    page.execute_script("document.querySelectorAll('img').forEach((i) => i.scrollIntoView())")

    assert is_clean(page)
    assert server.asked == []
    assert page.execute_script("return document.scripts.length") == 2
    assert all_of(page, "a[href^='javascript'], base, iframe, img:not([src^='data:'])") == []
    names = [image.get_attribute("alt") for image in all_of(page, "img")]
    assert names == ["0001/d.svg", "0002/d.svg", "a.svg"]


def test_the_policy_stops_what_would_get_through(
    shown: Callable, make: Callable, server: Server
) -> None:
    page = shown(make())

    page.execute_script(
        """
        const script = document.createElement("script");
        try { script.text = "window.hit = 1"; } catch { window.refused = 1; }
        const image = new Image();
        image.src = `${arguments[0]}/z.png`;
        document.body.append(script, image);
        """,
        server.address,
    )

    assert page.execute_script("return [window.hit, window.refused]") == [None, 1]
    assert any("Content Security Policy" in entry["message"] for entry in page.get_log("browser"))
    assert server.asked == []
