"""The command line: `labkit run`, `sweep`, `compare`, `show`, `rerun` and `lab`."""
