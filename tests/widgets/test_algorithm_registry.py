"""One declaration of an algorithm reaches settings, controls, colours, marks and comparisons."""

import subprocess
import sys
from typing import get_args

from labkit import ClassificationSettings, Settings
from labkit.figures import DARK, MOST_GROUPS, algorithm_color
from labkit.figures.panels.marks import SYMBOLS
from labkit.figures.style import COLORS
from labkit.session import ALGORITHMS, LIVE
from labkit.session.settings.resolve import algorithm_of, label, unused
from labkit.widgets.lab_controls import choices

NAMES = ("0.weight", "2.weight")


def test_every_view_has_every_algorithm() -> None:
    classes = [name for name, entry in ALGORITHMS.items() if not entry.classes_only]
    for kind, names in ((Settings, classes), (ClassificationSettings, list(ALGORITHMS))):
        assert list(get_args(kind.model_fields["algorithm"].annotation)) == names
        assert choices(kind, "algorithm") == tuple((n, ALGORITHMS[n].label) for n in names)
        for name in names:
            assert name in str(kind.model_fields["algorithm"].description)
    for name, entry in ALGORITHMS.items():
        settings = ClassificationSettings(algorithm=name)
        assert type(algorithm_of(settings, NAMES)) is entry.kind
        assert label(settings) == entry.label
        assert {n for n in unused(settings) if n in SYMBOLS} <= set(LIVE)
        assert algorithm_color(name) in DARK
        assert algorithm_color(name, 1) in DARK
        assert algorithm_color(name) in COLORS
    assert len(COLORS) <= MOST_GROUPS
    assert len({entry.color for entry in ALGORITHMS.values()}) == len(ALGORITHMS)


def test_a_new_algorithm_needs_its_line_in_the_registry_and_nothing_else() -> None:
    script = """
from dataclasses import replace
from labkit.session.settings import algorithms
new = replace(
    algorithms.ALGORITHMS["reptile"], name="new", label="New", color=("#123456", "#abcdef")
)
algorithms.ALGORITHMS["new"] = new

from labkit import ClassificationSettings, Settings
from labkit.figures import DARK, algorithm_color
from labkit.figures.panels.marks import change_marks
from labkit.session import Event, label
from labkit.session.settings.resolve import algorithm_of, unused
from labkit.widgets.lab_controls import choices

settings = Settings.checked({"algorithm": "new"})
assert ClassificationSettings(algorithm="new").algorithm == "new"
assert "new" in Settings.model_fields["algorithm"].description
assert ("new", "New") in choices(Settings, "algorithm")
assert ("new", "New") in choices(ClassificationSettings, "algorithm")
assert label(settings) == "New"
assert unused(settings)["order"] == "not used by New"
assert type(algorithm_of(settings, ["0.weight"])) is new.kind
assert algorithm_color("new") == "#123456"
assert "#123456" in DARK
try:
    Settings.checked({"algorithm": "nwe"})
except ValueError as error:
    assert "or 'new'" in str(error)
else:
    raise AssertionError("an unknown name was accepted")
(mark,) = change_marks([Event(3, "algorithm", "new")], [3.0], 10.0)
assert mark.text == "\u2192 New"
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=200
    )
    assert (ended.returncode, ended.stderr) == (0, "")
