"""The tides family: what it draws, what it calls a loss, how it draws itself."""

import math
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import torch

from labkit import TIDES_ATTRIBUTION, MetaLearner, Portrait, TaskFamily, Tides, tide_mlp
from labkit.core import MAML
from labkit.tasks import DrawableFamily
from labkit.tasks.tides.tide_stations import tide_height, tide_table, year_hours


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_readings_are_the_heights_of_the_stations() -> None:
    """y and x in their units, undone by hand: 2 ft about the mean level, 2 h about the middle."""
    family: TaskFamily = Tides(shots=5, queries=7, hours=48)
    batch = family.sample(300, generator())
    assert batch.support[0].shape == (300, 5, 1)
    assert batch.query[1].shape == (300, 7, 1)
    station, year, start = (batch.info[name] for name in ("station", "year", "start_hour"))
    for x, y in (batch.support, batch.query):
        assert x.dtype == y.dtype == torch.float64
        hours = start[:, None] + 24 + 2 * x[..., 0]
        feet = tide_table().datum[station, None] + 2 * y[..., 0]
        torch.testing.assert_close(feet, tide_height(station, year, hours), rtol=0, atol=1e-8)
    places = [tide_table().stations[i] for i in station.tolist()]
    assert batch.info["latitude"].tolist() == [place.latitude for place in places]
    assert batch.info["longitude"].tolist() == [place.longitude for place in places]


def test_windows_are_uniform_and_within_one_year() -> None:
    tasks, hours = 4000, 100.5
    batch = Tides(hours=hours).sample(tasks, generator())
    year, start = batch.info["year"], batch.info["start_hour"]
    last = year_hours(year) - hours
    assert (start >= 0).all()
    assert (start <= last).all()
    # the mean of uniform draws on [0, 1] is within 4 standard errors of 1/2
    error = 4 / math.sqrt(12 * tasks)
    assert float((start / last).mean()) == pytest.approx(0.5, abs=error)
    x = torch.cat([batch.support[0], batch.query[0]], dim=1)
    assert float((2 * x / hours + 0.5).mean()) == pytest.approx(0.5, abs=error)
    assert -hours / 4 <= float(x.min()) < -0.999 * hours / 4
    assert 0.999 * hours / 4 < float(x.max()) <= hours / 4
    # a year has tasks / 11 draws, with a standard deviation of sqrt(tasks · 1/11 · 10/11)
    counts = torch.bincount(year - 2020, minlength=11)
    assert len(counts) == 11
    spread = 4 * math.sqrt(tasks * 10 / 121)
    assert float((counts - tasks / 11).abs().max()) < spread


def test_a_window_may_be_a_whole_year() -> None:
    """8760 h fit once into a common year, and with 25 starts into a leap year."""
    info = Tides(hours=8760).sample(500, generator()).info
    leap = info["year"] % 4 == 0
    assert set(info["start_hour"][~leap].tolist()) == {0}
    assert set(info["start_hour"][leap].tolist()) == set(range(25))


@pytest.mark.parametrize(("split", "count"), [("train", 751), ("validation", 85), ("test", 244)])
def test_every_port_of_the_split_comes_and_no_other(split: Any, count: int) -> None:
    family = Tides(shots=3, queries=2, hours=30, split="test").on(split)
    assert (family.shots, family.queries, family.hours, family.split) == (3, 2, 30, split)
    # of 751 ports one is missed in 20,000 draws about once in 500 million times
    stations = set(family.sample(20_000, generator()).info["station"].tolist())
    assert len(stations) == count
    assert stations == set(tide_table().members[split].tolist())


def test_support_and_query_share_no_instant() -> None:
    batch = Tides(shots=10, queries=10).sample(200, generator())
    x = torch.cat([batch.support[0], batch.query[0]], dim=1)[..., 0].sort(dim=1).values
    assert (x.diff(dim=1) > 0).all()


def test_the_generator_decides() -> None:
    one, two, other = (Tides().sample(3, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.support[1], two.support[1])
    assert not torch.equal(one.support[1], other.support[1])


def test_loss_and_metrics() -> None:
    batch = (torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [5.0]]))
    # predictions 0 and 2: errors 1 and 3 units of 2 ft, that is 2 and 6 ft
    assert float(Tides().loss(lambda x: 2 * x, batch)) == 5.0
    metrics = Tides().metrics(lambda x: 2 * x, batch)
    assert float(metrics["rmse_ft"]) == pytest.approx(math.sqrt((2**2 + 6**2) / 2))
    assert float(metrics["mae_ft"]) == pytest.approx(4.0)


def test_portrait_is_in_hours_and_feet() -> None:
    family = Tides(shots=6, hours=36, split="test")
    assert isinstance(family, DrawableFamily)
    task = family.sample(1, generator())
    portrait = family.portrait(task, [torch.zeros_like, lambda x: x])
    station = family.station(task)
    assert (float(portrait.x[0]), float(portrait.x[-1])) == (0.0, 36.0)
    assert (portrait.predictions[0] == station.datum_ft).all()
    # y = x: as many units of 2 ft above the mean level as units of 2 h past the middle
    torch.testing.assert_close(portrait.predictions[1], station.datum_ft + portrait.x - 18)
    year, start = task.info["year"], task.info["start_hour"]
    for x, y in ((portrait.x, portrait.truth), (portrait.support_x, portrait.support_y)):
        height = tide_height(task.info["station"], year, start[:, None] + x)[0]
        torch.testing.assert_close(y, height, rtol=0, atol=1e-8)
    assert portrait.support_x.shape == (6,)


def test_portrait_says_where_and_when() -> None:
    family = Tides(split="validation")
    for seed in range(6):  # of which the Pacific islands have stations at east longitudes
        task = family.sample(1, generator(seed))
        portrait, station = family.portrait(task, [torch.zeros_like]), family.station(task)
        opening = datetime(int(task.info["year"]), 1, 1, tzinfo=UTC)
        opening += timedelta(hours=int(task.info["start_hour"]))
        assert portrait.title == f"{station.name}, {opening.day} {opening:%b %Y}"
        assert portrait.x_label == f"hours from {opening:%Y-%m-%d %H:%M} UTC"
        assert portrait.y_label == "feet above chart datum"
        assert portrait.attribution == TIDES_ATTRIBUTION
        assert portrait.place is not None
        assert portrait.place.latitude == station.latitude
        assert portrait.place.longitude in {station.longitude, station.longitude - 360}
        assert portrait.place.longitude < 0
        here = torch.tensor([portrait.place.longitude, station.latitude], dtype=torch.float64)
        assert torch.equal(portrait.place.others[int(task.info["station"])], here)


def test_a_learner_trains_on_it_and_draws_it() -> None:
    learner = MetaLearner(tide_mlp, Tides(shots=6), MAML(inner_steps=3), meta_batch=4)
    before = learner.adaptation_curve(3, tasks=20, family=Tides(split="test"))
    assert learner.train(3)[-1].loss_after > 0
    after = learner.adaptation_curve(3, tasks=20, family=Tides(split="test"))
    assert not torch.equal(before.mean, after.mean)
    portrait = learner.portrait(task=4)
    assert isinstance(portrait, Portrait)
    assert portrait.predictions.shape == (4, len(portrait.x))
    assert portrait.predictions.dtype == torch.float32


def test_station_of_a_task() -> None:
    family = Tides(split="test")
    task = family.sample(1, generator())
    station = family.station(task)
    assert station is tide_table().stations[int(task.info["station"])]
    assert station.coast.split == "test"
    with pytest.raises(ValueError, match=r"takes a batch of one task, got 2: tide_table\(\)"):
        family.station(family.sample(2, generator()))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shots": 0}, "shots must be a whole number ≥ 1, got 0"),
        ({"queries": 2.0}, "queries must be a whole number ≥ 1, got 2.0"),
        ({"hours": 0}, "hours must be a number > 0 and ≤ 8760"),
        ({"hours": 8761}, "hours must be .*, got 8761"),
        ({"hours": math.nan}, "hours must be .*, got nan"),
        ({"hours": "24"}, "hours must be .*, got '24'"),
        ({"split": "dev"}, "split must be one of 'train', 'validation', 'test', got 'dev'"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Tides(**options)


def test_bad_number_of_tasks() -> None:
    with pytest.raises(ValueError, match="tasks must be a whole number ≥ 1, got 0"):
        Tides().sample(0, generator())


@pytest.mark.parametrize("hours", [24.0, 48.0])
def test_network_bends_all_over_the_window(hours: float) -> None:
    net = tide_mlp(generator(), hours=hours, width=2000)
    weights = {name: p.detach() for name, p in net.named_parameters()}
    times = -weights["0.bias"] / weights["0.weight"][:, 0]
    assert float(times.abs().max()) <= hours / 4
    # uniform on ±hours/4: standard deviation hours/4/√3, here of 2000 draws
    assert float(times.std()) == pytest.approx(hours / 4 / math.sqrt(3), rel=0.06)
    assert float(weights["0.weight"].std()) == pytest.approx(1, rel=0.06)
    assert float(weights["2.weight"].std()) == pytest.approx(1 / math.sqrt(2000), rel=0.06)
    assert float(weights["4.weight"].std()) == pytest.approx(0.1 / math.sqrt(2000), rel=0.06)


def test_bad_network_options() -> None:
    for option, words in (("hours", "hours must be a finite"), ("width", "width must be a whole")):
        with pytest.raises(ValueError, match=words):
            partial(tide_mlp, generator(), **{option: 0})()
