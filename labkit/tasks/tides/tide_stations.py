"""Tides of real ports: the stations, the coasts they lie on, and the height at any hour."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeAlias, final

import torch
from torch import Tensor

from labkit.tasks.family import Split

Box: TypeAlias = tuple[float, float, float, float]

TIDES_ATTRIBUTION = (
    "Tides: NOAA, National Ocean Service (public domain), by way of XTide and Debian's xtide-data. "
    "NOT FOR NAVIGATION."
)
"""Whose data these are, and what they are not for: to be shown with them."""

FIRST_YEAR, LAST_YEAR = 2020, 2030
"""Years for which there are equilibrium arguments and node factors."""


@final
@dataclass(frozen=True, slots=True)
class Coast:
    """A named stretch of coast, all of whose stations serve one split.

    Attributes:
        name: Where it is.
        split: What its stations serve.
        box: South, north, west and east, degrees; east longitudes count from −360 to −180.
    """

    name: str
    split: Split
    box: Box


COASTS = (
    Coast("Puerto Rico and Virgin Islands", "validation", (17, 19, -69, -64)),
    Coast("Hawaii and Pacific islands", "validation", (-15, 29, -220, -154)),
    Coast("Southern California", "validation", (32, 35.5, -122, -117)),
    Coast("Kodiak and Shelikof Strait", "validation", (56.5, 58.5, -155.5, -152)),
    Coast("Texas", "test", (25, 31, -98, -93)),
    Coast("Southwest Florida", "train", (25.5, 28, -84, -81.5)),
    Coast("Florida Keys to Cape Fear", "test", (24, 34.4, -82, -77)),
    Coast("Southeast Alaska", "test", (55, 60, -140, -130)),
    Coast("Florida Panhandle to Louisiana", "train", (24, 31.5, -93, -82)),
    Coast("North Carolina to Maine", "train", (34.4, 46, -78, -66)),
    Coast("Central California to Washington", "train", (35.5, 50, -126, -121)),
    Coast("South-central Alaska", "train", (59, 62, -152, -145)),
    Coast("Alaska Peninsula and Aleutians", "train", (51, 57, -190, -155.5)),
    Coast("Bering Sea and Arctic", "train", (56, 72, -176, -143)),
)
"""A station lies on the first coast whose box has it. Stations of different splits are at least
100 km apart: the borders run where the chain of stations has such a gap."""


@final
@dataclass(frozen=True, slots=True)
class TideStation:
    """One water-level station.

    Attributes:
        name: Its name, from the harbour to the state.
        latitude: Degrees, north positive.
        longitude: Degrees, east positive.
        datum_ft: Mean level above chart datum, feet.
        coast: The coast it lies on.
    """

    name: str
    latitude: float
    longitude: float
    datum_ft: float
    coast: Coast


@final
@dataclass(frozen=True, slots=True)
class TideTable:
    """All stations and constituents, as tensors in float64; angles in radians, heights in feet.

    Attributes:
        stations: In the order of the file; a station's index counts here.
        constituents: Names, the 37 that any station may have first.
        place: Latitude and longitude, degrees, (stations, 2).
        datum: Mean level above chart datum, (stations,).
        amplitude: A, 0 for a constituent that the station does not have, (stations, constituents).
        phase: (stations, constituents).
        width: Constituents up to the last that the station has, (stations,).
        speed: Radians per hour, (constituents,).
        argument: V0 + u, (years, constituents).
        node_factor: f, (years, constituents).
        members: Indices of the stations of each split.
    """

    stations: tuple[TideStation, ...]
    constituents: tuple[str, ...]
    place: Tensor
    datum: Tensor
    amplitude: Tensor
    phase: Tensor
    width: Tensor
    speed: Tensor
    argument: Tensor
    node_factor: Tensor
    members: dict[Split, Tensor]


@cache
def tide_table() -> TideTable:
    """Read the data that come with the package; once, since they do not change.

    Returns:
        `TideTable`, which is shared: do not write to its tensors.

    Example:
        >>> table = tide_table()
        >>> len(table.stations), table.constituents[5], table.amplitude.shape
        (1080, 'M2', torch.Size([1080, 119]))
    """
    lines, terms = list(_read("stations.csv")), list(_read("constituents.csv"))
    names = tuple(term["constituent"] for term in terms)
    stations = tuple(_station(line) for line in lines)
    splits = [station.coast.split for station in stations]
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    amplitude = _numbers([[line[f"{name}_amp_ft"] for name in names] for line in lines])
    return TideTable(
        stations=stations,
        constituents=names,
        place=torch.tensor([[s.latitude, s.longitude] for s in stations], dtype=torch.float64),
        datum=torch.tensor([s.datum_ft for s in stations], dtype=torch.float64),
        amplitude=amplitude,
        phase=_numbers([[line[f"{n}_phase_deg"] for n in names] for line in lines]).deg2rad(),
        width=(amplitude != 0).mul(torch.arange(1, len(names) + 1)).amax(dim=1),
        speed=_numbers([[term["speed_deg_per_hour"] for term in terms]])[0].deg2rad(),
        argument=_numbers([[term[f"V0u_{y}_deg"] for term in terms] for y in years]).deg2rad(),
        node_factor=_numbers([[term[f"nodefactor_{y}"] for term in terms] for y in years]),
        members={
            split: torch.tensor([i for i, of in enumerate(splits) if of == split])
            for split in ("train", "validation", "test")
        },
    )


def tide_height(station: Tensor, year: Tensor, hours: Tensor) -> Tensor:
    """Height of the tide above chart datum, by the harmonic formula.

    h(t) = datum + Σ_c f_c A_c cos(σ_c t + (V0 + u)_c − g_c), over the constituents c, with the
    station's amplitude A and phase g, and speed σ, equilibrium argument V0 + u and node factor f.

    Args:
        station: Index of each station, 0 to 1079, (tasks,).
        year: 2020 to 2030, (tasks,).
        hours: t, hours since 1 January 00:00 UTC of the year, float64, (tasks, points).

    Returns:
        Feet, (tasks, points), float64.

    Raises:
        ValueError: The shapes do not fit, or there is no such station or year.

    Source:
        Schureman 1958, Manual of Harmonic Analysis and Prediction of Tides; data from NOAA, see
        labkit/data/tides/README.md. Not for navigation.

    Example:
        >>> hours = torch.arange(0.0, 24.0, 6.0, dtype=torch.float64)[None]
        >>> tide_height(torch.tensor([0]), torch.tensor([2024]), hours).shape
        torch.Size([1, 4])
    """
    tasks = hours.shape[:1]
    if hours.dim() != 2 or station.shape != tasks or year.shape != tasks:
        raise ValueError(
            "station and year must have shape (tasks,) and hours (tasks, points), got "
            f"{tuple(station.shape)}, {tuple(year.shape)} and {tuple(hours.shape)}"
        )
    if hours.dtype != torch.float64:
        raise ValueError(
            f"hours must be float64, since float32 loses seconds within a year, got {hours.dtype}"
        )
    last = len(tide_table().stations) - 1
    for name, index, low, high in (
        ("station", station, 0, last),
        ("year", year, FIRST_YEAR, LAST_YEAR),
    ):
        if not ((index >= low) & (index <= high)).all():
            raise ValueError(f"{name} must be from {low} to {high}, got {index.tolist()}")
    return height_unchecked(station, year, hours)


def height_unchecked(station: Tensor, year: Tensor, hours: Tensor) -> Tensor:
    """`tide_height` of arguments that are known to be right, as drawn tasks are."""
    table = tide_table()
    # one station has three times as many constituents as any other: its columns are left out
    # where it does not occur
    used = slice(int(table.width[station].amax()))
    row = year - FIRST_YEAR
    size = table.node_factor[row, used] * table.amplitude[station, used]  # (tasks, constituents)
    start = table.argument[row, used] - table.phase[station, used]
    # (tasks, constituents, points)
    angle = torch.addcmul(start[..., None], table.speed[used, None], hours[:, None])
    return table.datum[station, None] + (size[:, None] @ angle.cos_())[:, 0]


@cache
def tide_places() -> Tensor:
    """Longitude and latitude of every station, degrees, (stations, 2), on one unbroken scale.

    Longitudes are those of `COASTS`: east ones count from −360 to −180. A map of the western
    Aleutians and of Guam is then not split at the date line. The tensor is shared.
    """
    latitude, longitude = tide_table().place.T
    return torch.stack([torch.where(longitude > 0, longitude - 360, longitude), latitude], dim=1)


def year_hours(year: Tensor) -> Tensor:
    """Hours in each of the years 2020 to 2030, same shape."""
    return 8760 + 24 * (year % 4 == 0)


def _read(name: str) -> Iterator[dict[str, str]]:
    text = files("labkit").joinpath("data", "tides", name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


def _station(line: dict[str, str]) -> TideStation:
    latitude, longitude = float(line["lat"]), float(line["lon"])
    east = longitude - 360 if longitude > 0 else longitude
    coast = next(
        coast
        for coast in COASTS
        if coast.box[0] <= latitude <= coast.box[1] and coast.box[2] <= east <= coast.box[3]
    )
    return TideStation(line["name"], latitude, longitude, float(line["datum_ft"]), coast)


def _numbers(rows: list[list[str]]) -> Tensor:
    """A table of numbers, in float64; an empty field is 0."""
    return torch.tensor([[float(field or 0) for field in row] for row in rows], dtype=torch.float64)
