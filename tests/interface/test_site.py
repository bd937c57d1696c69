"""The documentation site: its pages are complete and their links lead somewhere; a browser finds nothing cut off.

The site is tested where it has been built, in the folder that AMP_THEORY_SITE names.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from browser import start_browser

import amp_theory as at

ROOT = Path(at.__file__).parent.parent
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="installed without the repository")


def loaded(file: Path) -> ModuleType:
    """Return a module that is no part of the package."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Page(HTMLParser):
    """What a page links to, what it can be linked at, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.classes: set[str] = set()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.classes |= set(given.get("class", "").split())
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in {"img", "script"} and "src" in given:
            self.loads.append(given["src"])
        elif tag == "link" and set(given.get("rel", "").split()) & {"stylesheet", "icon", "preload"}:
            self.loads.append(given["href"])


def pages_of(folder: Path) -> dict[str, Page]:
    """Return all pages of a folder by name."""
    return {
        str(file.relative_to(folder)): Page(file.read_text(encoding="utf-8"))
        for file in sorted(folder.rglob("*.html"))
        if "_static" not in file.parts
    }


def lost(folder: Path, pages: dict[str, Page]) -> list[str]:
    """Return the links and loads within a site that lead nowhere, and the loads from elsewhere."""
    found = []
    for name, page in pages.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme in {"http", "https", "mailto"}:
                found += [f"{name} loads {link}"] if link in page.loads else []
                continue
            if parts.scheme == "data":
                continue
            file = (folder / name).parent / unquote(parts.path) if parts.path else folder / name
            place = os.path.relpath(file.resolve(), folder.resolve())
            anchored = not parts.fragment or place not in pages or unquote(parts.fragment) in pages[place].anchors
            if not file.is_file() or not anchored:
                found.append(f"{name} -> {link}")
    return found


# --- without a site ---------------------------------------------------------------------------------------------------


def test_every_public_name_has_one_section():
    build = loaded(DOCS / "build.py")
    pages = build.reference()
    listed = [name for text in pages.values() for name in re.findall(r"^   (\w+)$", text, re.M)]
    assert sorted(listed) == sorted(set(at.__all__) - {"__version__"})
    with pytest.raises(SystemExit, match="SECTIONS"):
        build.section_of("nowhere.at_all")


@pytest.mark.parametrize(
    ("plain", "latex"),
    [
        ("q = theta rho + (1 - theta) M(x)", r"q = \theta  \rho  + (1 - \theta ) M(x)"),
        ("x = xi_1'(q)", r"x = \xi _{1}'(q)"),
        ("N^((p-1)/2) sqrt(Delta)", r"N^{(p-1)/2} \sqrt{\Delta }"),
        ("E[<s> s*] >= 0", r"\mathbb{E}[\lt s\gt  s^{*}] \ge  0"),
        (r"\frac{a}{b}", r"\frac{a}{b}"),
    ],
)
def test_plain_equations_become_latex(plain, latex):
    pytest.importorskip("math_core")
    equations = loaded(DOCS / "site" / "equations.py")
    assert equations.latex_of(plain) == latex
    assert "<math" in equations.mathml_of(latex, display=True)


def test_equations_are_found_in_sentences_and_words_are_left():
    math_core = pytest.importorskip("math_core")
    equations = loaded(DOCS / "site" / "equations.py")

    def found(sentence: str) -> list[str]:
        parts = equations.equations_in(sentence)
        assert "".join(part for part, _ in parts) == sentence
        return [part for part, is_equation in parts if is_equation]

    assert found("Fixed points obey q = M(x), x = xi'(q).  Their end") == ["q = M(x)", "x = xi'(q)"]
    assert found("The mean is |z| <= kappa, else T_d with weight e^{-1/T}.") == ["|z| <= kappa", "T_d", "e^{-1/T}"]
    for words in (
        "The 3-spin model of E. A. Smith, arXiv:2308.14085, shape (n,).",
        "LinearInterpolant() (default) or Interpolant(noise, signal), the p_value and/or a file docs/a_b_c.md",
        "An overlap from 0 to 1, below 1e-6: a p-spin, two at a time.",
    ):
        assert found(words) == []
    with pytest.raises(math_core.LatexError):
        equations.mathml_of(r"\nosuchcommand x", display=False)


def test_lost_links_are_noticed(tmp_path):
    (tmp_path / "a.html").write_text('<h1 id="top"><a href="b.html#x"><a href="#top"><a href="c.html"><a href="#no">')
    (tmp_path / "b.html").write_text('<p id="y"><script src="https://x.y/z.js"></script><a href="https://x.y">')
    assert lost(tmp_path, pages_of(tmp_path)) == [
        "a.html -> b.html#x", "a.html -> c.html", "a.html -> #no", "b.html loads https://x.y/z.js",
    ]  # fmt: skip


# --- of a site --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site() -> Path:
    if "AMP_THEORY_SITE" not in os.environ:
        pytest.skip("AMP_THEORY_SITE names no site")
    return Path(os.environ["AMP_THEORY_SITE"])


@pytest.fixture(scope="module")
def pages(site) -> dict[str, Page]:
    return pages_of(site)


def test_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere(site, pages):
    assert len(pages) > len(at.__all__)
    assert lost(site, pages) == []


def test_every_public_name_has_a_page(site, pages):
    for name in set(at.__all__) - {"__version__"}:
        page = pages[f"reference/amp_theory.{name}.html"]
        assert f"amp_theory.{name}" in page.anchors, name
    for page in (*DOCS.glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")):
        assert f"{page.parent.name}/{page.stem}.html" in pages


def test_no_page_tells_of_a_mistake(site, pages):
    assert [name for name, page in pages.items() if page.classes & {"system-message", "problematic", "stderr"}] == []
    assert [name for name, page in pages.items() if "merror" in page.tags] == []
    raw = re.compile(r"~amp_theory\.|~typing\.|ForwardRef|&lt;factory&gt;")
    reference = [name for name in pages if name.startswith("reference/")]
    assert [name for name in reference if raw.search((site / name).read_text(encoding="utf-8"))] == []


def test_equations_are_rendered(pages):
    assert pages["reference/amp_theory.Autoregressive.html"].tags.count("math") >= 4
    assert pages["notebooks/02_from_sampler_to_equation_of_state.html"].tags.count("math") > 50
    assert pages["docs/models.html"].tags.count("math") > 10


def test_notebooks_show_what_they_printed_and_drew(site):
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        text = (site / "notebooks" / f"{notebook.stem}.html").read_text(encoding="utf-8")
        wanted = len(re.findall(r"\bprint\(", "".join(loaded_cells(notebook))))
        assert text.count('class="cell_output') >= 3
        assert text.count("<img") >= 3
        assert not wanted or 'class="output' in text


def loaded_cells(notebook: Path) -> list[str]:
    """Return the code of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


