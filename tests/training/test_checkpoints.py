"""Checkpoints: every damage is noticed, nothing crafted is taken, and resumed is uninterrupted."""

import hashlib
import json
import random
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, optim

from labkit import MAML, Ensemble, LearnedAlpha, MetaLearner, Reptile
from labkit.core import tree_leaves
from labkit.training.checkpoint_file import (
    FORMAT,
    parse_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from labkit.training.checkpoints import LEARNER
from labkit.training.engine import engine
from tests.training.point_tasks import Clouds, Lines, made
from tests.training.test_engine import CLASSIFICATIONS, REGRESSIONS, normed, tied

FLIPS = 300
LEARNED = MAML(alpha=LearnedAlpha(0.05, granularity="tensor", per_step=True), inner_steps=2)


def learner(algorithm: Any = LEARNED, **options: Any) -> MetaLearner:
    return MetaLearner(made(tied), Lines(), algorithm, meta_batch=3, **{"beta": 0.02} | options)


def equal(one: Any, two: Any) -> bool:
    pairs = zip(tree_leaves(one), tree_leaves(two), strict=True)
    return all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in pairs)


@pytest.fixture(scope="module")
def trained() -> MetaLearner:
    one = learner()
    one.train(2)
    return one


@pytest.fixture
def written(trained: MetaLearner, tmp_path: Path) -> bytes:
    trained.save(tmp_path / "whole")
    return (tmp_path / "whole").read_bytes()


def refused(data: bytes, path: Path, words: str) -> None:
    """The error names the file, and the learner is as it was."""
    path.write_bytes(data)
    one = learner(seed=5)
    before = one.state()
    with pytest.raises(ValueError, match=words) as caught:
        one.load(path)
    assert str(caught.value).startswith(str(path))
    assert equal(before, one.state())


def test_a_flipped_bit_is_noticed_wherever_it_is(written: bytes, tmp_path: Path) -> None:
    header = 8 + int.from_bytes(written[:8], "little")
    rng = random.Random(0)
    places = [rng.randrange(8 * len(written)) for _ in range(FLIPS)]
    # most of a large file are tensors: the header gets as many
    places += [*range(64), *(rng.randrange(8 * header) for _ in range(FLIPS))]
    for place in places:
        data = bytearray(written)
        data[place // 8] ^= 1 << place % 8
        with pytest.raises(ValueError, match=r"is damaged|is not a checkpoint|cut short"):
            parse_checkpoint(bytes(data), "flipped", LEARNER)
    refused(bytes(data), tmp_path / "flipped", "is damaged")


@pytest.mark.parametrize("where", ["empty", "length", "header", "tensors", "last byte", "longer"])
def test_a_file_that_is_cut_short_is_noticed(where: str, written: bytes, tmp_path: Path) -> None:
    header = 8 + int.from_bytes(written[:8], "little")
    ends = {"empty": 0, "length": 5, "header": header // 2, "tensors": header + 100}
    end = ends.get(where, len(written) - 1)
    data = written + b"0" if where == "longer" else written[:end]
    refused(data, tmp_path / "cut", "damaged|cut short")


def signed(metadata: dict[str, str], tensors: dict[str, Tensor]) -> bytes:
    """A file whose checksum is right, whatever it says."""
    data = save(tensors, {"labkit_checkpoint": str(FORMAT), "sha256": "0" * 64, **metadata})
    return data.replace(b"0" * 64, hashlib.sha256(data).hexdigest().encode(), 1)


def changed(data: bytes, change: Callable[[Any, dict[str, Tensor]], object]) -> bytes:
    """A checkpoint whose content somebody has changed, with the checksum that belongs to it."""
    end = 8 + int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8:end])["__metadata__"]
    content, tensors = json.loads(metadata["content"]), load(data)
    change(content, tensors)
    texts = {name: metadata[name] for name in ("kind", "labkit")}
    return signed({**texts, "content": json.dumps(content)}, tensors)


def at(*keys: Any) -> Callable[[Any], Callable[[Any, dict[str, Tensor]], None]]:
    """Put a value into the content, under a chain of names."""

    def put(value: Any) -> Callable[[Any, dict[str, Tensor]], None]:
        def change(content: Any, _: dict[str, Tensor]) -> None:
            for key in keys[:-1]:
                content = content[key]
            content[keys[-1]] = value

        return change

    return put


