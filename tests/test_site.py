"""What readers of the documentation would stumble over, once `make docs` has built it."""

import html
import inspect
import re
from html.parser import HTMLParser

import pytest

import gluonkit
from tests.conftest import ROOT

SITE = ROOT / "site"
WRITER = "what writes the pages is not installed; `make .venv/.docs` does it"
SERVICES = r"https://(?:colab\.research\.google\.com|mybinder\.org)/[^\s\")]+"

pytestmark = pytest.mark.skipif(
    not (SITE / "404.html").exists(), reason="the documentation is not built; `make docs` does it"
)


def page(name):
    return (SITE / name / "index.html").read_text()


def pages():
    return {path: path.read_text() for path in sorted(SITE.rglob("*.html"))}


def code(text):
    """Return the texts of the blocks of Python code on a page, signatures among them."""
    kinds = "language-python|language-pycon|doc-signature"
    blocks = re.findall(rf'<div class="[^"]*(?:{kinds})[^"]*">(.*?)</pre>', text, re.S)
    return [html.unescape(re.sub(r"<[^>]+>", "", block)) for block in blocks]


class Links(HTMLParser):
    """Collects addresses and names on a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.names |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])


def test_signatures_are_formatted():
    signatures = [
        block for block in code(page("reference/training")) if "optimizer_params" in block
    ]
    (fit,) = (block.strip() for block in signatures if block.strip().startswith("fit("))
    lines = fit.splitlines()
    assert lines[0] == "fit("
    assert lines[-1] == ")"
    default = inspect.signature(gluonkit.fit).parameters["optimizer"].default
    assert f'    optimizer="{default}",' in lines


def test_code_fits_the_text_column():
    """docs/site.css has room for 100 columns."""
    wide = [
        (str(path.relative_to(SITE)), line)
        for path, text in pages().items()
        for block in code(text)
        for line in block.splitlines()
        if len(line) > 100
    ]
    assert wide == []


def test_nothing_is_described_by_its_type_only():
    for path, text in pages().items():
        bare = re.search(r'.{200}<div class="doc-md-description">\s*</div>', text, re.S)
        assert bare is None, (path, bare[0])


def test_defaults_are_the_signatures():
    for name, owner in (("reference/training", "fit"), ("reference/inspection", "summary")):
        text = page(name)
        entry = text.partition(f'id="gluonkit.{owner}"')[2]
        shown = re.search(r"<b><code>optimizer_params</code></b>.*?</li>", entry, re.S)[0]
        words = " ".join(html.unescape(re.sub(r"<[^>]+>", "", shown)).split())
        assert "(mapping, default: None )" in words
        assert "Options of an optimizer given by name" in words


def test_a_wrong_address_leads_on():
    text = (SITE / "404.html").read_text()
    (content,) = re.findall(r"<article.*?</article>", text, re.S)
    assert Links(content).links == ["/.", "/tour/", "/reference/"]
    for link in Links(content).links:
        assert (SITE / link.strip("/") / "index.html").is_file()
    assert '<label for="__search"' in content
    assert "__search" in Links(text).names  # the switch that opens the search


def test_summaries_do_not_break_words():
    lines = re.findall(
        r'<div style="(display:inline-grid[^"]*)"', page("notebooks/01_first_network")
    )
    assert lines
    assert all("white-space:nowrap" in style for style in lines)


def test_nothing_is_loaded_from_elsewhere():
    """Of a link to the repository the theme's own script would ask GitHub."""
    for path, text in pages().items():
        assert not re.findall(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=.?https?:", text), path
        assert 'data-md-component="source"' not in text


def test_notebooks_link_to_services_once_there_is_an_address(monkeypatch):
    pytest.importorskip("nbconvert", reason=WRITER)
    monkeypatch.syspath_prepend(ROOT / "docs" / "_site")
    import address
    import kept
    import nbformat

    import notebooks

    assert set(re.findall(SERVICES, page("notebooks/03_fast"))) == set(
        address.links(address.address(), "03_fast.ipynb").values()
    )
    # As it is written: whether it has run is no matter here.
    monkeypatch.setattr(kept, "kept", lambda path: nbformat.read(path, as_version=4))
    fast = ROOT / "notebooks" / "03_fast.ipynb"
    text, _ = notebooks.page(fast)
    assert not re.findall(SERVICES, text)
    text, _ = notebooks.page(fast, "https://github.com/me/gluonkit")
    head = text.partition("\n## ")[0]
    linked = address.links("https://github.com/me/gluonkit", fast.name)
    assert re.findall(SERVICES, head) == list(linked.values())
    assert "%pip" not in text


def test_what_is_printed_in_parts_is_shown_in_one_box(monkeypatch):
    pytest.importorskip("nbconvert", reason=WRITER)
    monkeypatch.syspath_prepend(ROOT / "docs" / "_site")
    import kept
    from nbformat import v4

    import notebooks

    def printed(text, name="stdout"):
        return v4.new_output("stream", text=text, name=name)

    parts = [printed("a\n"), printed("b\n"), printed("c\n", "stderr"), printed("d\n")]
    picture = v4.new_output("display_data", {"text/plain": "drawn"})
    shown = v4.new_code_cell("print()", outputs=[*parts, picture, printed("e\n")])
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# 1 · Title\n\nText"), shown])
    monkeypatch.setattr(kept, "kept", lambda path: notebook)
    text, _ = notebooks.page(ROOT / "notebooks" / "03_fast.ipynb")
    boxes = re.findall(r"```text\n(.*?)\n```", text, re.S)
    assert boxes == ["a\nb", "c", "d", "drawn", "e"]


def test_links_lead_to_pages():
    texts = {path.resolve(): text for path, text in pages().items()}
    names = {path: Links(text).names for path, text in texts.items()}
    broken = []
    for path, text in texts.items():
        if path.name == "404.html":
            continue
        for link in Links(text).links:
            address, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", address):
                continue
            there = (path.parent / address).resolve() if address else path
            there = there / "index.html" if there.is_dir() else there
            if not there.exists() or (anchor and there in names and anchor not in names[there]):
                broken.append((str(path.relative_to(SITE)), link))
    assert broken == []