# --- in a browser -----------------------------------------------------------------------------------------------------


class Silent(SimpleHTTPRequestHandler):
    """A server that logs nothing."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def driver(tmp_path_factory, site) -> Iterator[Any]:
    found = start_browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.quit()


def seen(driver: Any, width: int, scheme: str) -> None:
    """Let a browser have a width and a preference for light or dark pages."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    preference = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [preference]})


#: what of a page is wider than its place: but for what may be scrolled by itself, which is code, tables, equations
TOO_WIDE = """
const root = document.documentElement;
const found = root.scrollWidth > root.clientWidth ? ["page"] : [];
for (const e of document.querySelectorAll("main, main *, article, article *")) {
  if (e.closest("pre, svg, .math, .pst-scrollable-table-container, #table-card")) continue;
  const style = getComputedStyle(e);
  if (style.overflowX !== "visible" && style.textOverflow !== "ellipsis" && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1)
    found.push(e.tagName + "." + e.className);
}
return found;
"""
#: the brightness of the background, from 0 to 255
BRIGHTNESS = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"


def test_no_page_is_wider_than_its_window(driver, address, pages):
    reference = [name for name in pages if name.startswith("reference/")]
    longest = ["reference/amp_theory.thresholds.html", "reference/amp_theory.DoorChannel.html"]
    for name in [name for name in pages if name not in reference] + reference[::10] + longest:
        driver.get(f"{address}/{name}")
        for width in (1280, 400):
            seen(driver, width, "light")
            assert driver.execute_script(TOO_WIDE) == [], f"{name} at {width} px"
    driver.execute_script("document.querySelector('article').innerHTML = '<p style=width:999px>wide</p>'")
    assert driver.execute_script(TOO_WIDE) != []  # which is noticed


def test_it_is_light_or_dark_as_is_preferred(driver, address):
    for name in ("index.html", "reference/amp_theory.Flow.html", "notebooks/01_first_diagram.html"):
        for scheme, bright in (("light", True), ("dark", False)):
            seen(driver, 1280, scheme)
            driver.get(f"{address}/{name}")
            values = driver.execute_script(BRIGHTNESS)
            assert min(values) > 200 if bright else max(values) < 60, (name, scheme, values)


def test_search_finds_a_name(driver, address):
    from selenium.webdriver.support.ui import WebDriverWait

    seen(driver, 1280, "light")
    script = "return [...document.querySelectorAll('#search-results li a')].map(a => a.getAttribute('href'))"
    for words, page in (
        ("phase_diagram", "reference/amp_theory.phase_diagram.html"),
        ("glossary", "CONTRIBUTING.html"),
    ):
        driver.get(f"{address}/search.html?q={words}")
        WebDriverWait(driver, 20).until(lambda d, page=page: any(page in a for a in d.execute_script(script)))
    driver.get(f"{address}/search.html?q=xyzzyplugh")
    WebDriverWait(driver, 20).until(lambda d: "did not match" in d.page_source)
    assert driver.execute_script(script) == []


def test_equations_have_a_size(driver, address):
    """A browser that cannot lay out MathML would show nothing."""
    seen(driver, 1280, "light")
    driver.get(f"{address}/reference/amp_theory.Autoregressive.html")
    sizes = driver.execute_script(
        "return [...document.querySelectorAll('math')].map(m => [m.getBoundingClientRect().width, m.getBoundingClientRect().height])"
    )
    assert len(sizes) >= 4
    assert all(width > 5 and height > 5 for width, height in sizes)
