"""Moments of rest, on a clock that the test moves."""

from labkit.widgets.lull import Lull


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_state_is_reached_once_after_it_has_lasted() -> None:
    clock = Clock()
    lull = Lull(1.0, clock)
    assert not lull.waits
    assert not lull.reached("paused at 10")
    assert lull.waits
    clock.now += 0.9
    assert not lull.reached("paused at 10")
    clock.now += 0.2
    assert lull.reached("paused at 10")
    assert not lull.waits
    clock.now += 5
    assert not lull.reached("paused at 10")


def test_every_change_begins_the_rest_anew() -> None:
    clock = Clock()
    lull = Lull(1.0, clock)
    for alpha in range(10):
        assert not lull.reached(("alpha", alpha))
        clock.now += 0.6
    clock.now += 0.5
    assert lull.reached(("alpha", 9))
    assert not lull.reached(("alpha", 8)), "a state that comes back has to last again"
    clock.now += 1.5
    assert lull.reached(("alpha", 8))
