"""Recorded and compiled operations, against formulas and against what they were recorded from."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from labkit.core.algorithms.maml import MAML
from labkit.core.gradients.over_tasks import MetaGradient
from labkit.core.types import Params
from labkit.training.engine.compilation import FOLDER, Compilation
from labkit.training.engine.recording import Recording
from labkit.training.step.measure import Measurement, StepGradients
from tests.core.closed_forms import FAMILIES
from tests.core.test_proof import PAIRS, Case

STEPS = 2


class Found(NamedTuple):
    loss: Tensor
    task_losses: Tensor
    params: Any
    alpha: Any


def recordable(case: Case) -> tuple[Callable[[Any], Found], Any]:
    """The meta-gradient as a function of α, and α; its numbers as tensors."""

    def find(alpha: Any) -> Found:
        result = case.found(alpha)
        return Found(result.loss, result.task_losses, result.params, result.alpha)

    return find, case.step_sizes[0]


@pytest.mark.parametrize("form", ["tensor", "element per step"])
@pytest.mark.parametrize(("algorithm", "family"), [*product(PAIRS, FAMILIES)])
def test_recorded_against_numpy_and_bit_for_bit(algorithm: str, family: str, form: str) -> None:
    case = Case(algorithm, family, STEPS, form)
    find, alpha = recordable(case)
    other = tree_map(lambda tensor: 0.7 * tensor, alpha)
    recorded = Recording(find, (other,))
    result = recorded(alpha)
    case.check(MetaGradient(*result))
    for one, two in zip(tree_leaves(result), tree_leaves(find(alpha)), strict=True):
        assert (one is None and two is None) or torch.equal(one, two)


def matrices() -> list[Tensor]:
    source = torch.Generator().manual_seed(0)
    singles = [(3, 13, 10), (3, 10, 21), (3, 21, 10), (3, 13, 9)]
    doubles = [(10, 75), (320, 64), (64, 60), (40, 200)]

    def draw(shape: tuple[int, ...]) -> Tensor:
        return torch.rand(shape, generator=source, dtype=torch.float64) - 0.5

    return [*(draw(shape).float() for shape in singles), *map(draw, doubles)]


MATRICES = matrices()
BY_MKL = 2


def products(matrices: list[Tensor]) -> list[Tensor]:
    """Of shapes and strides that fill vectors and blocks of rows in part; the last two by MKL."""
    a, b, turned, other, c, tall, shared, wide = matrices
    one = c[:3].reshape(3, 3, 25)[:, :, 1:]  # it begins beyond the first entry of its memory
    return [
        a @ b,
        a @ turned.mT,
        a.mT @ other,
        a[:1].expand(3, -1, -1).contiguous()[:, :2] @ b,
        a[0] @ turned[1].mT,
        one.mT @ one.flip(2),
        c[:, :9].t() @ wide[:10],
        tall @ shared,
        a[0].t() @ a[0],  # one matrix by itself
        wide.t() @ wide.flip(1),
    ]


def test_compiled_against_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Several algorithms in one function: it is compiling that takes long.

    This is also the contract with torch's compiler, as `test_torch_contracts.py` has it with the
    rest of what is private to torch.
    """
    monkeypatch.setenv(FOLDER, str(tmp_path))
    names = ("MAML", "MAML order 1", "Reptile")
    cases = [Case(name, "cubics", STEPS, "tensor per step") for name in names]
    pairs = [recordable(case) for case in cases]

    def find(alphas: list[Any]) -> list[Found]:
        return [one(alpha) for (one, _), alpha in zip(pairs, alphas, strict=True)]

    def find_all(alphas: list[Any], matrices: list[Tensor]) -> tuple[list[Found], list[Tensor]]:
        return find(alphas), products(matrices)

    # on two threads, which share a large batch of products
    threads = torch.get_num_threads()
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    torch.set_num_threads(2)
    arguments = ([alpha for _, alpha in pairs], MATRICES)
    leaves = tree_leaves(arguments)
    recorded = Recording(find_all, tree_map(torch.zeros_like, arguments))
    compilation = Compilation(recorded, leaves)
    compilation.wait()
    gradients, multiplied = compilation.assemble(compilation.run(leaves))
    for case, result in zip(cases, gradients, strict=True):
        case.check(MetaGradient(*result))
    for result, exact in zip(multiplied, products([m.double() for m in MATRICES]), strict=True):
        rounding = torch.finfo(result.dtype).eps
        torch.testing.assert_close(result.double(), exact, rtol=50 * rounding, atol=50 * rounding)
    assert not list(tmp_path.glob("**/*.recorded"))
    # the file on disk is there at once, for whoever needs it next
    assert Compilation(recorded, leaves).poll()
    (package,) = tmp_path.glob("**/*.pt2")
    with ZipFile(package) as files:
        code = "".join(files.read(n).decode() for n in files.namelist() if n.endswith(".cpp"))
    loops = code.count("sums[r * C + c] = at::vec::fmadd")
    assert loops == len(multiplied) - BY_MKL, "torch's compiler takes no templates of ours"


