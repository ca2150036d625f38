"""What the documentation names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SITE = [
    page
    for page in sorted((ROOT / "docs").rglob("*.md"))
    if not {"build", "example_ci"} & set(page.relative_to(ROOT).parts)
]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *SITE]
NAMED = sorted(
    set(
        re.findall(
            r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "algorithms.md").read_text()
        )
    )
)
ROOMS = "labkit|tests|docs|scripts|notebooks|benchmarks|experiments|jupyter|js"


def paths_named(text: str) -> set[str]:
    """Paths of the repository that a page names: in code, in a drawing, in a link."""
    inline = re.findall(rf"(?<![\w/.-])((?:{ROOMS})/[\w/.-]*[\w/])", text)
    return {path for path in inline if not re.search(r"\.\.|//", path)}


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_named_tests_exist(file: str, test: str) -> None:
    source = (ROOT / file).read_text()
    assert f"def {test}(" in source if test else source


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_named_paths_exist(page: Path) -> None:
    homes = (ROOT, page.parent, ROOT / "docs" / "example_ci")
    missing = [
        path
        for path in sorted(paths_named(page.read_text()))
        if not any((home / path).exists() for home in homes)
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#[\w-]+)?\)", page.read_text())
    # a badge leads out of the repository, to its workflow on the code host
    places = (
        re.sub(r"^\.\./\.\./actions/(.+\.yml)(/badge\.svg)?$", r".github/\1", li) for li in links
    )
    assert not [place for place in places if not (page.parent / place).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_targets_of_make_exist(page: Path) -> None:
    (phony,) = re.findall(r"^\.PHONY: (install .+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)", page.read_text())) <= set(phony.split())


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130
    assert (ROOT / "docs" / "lab.webp").stat().st_size <= 2_000_000


def test_a_path_that_has_gone_is_noticed() -> None:
    text = "open `labkit/core/gone.py`, or labkit/session; and https://host/labkit/x\n│ tests/a.py"
    assert paths_named(text) == {"labkit/core/gone.py", "labkit/session", "tests/a.py"}


def test_the_architecture_names_a_file_for_each_change() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    _, _, table = page.partition("## Where to change what")
    rows = [line for line in table.splitlines() if line.startswith("| a")]
    assert len(rows) >= 10
    for row in rows:
        assert any((ROOT / path).exists() for path in paths_named(row)), row
