"""Pages of the reference that are written by what they describe: settings, controls, commands.

A page names a table by a line `<!-- registry: settings Settings -->`; the table takes its place.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the tests read this module without Sphinx
    from sphinx.application import Sphinx

PLACE = re.compile(r"^<!-- registry: (?P<name>[a-z]+) ?(?P<argument>\w*) -->$", re.MULTILINE)


_OPTION = re.compile(r"(?<![`\w-])(--[a-z][a-z-]*)(?=[^`]*(?:`[^`]*`[^`]*)*$)")
"""An option of a command that is not in code."""


def filled(text: str) -> str:
    """A page with its tables in their places.

    Raises:
        KeyError: The page names a table that does not exist.
    """
    return PLACE.sub(lambda match: TABLES[match["name"]](match["argument"]), text)


def settings_table(kind: str) -> str:
    """What the parameters of a run may be, from the fields of their class."""
    import labkit  # noqa: PLC0415  # torch: only pages with a table wait for it
    from labkit.session.settings.parameters import allowed_values  # noqa: PLC0415

    model = getattr(labkit, kind, None) or getattr(labkit.paper, kind)
    rows = [
        (
            f"`{name}`",
            str(field.description),
            allowed_values(name, model).replace("'", ""),
            f"`{field.get_default()!r}`",
        )
        for name, field in model.model_fields.items()
    ]
    return _table(("name", "meaning", "allowed", "default"), rows)


def controls_table(place: str) -> str:
    """The controls of a part of the lab, from their declarations."""
    import labkit  # noqa: PLC0415
    from labkit.widgets.controls import Labelled, Menu, Select, Slider  # noqa: PLC0415
    from labkit.widgets.lab_controls import LabControls  # noqa: PLC0415

    session = labkit.Session(labkit.Settings(), model=labkit.sinusoid_mlp, tasks=labkit.Sinusoid)
    controls = LabControls(session)

    def values(spec: Labelled) -> str:
        match spec:
            case Slider(name="look"):
                return "0 to the last meta-step"
            case Slider():
                return f"{spec.low:g} to {spec.high:g}"
            case Select():
                return ", ".join(words for _, words in spec.options)
            case Menu():
                return ", ".join(words for _, words in spec.items)
        return ""

    def row(spec: Labelled) -> tuple[str, ...]:
        control = controls[spec.name]
        folded = control is not None and control.folded
        behind = " (behind *More*)" if folded else ""
        return f"**{spec.label}**{behind}", f"`{spec.name}`", spec.tooltip, values(spec)

    rows = [
        row(spec)
        for group in controls.groups()
        if group.place == place
        for spec in group.controls
        if isinstance(spec, Labelled)
    ]
    return _table(("control", "name in `show` and `lock`", "what it does", "on the page"), rows)


def algorithms_table(_: str) -> str:
    """The algorithms that settings name, from their registry."""
    from labkit.session import ALGORITHMS  # noqa: PLC0415

    rows = [
        (
            f"`{entry.name}`",
            entry.label,
            f"`{entry.kind.__name__}`",
            ", ".join(f"`{name}`" for name in entry.live_settings),
            "classes only" if entry.classes_only else "all",
        )
        for entry in ALGORITHMS.values()
    ]
    return _table(("name", "algorithm", "class", "settings that it uses", "tasks"), rows)


def presets_table(_: str) -> str:
    """The prepared sessions, and what to watch in each."""
    from labkit.session import PRESETS  # noqa: PLC0415

    rows = [(f"`{p.name}`", p.title, p.watch) for p in PRESETS.values()]
    return _table(("name", "session", "what to watch"), rows)


def command_pages(_: str) -> str:
    """Every command with its arguments and options, from typer."""
    import typer  # noqa: PLC0415
    from typer.cli import get_docs_for_click  # noqa: PLC0415

    from labkit.cli.app import app  # noqa: PLC0415

    command: Any = typer.main.get_command(app)
    context = typer.Context(command, info_name="labkit")
    text = get_docs_for_click(obj=command, ctx=context, name="labkit")
    _, _, body = text.partition("\n")  # without the heading: the page has one
    for name, each in command.commands.items():  # typer cuts what each does after 45 letters
        summary = each.help.partition("\n")[0].replace("\\", r"\\")
        body = re.sub(rf"(?m)^(\* `{name}`: ).*$", rf"\g<1>{summary}", body)
    # outside of code two hyphens would become a dash
    lines = (
        line if line.startswith(("$", " ", "labkit")) else re.sub(_OPTION, r"`\1`", line)
        for line in body.strip().splitlines()
    )
    return "\n".join(lines)


TABLES: Mapping[str, Callable[[str], str]] = {
    "settings": settings_table,
    "controls": controls_table,
    "algorithms": algorithms_table,
    "commands": command_pages,
    "presets": presets_table,
}


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def _on_read(_app: "Sphinx", _name: str, source: list[str]) -> None:
    source[0] = filled(source[0])


def setup(app: "Sphinx") -> dict[str, Any]:
    """Fill the tables as pages are read."""
    app.connect("source-read", _on_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
