"""Claims about what was measured, each found to hold or not: by its numbers, not by prose."""

from collections.abc import Mapping

UNTRAINED = "θ is untrained: train in the lab, then run the cells below it again"
"""What a reader of numbers at meta-step 0 has to know first."""


def check_claims(claims: Mapping[str, object], *, meta_steps: float) -> str:
    """Say of each claim whether it holds, for a θ after so many meta-steps.

    The text of a notebook cannot know how far its reader has trained, so claims are left to cells
    that compute them; what this returns is compared by nbval.

    Args:
        claims: A claim in words → whether the numbers bear it out.
        meta_steps: Meta-steps that were taken before they were measured.

    Returns:
        A heading, and a line for each claim.

    Raises:
        ValueError: There is no claim.

    Example:
        >>> print(check_claims({"one step halves the loss": 0.4 < 1.0 / 2}, meta_steps=2000))
        After 2,000 meta-steps:
        holds          one step halves the loss
    """
    if not claims:
        raise ValueError("there is no claim to check: give at least one, in words, with its truth")
    lines = [f"{'holds' if true else 'does not hold':15}{words}" for words, true in claims.items()]
    return "\n".join([f"{after(meta_steps)}:", *lines])


def after(meta_steps: float) -> str:
    """When something was measured, in words.

    Example:
        >>> after(1), after(0).partition(",")[0]
        ('After 1 meta-step', 'After 0 meta-steps (θ is untrained: train in the lab')
    """
    words = f"After {meta_steps:,.0f} meta-step{'' if meta_steps == 1 else 's'}"
    return words if meta_steps else f"{words} ({UNTRAINED})"
