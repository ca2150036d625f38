"""Tasks from a DataFrame: its rows as they were, standardised honestly, and what is refused."""

import math
import re
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from torch import Tensor

from labkit import MAML, MetaLearner, Portrait, TableTasks, TaskFamily, sinusoid_mlp
from labkit.tasks import DrawableFamily, MeasuredFamily, SplitFamily
from labkit.training import one_task

SIZES = (7, 9, 30, 8, 12, 7, 11, 9, 10, 25)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frame() -> pandas.DataFrame:
    """Ten sites of 7 to 30 rows each, mixed; every value stands once, in one row."""
    rows = sum(SIZES)
    site = np.repeat([f"site {i}" for i in range(10)], SIZES)
    random = np.random.default_rng(0)
    table = {"site": site, "day": random.permutation(rows), "depth": random.normal(5, 3, rows)}
    whole = pandas.DataFrame({**table, "height": random.normal(-40, 7, rows)})
    return whole.sample(frac=1, random_state=0).set_index(np.arange(rows) + 1000)


def family(**options: Any) -> TableTasks:
    defaults = {"task": "site", "inputs": ["day", "depth"], "target": "height"}
    return TableTasks(**{"frame": frame(), **defaults, "shots": 3, "queries": 4, **options})


def training_rows(tasks: TableTasks) -> pandas.DataFrame:
    whole = frame()
    return whole[whole["site"].isin(tasks.on("train").names)]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_points_are_rows_of_their_group(split: Any) -> None:
    """Standardised back by numpy, each point is a row of the frame, of the group that `info` names.

    Mean and deviation are those of the training groups, in every split.
    """
    tasks: TaskFamily = family(split=split)
    assert isinstance(tasks, TableTasks)
    batch = tasks.sample(200, generator())
    whole, columns = frame(), ["day", "depth", "height"]
    training = training_rows(tasks)[columns].to_numpy()
    x, y = (torch.cat([batch.support[i], batch.query[i]], dim=1) for i in (0, 1))
    assert x.shape == (200, 7, 2)
    assert y.shape == (200, 7, 1)
    assert x.dtype == torch.float64
    sampled = torch.cat([x, y], dim=-1).numpy() * training.std(axis=0) + training.mean(axis=0)
    rows = batch.info["rows"].numpy()
    np.testing.assert_allclose(sampled, whole[columns].to_numpy()[rows], rtol=0, atol=1e-10)
    names = np.array(tasks.names)[batch.info["group"].numpy()]
    np.testing.assert_array_equal(
        whole["site"].to_numpy()[rows], np.repeat(names[:, None], 7, axis=1)
    )
    assert set(names) == set(tasks.names)


def test_support_and_query_are_different_rows() -> None:
    batch = family().sample(300, generator())
    assert all(len(set(rows)) == 7 for rows in batch.info["rows"].tolist())


def test_every_group_and_every_row_of_it_is_equally_likely() -> None:
    tasks = family(shots=1, queries=1)
    batch = tasks.sample(7000, generator())
    group: Tensor = batch.info["group"]
    assert len(tasks.names) == 6

    def share(event: Tensor, expected: float) -> None:
        spread = math.sqrt(expected * (1 - expected) / len(event))
        assert float(event.double().mean()) == pytest.approx(expected, abs=4.5 * spread)

    for number, name in enumerate(tasks.names):
        share(group == number, 1 / 6)
        rows = np.flatnonzero(frame()["site"] == name)
        for column in (0, 1):  # the support row and the query row
            of_group = batch.info["rows"][group == number, column]
            for row in rows.tolist():
                share(of_group == row, 1 / len(rows))


def test_statistics_do_not_see_the_other_groups() -> None:
    one, spoilt = family(), frame()
    outside = ~spoilt["site"].isin(one.names)
    spoilt.loc[outside, ["depth", "height"]] *= 1e6
    two = family(frame=spoilt)
    assert one.names == two.names
    torch.testing.assert_close(
        one.sample(50, generator()).query, two.sample(50, generator()).query, rtol=0, atol=0
    )


