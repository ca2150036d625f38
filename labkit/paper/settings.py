"""The parameters of the paper's runs, checked: sinusoid, Omniglot and 2D navigation."""

from typing import Literal

from pydantic import Field

from labkit.session import CheckedModel


class PaperSettings(CheckedModel):
    """The parameters of `notebooks/11_paper_run.ipynb`, which determine its result.

    The defaults are the paper's.

    Raises:
        ParameterError: From `PaperSettings.checked`, for an invalid value or an
            unknown name.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.1.

    Example:
        >>> PaperSettings(method="oracle").meta_steps
        70000
    """

    method: Literal["maml", "first_order", "pretrained", "oracle"] = Field(
        default="maml", description="maml, first_order, pretrained or oracle"
    )
    alpha: float = Field(
        default=0.01, ge=0, description="inner step size α of maml and first_order"
    )
    beta: float = Field(default=0.001, ge=0, description="meta step size β, of Adam")
    inner_steps: int = Field(
        default=1, ge=1, description="gradient steps K that maml and first_order train with"
    )
    shots: int = Field(default=10, ge=1, description="support points per task in training")
    meta_batch: int = Field(default=25, ge=1, description="tasks per meta-step")
    meta_steps: int = Field(default=70_000, ge=1, description="meta-steps to train")
    seed: int = Field(default=0, ge=0, lt=2**63, description="decides θ₀ and all tasks")


class FewShotSettings(CheckedModel):
    """The parameters of `notebooks/12_few_shot_run.ipynb`, which determine its result.

    The defaults are the paper's for five ways, with two exceptions. β decays linearly to 0, which
    helps short runs. α is for the mean cross-entropy: the paper's code sums over the five ways in
    the inner loss, so its 0.4 is 2.0 here.

    Raises:
        ParameterError: From `FewShotSettings.checked`, for an invalid value or an
            unknown name.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.2 and App. A.1.

    Example:
        >>> FewShotSettings(shots=5).meta_steps
        60000
    """

    data: Literal["emoji", "omniglot"] = Field(
        default="omniglot", description="what to classify: emoji, or omniglot, a download"
    )
    method: Literal["maml", "first_order"] = Field(
        default="maml", description="maml or first_order"
    )
    ways: int = Field(default=5, ge=2, description="classes per task")
    shots: int = Field(default=1, ge=1, description="support points per class, and query points")
    alpha: float = Field(default=2.0, ge=0, description="inner step size α")
    beta: float = Field(
        default=0.001, ge=0, description="initial meta step size β of Adam; it decays to 0"
    )
    inner_steps: int = Field(default=1, ge=1, description="gradient steps K that it trains with")
    meta_batch: int = Field(default=32, ge=1, description="tasks per meta-step")
    meta_steps: int = Field(default=60_000, ge=1, description="meta-steps to train")
    test_tasks: int = Field(default=600, ge=2, description="tasks to test on")
    seed: int = Field(default=0, ge=0, lt=2**63, description="decides θ₀ and all tasks")


class NavigationSettings(CheckedModel):
    """The parameters of a run of the paper's 2D navigation, which determine its result.

    The defaults are the paper's, but for Adam in place of TRPO. The reward, −distance, and the
    trajectories of a test are those of its released code.

    Raises:
        ParameterError: From `NavigationSettings.checked`, for an invalid value or an
            unknown name.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.3 and App. A.2.

    Example:
        >>> NavigationSettings(method="pretrained").meta_steps
        500
    """

    method: Literal["maml", "pretrained", "random", "oracle"] = Field(
        default="maml", description="maml, pretrained, random or oracle"
    )
    reward: Literal["distance", "squared"] = Field(
        default="distance", description="what a step is paid: minus the distance, or its square"
    )
    alpha: float = Field(
        default=0.1, ge=0, description="inner step size α; half of it after the trained steps"
    )
    beta: float = Field(
        default=0.01, ge=0, description="initial meta step size β of Adam; it decays to 0"
    )
    meta_optimizer: Literal["adam", "trpo"] = Field(
        default="adam", description="adam, or trpo, as in the paper, which takes longer"
    )
    inner_steps: int = Field(default=1, ge=1, description="gradient steps K that it trains with")
    shots: int = Field(default=20, ge=1, description="trajectories for a gradient step in training")
    test_shots: int = Field(
        default=40, ge=1, description="trajectories for a gradient step in the test"
    )
    gae: float = Field(default=1.0, ge=0, le=1, description="λ of generalised advantages")
    log_std: float = Field(default=0.0, description="log σ of the policy before training")
    horizon: int = Field(default=100, ge=1, description="steps of a trajectory")
    meta_batch: int = Field(default=20, ge=1, description="goals per meta-step")
    meta_steps: int = Field(default=500, ge=1, description="meta-steps to train")
    seed: int = Field(default=0, ge=0, lt=2**63, description="decides θ₀ and all goals")
