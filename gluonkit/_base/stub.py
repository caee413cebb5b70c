"""Public names read from a package's stub, so that they are written once."""

from __future__ import annotations

import ast


def public_names(stub: str, package: str) -> dict[str, str]:
    """Return the public names in the text of a package's ``__init__.pyi``, each with its module.

    The module is the one that has the name, or that is the name; `package` itself for names that
    the package defines.
    """
    names: dict[str, str] = {}
    for node in ast.parse(stub).body:
        if isinstance(node, ast.ImportFrom):
            # A relative import has a level; MXNet's own modules are imported absolutely.
            start = f"{package}." if node.level else ""
            for alias in node.names:
                if node.module != "typing":
                    names[alias.asname or alias.name] = f"{start}{node.module or alias.name}"
        elif isinstance(node, ast.Assign):
            names |= {target.id: package for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = package
    return names