def tensor(name: str, value: Tensor) -> Callable[[Any, dict[str, Tensor]], None]:
    def change(_: Any, tensors: dict[str, Tensor]) -> None:
        assert name in tensors
        tensors[name] = value

    return change


OPTIMIZER = ("state", "optimizer")
CRAFTED = {
    "nothing is changed": (lambda *_: None, None),
    "NaN for beta": (at(*OPTIMIZER, "param_groups", 0, "lr")(float("nan")), "NaN"),
    "negative beta": (at(*OPTIMIZER, "param_groups", 0, "lr")(-0.1), "no finite number ≥ 0 but -0"),
    "text for beta": (at(*OPTIMIZER, "param_groups", 0, "lr")("x"), "no finite number ≥ 0 but 'x'"),
    "no groups": (at(*OPTIMIZER, "param_groups")([]), "no param_groups"),
    "no optimizer": (at(*OPTIMIZER)(3), "it holds no state of a learner"),
    "a parameter x": (at(*OPTIMIZER, "state", "x")({}), "it holds no state of a learner"),
    "parameter -1": (at(*OPTIMIZER, "state", "-1")({}), "no tensors by name for each number"),
    "a far parameter": (at(*OPTIMIZER, "state", str(10**15))({}), "remembers more than the 12"),
    "shape of memory": (
        tensor("/state/optimizer/state/1/exp_avg", torch.zeros(7).double()),
        "remembers of params has other names or shapes",
    ),
    "kind of memory": (
        tensor("/state/optimizer/state/1/exp_avg", torch.zeros(2, dtype=torch.int64)),
        "remembers of params has other names or shapes",
    ),
    "memory of alpha": (
        tensor("/state/optimizer/state/5/exp_avg", torch.zeros(7).double()),
        "remembers of alpha has other names or shapes",
    ),
    "other memory": (at(*OPTIMIZER, "state", "1")({}), "remembers of params has other names"),
    "negative count": (
        tensor("/state/optimizer/state/1/step", torch.tensor(-1.0)),
        "remembers of params has other names",
    ),
    "seed x": (at("state", "seed")("x"), "its seed is no whole number ≥ 0 but 'x'"),
    "seed true": (at("state", "seed")(True), "its seed is no whole number ≥ 0 but True"),
    "negative meta-step": (at("state", "meta_step")(-1), "its meta_step is no whole number ≥ 0"),
    "meta-step 1.5": (at("state", "meta_step")(1.5), "its meta_step is no whole number ≥ 0"),
    "no stream": (at("state", "tasks")(None), "its stream of tasks has no valid state"),
    "short stream": (
        tensor("/state/tasks", torch.zeros(9, dtype=torch.uint8)),
        "its stream of tasks has no valid state",
    ),
    "stream of noughts": (
        tensor("/state/tasks", torch.zeros(5056, dtype=torch.uint8)),
        "its stream of tasks has no valid state",
    ),
    "schedule maybe": (at("state", "beta_scheduled")("maybe"), "neither true nor false"),
    "params a list": (at("state", "params")([]), "its params are no tensors by name"),
    "constants numbers": (at("state", "constants")({"3.bias": 1}), "its constants are no tensors"),
    "alpha a number": (at("state", "alpha")(3), "its alpha has no form"),
    "alpha without rows": (at("state", "alpha", "rows")([]), "more than the 4 tensors"),
    "alpha of other shape": (
        tensor("/state/alpha/rows/0/0.bias", torch.zeros(3).double()),
        "its alpha is not log α of shapes",
    ),
    "one row too many": (
        lambda content, _: content["state"]["alpha"]["rows"].append(
            content["state"]["alpha"]["rows"][0]
        ),
        "remembers another number of step sizes",
    ),
    "no state": (at("state")(None), "it holds no state of a learner"),
    "no parts": (at("parts")(None), "does not say what it belongs to"),
    "a tensor that is not there": (at("state", "tasks")({"$tensor": "x"}), "cannot be read"),
    "deep": (at("deep")(json.loads("[" * 900 + "]" * 900)), "cannot be read"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_what_somebody_has_crafted_is_not_taken(name: str, written: bytes, tmp_path: Path) -> None:
    change, words = CRAFTED[name]
    data = changed(written, change)
    if words is not None:
        refused(data, tmp_path / "crafted", words)
    else:
        (tmp_path / "crafted").write_bytes(data)
        learner().load(tmp_path / "crafted")


def test_newer_foreign_and_other_files_are_named(trained: MetaLearner, tmp_path: Path) -> None:
    trained.save(tmp_path / "whole")
    newer = signed({"labkit_checkpoint": "7", "labkit": "9.9", "kind": "MetaLearner"}, {})
    refused(newer, tmp_path / "newer", r"of format 7, written by labkit 9\.9; .* update maml-lab")
    refused(save(trained.params), tmp_path / "weights", "is of another program")
    write_checkpoint(tmp_path / "session", "Session", {})
    words = "is a checkpoint of a Session, not of a MetaLearner"
    refused((tmp_path / "session").read_bytes(), tmp_path / "other", words)
    no_content = signed({"kind": "MetaLearner"}, {})
    refused(no_content, tmp_path / "empty", "its content cannot be read")
    list_of_nothing = signed({"kind": "MetaLearner", "content": "[]"}, {})
    refused(list_of_nothing, tmp_path / "list", "its content cannot be read")
    too_deep = signed({"kind": "MetaLearner", "content": "[" * 10**5}, {})
    refused(too_deep, tmp_path / "deep", "its content cannot be read")
    with pytest.raises(ValueError, match="whose algorithm is MAML, and this one's is Reptile"):
        learner(Reptile(alpha=0.05)).load(tmp_path / "whole")
    other = MetaLearner(made(tied), Clouded(), LEARNED, beta=0.02)
    with pytest.raises(ValueError, match="whose task family is Lines, and this one's is Clouded"):
        other.load(tmp_path / "whole")


class Clouded(Lines):
    """Another family with data of the same form."""


def test_files_of_earlier_versions_are_read_but_not_damaged_or_harmful_ones(
    trained: MetaLearner, tmp_path: Path
) -> None:
    torch.save(trained.state(), tmp_path / "old.pt")
    data = (tmp_path / "old.pt").read_bytes()
    one = learner(seed=3)
    one.load(tmp_path / "old.pt")
    assert equal(one.state(), trained.state())
    rng = random.Random(1)
    place = data.index(trained.params["0.weight"].numpy().tobytes()) + rng.randrange(32)
    flipped = bytearray(data)
    flipped[place] ^= 1
    refused(bytes(flipped), tmp_path / "flipped.pt", "damaged")
    refused(data[:-100], tmp_path / "cut.pt", "damaged")
    torch.save({**trained.state(), "seed": "x"}, tmp_path / "crafted.pt")
    refused((tmp_path / "crafted.pt").read_bytes(), tmp_path / "seed.pt", "its seed is no whole")
    torch.save({"seed": Touch(tmp_path / "touched")}, tmp_path / "code.pt")
    refused((tmp_path / "code.pt").read_bytes(), tmp_path / "harmful.pt", "another program")
    assert not (tmp_path / "touched").exists()


class Touch:
    """Unpickled, it would make a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


META_OPTIMIZERS: dict[str, Any] = {
    **{name: name for name in ("adam", "sgd", "adamw", "rmsprop", "nadam", "rprop", "adafactor")},
    "momentum": partial(optim.SGD, momentum=0.8, nesterov=True),
    "AMSGrad": partial(optim.AdamW, weight_decay=0.1, amsgrad=True),
    "dampening": partial(optim.SGD, momentum=0.9, dampening=0.5),
}
ALGORITHMS: dict[str, tuple[Any, Any, Any]] = {
    name: (Lines(), tied, each) for name, each in REGRESSIONS.items()
}
ALGORITHMS |= {f"{n} of classes": (Clouds(), normed, a) for n, a in CLASSIFICATIONS.items()}


@pytest.mark.parametrize(
    ("algorithm", "optimizer"), [*zip(ALGORITHMS, cycle(META_OPTIMIZERS), strict=False)]
)
def test_resumed_is_uninterrupted(
    algorithm: str, optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "RECORDED_AFTER", 2)
    assert_resumed(*ALGORITHMS[algorithm], META_OPTIMIZERS[optimizer], tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("optimizer", META_OPTIMIZERS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_by_every_optimizer(
    algorithm: str, optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "RECORDED_AFTER", 2)
    assert_resumed(*ALGORITHMS[algorithm], META_OPTIMIZERS[optimizer], tmp_path)


def assert_resumed(
    tasks: Any, model: Any, algorithm: Any, meta_optimizer: Any, folder: Path
) -> None:
    """By a recording before the end, and without one after it."""

    def make(seed: int) -> MetaLearner:
        options: dict[str, Any] = {"meta_optimizer": meta_optimizer, "meta_batch": 2}
        return MetaLearner(made(model), tasks, algorithm, beta=0.02, seed=seed, **options)

    whole, resumed = make(0), make(4)
    whole.train(3)
    whole.save(folder / "state")
    resumed.load(folder / "state")
    assert resumed.train(3) == whole.train(3)
    assert equal(resumed.state(), whole.state())


def ensemble(**options: Any) -> Ensemble:
    settings = {"alphas": [0.01, 0.1, 1e200, 0.02, 0.03], "betas": [0.1, 0.2, 0.1, 0.3, 0.1]}
    return Ensemble(made(tied), Lines(), MAML(), meta_batch=3, **settings | options)


@pytest.mark.parametrize("meta_optimizer", ["adam", "sgd"])
def test_resumed_ensembles(
    meta_optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "RECORDED_AFTER", 3)
    make = partial(ensemble, meta_optimizer=meta_optimizer)
    whole, second = make(), make()
    whole.train(4)
    whole.save(tmp_path / "state")
    steps = whole.train(3)
    second.train(1)
    second.load(tmp_path / "state")
    assert second.meta_step == 4
    assert second.diverged.tolist() == [False, False, True, False, False]
    for one, two in zip(second.train(3), steps, strict=True):
        assert torch.equal(one.loss_after.nan_to_num(), two.loss_after.nan_to_num())
    assert all(equal(second.params(n), whole.params(n)) for n in range(5))


def test_ensembles_of_others_are_refused(tmp_path: Path) -> None:
    one, path = ensemble(), tmp_path / "state"
    one.train(1)
    one.save(path)
    data = path.read_bytes()
    with pytest.raises(ValueError, match=r"whose alphas is \[0.01, .* this one's is \[0.5\]"):
        ensemble(alphas=[0.5], betas=[0.1]).load(path)
    with pytest.raises(ValueError, match="whose meta_optimizer is adam, and this one's is sgd"):
        ensemble(meta_optimizer="sgd").load(path)
    with pytest.raises(ValueError, match="learners of another model"):
        Ensemble(
            made(lambda: torch.nn.Linear(2, 1)), Lines(), MAML(), alphas=one.alphas, betas=one.betas
        ).load(path)
    for change, words in (
        (at("meta_step")(-1), "no whole number ≥ 0 but -1"),
        (at("theta")(None), "it holds no learners"),
        (at("tasks")("x"), "its stream of tasks has no valid state"),
        (tensor("/theta/0/memory/step", torch.zeros(3)), "learners of another model"),
    ):
        path.write_bytes(changed(data, change))
        two = ensemble()
        with pytest.raises(ValueError, match=words):
            two.load(path)
        assert two.meta_step == 0
        assert equal(two.params(0), ensemble().params(0))


def test_a_learner_is_no_ensemble(trained: MetaLearner, tmp_path: Path) -> None:
    trained.save(tmp_path / "whole")
    with pytest.raises(ValueError, match="is a checkpoint of a MetaLearner, not of a Ensemble"):
        ensemble().load(tmp_path / "whole")


def test_complex_and_empty_tensors_and_any_names(tmp_path: Path) -> None:
    content = {
        "a/b": torch.tensor([1 + 2j, -3j]).conj(),
        "a": {"b": torch.zeros(0, 3), "": torch.tensor(True), "ü": torch.arange(6).view(2, 3).T},
        "rest": [None, 0.1, 10**30, "NaN", [], {}],
        "half": torch.tensor([0.1], dtype=torch.bfloat16),
    }
    write_checkpoint(tmp_path / "some", "Any", content)
    again = read_checkpoint(tmp_path / "some", "Any")
    assert again.keys() == content.keys()
    assert equal(again, content)
    with pytest.raises(ValueError, match="JSON"):
        write_checkpoint(tmp_path / "nan", "Any", {"beta": float("nan")})
    assert [path.name for path in tmp_path.iterdir()] == ["some"]
