"""How gluonkit is built, computed from its sources: rooms, arrows between them, floors.

A room is a package or a module directly in ``gluonkit/``. An arrow leads from a room to one that
it imports. A room's floor is one above the highest that it imports: it exists only where there are
no cycles. ``python docs/_site/house.py`` writes the table of CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gluonkit"
FILES = sorted(PACKAGE.rglob("*.py"))
_TABLE = re.compile(r"(<!-- --8<-- \[start:rooms\] -->\n).*?(<!-- --8<-- \[end:rooms\] -->)", re.S)
_CONTRIBUTING = ROOT / "CONTRIBUTING.md"


def module_of(path: Path) -> str:
    """Return a file's module, without the package's own name: ``"train.fit"``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_of(path): path for path in FILES}


def imports_at_run_time(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports of a module, without those under ``if TYPE_CHECKING``."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif not (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.Name)
            and node.test.id == "TYPE_CHECKING"
        ):
            waiting.extend(ast.iter_child_nodes(node))


def own_imports(tree: ast.Module) -> Iterator[str]:
    """Yield the modules of gluonkit that a module imports."""
    for node in imports_at_run_time(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            top, _, inner = name.partition(".")
            if top == "gluonkit":
                yield inner if inner in MODULES else inner.rpartition(".")[0] or "__init__"


def room_of(module: str) -> str:
    """Return the room that a module is in."""
    return module.partition(".")[0]


def arrows() -> dict[str, set[str]]:
    """Return, for every module, the modules that it imports."""
    return {
        module: set(own_imports(ast.parse(path.read_text()))) - {module}
        for module, path in MODULES.items()
    }


def rooms() -> dict[str, set[str]]:
    """Return, for every room, the rooms that it imports."""
    imported: dict[str, set[str]] = {room_of(module): set() for module in MODULES}
    for module, targets in arrows().items():
        imported[room_of(module)] |= {room_of(target) for target in targets} - {room_of(module)}
    return imported


def floors(graph: dict[str, set[str]]) -> dict[str, int]:
    """Return the floor of each node of an import graph.

    Raises
    ------
    ValueError
        If there is a cycle; the message shows it.
    """
    known: dict[str, int] = {}

    def floor(name: str, above: tuple[str, ...]) -> int:
        if name in above:
            raise ValueError(" → ".join([*above[above.index(name) :], name]))
        if name not in known:
            below: Iterable[int] = (floor(target, (*above, name)) for target in sorted(graph[name]))
            known[name] = 1 + max(below, default=-1)
        return known[name]

    for name in graph:
        floor(name, ())
    return known


def table() -> str:
    """Return the rooms by floor, as a table in Markdown: each with its docstring's first line."""
    lines = ["| floor | room | what lives there |", "|---|---|---|"]
    for name, floor in sorted(floors(rooms()).items(), key=lambda item: item[::-1]):
        path = MODULES[name]
        text = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
        kind = "/" if path.parent != PACKAGE else ""
        lines.append(f"| {floor} | `{name}{kind}` | {' '.join(text.split())} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table into CONTRIBUTING.md."""
    text = _CONTRIBUTING.read_text()
    _CONTRIBUTING.write_text(_TABLE.sub(lambda match: match[1] + table() + match[2], text))


if __name__ == "__main__":
    main()
