"""The order in which threads take the locks of a session, and who has the next turn."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from itertools import product

import pytest

from labkit.session.locks import LockOrderError, SessionLocks
from labkit.session.player import Player
from tests.session.small_sessions import small_session

Take = Callable[[SessionLocks], AbstractContextManager[object]]

IN_ORDER: list[Take] = [
    lambda locks: locks.edit,
    lambda locks: locks.replay,
    lambda locks: locks.turn.visit(),
    lambda locks: locks.choice,
    lambda locks: locks.measure(),
]
TURN = 2


@pytest.mark.parametrize(("first", "second"), list(product(range(5), range(5))))
def test_a_thread_takes_only_locks_of_a_later_level(first: int, second: int) -> None:
    locks = SessionLocks()
    with IN_ORDER[first](locks):
        if first < second or (first == second and first not in {TURN, 4}):
            with IN_ORDER[second](locks):
                pass
        else:
            with pytest.raises(LockOrderError, match="must not wait for the lock"):
                IN_ORDER[second](locks).__enter__()
    for take in IN_ORDER:  # all are free again
        with take(locks):
            pass


def test_a_lock_that_is_held_may_be_taken_again_under_later_ones() -> None:
    locks = SessionLocks()
    measure = locks.measure()
    with locks.edit, locks.choice, measure, locks.edit, measure:
        pass
    with locks.edit:
        pass


def test_each_thread_and_each_session_has_an_order_of_its_own() -> None:
    locks, others = SessionLocks(), SessionLocks()
    done = threading.Event()

    def elsewhere() -> None:
        with locks.edit:
            done.set()

    with locks.choice, others.edit:
        thread = threading.Thread(target=elsewhere, name="maml-lab-test-locks")
        thread.start()
        assert done.wait(10)
    thread.join()


def test_what_is_raised_with_locks_held_frees_them() -> None:
    locks = SessionLocks()
    with suppress(ZeroDivisionError), locks.edit, locks.between_steps():
        raise ZeroDivisionError
    entered: list[bool] = []

    def elsewhere() -> None:
        with locks.edit, locks.between_steps():
            entered.append(True)

    thread = threading.Thread(target=elsewhere, name="maml-lab-test-locks")
    thread.start()
    thread.join(10)
    assert entered


def test_a_change_from_within_a_meta_step_is_refused_in_words() -> None:
    """It would wait for whoever edits, who waits for the meta-step."""
    session = small_session()
    with (
        session._locks.turn.visit(),
        pytest.raises(LockOrderError, match="holds the lock TURN must not wait for the lock EDIT"),
    ):
        session.set(alpha=0.3)


def test_visits_that_wait_come_before_the_next_meta_step() -> None:
    locks, order = SessionLocks(), list[str]()
    begun, go_on = threading.Event(), threading.Event()

    def advance() -> None:
        order.append("step")
        begun.set()
        assert go_on.wait(20)

    player = Player(advance, lambda: None, locks)

    def visitor() -> None:
        with locks.turn.visit():
            order.append("visit")

    player.play()
    assert begun.wait(20)
    visitors = [threading.Thread(target=visitor, name=f"maml-lab-test-{i}") for i in range(5)]
    for thread in visitors:
        thread.start()
    while locks.turn._visits < 5:
        time.sleep(0.001)
    go_on.set()
    for thread in visitors:
        thread.join(20)
    player.close()
    assert order[:6] == ["step", *["visit"] * 5]


def test_neither_a_player_that_rests_nor_one_that_is_held_wakes_in_vain() -> None:
    """The thread sleeps until it is notified, or until its rest is over."""
    locks, wakes = SessionLocks(), list[float | None]()
    wait = locks.turn.condition.wait

    def counted(timeout: float | None = None) -> bool:
        wakes.append(timeout)
        return wait(timeout)

    locks.turn.condition.wait = counted  # type: ignore[method-assign]
    player = Player(lambda: None, lambda: None, locks)
    player.step()
    player.wait(10)
    time.sleep(0.3)
    resting = len(wakes)
    assert resting <= 4
    player.hold(10.0)
    player.play()
    time.sleep(0.55)
    player.close()
    assert (
        len(wakes) - resting <= 10
    )  # one step in a tenth of a second, not one nap in a thousandth
