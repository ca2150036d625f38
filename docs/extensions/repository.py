"""The site shows files that are elsewhere in the repository: notebooks as pages, others as links.

Pages are written for readers on a code host, where a link leads to a file of the repository. On the
site such a link leads to the page that shows the file, or to the file on the code host.
"""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the tests read this module without Sphinx
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
TUTORIALS = "docs/tutorials"
LINK = re.compile(
    r"(?<!!)\[(?P<text>[^\]\[]*)\]\((?P<path>(?!\w+:)[^)#\s]+)(?P<anchor>#[^)\s]*)?\)"
)

Address = Callable[[str], str]
"""Path of a file in the repository → its address on the code host, or "" if that is unknown."""


def site_text(text: str, source: str, page: str, address: Address) -> str:
    """Text of a file with links that work on the site.

    Args:
        text: Markdown, or a notebook with Markdown in it.
        source: Path of the file in the repository, to which its links are relative.
        page: Where the site reads it: the same path, or a copy below `docs`.
        address: See `Address`.

    Example:
        >>> page, host = "docs/algorithms.md", "https://host/{}".format
        >>> site_text("[lab](../notebooks/01_sinusoid.ipynb)", page, page, host)
        '[lab](tutorials/01_sinusoid.ipynb)'
        >>> site_text("see [how](../README.md#start)", page, page, host)
        'see [how](https://host/README.md#start)'
        >>> site_text("see [how](../README.md#start)", page, page, lambda path: "")
        'see how'
    """

    def replaced(match: re.Match[str]) -> str:
        target = _resolved(PurePosixPath(source).parent, match["path"])
        words, anchor = match["text"], match["anchor"] or ""
        if not (ROOT / target).exists():
            return match[0]  # Sphinx reports it
        if on_site := _page_of(target):
            return f"[{words}]({_relative(on_site, page)}{anchor})"
        url = address(target)
        return f"[{words}]({url}{anchor})" if url else words

    return LINK.sub(replaced, text)


def tutorials(folder: Path = ROOT / "notebooks") -> list[Path]:
    """The notebooks that the site shows, in their order."""
    return sorted(folder.glob("*.ipynb"))


def copy_notebooks(target: Path, address: Address) -> None:
    """Put the notebooks, as they were executed, where Sphinx reads pages.

    A copy that is equal is left alone: the next build reads only what has changed.
    """
    target.mkdir(parents=True, exist_ok=True)
    kept = set()
    for path in tutorials():
        copy = target / path.name
        kept.add(copy)
        text = site_text(
            path.read_text(encoding="utf-8"),
            f"notebooks/{path.name}",
            f"{TUTORIALS}/{path.name}",
            address,
        )
        if not copy.exists() or copy.read_text(encoding="utf-8") != text:
            copy.write_text(text, encoding="utf-8")
    _remove(set(target.glob("*.ipynb")) - kept)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink()


def _resolved(folder: PurePosixPath, path: str) -> str:
    return os.path.normpath(folder / path).replace(os.sep, "/")


def _relative(path: str, page: str) -> str:
    return os.path.relpath(path, PurePosixPath(page).parent).replace(os.sep, "/")


def _page_of(path: str) -> str:
    """The page of the site that shows a file of the repository, or ""."""
    if re.fullmatch(r"notebooks/[^/]+\.ipynb", path):
        return f"{TUTORIALS}/{PurePosixPath(path).name}"
    excluded = path.startswith(("docs/example_ci", "docs/extensions"))
    page = path.startswith("docs/") and path.endswith((".md", ".ipynb", ".png", ".svg"))
    return path if page and not excluded else ""


def _code_host(app: "Sphinx") -> Address:
    options = app.config.html_theme_options
    url, branch = options.get("repository_url", ""), options.get("repository_branch", "main")

    def address(path: str) -> str:
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"{url}/{kind}/{branch}/{path}" if url else ""

    return address


def _on_start(app: "Sphinx") -> None:
    copy_notebooks(Path(app.srcdir) / "tutorials", _code_host(app))


def _on_read(app: "Sphinx", name: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(name))
    if path.suffix == ".md":
        page = path.relative_to(ROOT).as_posix()
        source[0] = site_text(source[0], page, page, _code_host(app))


def setup(app: "Sphinx") -> dict[str, Any]:
    """Copy notebooks before pages are looked for, and rewrite links as pages are read."""
    app.connect("builder-inited", _on_start, priority=100)
    app.connect("source-read", _on_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
