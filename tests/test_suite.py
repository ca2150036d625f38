"""How the suite is divided: what runs by default, what is marked, what shares a worker."""

from pathlib import Path

import pytest

from tests.conftest import FileByFile

BROWSER = Path(__file__).parent / "browser"


def marked(item: pytest.Item, name: str) -> bool:
    return item.get_closest_marker(name) is not None


def test_marks_follow_folders_and_full_products_are_left_out(
    request: pytest.FixtureRequest,
) -> None:
    items = request.session.items
    chosen = "exhaustive" in request.config.option.markexpr
    for item in items:
        assert marked(item, "browser") == item.path.is_relative_to(BROWSER)
        assert marked(item, "kernel") or item.path.suffix != ".ipynb"
        assert chosen or not marked(item, "exhaustive")
    ranks = [
        (not marked(item, "browser"), item.path.suffix != ".ipynb", not marked(item, "kernel"))
        for item in items
    ]
    assert ranks == sorted(ranks), "what takes long does not begin first"


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/core/test_proof.py::test_against_numpy[MAML-a::b]", "tests/core/test_proof.py"),
        ("tests/browser/test_places.py::test_a", "tests/browser"),
        ("notebooks/04_tides::ipynb::Cell 3", "notebooks/04_tides"),
        ("labkit/core/maml.py::labkit.core.maml.MAML", "labkit/core/maml.py"),
    ],
)
def test_a_worker_runs_whole_files_and_one_of_them_the_browser(nodeid: str, scope: str) -> None:
    assert object.__new__(FileByFile)._split_scope(nodeid) == scope


@pytest.mark.parametrize("path", sorted(BROWSER.glob("*test*.py")), ids=lambda path: path.name)
def test_no_browser_test_waits_for_a_time(path: Path) -> None:
    assert "wait_for_timeout" not in path.read_text(encoding="utf-8")
