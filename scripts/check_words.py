"""Find wording that `docs/words.toml` replaces, in prose, docstrings, comments and messages.

    python -m scripts.check_words            # every file of the repository
    python -m scripts.check_words README.md  # these files

The list has three tables. A `phrase` is a pattern, looked for in Markdown, in the Markdown cells of
notebooks, and in the comments and strings of Python, TypeScript, CSS and configuration files; it
may go over the end of a line. A `name` is an identifier that was renamed, looked for everywhere.
A `noun` is a participle that names no variable. `words: allow` on a line, or on the line
before, lets a quotation pass.
"""

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from itertools import accumulate
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LIST = ROOT / "docs" / "words.toml"
ALLOW = "words: allow"
SCRIPTS = {".js", ".ts", ".mjs", ".css"}
HASHED = {".toml", ".yml", ".yaml", ".sh", ".cfg"}
SCRIPT_TEXT = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`""",
    re.DOTALL,
)
QUOTES = re.compile(r"""^[A-Za-z]*(\"\"\"|'''|"|')(.*)\1$""", re.DOTALL)


@dataclass(frozen=True)
class Rule:
    """One entry of the list: what to look for, what to write instead, and in which files."""

    pattern: re.Pattern[str]
    better: str
    reason: str = ""
    paths: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class Words:
    """The list: phrases, renamed identifiers, participles, and paths that are not checked."""

    phrases: tuple[Rule, ...]
    names: tuple[Rule, ...]
    nouns: frozenset[str]
    skip: tuple[str, ...]

    def applies_to(self, path: str) -> bool:
        """Whether the list applies to the file at this path, relative to the repository."""
        return not any(fnmatch(path, pattern) for pattern in self.skip)

    def for_path(self, path: str) -> "Words":
        """The part of the list that applies to a file, by `paths`."""
        rules = (r for r in self.phrases if any(fnmatch(path, pattern) for pattern in r.paths))
        return replace(self, phrases=tuple(rules))


@dataclass(frozen=True)
class Passage:
    """Text that belongs together, in pieces that know their lines."""

    pieces: tuple[tuple[int, str], ...]

    @property
    def text(self) -> str:
        """The text without quotes, comment signs and breaks between pieces."""
        return "".join(text for _, text in self.pieces)

    def line(self, offset: int) -> int:
        """The line of the file that holds the character at `offset`."""
        starts = [0, *accumulate(len(text) for _, text in self.pieces)]
        piece = min(bisect_right(starts, offset), len(self.pieces)) - 1
        first, text = self.pieces[piece]
        return first + text[: offset - starts[piece]].count("\n")


@dataclass(frozen=True, order=True)
class Match:
    """Where the text should change, and how."""

    place: str
    line: int
    text: str
    advice: str

    def __str__(self) -> str:
        """The match as linters write it."""
        return f"{self.place}:{self.line}: “{self.text}” → {self.advice}"


def read_words(path: Path = LIST) -> Words:
    """Read the list."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))

    def rules(kind: str, template: str, flags: int) -> tuple[Rule, ...]:
        return tuple(
            Rule(
                re.compile(template.format(entry["pattern"].replace(" ", r"\s+")), flags),
                entry["better"],
                entry.get("reason", ""),
                tuple(entry.get("paths", ("*",))),
            )
            for entry in table.get(kind, ())
        )

    return Words(
        phrases=rules("phrase", "(?:{})", re.IGNORECASE),
        names=rules("name", r"\b(?:{})\b", 0),
        nouns=frozenset(table.get("nouns", ())),
        skip=tuple(table.get("skip", ())),
    )


def check_file(path: Path, words: Words, place: str = "") -> list[Match]:
    """All matches in one file; `place` is how the matches name it."""
    place, source = place or str(path), path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        return _check_notebook(source, words, place)
    return _check(source, path.suffix, words, place)


def check_files(paths: Iterable[str], words: Words) -> list[Match]:
    """All matches in the files of the repository at these relative paths."""
    return sorted(
        match
        for path in paths
        if words.applies_to(path) and _is_text(ROOT / path)
        for match in check_file(ROOT / path, words.for_path(path), path)
    )


def _is_text(path: Path) -> bool:
    suffixes = {".py", ".pyi", ".md", ".ipynb", ".html"} | SCRIPTS | HASHED
    return path.suffix in suffixes or path.name == "Makefile" or path.parent.name == ".ci"


def _check_notebook(source: str, words: Words, place: str) -> list[Match]:
    matches = []
    for index, cell in enumerate(json.loads(source)["cells"]):
        kind = ".md" if cell["cell_type"] == "markdown" else ".py"
        text = "".join(cell["source"])
        matches += _check(text, kind, words, f"{place}:cell {index}")
    return matches


def _check(source: str, kind: str, words: Words, place: str) -> list[Match]:
    lines = source.split("\n")

    def allowed(first: int, last: int) -> bool:
        return any(ALLOW in line for line in lines[max(0, first - 2) : last])

    passages = list(_passages(source, kind))
    whole = [Passage(((1, source),))]
    matches = []
    for rules, texts in ((words.phrases, passages), (words.names, whole)):
        for passage in texts:
            text = passage.text
            for rule in rules:
                for match in rule.pattern.finditer(text):
                    first, last = passage.line(match.start()), passage.line(match.end() - 1)
                    if not allowed(first, last):
                        advice = rule.better + (f" ({rule.reason})" if rule.reason else "")
                        matches.append(Match(place, first, " ".join(match[0].split()), advice))
    if kind in {".py", ".pyi"}:
        matches += [
            Match(place, line, name, "a noun: result, args, runs, updated, compiled …")
            for line, name in _names(source)
            if name in words.nouns and not allowed(line, line)
        ]
    return matches


def _names(source: str) -> Iterator[tuple[int, str]]:
    """The variables, arguments and attributes that the source assigns, with their lines."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name


def _passages(source: str, kind: str) -> Iterator[Passage]:
    if kind in {".py", ".pyi"}:
        yield from _python_passages(source)
    elif kind in SCRIPTS:
        yield from _script_passages(source)
    elif kind in {".md", ".html"}:
        yield Passage(((1, source),))
    else:
        yield _without_signs(enumerate(source.split("\n"), 1), r"^\s*#\s?")


def _without_signs(lines: Iterable[tuple[int, str]], sign: str) -> Passage:
    """Lines of a comment as one passage."""
    return Passage(tuple((line, re.sub(sign, "", text) + "\n") for line, text in lines))


def _python_passages(source: str) -> Iterator[Passage]:
    """Comments, blocks of them together; strings, adjacent ones together."""
    comments: list[tuple[int, str]] = []
    strings: list[tuple[int, str]] = []
    depth = 0  # within f-strings, from Python 3.12 on
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        line = token.start[0]
        if name == "COMMENT":
            alone = token.line.strip() == token.string
            if comments and not (alone and comments[-1][0] == line - 1):
                yield _without_signs(comments, r"^#:?\s?")
                comments = []
            comments.append((line, token.string))
        elif name == "STRING":
            quoted = QUOTES.match(token.string)
            strings.append((line, quoted[2] if quoted else token.string))
        elif name == "FSTRING_MIDDLE":
            strings.append((line, token.string))
        elif name in {"FSTRING_START", "FSTRING_END"}:
            depth += 1 if name == "FSTRING_START" else -1
        elif name != "NL" and not depth and strings:
            yield Passage(tuple(strings))
            strings = []
    if comments:
        yield _without_signs(comments, r"^#:?\s?")


def _script_passages(source: str) -> Iterator[Passage]:
    """Comments, lines of them together; strings."""
    block: list[tuple[int, str]] = []
    for match in SCRIPT_TEXT.finditer(source):
        line = source[: match.start()].count("\n") + 1
        if match["comment"] and match[0].startswith("//"):
            if block and block[-1][0] != line - 1:
                yield _without_signs(block, r"^//+\s?")
                block = []
            block.append((line, match[0]))
        elif match["comment"]:
            lines = enumerate(match[0][2:-2].split("\n"), line)
            yield _without_signs(lines, r"^\s*\*\s?")
        else:
            yield Passage(((line, match[0][1:-1]),))
    if block:
        yield _without_signs(block, r"^//+\s?")


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]


def main(arguments: Sequence[str]) -> int:
    """Print the matches; the exit code is 1 when there are any."""
    words = read_words()
    paths: Any = [str(Path(a).resolve().relative_to(ROOT)) for a in arguments] or _tracked()
    matches = check_files(paths, words)
    for match in matches:
        print(match)
    if matches:
        print(f"{len(matches)} phrases to rewrite; docs/glossary.md says which words to use.")
    return int(bool(matches))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
