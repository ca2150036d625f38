"""Torch's threads: few for small models, and nobody else's number changes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
from torch import nn

from labkit import MetaLearner, Session, sinusoid_mlp
from labkit.session.threads import keep_threads, threads, threads_for
from tests.session.small_sessions import SMALL, same_session, small_session

MANY = 3


@pytest.fixture(autouse=True)
def _many_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(MANY)
    yield
    torch.set_num_threads(before)


def in_a_new_thread(ask: Callable[[], object]) -> object:
    with ThreadPoolExecutor(1) as new:
        return new.submit(ask).result()


def test_a_number_is_kept_by_the_thread_that_asks_alone() -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        assert other.submit(torch.get_num_threads).result() == MANY
        one.submit(keep_threads, 1).result()
        assert one.submit(torch.get_num_threads).result() == 1
        assert other.submit(torch.get_num_threads).result() == MANY
    assert torch.get_num_threads() == MANY
    assert in_a_new_thread(torch.get_num_threads) == MANY


def test_after_a_time_of_one_thread_all_is_as_before() -> None:
    with threads(1):
        assert (torch.get_num_threads(), in_a_new_thread(torch.get_num_threads)) == (1, MANY)
        with threads(2):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
    assert (torch.get_num_threads(), in_a_new_thread(torch.get_num_threads)) == (MANY, MANY)
    with pytest.raises(KeyError), threads(1):
        raise KeyError
    assert torch.get_num_threads() == MANY


def test_small_models_get_one_and_large_ones_all() -> None:
    assert threads_for({"w": torch.zeros(100, 100), "b": torch.zeros(9_999)}) == 1
    assert threads_for({"w": torch.zeros(100, 100), "b": torch.zeros(10_000)}) == MANY


@pytest.mark.parametrize(("width", "number"), [(4, 1), (150, MANY)])
def test_whoever_trains_repeats_or_measures_uses_the_same_number(
    width: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def noted(method: Callable[..., object]) -> Callable[..., object]:
        def called(*args: object, **options: object) -> object:
            seen.append(torch.get_num_threads())
            return method(*args, **options)

        return called

    for name in ("step", "curve_on", "portrait_of"):
        monkeypatch.setattr(MetaLearner, name, noted(getattr(MetaLearner, name)))

    def uses(action: Callable[[], object]) -> None:
        seen.clear()
        action()
        assert set(seen) == {number}

    def played() -> None:
        session.play(until=4)
        session.wait()
        session.close()

    session = small_session(model=partial(sinusoid_mlp, width=width))
    uses(played)
    uses(lambda: session.run(7))
    snapshot = session.snapshot()
    uses(lambda: session.adaptation_curve(snapshot))
    uses(lambda: in_a_new_thread(lambda: session.portrait(snapshot, 0)))
    session.look(5)
    uses(session.snapshot)
    uses(lambda: session.fork(6))
    assert (session.last_step, session.threads) == (6, number)


def wide(generator: torch.Generator) -> nn.Module:
    """Small, but of sums so long that torch would share them out."""
    return sinusoid_mlp(generator, width=64)


def test_live_training_equals_headless_to_the_last_bit_for_any_number_of_threads() -> None:
    settings = SMALL.changed(meta_batch=25, shots=100)

    def made() -> Session:
        return small_session(settings, model=wide, dtype=torch.float32)

    live = made()
    live.play(until=5)
    live.wait()
    live.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("maml-lab")]
    for number in (1, 2, MANY):
        torch.set_num_threads(number)
        headless = made()
        headless.run(5)
        assert same_session(headless.snapshot(), live.snapshot())
        headless.fork(4)
        headless.run(5)
        assert same_session(headless.snapshot(), live.snapshot())
