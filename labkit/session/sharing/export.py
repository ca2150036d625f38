"""A recipe as papermill parameters and as Python source, each of which repeats the session."""

import json
from typing import Any

from labkit.session.settings import Settings
from labkit.session.sharing.named_sources import CUSTOM, split_name
from labkit.session.sharing.recipe import Recipe


def parameters(recipe: Recipe) -> dict[str, Any]:
    """The parameters with which papermill repeats a session, in a notebook of its tasks and model.

    Args:
        recipe: Of the session; its events are among the parameters.

    Returns:
        Name → value of plain JSON types; `meta_steps` is how far the session has come, at least 1.

    Example:
        >>> from labkit.session.settings.settings import Settings
        >>> recipe = Recipe(Settings(events=((50, "alpha", 0.02),)), meta_step=300)
        >>> parameters(recipe)["meta_steps"], parameters(recipe)["events"]
        (300, [[50, 'alpha', 0.02]])
    """
    return repeating(recipe).model_dump()


def repeating(recipe: Recipe) -> Settings:
    """The settings with which a headless run repeats a session, as far as it has come.

    Args:
        recipe: Of the session.

    Example:
        >>> repeating(Recipe(Settings(), meta_step=300)).meta_steps
        300
    """
    return recipe.settings.model_copy(update={"meta_steps": max(recipe.meta_step, 1)})


def parameters_yaml(recipe: Recipe) -> str:
    """The same as YAML, for `papermill -f`.

    Example:
        >>> from labkit.session.settings.settings import Settings
        >>> print(parameters_yaml(Recipe(Settings(alpha=1e-5))).splitlines()[0])
        alpha: 1.0e-05
    """
    return "".join(f"{name}: {_text(value)}\n" for name, value in parameters(recipe).items())


def parameters_json(recipe: Recipe) -> str:
    """The same as JSON, which `papermill -f` reads too."""
    lines = [f"  {json.dumps(name)}: {_text(value)}" for name, value in parameters(recipe).items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def code_cell(recipe: Recipe) -> str:
    """Python source that recreates a session and trains it as far as it was.

    Custom tasks and models appear in it as `my_tasks` and `my_model`, with a comment that says so.

    Returns:
        Source for one cell of a notebook, formatted as `ruff format` does.

    Example:
        >>> from labkit.session.settings.settings import Settings
        >>> print(code_cell(Recipe(Settings(), 100, tasks="Sinusoid", model="sinusoid_mlp")))
        import labkit
        <BLANKLINE>
        session = labkit.Session(
            labkit.Settings(),
            model=labkit.sinusoid_mlp,
            tasks=labkit.Sinusoid,
        )
        session.run(100)
        <BLANKLINE>
    """
    settings = recipe.settings
    changed = settings.model_dump(exclude_defaults=True, exclude={"events"})
    values = [f"{name}={_python(value)}" for name, value in changed.items()]
    if len(settings.events) == 1:
        values.append(f"events={_python(settings.events)}")
    elif settings.events:
        values.append(_call("events=", [_python(event) for event in settings.events]))
    source = _session(recipe, _call(f"labkit.{type(settings).__name__}", values))
    return f"{source}session.run({recipe.meta_step})\n"


def parameter_cells(recipe: Recipe) -> tuple[str, str]:
    """Two cells of a notebook with the settings of a session as its parameters.

    Returns:
        The cell with the parameters, which papermill may change, and that which makes a session
        with them.

    Example:
        >>> from labkit.session.settings.settings import Settings
        >>> recipe = Recipe(Settings(alpha=0.5), 100, tasks="Sinusoid", model="sinusoid_mlp")
        >>> parameters_cell, session_cell = parameter_cells(recipe)
        >>> parameters_cell.splitlines()[0], "labkit.notebook_settings" in session_cell
        ('alpha: float = 0.5', True)
    """
    settings = repeating(recipe)
    lines = [
        f"{name}: {type(value).__name__} = {value!r}\n"
        for name, value in parameters(recipe).items()
    ]
    kind = f"globals(), labkit.{type(settings).__name__}"
    return "".join(lines), _session(recipe, f"labkit.notebook_settings({kind})")


def _session(recipe: Recipe, settings: str) -> str:
    """The imports, and a session with these settings."""
    arguments = [
        settings,
        *_source("model", recipe.model),
        *_source("tasks", recipe.tasks),
    ]
    if recipe.dtype is not None:
        arguments.append(f"dtype=torch.{recipe.dtype}")
    if recipe.batch_norm is not None:
        arguments.append(f"batch_norm={_python(recipe.batch_norm)}")
    session = _call("session = labkit.Session", arguments)
    partial = "from functools import partial\n\n" * ("=partial(" in session)
    torch = "import torch\n\n" * (recipe.dtype is not None)
    return f"{partial}{torch}import labkit\n\n{session}\n"


def _text(value: Any) -> str:
    """A value as text that JSON and YAML 1.1 read alike."""
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, float) and "e" in (text := repr(value)) and "." not in text:
        # YAML 1.1, as papermill reads it, takes 1e-05 for text
        return text.replace("e", ".0e")
    return json.dumps(value)


def _python(value: Any) -> str:
    """A value as `ruff format` writes it: "x" for 'x', 1e16 for 1e+16."""
    if isinstance(value, tuple):
        inner = ", ".join(map(_python, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return json.dumps(value) if isinstance(value, str) else repr(value).replace("e+", "e")


def _call(function: str, arguments: list[str]) -> str:
    """A call with a line for each argument, which the comma after the last one keeps so."""
    if not arguments:
        return f"{function}()"
    inner = "".join(f"{argument},\n" for argument in arguments)
    return f"{function}(\n{_indented(inner)})"


def _indented(text: str) -> str:
    return "".join(f"    {line}" for line in text.splitlines(keepends=True))


def _source(argument: str, text: str) -> list[str]:
    """The argument of a session that says which tasks or model, after a comment if one is due."""
    if text == CUSTOM:
        comment = f"# the {argument} of this session was custom: give yours here"
        return [f"{comment}\n{argument}=my_{argument}"]
    name, arguments = split_name(text)
    if not arguments:
        return [f"{argument}=labkit.{name}"]
    values = [f"{key}={_python(value)}" for key, value in arguments.items()]
    return [_call(f"{argument}=partial", [f"labkit.{name}", *values])]
