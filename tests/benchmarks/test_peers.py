"""All peers compute the same meta-gradient, and one that does not is refused."""

from collections.abc import Callable
from dataclasses import replace
from multiprocessing import active_children

import numpy as np
import pytest

from benchmarks.peers import candidates
from benchmarks.peers.agreement import DisagreementError, check_agreement
from benchmarks.peers.candidates import EAGER, OTHERS, Candidate, check_installed
from benchmarks.peers.work import Array, Gradient, Work, given_tasks
from benchmarks.peers.worker import Worker

SMALL = Work(meta_batch=3, width=5)
IMAGES = Work("conv4", meta_batch=2, width=4, alphas=(0.4,))
LOOP = next(c for c in OTHERS if c.name == "autograd loop")


def gradient(candidate: Candidate, work: Work) -> Gradient:
    return candidate.make(work).meta_gradient(*given_tasks(work))


@pytest.mark.parametrize("candidate", [EAGER, *OTHERS], ids=lambda candidate: candidate.name)
@pytest.mark.parametrize(
    "work",
    [
        SMALL,
        replace(SMALL, inner_steps=3),
        replace(SMALL, inner_steps=3, order=1),
        IMAGES,
        replace(IMAGES, order=1),
    ],
    ids=lambda w: f"{w.network}, K = {w.inner_steps}, order {w.order}",
)
def test_peers_agree_with_the_plain_loop(candidate: Candidate, work: Work) -> None:
    pytest.importorskip(candidate.package)
    if not candidate.takes(work):
        return
    peer = candidate.make(work)
    peer.train(1)
    # at the first θ, whatever it has been trained on since
    result = peer.meta_gradient(*given_tasks(work))
    check_agreement({candidate.name: result, LOOP.name: gradient(LOOP, work)})


@pytest.mark.parametrize("candidate", [EAGER, *OTHERS], ids=lambda candidate: candidate.name)
def test_learners_of_an_ensemble_have_their_own_alpha(candidate: Candidate) -> None:
    work = replace(SMALL, alphas=(0.01, 0.03))
    if not candidate.takes(work):
        assert candidate.name not in {"JAX jit", EAGER.name}
        return
    pytest.importorskip(candidate.package)
    together = gradient(candidate, work)
    for i, alpha in enumerate(work.alphas):
        alone = gradient(LOOP, replace(work, alphas=(alpha,)))
        own = Gradient(
            together.loss[i : i + 1], {n: g[i : i + 1] for n, g in together.params.items()}
        )
        check_agreement({candidate.name: own, LOOP.name: alone})


@pytest.mark.parametrize(
    "work", [SMALL, replace(SMALL, inner_steps=2), replace(SMALL, order=1), IMAGES]
)
def test_theta_and_tasks_let_a_mistake_be_seen(work: Work) -> None:
    """The other order, another α and one inner step more all give another gradient."""
    right = gradient(LOOP, work)
    assert all(np.abs(g).max() > 0 for g in right.params.values())
    for wrong in (
        replace(work, order=1 if work.order == 2 else 2),
        replace(work, alphas=(1.001 * work.alphas[0],)),
        replace(work, inner_steps=work.inner_steps + 1),
    ):
        with pytest.raises(DisagreementError):
            check_agreement({"right": right, "wrong": gradient(LOOP, wrong)})


def three(change: Callable[[Array], Array]) -> dict[str, Gradient]:
    """Peers a and c that agree but for rounding, and b, which is changed."""
    loss, weight = np.array([2.0]), np.array([[1.0, -1e-9]])
    return {
        "a": Gradient(loss, {"w": weight}),
        "b": Gradient(loss, {"w": change(weight)}),
        "c": Gradient(loss * (1 + 1e-12), {"w": weight * (1 - 1e-12)}),
    }


def test_rounding_is_no_disagreement() -> None:
    # of the largest entry 1: the small one may be off by 1e-10
    check_agreement(three(lambda w: w + 1e-10))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w * 1.01, r"but b differs by 1\.0e-02 in w: no times"),
        (lambda w: w * np.nan, r"but b differs by nan in w: no times"),
        (lambda w: w[:, :1], r"^b: names or shapes"),
    ],
)
def test_a_wrong_peer_is_named(change: Callable[[Array], Array], said: str) -> None:
    with pytest.raises(DisagreementError, match=said):
        check_agreement(three(change))


def test_a_wrong_loss_is_refused() -> None:
    peers = three(lambda w: w)
    peers["b"] = replace(peers["b"], loss=np.array([2.1]))
    with pytest.raises(DisagreementError, match=r"but b differs by 5\.0e-02 in loss: no"):
        check_agreement(peers)


def test_a_missing_peer_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        candidates, "find_spec", lambda name: None if name in {"jax", "higher"} else object()
    )
    with pytest.raises(ModuleNotFoundError, match=r"with higher, jax, not .*'\.\[bench\]'"):
        check_installed((EAGER, *OTHERS))
    check_installed((EAGER, LOOP))


def test_a_worker_answers_and_ends() -> None:
    with Worker(LOOP, SMALL, threads=1) as worker:
        start = worker.start()
        check_agreement({"there": worker.gradient(), "here": gradient(LOOP, SMALL)})
        block = worker.block(2)
    assert min(start.import_seconds, start.first_seconds, start.megabytes, block.seconds) > 0
    with pytest.raises(OSError, match="closed"):
        worker.block(1)


def test_what_fails_in_a_worker_is_told_with_its_name() -> None:
    with (
        Worker(LOOP, replace(SMALL, inner_steps=-1, alphas=(1.0, 2.0)), threads=1) as worker,
        pytest.raises(RuntimeError, match=r"(?s)autograd loop failed at Work.*too many values"),
    ):
        worker.start()


def test_a_worker_that_dies_is_told_with_its_name() -> None:
    with Worker(LOOP, SMALL, threads=1) as worker:
        (process,) = active_children()
        process.kill()
        with pytest.raises(RuntimeError, match="loop: its process ended with code -9 when asked"):
            worker.start()
