"""What a kernel does before its first request if PYTHONSTARTUP names this file: imports.

A notebook's first cells then need not wait for them. IPython executes the file among the
notebook's own names, so none is left.
"""

import sys
from importlib.util import find_spec

# a Python in a terminal has no lab, nor has a kernel of another environment
if "ipykernel" in sys.modules and find_spec("labkit"):
    import torch

    import labkit.widgets.opening

    # torch imports its compiler for the first derivative of a process
    torch.func.grad(torch.square)(torch.zeros(()))
    del labkit, torch
del sys, find_spec
