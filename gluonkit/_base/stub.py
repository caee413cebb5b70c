"""Public names read from a package's stub, so that they are written once."""

from __future__ import annotations

import ast


def public_names(stub: str, package: str) -> dict[str, str]:
    """Return the public names of a stub file, and for each the module to import.

    Parameters
    ----------
    stub : str
        The text of the package's ``__init__.pyi``.
    package : str
        The package's name.

    Returns
    -------
    dict of str to str
        The module that has the name, or that is the name; the package where it has it itself.
    """
    names: dict[str, str] = {}
    for node in ast.parse(stub).body:
        if isinstance(node, ast.ImportFrom):
            start = f"{package}." if node.level else ""
            for alias in node.names:
                if node.module != "typing":
                    names[alias.asname or alias.name] = f"{start}{node.module or alias.name}"
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = package
    return names
