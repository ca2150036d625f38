"""The parameters of one run of the paper's sinusoid table."""

from typing import Literal

from pydantic import Field

from labkit.session import CheckedModel


class PaperSettings(CheckedModel):
    """What determines a run: every field is a parameter of `notebooks/11_paper_run.ipynb`.

    The defaults are those of the paper.

    Raises:
        ParameterError: From `PaperSettings.checked`, for a value that is not allowed or a name
            that is unknown.

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
