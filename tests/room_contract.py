"""A contract for import-linter: the inside of a folder is reached through its `__init__` alone."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

import grimp
from importlinter import Contract, ContractCheck, output


class RoomContract(Contract):
    """A module imports modules of its own folder and of those above, and other folders whole.

    A folder may offer a module: one whose name is in the `__all__` of its `__init__`.
    """

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002
        """Find the imports that reach into another folder."""
        own = {name for name in graph.modules if not graph.is_module_squashed(name)}
        packages = {name for name in own if graph.find_children(name)}
        broken = []
        for importer in sorted(own):
            home = importer if importer in packages else importer.rpartition(".")[0]
            for imported in sorted(graph.find_modules_directly_imported_by(importer) & own):
                gate = _gate(home, imported)
                if gate != imported and imported.rpartition(".")[2] not in _offered(gate):
                    broken.append((importer, imported, gate))
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Say which import, and where to import from instead."""
        broken: list[tuple[str, str, str]] = check.metadata["broken"]
        for importer, imported, gate in broken:
            output.print_error(f"{importer} imports {imported}: import from {gate}", bold=True)


def _gate(home: str, imported: str) -> str:
    """What of `imported` a module of the package `home` may name: its first part that differs."""
    inside, parts = home.split("."), imported.split(".")
    shared = 0
    while shared < min(len(inside), len(parts) - 1) and inside[shared] == parts[shared]:
        shared += 1
    return ".".join(parts[: shared + 1])


@cache
def _offered(package: str) -> frozenset[str]:
    folder = Path(*package.split("."))
    stub = folder / "__init__.pyi"
    tree: Any = ast.parse((stub if stub.exists() else folder / "__init__.py").read_text())
    return frozenset(
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )
