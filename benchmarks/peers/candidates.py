"""Who takes part, and in what: names and where to import them from, nothing loaded."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, final

from benchmarks.peers.work import Peer, Work, initial_params

REFERENCE = "JAX jit"
"""The peer whose time is 1."""


@final
@dataclass(frozen=True, slots=True)
class Candidate:
    """A peer that can be made in another process.

    Attributes:
        name: What tables call it.
        module: In this folder.
        factory: A class there, (work, θ, *options) → peer.
        options: What else it takes.
        package: What must be installed in addition to this project.
        ensembles: Whether it takes several learners.
        networks: What it can train.
        warm_up: Meta-steps before its times count.
    """

    name: str
    module: str
    factory: str
    options: tuple[Any, ...] = ()
    package: str = "torch"
    ensembles: bool = False
    networks: tuple[str, ...] = ("mlp", "conv4")
    warm_up: int = 3

    def takes(self, work: Work) -> bool:
        """Whether it can do this."""
        return work.network in self.networks and (self.ensembles or len(work.alphas) == 1)

    def load(self) -> Any:
        """Import its class, with all that this needs."""
        return getattr(import_module(f"benchmarks.peers.{self.module}"), self.factory)

    def make(self, work: Work) -> Peer:
        """The peer at the common θ."""
        peer: Peer = self.load()(work, initial_params(work), *self.options)
        return peer


OTHERS = (
    Candidate(REFERENCE, "jax_jit", "JaxJit", package="jax", ensembles=True),
    Candidate("TorchOpt", "torchopt_loop", "TorchOptLoop", package="torchopt"),
    Candidate("higher", "higher_loop", "HigherLoop", package="higher"),
    Candidate("autograd loop", "autograd_loop", "AutogradLoop"),
    Candidate("batched by hand", "hand_batched", "HandBatched", networks=("mlp",)),
)
RECORDED = 35
"""Meta-steps after which eager `MetaLearner` has recorded its operations; see its engine."""
EAGER = Candidate(
    "this project, eager",
    "ours",
    "Ours",
    ("eager", RECORDED),
    ensembles=True,
    warm_up=RECORDED,
)
COMPILED = Candidate("this project, compiled", "ours", "Ours", ("compiled", 3), ensembles=True)


def check_installed(candidates: tuple[Candidate, ...]) -> None:
    """Refuse to begin without a peer.

    Raises:
        ModuleNotFoundError: One is not installed.
    """
    missing = sorted({c.package for c in candidates if find_spec(c.package) is None})
    if missing:
        raise ModuleNotFoundError(
            f"the benchmark of speed compares with {', '.join(missing)}, not installed here: "
            "run `make bench`, or pip install -c constraints.txt -e '.[bench]' first"
        )
