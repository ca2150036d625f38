"""Real few-shot regression: the tide at ports never seen before, from a few readings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from labkit.core import check_count
from labkit.tasks.family import Portrait, Predictor, Split, TaskBatch, TaskLocation, check_split
from labkit.tasks.tides.tide_stations import (
    FIRST_YEAR,
    LAST_YEAR,
    TIDES_ATTRIBUTION,
    TideStation,
    height_unchecked,
    tide_places,
    tide_table,
    year_hours,
)

HOURS_PER_UNIT = 2.0
"""Hours in one unit of x: the period of M2, 12.42 h, is then 6.21 units, as sin x has 2π."""

FEET_PER_UNIT = 2.0
"""Feet in one unit of y: about the root mean square tide of the training stations, 2.2 ft."""

MOST_HOURS = 8760
PORTRAIT_POINTS = 145


@final
@dataclass(frozen=True, slots=True)
class Tides:
    """Regression on the tides of real ports: height against time, one port and window a task.

    y = (h(t₀ + t) − h̄) / 2 ft and x = (t − T/2) / 2 h, with h the height of the tide at the
    station, h̄ its mean level, t₀ the start of a window of T hours and t ~ U[0, T]. h̄ is all
    that the model knows about a port, as from a survey: neither its range nor the moon's phase.
    The station, the year from 2020 to 2030 and the whole hour t₀ are uniform; the window ends
    within the year. h is the astronomical tide, from measured constituents: no weather, and
    readings without noise.

    The loss is the mean squared error in units of y squared; one such unit is 4 ft².

    Args:
        shots: Readings in the support set, ≥ 1.
        queries: Readings in the query set, ≥ 1, at other times of the same window.
        hours: T, hours of the window, > 0 and at most 8760.
        split: "train", "validation" or "test": stations of coasts that are at least 100 km apart.

    Raises:
        ValueError: A count is below 1, `hours` is out of its range, or there is no such split.

    Source:
        `TIDES_ATTRIBUTION`; labkit/data/tides/README.md. Not for navigation.

    Example:
        >>> family = Tides(shots=10, split="test")
        >>> batch = family.sample(25, torch.Generator().manual_seed(0))
        >>> x, y = batch.support
        >>> x.shape, y.shape, batch.info["station"].shape
        (torch.Size([25, 10, 1]), torch.Size([25, 10, 1]), torch.Size([25]))
    """

    shots: int = 10
    queries: int = 10
    hours: float = 24.0
    split: Split = "train"

    def __post_init__(self) -> None:
        check_count("shots", self.shots, 1)
        check_count("queries", self.queries, 1)
        if (
            isinstance(self.hours, bool)
            or not isinstance(self.hours, int | float)
            or not 0 < self.hours <= MOST_HOURS
        ):
            raise ValueError(
                f"hours must be a number > 0 and ≤ {MOST_HOURS}, a window within one year, "
                f"got {self.hours!r}"
            )
        check_split(self.split)

    def on(self, split: Split) -> "Tides":
        """The same tasks at the stations of another split."""
        return replace(self, split=split)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; x and y have shape (tasks, points, 1), in float64.

        `info` has station (its index), latitude and longitude (degrees), year, and start_hour
        (hours since 1 January 00:00 UTC), each (tasks,).
        """
        check_count("tasks", tasks, 1)
        table = tide_table()
        members = table.members[self.split]
        station = members[torch.randint(len(members), (tasks,), generator=generator)]
        year = torch.randint(FIRST_YEAR, LAST_YEAR + 1, (tasks,), generator=generator)
        # float64: a float32 and a float64 model see the same tasks
        share = torch.rand(tasks, generator=generator, dtype=torch.float64)
        start = (share * (year_hours(year) - self.hours + 1).floor()).long()
        points = (tasks, self.shots + self.queries)
        hours = self.hours * torch.rand(points, generator=generator, dtype=torch.float64)
        height = height_unchecked(station, year, start[:, None] + hours)
        x, y = self._inputs(hours), (height - table.datum[station, None]) / FEET_PER_UNIT
        x, y = x[..., None], y[..., None]
        place = table.place[station]
        return TaskBatch(
            support=(x[:, : self.shots], y[:, : self.shots]),
            query=(x[:, self.shots :], y[:, self.shots :]),
            info={
                "station": station,
                "latitude": place[:, 0],
                "longitude": place[:, 1],
                "year": year,
                "start_hour": start,
            },
        )

    def loss(self, predict: Predictor, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean squared error of predict(x) against y, in units of 4 ft²."""
        x, y = batch
        return mse_loss(predict(x), y)

    def metrics(self, predict: Predictor, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Errors on one task in feet: root mean square `rmse_ft`, mean absolute `mae_ft`."""
        x, y = batch
        prediction = predict(x)
        return {
            "rmse_ft": mse_loss(prediction, y).sqrt() * FEET_PER_UNIT,
            "mae_ft": l1_loss(prediction, y) * FEET_PER_UNIT,
        }

    def station(self, task: TaskBatch) -> TideStation:
        """Name, place and coast of the station of a batch of one task.

        Raises:
            ValueError: The batch has more than one task.
        """
        station = task.info["station"]
        if station.numel() != 1:
            raise ValueError(
                f"station takes a batch of one task, got {station.numel()}: "
                "tide_table().stations[index] has each by its index"
            )
        return tide_table().stations[int(station)]

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> Portrait:
        """Hours of the window against feet above chart datum: tide, readings and model's curves."""
        support_x, support_y = task.support  # (1, shots, 1)
        station, year, start = (task.info[k].cpu() for k in ("station", "year", "start_hour"))
        datum = tide_table().datum[station].to(support_y)
        hours = torch.linspace(0, self.hours, PORTRAIT_POINTS, dtype=torch.float64)
        truth = height_unchecked(station, year, start[:, None] + hours)[0]
        inputs = self._inputs(hours).to(support_x)[:, None]
        predictions = torch.stack([predict(inputs)[..., 0] for predict in predictors])
        opening = datetime(int(year), 1, 1, tzinfo=UTC) + timedelta(hours=int(start))
        longitude, latitude = tide_places()[int(station)].tolist()
        return Portrait(
            x=hours.to(support_x),
            truth=truth.to(support_y),
            predictions=datum + FEET_PER_UNIT * predictions,
            support_x=support_x.flatten() * HOURS_PER_UNIT + self.hours / 2,
            support_y=datum + FEET_PER_UNIT * support_y.flatten(),
            title=f"{self.station(task).name}, {opening.day} {opening:%b %Y}",
            x_label=f"hours from {opening:%Y-%m-%d %H}:00 UTC",
            y_label="feet above chart datum",
            place=TaskLocation(longitude, latitude, others=tide_places()),
            attribution=TIDES_ATTRIBUTION,
        )

    def _inputs(self, hours: Tensor) -> Tensor:
        """Hours of the window → x, 0 in its middle."""
        return (hours - self.hours / 2) / HOURS_PER_UNIT
