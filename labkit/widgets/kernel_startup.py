"""What a kernel does before its first request if PYTHONSTARTUP names this file: imports.

A notebook's first cells then need not wait for them. IPython executes the file among the
notebook's own names, so none is left.
"""

import sys

if "ipykernel" in sys.modules:  # a Python in a terminal has no lab
    import torch

    import labkit.widgets.opening

    # torch imports its compiler for the first derivative of a process
    torch.func.grad(torch.square)(torch.zeros(()))
    del labkit, torch
del sys
