"""Sessions that somebody has exported, as runs of the notebook that makes the same session."""

from labkit.session import CUSTOM, ParameterError, Recipe, split_name

NOTEBOOKS = {
    "01_sinusoid": ("Sinusoid", "sinusoid_mlp", "float64", None),
    "04_tides": ("Tides", "tide_mlp", "float64", None),
    "05_few_shot_images": (
        "Emoji",
        "conv4(ways={ways}, channels=3, filters=32)",
        "float64",
        "transductive",
    ),
}
"""Notebook → tasks, model, dtype and batch norm of the session that it makes."""

_ASPECTS = ("tasks", "model", "dtype", "batch_norm")


def notebook_of(recipe: Recipe) -> str:
    """Short name of the notebook that makes the session of a recipe.

    Raises:
        ParameterError: There is none.

    Example:
        >>> from labkit.session.settings.settings import Settings
        >>> notebook_of(Recipe(Settings(), 9, "Sinusoid", "sinusoid_mlp", "float64"))
        '01_sinusoid'
    """
    family = recipe.tasks if recipe.tasks == CUSTOM else split_name(recipe.tasks)[0]
    name = next((name for name, made in NOTEBOOKS.items() if made[0] == family), None)
    if name is None:
        raise ParameterError(
            f"no notebook of labkit trains on tasks = {recipe.tasks!r}: name the notebook that "
            "makes this session"
        )
    check_notebook(recipe, name)
    return name


def check_notebook(recipe: Recipe, name: str) -> None:
    """Refuse a notebook of labkit that makes another session than the recipe's.

    Raises:
        ParameterError: It does; the message says what is different.
    """
    if name not in NOTEBOOKS:
        return
    settings = recipe.settings.model_dump()
    for aspect, form in zip(_ASPECTS, NOTEBOOKS[name], strict=True):
        made = form.format(**settings) if form and "ways" in settings else form
        has = getattr(recipe, aspect)
        if has != made:
            raise ParameterError(
                f"the session has {aspect} = {has!r}, and the notebook {name} {made!r}: its "
                "numbers would be others. Use the code cell that the lab exports, or give the "
                "parameters alone by -f"
            )