def test_the_order_of_rows_decides_nothing() -> None:
    mixed = frame().sample(frac=1, random_state=1)
    assert family(frame=mixed).names == family().names
    assert family(split_seed=1).names != family().names


def test_the_frame_is_read_once() -> None:
    table = frame()
    tasks = family(frame=table)
    table["height"] = 0.0
    y = tasks.on("test").sample(20, generator()).query[1]
    torch.testing.assert_close(y, family().on("test").sample(20, generator()).query[1])


def test_the_generator_decides() -> None:
    one, two, other = (family().sample(5, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.query[0], two.query[0])
    assert not torch.equal(one.query[0], other.query[0])


def test_loss_and_rmse_in_the_units_of_the_target() -> None:
    tasks = family()
    x, y = torch.zeros(2, 2), torch.tensor([[1.0], [3.0]])
    deviation = training_rows(tasks)["height"].std(ddof=0)
    assert float(tasks.loss(lambda x: x[:, :1], (x, y))) == 5.0  # (1 + 9)/2
    result = tasks.metrics(lambda x: x[:, :1], (x, y))
    assert result.keys() == {"rmse"}
    assert float(result["rmse"]) == pytest.approx(math.sqrt(5) * deviation, rel=1e-6)


def test_columns_of_any_kind_of_number() -> None:
    kinds = frame()
    kinds["flag"] = kinds["day"] % 2 == 0
    kinds["small"] = kinds["day"].astype("float32")
    kinds["nullable"] = kinds["day"].astype("Int64")
    tasks = family(frame=kinds, inputs=["flag", "small", "nullable", "day"])
    x, _ = tasks.sample(50, generator()).query
    assert len(x[..., 0].unique()) == 2
    torch.testing.assert_close(x[..., 1], x[..., 3])
    torch.testing.assert_close(x[..., 2], x[..., 3])


def test_groups_may_be_named_by_numbers_or_categories() -> None:
    numbered = frame()
    numbered["number"] = numbered["site"].str[5:].astype(int)
    numbered["category"] = numbered["site"].astype("category")
    assert set(family(frame=numbered, task="number").names) <= set(map(str, range(10)))
    assert family(frame=numbered, task="category").names == family().names


def test_training_runs_and_protocols_hold() -> None:
    tasks = family(inputs=["depth"])
    for protocol in (MeasuredFamily, SplitFamily, DrawableFamily):
        assert isinstance(tasks, protocol)
    learner = MetaLearner(sinusoid_mlp, tasks, MAML(alpha=0.05), beta=0.01, meta_batch=5)
    assert learner.train(3)[-1].loss_after > 0
    curve = learner.adaptation_curve(2, tasks=20, family=tasks.on("test"))
    assert curve.mean.isfinite().all()
    portrait = learner.portrait(task=3)
    assert isinstance(portrait, Portrait)
    assert portrait.predictions.shape == (2, 101)


def test_portrait_in_the_units_of_the_columns() -> None:
    tasks = family().on("test")
    task = tasks.sample(1, generator(3))
    training = training_rows(tasks)
    m, s = training.mean(numeric_only=True), training.std(numeric_only=True, ddof=0)
    portrait = tasks.portrait(task, [lambda x: x[:, :1], lambda x: x[:, 1:]])
    assert portrait.title in tasks.names
    rows = frame().query("site == @portrait.title").sort_values("day")
    assert (portrait.x_label, portrait.y_label) == ("day", "height")
    truth = np.interp(portrait.x.numpy(), rows["day"], rows["height"])
    np.testing.assert_allclose(portrait.truth.numpy(), truth, rtol=1e-9)
    ends = rows["day"].iloc[[0, -1]]
    np.testing.assert_allclose(portrait.x[[0, -1]].numpy(), ends, atol=1e-9)
    points = frame().iloc[task.info["rows"][0, :3].numpy()]
    np.testing.assert_allclose(portrait.support_x.numpy(), points["day"], rtol=1e-9)
    np.testing.assert_allclose(portrait.support_y.numpy(), points["height"], rtol=1e-9)
    # f(x) = first input, f(x) = second input: the grid, and the mean depth of the group
    first = (portrait.x.numpy() - m["day"]) / s["day"] * s["height"] + m["height"]
    np.testing.assert_allclose(portrait.predictions[0].numpy(), first, rtol=1e-9)
    second = (rows["depth"].mean() - m["depth"]) / s["depth"] * s["height"] + m["height"]
    np.testing.assert_allclose(portrait.predictions[1].numpy(), second, rtol=1e-9)


@pytest.mark.parametrize("days", [2, 1])
def test_portrait_where_rows_share_their_x(days: int) -> None:
    """The truth joins the mean heights of each day; with one day it is flat."""
    table = frame()
    table["day"] = table["site"].str[5:].astype(int) + table["day"] % days
    tasks = family(frame=table, inputs=["day"])
    portrait = tasks.portrait(tasks.sample(1, generator()), [lambda x: x])
    rows = table[table["site"] == portrait.title]
    means = rows.groupby("day")["height"].mean()
    assert float(portrait.truth[0]) == pytest.approx(means.iloc[0], rel=1e-9)
    assert float(portrait.truth[-1]) == pytest.approx(means.iloc[-1], rel=1e-9)
    assert portrait.truth.isfinite().all()


def spoilt(column: str, value: Any, rows: int = 2) -> pandas.DataFrame:
    table = frame()
    table[column] = table[column].astype(object if isinstance(value, str) else table[column].dtype)
    table.loc[table.index[5 : 5 + rows], column] = value
    return table


def dated() -> pandas.DataFrame:
    return frame().assign(when=pandas.Timestamp("2024-01-01"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shots": 0}, "shots must be a whole number ≥ 1, got 0"),
        ({"queries": 2.5}, "queries must be a whole number ≥ 1, got 2.5"),
        ({"split": "dev"}, "split must be one of 'train', 'validation', 'test', got 'dev'"),
        ({"split_seed": -1}, "split_seed must be a whole number ≥ 0, got -1"),
        ({"frame": {"site": [1]}}, "frame must be a pandas DataFrame, got dict"),
        ({"frame": frame()[:0]}, "the frame has no rows"),
        ({"task": "port"}, "task: the frame has no column 'port'; its columns are 'site', 'day',"),
        ({"inputs": ["day", "time"]}, "inputs: the frame has no column 'time'"),
        ({"target": "tide"}, "target: the frame has no column 'tide'"),
        ({"inputs": []}, r"inputs must be a list of at least one column, .*, got \[\]"),
        ({"inputs": "day"}, "inputs must be a list of at least one column, .*, got 'day'"),
        ({"inputs": ["day", "day"]}, "column 'day' is given as inputs and as inputs"),
        ({"inputs": ["day", "height"]}, "column 'height' is given as inputs and as target"),
        ({"inputs": ["site"]}, "column 'site' is given as task and as inputs"),
        (
            {"frame": pandas.concat([frame(), frame()[["day"]]], axis=1)},
            "inputs: the frame has 2 columns 'day'",
        ),
        ({"frame": spoilt("depth", "deep")}, "column 'depth' is of type object.*to_numeric"),
        ({"frame": dated(), "inputs": ["when"]}, "column 'when' is of type datetime64"),
        (
            {"frame": spoilt("height", np.nan)},
            r"column 'height' has 2 values \(the first in the row 1005\) that are missing or not",
        ),
        ({"frame": spoilt("depth", np.inf, 1)}, r"column 'depth' has 1 values \(.* row 1005\)"),
        (
            {"frame": spoilt("site", None, 3)},
            r"task column 'site' has 3 values \(the first in the row 1005\) that are missing",
        ),
        (
            {"shots": 5},
            "group 'site 0' has 7 rows, fewer than the 9 of shots .* such groups: 3 of 10.",
        ),
        (
            {"frame": frame().query("site in ['site 1', 'site 2']")},
            "there are 2 groups in the column 'site', .*: give at least 3",
        ),
        ({"frame": frame().assign(depth=0.1)}, "'depth' is 0.1 in all 6 training groups"),
        ({"frame": frame().assign(height=2)}, "'height' is 2 in all 6 training groups"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        family(**options)


def test_a_column_that_varies_only_in_the_test_groups_is_constant() -> None:
    table = frame()
    table.loc[table["site"].isin(family().names), "depth"] = 0.3
    with pytest.raises(ValueError, match=r"'depth' is .* in all 6 training groups"):
        family(frame=table)


@pytest.mark.parametrize(
    ("table", "options"),
    [
        (spoilt("height", np.nan), {}),
        (spoilt("depth", -np.inf), {}),
        (spoilt("site", None), {}),
        (pandas.concat([frame(), frame()[:1].assign(site="site 99")]), {}),
        (frame(), {"shots": 5}),
    ],
    ids=["nan", "inf", "no name", "a group of one row", "small groups"],
)
def test_the_remedy_in_the_message_is_one(table: pandas.DataFrame, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="leave th") as caught:
        family(frame=table, **options)
    match = re.search(r"(frame[\[.].*)$", str(caught.value))
    assert match
    repaired = eval(match[1], {"frame": table})
    assert 0 < len(repaired) < len(table)
    # with a row or two gone from a group, fewer are needed
    family(frame=repaired, **(options or {"shots": 2, "queries": 2})).sample(3, generator())


def test_a_model_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gives shape \(3,\) for one task, and y has \(3, 1\)"):
        MetaLearner(
            torch.nn.Sequential(sinusoid_mlp(generator()), torch.nn.Flatten(0)),
            family(inputs=["day"]),
            MAML(alpha=0.1),
        )


def test_bad_number_of_tasks() -> None:
    with pytest.raises(ValueError, match="tasks must be a whole number ≥ 1, got 0"):
        family().sample(0, generator())


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_numbers_out_of_the_range_of_floats(scale: float) -> None:
    table = frame()
    table["height"] *= scale
    with pytest.raises(ValueError, match="column 'height' has numbers so large or so small"):
        TableTasks(table, "site", ["day"], "height", shots=2, queries=3)


def test_groups_of_the_same_name() -> None:
    table = frame()
    table["site"] = table["site"].astype(object).replace({"site 0": 1, "site 1": "1"})
    with pytest.raises(ValueError, match="differ in type but not in name"):
        TableTasks(table, "site", ["day"], "height", shots=2, queries=3)


# several targets, other losses, own splits


def test_several_targets_are_judged_each_in_its_unit() -> None:
    """By numpy: f = (x₁, x₂) against the standardised depth and height of the same rows."""
    targets = ["height", "depth"]
    tasks = family(inputs=["day"], target=targets)
    batch = tasks.sample(30, generator())
    x, y = batch.query
    assert x.shape == (30, 4, 1)
    assert y.shape == (30, 4, 2)
    training = training_rows(tasks)[targets].to_numpy()
    rows = batch.info["rows"][:, 3:].numpy()
    heights = frame()[targets].to_numpy()[rows]  # (tasks, queries, targets)
    expected = (heights - training.mean(0)) / training.std(0)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-10)
    one, half = (x[0], y[0]), torch.full((4, 2), 0.5, dtype=torch.float64)
    assert float(tasks.loss(lambda _: half, one)) == pytest.approx(
        ((expected[0] - 0.5) ** 2).mean()
    )
    errors = tasks.metrics(lambda _: half, one)
    rmse = np.sqrt(((expected[0] - 0.5) ** 2).mean(0)) * training.std(0)
    assert {k: float(v) for k, v in errors.items()} == {
        "rmse_height": pytest.approx(rmse[0]),
        "rmse_depth": pytest.approx(rmse[1]),
    }
    single = family(inputs=["day"], target=["height"])
    assert single.sample(2, generator()).query[1].shape == (2, 4, 1)


def test_a_table_with_another_loss() -> None:
    l1 = torch.nn.functional.l1_loss
    tasks = family(loss=l1)
    x, y = (part[0] for part in tasks.sample(1, generator()).query)
    zeros = torch.zeros_like(y)
    assert float(tasks.loss(lambda _: zeros, (x, y))) == pytest.approx(float(y.abs().mean()))
    assert float(tasks.metrics(lambda _: zeros, (x, y))["rmse"]) > 0

    def normal(prediction: Tensor, y: Tensor) -> Tensor:
        mean, log = prediction[:, :1], prediction[:, 1:]
        return (log + ((y - mean) / log.exp()) ** 2 / 2).mean()

    two = family(loss=normal).on("test")
    value = two.loss(lambda x: torch.zeros(len(x), 2), (x, y))
    assert float(value) == pytest.approx(float((y**2).mean()) / 2)
    assert two.metrics(lambda x: torch.zeros(len(x), 2), (x, y)) == {}
    with pytest.raises(ValueError, match=r"the model gives shape \(4,\)"):
        tasks.loss(lambda _: zeros[:, 0], (x, y))


OWN: Any = {
    "train": [f"site {i}" for i in (9, 1, 2, 3)],
    "validation": ["site 4"],
    "test": ["site 5", "site 0"],
}


def test_own_splits_stay_as_they_are() -> None:
    tasks = family(splits=OWN)
    for split, names in OWN.items():
        assert tasks.on(split).names == tuple(sorted(names))
    training = frame()[frame()["site"].isin(OWN["train"])]
    assert float(tasks._table.mean[-1]) == pytest.approx(training["height"].mean())
    # a group that is in no split may be small
    assert family(splits={**OWN, "test": ["site 2"], "train": ["site 9"]}, queries=5).names


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"splits": {"train": ["site 1"]}}, "splits must be a dict with the keys 'train', "),
        ({"splits": [["site 1"]]}, "splits must be a dict"),
        ({"splits": {**OWN, "test": []}}, r"splits\['test'\] must be a list of at least one name"),
        ({"splits": {**OWN, "test": "site 5"}}, r"splits\['test'\] must be a list"),
        ({"splits": {**OWN, "test": ["sea"]}}, "names 'sea', which is none of the 10 groups"),
        ({"splits": {**OWN, "test": ["site 1"]}}, r"in splits\['train'\] and in splits\['test'\]"),
        ({"target": []}, "target must be a column, or a list of at least one column"),
        ({"target": ["height", "day"]}, "column 'day' is given as inputs and as target"),
        ({"loss": "mse"}, "loss must be a function"),
    ],
)
def test_bad_targets_losses_and_splits(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        family(**options)


def test_columns_stay_in_their_units_where_they_are_not_normalised() -> None:
    tasks = family(normalize=False, split="test")
    batch = tasks.sample(20, generator())
    heights = torch.tensor(frame()["height"].to_numpy())[batch.info["rows"]]
    assert torch.equal(torch.cat([batch.support[1], batch.query[1]], 1)[..., 0], heights)
    one = tuple(part[0] for part in batch.query)
    off = tasks.metrics(lambda x: one[1] + 2 + 0 * x[:, :1], one)
    assert float(off["rmse"]) == pytest.approx(2)
    portrait = tasks.portrait(one_task(batch, 0), [lambda x: x[:, :1]])
    assert torch.equal(portrait.support_y, batch.support[1][0, :, 0])
    with pytest.raises(ValueError, match="normalize must be True, by the training groups, or"):
        family(normalize="train")
