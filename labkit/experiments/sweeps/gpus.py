"""The GPUs of this machine, for runs that have one each."""

import os

DEVICES = "CUDA_VISIBLE_DEVICES"
"""Environment variable that names the GPUs that a process sees."""


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that this process sees, by number or name; empty if there are none.

    Example:
        >>> import unittest.mock
        >>> with unittest.mock.patch.dict(os.environ, {DEVICES: "2,GPU-5b1c"}):
        ...     visible_gpus()
        ('2', 'GPU-5b1c')
    """
    listed = os.environ.get(DEVICES)
    if listed is not None:
        return tuple(name.strip() for name in listed.split(",") if name.strip() not in {"", "-1"})
    import torch  # noqa: PLC0415  # slow to import, and most commands need none

    return tuple(str(number) for number in range(torch.cuda.device_count()))