def test_what_is_written_to_in_the_function() -> None:
    def function(x: Tensor) -> tuple[Tensor, Tensor]:
        one, two = 2 * x, 2 * x
        one.add_(1)
        return one, two

    recorded = Recording(function, (torch.zeros(3),))
    x = torch.arange(3.0)
    assert torch.equal(recorded(x)[0], 2 * x + 1)
    assert torch.equal(recorded(x)[1], 2 * x)


STRIDED = {
    "whole": torch.arange(12.0).reshape(3, 4),
    "turned": torch.arange(12.0).reshape(4, 3).t(),
    "every second": torch.arange(24.0).reshape(3, 8)[:, ::2],
    "expanded": torch.arange(3.0).reshape(3, 1).expand(3, 4),
}


@pytest.mark.parametrize("name", STRIDED)
def test_views_of_tensors_of_any_strides(name: str) -> None:
    def function(x: Tensor) -> Tensor:
        part = x[:, 1:].t().unsqueeze(0).expand(2, -1, -1)  # (2, 3, 3)
        return (part.transpose(1, 2).squeeze() * x[0, 1:]).sum(0) + x.t()[1].detach().view(3)

    x = STRIDED[name]
    storage = torch.zeros(24)
    other = storage.as_strided(x.shape, x.stride())
    assert torch.equal(Recording(function, (other,))(x), function(x))


def test_what_depends_on_numbers_is_refused() -> None:
    def branching(x: Tensor) -> Tensor:
        return x if float(x.sum()) > 0 else -x

    with pytest.raises(RuntimeError):
        Recording(branching, (torch.ones(2),))


def test_products_with_one_are_left_out() -> None:
    def find(x: Tensor) -> tuple[Tensor, ...]:
        ones = torch.ones_like(x[0]).unsqueeze(0).expand(2, 3)
        return (x * 1).exp(), (ones * x).sin(), x * 1.0

    x = torch.tensor([[-0.0, 1.5, torch.inf], [-2.0, torch.nan, 1e-40]])
    recorded = Recording(find, (torch.ones(2, 3),))
    assert _operations(recorded, "aten.mul") == 1
    result = recorded(x)
    for one, two in zip(result, find(x), strict=True):
        assert torch.equal(one.view(torch.int32), two.view(torch.int32))
    assert result[2].data_ptr() != x.data_ptr(), "what comes out is the argument itself"


@pytest.mark.parametrize(
    "find",
    [
        lambda x: torch.exp(x * 1.0),  # of whole numbers: a product of another type
        lambda x: torch.exp(x[:1] * torch.ones_like(x)),  # of another shape
        lambda x: torch.exp(x * 2),
        lambda x: torch.exp(x * torch.full_like(x, 3)),
    ],
)
def test_other_products_stay(find: Callable[[Tensor], Tensor]) -> None:
    x = torch.arange(6).reshape(3, 2)
    recorded = Recording(find, (torch.zeros_like(x),))
    assert _operations(recorded, "aten.mul") == 1
    assert torch.equal(recorded(x), find(x))


def test_the_gradient_of_a_fixed_alpha_costs_nothing() -> None:
    def loss(params: Params, target: Tensor) -> Tensor:
        return ((params["w"] ** 2 - target) ** 2).sum()

    theta, alpha, data = {"w": torch.tensor([1.0, 2.0])}, torch.tensor(0.01), torch.ones(3, 2)
    results = {}
    for learned in (False, True):

        def measure(
            theta: Params, alpha: Tensor, data: Tensor, *, to: bool = learned
        ) -> StepGradients:
            measurement = Measurement("mean", False, None, False)
            return measurement.measure(MAML(alpha=alpha), loss, theta, data, data, alpha_learned=to)

        recorded = Recording(measure, (theta, alpha, data))
        results[learned] = recorded(theta, alpha, data), _operations(recorded, "aten")
    (fixed, few), (learned_too, many) = results[False], results[True]
    assert fixed.alpha is None
    assert learned_too.alpha is not None
    assert torch.equal(fixed.params["w"], learned_too.params["w"])
    assert few < many


def _operations(recording: Recording, name: str) -> int:
    """How many operations there are whose name begins so."""
    return sum(str(node.target).startswith(name) for node in recording.graph.graph.nodes)
