"""What is measured rather than tested: each module runs by itself, as `python -m benchmarks.…`."""
