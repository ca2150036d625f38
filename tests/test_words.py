"""The linter of words finds what its list replaces, where it is, and nothing else."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from scripts.check_words import LIST, Words, check_file, check_files, main, read_words

ENTRIES: dict[str, Any] = tomllib.loads(LIST.read_text())
PHRASE = "goes" + " on"


@pytest.fixture(scope="module")
def words() -> Words:
    return read_words()


def matches(words: Words, path: Path, text: str) -> list[str]:
    path.write_text(text)
    return [str(match).split(" → ")[0] for match in check_file(path, words, path.name)]


@pytest.mark.parametrize("kind", ["phrase", "name"])
def test_every_pattern_finds_its_example(words: Words, tmp_path: Path, kind: str) -> None:
    for entry in ENTRIES.get(kind, ()):
        (tmp_path / "a.md").write_text(entry["example"])
        advice = [match.advice for match in check_file(tmp_path / "a.md", words)]
        assert any(text.startswith(entry["better"]) for text in advice), entry["pattern"]


def test_markdown_over_the_end_of_a_line(words: Words, tmp_path: Path) -> None:
    text = f"# Title\n\nThe search {PHRASE.replace(' ', chr(10))} with the next trial.\n"
    assert matches(words, tmp_path / "a.md", text) == [f"a.md:3: “{PHRASE}”"]


def test_python_comments_docstrings_and_messages(words: Words, tmp_path: Path) -> None:
    text = (
        f'"""A module.\n\nIt {PHRASE}."""\n'
        "\n"
        "# a comment that goes\n"
        "# on here\n"
        "def f(n):\n"
        '    """Fine."""\n'
        "    raise ValueError(\n"
        '        f"step {n} goes "\n'
        '        "on"\n'
        "    )\n"
    )
    found = matches(words, tmp_path / "a.py", text)  # words: allow
    assert sorted(found) == [f"a.py:{line}: “{PHRASE}”" for line in (10, 3, 5)]


def test_typescript_comments_and_strings(words: Words, tmp_path: Path) -> None:
    text = f'// it goes\n// on\nconst a = "it {PHRASE}";\n/* one\n * {PHRASE} */\nlet goes, on;\n'
    expected = [f"a.ts:{line}: “{PHRASE}”" for line in (1, 3, 5)]
    assert sorted(matches(words, tmp_path / "a.ts", text)) == expected


def test_notebooks_name_the_cell(words: Words, tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["Fine\n", f"and it {PHRASE}\n"]},
        {"cell_type": "code", "source": ["x = 1\n", f"# {PHRASE}"], "outputs": [PHRASE]},
    ]
    lines = matches(words, tmp_path / "a.ipynb", json.dumps({"cells": cells}))
    assert lines == [f"a.ipynb:cell 0:2: “{PHRASE}”", f"a.ipynb:cell 1:2: “{PHRASE}”"]


def test_clean_text_and_code_pass(words: Words, tmp_path: Path) -> None:
    text = '"""It continues."""\n\nresult = goes + on\n# a purpose: cached so that it is quick\n'
    assert matches(words, tmp_path / "a.py", text) == []


def test_participles_are_no_variables(words: Words, tmp_path: Path) -> None:
    noun = sorted(words.nouns)[0]
    text = f"result = 1\n{noun} = 2\n\ndef f({noun}): ...\n"
    expected = [f"a.py:{line}: “{noun}”" for line in (2, 4)]
    assert sorted(matches(words, tmp_path / "a.py", text)) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "<!-- words: allow -->\n> He {}.\n\nIt {}.\n"),
        ("a.py", 'x = "{}"  # words: allow\n\n\ny = "{}"\n'),
        ("a.ts", '// words: allow\nconst x = "{}";\n\nconst y = "{}";\n'),
    ],
)
def test_a_quotation_may_pass(words: Words, tmp_path: Path, name: str, text: str) -> None:
    assert matches(words, tmp_path / name, text.format(PHRASE, PHRASE)) == [f"{name}:4: “{PHRASE}”"]


def test_paths_that_are_not_checked(words: Words) -> None:
    assert not words.applies_to("docs/words.toml")
    assert words.applies_to("docs/glossary.md")
    assert check_files(["docs/words.toml"], words) == []


def test_a_phrase_may_apply_to_some_files_alone(words: Words) -> None:
    kept = [rule for rule in words.phrases if rule.paths != ("*",)]
    assert kept
    assert not set(kept) & set(words.for_path("labkit/core/types.py").phrases)
    assert set(kept) <= set(words.for_path("docs/glossary.md").phrases)


def test_the_command_prints_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("scripts.check_words.ROOT", tmp_path)
    (tmp_path / "a.md").write_text(PHRASE)
    (tmp_path / "b.md").write_text("fine")
    assert main([str(tmp_path / "a.md"), str(tmp_path / "b.md")]) == 1
    assert capsys.readouterr().out.startswith(f"a.md:1: “{PHRASE}” → continue")
    assert main([str(tmp_path / "b.md")]) == 0
