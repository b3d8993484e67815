"""The page's own files."""

import re
from pathlib import Path

import devctl.web
from tests.unit.test_names import PLACEHOLDERS

STATIC = Path(devctl.web.__file__).with_name("static")


def test_every_module_of_the_page_is_loaded_at_once() -> None:
    page = (STATIC / "index.html").read_text()
    modules = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js")}
    assert set(re.findall(r'(?:href|src)="/static/([\w/]+\.js)"', page)) == modules


def test_no_file_of_the_page_parses_text_as_html_or_names_another_host() -> None:
    for path in (*STATIC.rglob("*.js"), *STATIC.rglob("*.css"), *STATIC.rglob("*.html")):
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            path
        )
        assert not re.search(r"https?://(?!\[)\w", text), path


def test_no_binding_of_the_page_has_a_name_that_names_nothing() -> None:
    binding = re.compile(r"\b(?:const|let|function|class)\s+(\w+)|\((\w+)\) =>|\.(place)\b")
    for path in STATIC.rglob("*.js"):
        names = {name for match in binding.finditer(path.read_text()) for name in match.groups() if name}
        assert not names & PLACEHOLDERS, path
