"""The command line: `labkit run`, `sweep`, `watch` and the others."""
