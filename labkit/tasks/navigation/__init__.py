"""2D navigation: a point that learns to reach a goal it does not see, and policies for it."""

from labkit.tasks.navigation.bounds import best_returns, blind_bound
from labkit.tasks.navigation.navigation import Navigation
from labkit.tasks.navigation.policies import GaussianPolicy, gaussian_policy
from labkit.tasks.navigation.policy_loss import PolicyLoss
from labkit.tasks.navigation.trajectories import Trajectories, check_gaussian, roll_out
from labkit.tasks.navigation.world import World

__all__ = [
    "GaussianPolicy",
    "Navigation",
    "PolicyLoss",
    "Trajectories",
    "World",
    "best_returns",
    "blind_bound",
    "check_gaussian",
    "gaussian_policy",
    "roll_out",
]
