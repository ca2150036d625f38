"""The lab as one web page."""

import json
import re

from plotly.offline import get_plotlyjs_version

from labkit import Settings
from labkit.figures.page import standalone_html
from tests.figures.examples import full_view


def test_the_page_needs_nothing_else() -> None:
    page = standalone_html(full_view(), "A <b>run</b>")
    assert "<title>A &lt;b&gt;run&lt;/b&gt;</title>" in page
    assert page.count(f"plotly.js v{get_plotlyjs_version()}") == 1
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    plots = re.findall(r'Plotly\.newPlot\(\s*"maml-lab-(\w+)"', page)
    assert plots == ["adaptation", "task", "training"]
    assert json.dumps("best constant") in page


def test_the_page_tells_the_settings() -> None:
    page = standalone_html(full_view(), "run")
    rows = re.findall(r"<tr><td>(\w+)</td><td>(.*?)</td><td>(.*?)</td></tr>", page)
    assert [name for name, *_ in rows] == list(Settings.model_fields)
    assert ("alpha", "0.02", "inner step size α") in rows
