"""The tide data: where the stations are, how splits lie apart, and the height formula."""

import csv
import math
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from labkit import TIDES_ATTRIBUTION
from labkit.tasks.tides.tide_stations import COASTS, tide_height, tide_table, year_hours

EARTH_KM = 6371.0

SOLAR_ECLIPSES = [
    (2020, 12, 14, 16.2),
    (2021, 12, 4, 7.6),
    (2022, 10, 25, 11.0),
    (2023, 10, 14, 18.0),
    (2024, 4, 8, 18.3),
    (2025, 3, 29, 10.8),
    (2026, 8, 12, 17.8),
    (2027, 8, 2, 10.1),
    (2028, 7, 22, 2.9),
    (2030, 6, 1, 6.5),
]
"""Year, month, day and hour UTC of greatest eclipse: sun and moon lie in one direction."""


def named(words: str) -> int:
    """Index of the one station whose name begins so."""
    names = [station.name for station in tide_table().stations]
    (index,) = [i for i, name in enumerate(names) if name.startswith(words)]
    return index


def lines(name: str) -> list[dict[str, str]]:
    text = files("labkit").joinpath("data/tides", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def hour_of(year: int, month: int, day: int, hour: float) -> float:
    days = np.datetime64(f"{year}-{month:02d}-{day:02d}") - np.datetime64(f"{year}-01-01")
    return float(days.astype(int)) * 24 + hour


def highs(station: int, days: int) -> int:
    """High waters in so many days from 1 March 2024, on a grid of six minutes."""
    hours = torch.arange(0, 24 * days, 0.1, dtype=torch.float64)[None] + 60 * 24
    height = tide_height(torch.tensor([station]), torch.tensor([2024]), hours)[0]
    before, here, after = height[:-2], height[1:-1], height[2:]
    return int(((here > before) & (here >= after)).sum())


def distances(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great-circle distances, km, by the angle between unit vectors; places in degrees."""

    def vectors(place: NDArray[np.float64]) -> NDArray[np.float64]:
        lat, lon = np.radians(place).T
        return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)

    angle: NDArray[np.float64] = np.arccos(np.clip(vectors(one) @ vectors(other).T, -1, 1))
    return EARTH_KM * angle


def test_the_data_come_with_the_package() -> None:
    table = tide_table()
    assert len(table.stations) == len(lines("stations.csv")) == 1080
    assert len({station.name for station in table.stations}) == 1080
    assert table.argument.shape == table.node_factor.shape == (11, len(table.constituents))
    assert "NOT FOR NAVIGATION" in TIDES_ATTRIBUTION
    readme = files("labkit").joinpath("data/tides/README.md").read_text(encoding="utf-8")
    for word in ("NOT FOR NAVIGATION", "public domain", "xtide-data", "NOAA"):
        assert word in readme


def test_columns_are_not_mixed_up() -> None:
    """Known values: the file's line of Boston, and textbook speeds of M2, K1 and O1."""
    table = tide_table()
    (boston,) = [line for line in lines("stations.csv") if line["name"].startswith("Boston, ")]
    index, m2 = named("Boston, "), table.constituents.index("M2")
    assert float(table.amplitude[index, m2]) == float(boston["M2_amp_ft"]) > 4
    assert math.degrees(float(table.phase[index, m2])) == pytest.approx(
        float(boston["M2_phase_deg"])
    )
    station = table.stations[index]
    assert (round(station.latitude), round(station.longitude)) == (42, -71)
    for name, period in (("M2", 12.4206), ("K1", 23.9345), ("O1", 25.8193), ("S2", 12.0)):
        speed = float(table.speed[table.constituents.index(name)])
        assert 2 * math.pi / speed == pytest.approx(period, abs=1e-4), name


def test_splits_share_no_station_and_no_coast_and_lie_100_km_apart() -> None:
    table = tide_table()
    members = {split: indices.tolist() for split, indices in table.members.items()}
    everyone = [station for indices in members.values() for station in indices]
    assert sorted(everyone) == list(range(1080))
    assert {split: len(indices) for split, indices in members.items()} == {
        "train": 751,
        "validation": 85,
        "test": 244,
    }
    places = table.place.numpy()
    for one, other in combinations(members, 2):
        assert not {table.stations[i].coast.name for i in members[one]} & {
            table.stations[i].coast.name for i in members[other]
        }
        assert distances(places[members[one]], places[members[other]]).min() > 100
    assert {station.coast for station in table.stations} == set(COASTS)


def test_distances_of_the_test_itself() -> None:
    """A quarter of the equator; Boston to New York is about 306 km."""
    one, other = np.array([[0.0, 0.0]]), np.array([[0.0, 90.0]])
    assert distances(one, other)[0, 0] == pytest.approx(math.pi / 2 * EARTH_KM)
    boston, new_york = np.array([[42.36, -71.06]]), np.array([[40.71, -74.01]])
    assert distances(boston, new_york)[0, 0] == pytest.approx(306, abs=2)


@pytest.mark.parametrize(
    ("name", "year"),
    [("Boston, ", 2020), ("Galveston Pier 21", 2023), ("Anchorage, Knik Arm", 2030)],
)
def test_height_is_the_written_formula(name: str, year: int) -> None:
    """h = datum + Σ f A cos(speed t + V0u − phase), straight from the files, term by term."""
    hours = [0.0, 1.25, 4000.5, 8759.0]
    (line,) = [line for line in lines("stations.csv") if line["name"].startswith(name)]
    expected = np.full(4, float(line["datum_ft"]))
    for term in lines("constituents.csv"):
        amplitude = line[f"{term['constituent']}_amp_ft"]
        if amplitude:
            size = float(term[f"nodefactor_{year}"]) * float(amplitude)
            angle = np.array(hours) * float(term["speed_deg_per_hour"])
            angle += float(term[f"V0u_{year}_deg"]) - float(
                line[f"{term['constituent']}_phase_deg"]
            )
            expected += size * np.cos(np.radians(angle))
    station, t = torch.tensor([named(name)]), torch.tensor([hours], dtype=torch.float64)
    height = tide_height(station, torch.tensor([year]), t)
    assert height.dtype == torch.float64
    np.testing.assert_allclose(height[0].numpy(), expected, rtol=0, atol=1e-9)


def test_a_station_is_the_same_in_any_company() -> None:
    """Anchorage has 119 constituents, and the others in its batch none the less their own."""
    boston, anchorage = named("Boston, "), named("Anchorage, Knik Arm")
    hours, year = torch.rand(2, 5, generator=torch.Generator().manual_seed(0)), torch.tensor([2025])
    hours = 8000 * hours.double()
    both = tide_height(torch.tensor([boston, anchorage]), year.expand(2), hours)
    for row, station in enumerate((boston, anchorage)):
        alone = tide_height(torch.tensor([station]), year, hours[row : row + 1])
        torch.testing.assert_close(both[row], alone[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("year", "month", "day", "hour"), SOLAR_ECLIPSES)
def test_sun_and_moon_pull_together_at_eclipses(
    year: int, month: int, day: int, hour: float
) -> None:
    """At a new moon M2 and S2 are in phase, which proves V0 + u and the origin of time.

    M2's argument is 2(T − s + h) and S2's 2T, with s and h the mean longitudes of moon and sun;
    the true longitudes, equal in an eclipse, differ from them by up to 6.3° + 1.9°, and u by 2°:
    18.5° in all. A day's error would be 24.4°.
    """
    table = tide_table()
    m2, s2 = (table.constituents.index(name) for name in ("M2", "S2"))
    t = hour_of(year, month, day, hour)
    phase = table.argument[year - 2020] + table.speed * t
    apart = math.degrees(float(phase[m2] - phase[s2]))
    assert abs((apart + 180) % 360 - 180) < 18.5
    # the mean sun is in the meridian of Greenwich at noon: S2's argument is twice its hour angle
    noon = math.degrees(float(phase[s2] + table.speed[s2] * (12 - t)))
    assert abs((noon + 180) % 360 - 180) < 0.5


def test_two_highs_a_day_on_the_atlantic_and_one_in_the_gulf() -> None:
    """In 28 days M2 has 54.1 highs; where it is almost nothing, the diurnal tides have 27."""
    assert highs(named("Boston, "), 28) == 54
    assert 25 <= highs(named("Pensacola, "), 28) <= 31


def test_leap_years() -> None:
    assert year_hours(torch.tensor([2020, 2023, 2028])).tolist() == [8784, 8760, 8784]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"year": torch.tensor([2020, 2031])},
            r"year must be from 2020 to 2030, got \[2020, 2031\]",
        ),
        ({"year": torch.tensor([2019, 2020])}, "year must be from 2020 to 2030"),
        ({"station": torch.tensor([0, 1080])}, "station must be from 0 to 1079"),
        ({"station": torch.tensor([-1, 0])}, "station must be from 0 to 1079"),
        ({"station": torch.tensor([0])}, r"must have shape \(tasks,\) .*got \(1,\), \(2,\) and"),
        ({"hours": torch.zeros(2)}, r"and hours \(tasks, points\), got .*and \(2,\)"),
        ({"hours": torch.zeros(2, 3)}, "hours must be float64.*got torch.float32"),
    ],
)
def test_bad_arguments(change: dict[str, torch.Tensor], words: str) -> None:
    right = {"station": torch.tensor([0, 1]), "year": torch.tensor([2020, 2030])}
    hours = torch.zeros(2, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match=words):
        tide_height(**{**right, "hours": hours, **change})
