"""The page of `labkit watch`, from a server that only this machine reaches, and only by a token."""

import asyncio
import hashlib
import hmac
import json
import math
import secrets
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from labkit.experiments.compare import METRIC, RunRow, figures_of, varying_names
from labkit.experiments.tables import number_text, value_text
from labkit.experiments.watch.filters import Filter
from labkit.experiments.watch.reader import RunReader

ADDRESS = "127.0.0.1"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_STATIC = {
    "page.js": ("text/javascript", files("labkit") / "data" / "watch" / "page.js"),
    "page.css": ("text/css", files("labkit") / "data" / "watch" / "page.css"),
    "plotly.js": (
        "text/javascript",
        files("plotly") / "package_data" / "plotly.min.js",
    ),
}


def serve(
    folders: Sequence[str | Path],
    *,
    port: int = 0,
    on_start: Callable[[str], object],
) -> None:
    """Serve the page of runs until Ctrl-C.

    Args:
        folders: Runs or sweeps, at any depth.
        port: Of this machine's own address; 0: any that is free.
        on_start: Receives the address of the page, with its token.

    Raises:
        FileNotFoundError: A folder does not exist.
        OSError: The port is in use.
    """
    asyncio.run(_serve(RunReader(folders), port, on_start))


async def _serve(reader: RunReader, port: int, on_start: Callable[[str], object]) -> None:
    token = secrets.token_urlsafe(24)
    server = HTTPServer(application(reader, token))
    sockets = bind_sockets(port, ADDRESS)
    server.add_sockets(sockets)
    try:
        on_start(f"http://{ADDRESS}:{sockets[0].getsockname()[1]}/?token={token}")
        await asyncio.Event().wait()
    finally:
        server.stop()


def application(reader: RunReader, token: str) -> Application:
    """The pages of the server.

    Args:
        reader: Reads the runs.
        token: Without it every request is rejected.
    """
    options = {"token": token}
    return Application(
        [
            ("/", _Page, options),
            ("/runs", _Data, {**options, "reader": reader}),
            (r"/(page\.js|page\.css|plotly\.js)", _Static, options),
        ]
    )


class _Guarded(RequestHandler):
    """Rejects requests without the token, and lets the page load nothing from elsewhere."""

    def initialize(self, token: str) -> None:
        self.token = token

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> None:
        text = self.get_query_argument("token", "")
        if not hmac.compare_digest(text.encode(), self.token.encode()):
            raise HTTPError(403)

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain")
        remedy = ": open the address that labkit watch prints" if status_code == 403 else ""
        self.finish(f"{status_code} {self._reason}{remedy}")


class _Page(_Guarded):
    def get(self) -> None:
        text = (files("labkit") / "data" / "watch" / "page.html").read_text(encoding="utf-8")
        self.finish(text.replace("TOKEN", self.token))  # letters, digits, "-" and "_"


class _Static(_Guarded):
    def get(self, name: str) -> None:
        kind, path = _STATIC[name]
        self.set_header("Content-Type", kind)
        self.set_header("Cache-Control", "private, max-age=3600")
        self.finish(path.read_bytes())


class _Data(_Guarded):
    def initialize(self, token: str, reader: RunReader) -> None:  # type: ignore[override]
        super().initialize(token)
        self.reader = reader

    async def get(self) -> None:
        words = self.get_query_argument("filter", "")
        metric = self.get_query_argument("metric", METRIC)
        seen = self.get_query_argument("seen", "")
        content = await asyncio.to_thread(page_data, self.reader, words, metric, seen)
        self.set_header("Content-Type", "application/json")
        self.finish(content)


def page_data(reader: RunReader, words: str = "", metric: str = METRIC, seen: str = "") -> str:
    """What the page shows, as JSON.

    Args:
        reader: Reads the runs.
        words: See `Filter`.
        metric: Shown in the table and the figures.
        seen: The digest of what the page shows already, of which nothing is sent again.
    """
    every = reader.rows()
    rows = [row for row in every if Filter.of(words).accepts(row)]
    metrics = list(dict.fromkeys(name for row in every for name in row.metrics))
    if metric not in metrics and metrics:
        metric = METRIC if METRIC in metrics else metrics[0]
    varying = varying_names(rows)
    table = [_cells(row, varying, metric) for row in rows]
    curves = [row.curve for row in rows]
    content = json.dumps([table, curves, metric, metrics, len(every)], default=str)
    digest = hashlib.sha256(content.encode()).hexdigest()
    if digest == seen:
        return json.dumps({"digest": digest})
    figures = {name: json.loads(f.to_json()) for name, f in figures_of(rows, metric).items()}
    return json.dumps(
        {
            "digest": digest,
            "folders": [str(folder) for folder in reader.folders],
            "runs": len(every),
            "metric": metric,
            "metrics": metrics,
            "columns": ["state", "run", "tags", *varying, metric, "progress", "s", "note"],
            "rows": table,
            "figures": figures,
        }
    )


def _cells(row: RunRow, varying: Sequence[str], metric: str) -> list[list[Any]]:
    """Text and sort key of each column."""
    value = row.metrics.get(metric)
    words = row.progress or row.error
    number = None if value is None or not math.isfinite(value) else value
    seconds = row.seconds
    return [
        [row.state, row.state],
        [row.labels.name or row.id or row.folder, row.labels.name or row.id],
        [", ".join(row.labels.tags)] * 2,
        *(
            [value_text(v) if (v := row.parameters.get(name)) is not None else "", v]
            for name in varying
        ),
        ["" if value is None else number_text(value), number],
        [words, words],
        ["" if seconds is None else f"{seconds:.0f}", seconds],
        [row.labels.note] * 2,
    ]
