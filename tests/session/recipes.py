"""Random recipes, for hypothesis."""

from typing import Any, get_args

from hypothesis import strategies as st

from labkit import ClassificationSettings, Settings
from labkit.session.settings.settings import LIVE
from labkit.session.sharing.recipe import Precision, Recipe

NUMBERS = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
COUNTS = st.integers(1, 10**6)


def values(kind: type[Settings]) -> dict[str, st.SearchStrategy[Any]]:
    """What each parameter but the events may be."""
    choices = {
        name: st.sampled_from(get_args(kind.model_fields[name].annotation))
        for name in ("order", "algorithm", "alpha_learned", "meta_optimizer")
    }
    counts = dict.fromkeys(("shots", "meta_batch", "meta_steps"), COUNTS)
    own = {"ways": st.integers(2, 50)} if kind is ClassificationSettings else {}
    return {
        "alpha": NUMBERS.filter(bool),  # above 0, where a learned one must begin
        "beta": NUMBERS,
        "inner_steps": st.integers(0, 10**6),
        "seed": st.integers(0, 2**63 - 1),
        **choices,
        **counts,
        **own,
    }


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    """Any settings that are allowed."""
    kind = draw(st.sampled_from([Settings, ClassificationSettings]))
    of_each = values(kind)
    chosen: dict[str, Any] = draw(st.fixed_dictionaries({}, optional=of_each))
    change = st.sampled_from(LIVE).flatmap(
        lambda name: st.tuples(st.integers(0, 2000), st.just(name), of_each[name])
    )
    events = sorted(draw(st.lists(change, max_size=8)), key=lambda event: event[0])
    return kind.checked({**chosen, "events": events})


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Any recipe."""
    chosen = draw(settings())
    classes = isinstance(chosen, ClassificationSettings)
    tasks = ["Emoji", "Omniglot"] if classes else ["Sinusoid", "Tides(hours=12.5)"]
    models = ["sinusoid_mlp", "tide_mlp", "conv4(ways=3, channels=3)", "custom"]
    return Recipe(
        chosen,
        meta_step=draw(st.integers(0, 10**6)),
        tasks=draw(st.sampled_from([*tasks, "custom"])),
        model=draw(st.sampled_from(models)),
        dtype=draw(st.sampled_from([None, *get_args(Precision)])),
        batch_norm=draw(st.sampled_from([None, "transductive"])),
    )
