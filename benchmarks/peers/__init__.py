"""The peers of the benchmark of speed: the same meta-step, written with each library."""
