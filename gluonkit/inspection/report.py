"""What a summary holds, and its rendering as text, HTML, Markdown, CSV and plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from html import escape
from typing import Any

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import some, unknown_name, whole_number
from gluonkit._base.tables import Column, Shown
from gluonkit.errors import ArgumentError
from gluonkit.inspection.layers import Layer
from gluonkit.tracing.inputs import leaves

NONE = "–"


DEFAULT_COLUMNS = ("layer", "class", "output", "detail", "params", "share", "macs")


@dataclass(frozen=True, repr=False)
class Summary(Shown):
    """A network, layer by layer, and its totals. `str()` gives the table; a notebook, a tree.

    Attributes
    ----------
    name : str
        The network's class, or the name that it is registered by.
    inputs : tuple
        Shapes and data types of the inputs; empty when none was given.
    layers : tuple of Layer
        One record for each layer, parents first, in the order in which they run.
    total_params : int
        Number of elements of all parameters, each array once; parameters of unknown shape are left
        out.
    trainable_params, constant_params : int
        Those of `total_params` that have a gradient, and that are constants.
    shared_params : int
        Number of elements of the arrays that stand at several places of the tree.
    unknown : tuple of str
        Paths of the parameters whose shape is unknown without, or in spite of, the input.
    macs : int or None
        Multiply-adds of one forward pass with these inputs; None when no input was given.
    macs_by_operator : mapping of str to int
        Multiply-adds by operator, the largest first.
    uncounted : mapping of str to int
        Operators without a known count, and how often they ran; they are *not* in `macs`.
    without_macs : mapping of str to int
        Operators that have no multiply-adds by convention, and how often they ran.
    param_bytes, gradient_bytes, optimizer_bytes : int
        Memory of parameters, of gradients and of the optimizer's state, in bytes.
    activation_bytes : int or None
        Memory of all operators' outputs, in bytes, as training keeps them.
    optimizer : str
        The optimizer that `optimizer_bytes` is for.
    executed : bool
        Whether a forward pass was made; otherwise shapes were inferred from the graph.
    reason : str
        Why a forward pass was needed; empty when it was not.
    columns : tuple of str
        The columns that the table shows.
    depth : int or None
        Depth of the deepest layers that it shows; None for all.
    pattern : str or None
        Which layers it shows, by their paths; None for all.
    """

    name: str
    inputs: tuple[Any, ...]
    layers: tuple[Layer, ...] = field(repr=False)
    total_params: int
    trainable_params: int
    constant_params: int
    shared_params: int
    unknown: tuple[str, ...]
    macs: int | None
    macs_by_operator: Mapping[str, int]
    uncounted: Mapping[str, int]
    without_macs: Mapping[str, int]
    param_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int | None
    optimizer: str
    executed: bool
    reason: str
    columns: tuple[str, ...] = field(default=DEFAULT_COLUMNS, repr=False)
    depth: int | None = field(default=None, repr=False)
    pattern: str | None = field(default=None, repr=False)

    @property
    def unreached(self) -> tuple[str, ...]:
        """Paths of the layers that the input never reached; empty when none was given."""
        paths = [layer.path for layer in self.layers if not layer.calls and layer.depth]
        called = [layer.path for layer in self.layers if layer.calls]
        # A container whose parts are called one by one is never called itself, and is in use.
        inner = {
            path for path in paths if any(reached.startswith(f"{path}.") for reached in called)
        }
        return tuple(path for path in paths if path not in inner) if self.inputs else ()

    @checked
    def view(
        self,
        *,
        columns: Iterable[str] | None = None,
        depth: int | None = None,
        pattern: str | None = None,
    ) -> Summary:
        """Return the same summary, shown with other columns, depth or rows.

        Parameters
        ----------
        columns : iterable of str, optional
            As for `summary`; by default those of this summary.
        depth : int, optional
            Show no layer deeper than this; by default all.
        pattern : str, optional
            Show only the layers whose path matches; by default all.

        Returns
        -------
        Summary
            A new record; this one does not change.
        """
        return replace(
            self,
            columns=self.columns if columns is None else checked_columns(columns),
            depth=checked_depth(depth),
            pattern=checked_pattern(pattern, self.layers),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON; memory in bytes."""
        return as_dict(self)

    def to_csv(self) -> str:
        """Return one line per layer, every number in full."""
        return as_csv(self)

    def to_markdown(self) -> str:
        """Return the table in Markdown, with the totals beneath."""
        return as_markdown(self)

    def __str__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)


@dataclass(frozen=True)
class Row:
    """A layer as it is shown; its numbers include the layers below it that are not shown."""

    layer: Layer
    indent: int
    folded: bool  # what is below is not shown
    total_params: int


def _label(row: Row) -> str:
    layer = row.layer
    name = layer.name or "(network)"
    # Rows that a pattern selects have no parents above them, so they show the whole path.
    if row.indent == 0 and layer.path:
        name = layer.path
    if row.folded:
        name += " …"
    if layer.calls > 1:
        name += f" ×{layer.calls}"
    return f"{name} = {layer.shared_with[0]}" if layer.shared_with else name


def _params(row: Row) -> str:
    layer = row.layer
    if layer.params is None:
        return "unknown"
    if layer.params == 0 and layer.shared_with:
        return "shared"
    return f"{layer.params:,}" if layer.params or layer.trainable else NONE


def _share(row: Row) -> str:
    if not row.layer.params or not row.total_params:
        return NONE
    share = row.layer.params / row.total_params
    # Less would be rounded to 0.0%.
    return f"{share:.1%}" if share >= 0.0005 else "<0.1%"


def _amount(value: int | None, text: Any) -> str:
    return text(value) if value else NONE


COLUMNS: Mapping[str, Column] = {
    "layer": Column("layer", lambda row: "  " * row.indent + _label(row)),
    "class": Column("class", lambda row: row.layer.kind, drop=6),
    "input": Column("input", lambda row: shapes(row.layer.inputs), drop=4),
    "output": Column("output", lambda row: shapes(row.layer.outputs)),
    "detail": Column("detail", lambda row: row.layer.detail, drop=5),
    "params": Column("params", _params, "right"),
    "share": Column("share", _share, "right", drop=1),
    "trainable": Column("trainable", lambda row: row.layer.trainable, drop=2),
    "macs": Column("mult-adds", lambda row: _amount(row.layer.macs, tables.scaled), "right"),
    "activations": Column(
        "activations",
        lambda row: _amount(row.layer.activation_bytes, tables.memory),
        "right",
        drop=3,
    ),
}
"""Every column of a summary's table, by the name that `summary` takes."""


def rows(summary: Summary) -> Iterator[Row]:
    """Yield the rows to show; their numbers add up to the totals, unless a pattern skips some."""
    listed = summary.pattern is not None
    for index, layer in enumerate(summary.layers):
        if not fnmatchcase(layer.path, summary.pattern or "*"):
            continue
        deeper = index + 1 < len(summary.layers) and summary.layers[index + 1].depth > layer.depth
        # The last level that is shown stands for all below it, so that the numbers still add up.
        folded = deeper and summary.depth is not None and layer.depth >= summary.depth
        if summary.depth is not None and layer.depth > summary.depth:
            continue
        shown = layer
        if deeper and not folded:  # what is below has rows of its own
            shown = replace(
                layer,
                params=layer.own_params,
                trainable=layer.own_trainable,
                macs=layer.own_macs,
                activation_bytes=layer.own_activation_bytes,
            )
        yield Row(shown, 0 if listed else layer.depth, folded, summary.total_params)


_TERMINAL = 80  # columns
_UNBROKEN = "\N{NO-BREAK SPACE}"


def as_text(summary: Summary) -> str:
    """Return the table, at most `tables.WIDTH` columns wide, and the totals beneath it."""
    columns = [COLUMNS[name] for name in summary.columns]
    table = tables.text_table(rows(summary), columns)
    notes = [tables.paragraph(note, indent="  ") for note in remarks(summary)]
    width = max(len(title) for title, _ in totals(summary))
    lines = [_total(f"{title:{width}}  ", text) for title, text in totals(summary)]
    return "\n".join([heading(summary), table, "", *lines, *notes])


def _total(title: str, text: str) -> str:
    """Return a line of totals, wrapped to a terminal's usual width, between figures if possible."""
    whole = (
        part.replace(" ", _UNBROKEN) if len(part) < _TERMINAL // 2 else part
        for part in text.split(" · ")
    )
    return tables.hanging(title, " · ".join(whole), width=_TERMINAL).replace(_UNBROKEN, " ")


def as_markdown(summary: Summary) -> str:
    """Return the table in Markdown, for an issue or a README."""
    columns = [COLUMNS[name] for name in summary.columns]
    lines = [
        f"**{heading(summary)}**",
        "",
        "| " + " | ".join(column.header for column in columns) + " |",
        "|" + "|".join("--:" if column.align == "right" else "---" for column in columns) + "|",
    ]
    for row in rows(summary):
        cells = [column.value(row).replace("|", "\\|") for column in columns]
        # Markdown drops spaces at the beginning of a cell, which show the depth here.
        cells = [cell.replace("  ", "&emsp;") if cell.startswith(" ") else cell for cell in cells]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"- {title}: {text}" for title, text in totals(summary))]
    return "\n".join([*lines, *(f"- {note}" for note in remarks(summary))]) + "\n"


def as_html(summary: Summary) -> str:
    """Return a tree for a notebook, whose layers can be folded and unfolded."""
    names = [name for name in summary.columns if name != "layer"]
    columns = [COLUMNS[name] for name in names]
    shown = list(rows(summary))
    grid = _grid(shown, [COLUMNS["layer"], *columns])
    line = _html_line("layer", [column.header for column in columns], columns, grid, bold=True)
    # To the left there is room for the marks that fold and unfold.
    style = "font-family:monospace;font-size:12px;overflow-x:auto;padding-left:1.5em"
    parts = [f'<div style="{style}">{escape(heading(summary))}<div>{line}</div>']
    open_depths: list[int] = []
    for index, row in enumerate(shown):
        # A row closes all that are as deep as itself, or deeper.
        while open_depths and row.indent <= open_depths[-1]:
            parts.append("</details>")
            open_depths.pop()
        line = _html_line(
            COLUMNS["layer"].value(row).strip(),
            [column.value(row) for column in columns],
            columns,
            grid,
            indent=row.indent,
            mark=bool(row.layer.shared_with),
        )
        has_parts = index + 1 < len(shown) and shown[index + 1].indent > row.indent
        if has_parts:
            # Two levels are open at first: all of a deep network would fill many screens.
            state = " open" if row.indent < 2 else ""
            parts.append(f'<details{state}><summary style="list-style-position:outside">{line}')
            parts.append("</summary>")
            open_depths.append(row.indent)
        else:
            parts.append(f"<div>{line}</div>")
    parts += ["</details>"] * len(open_depths)
    parts += [
        f"<div><b>{escape(title)}</b> {escape(text)}</div>" for title, text in totals(summary)
    ]
    parts += [f"<div>{escape(note)}</div>" for note in remarks(summary)]
    return "".join(parts) + "</div>"


def _grid(shown: Sequence[Row], columns: Sequence[Column]) -> str:
    """Return the widths of columns, each that of its longest cell, so that no word is broken."""
    widths = (
        max(len(text) for text in (column.header, *map(column.value, shown))) for column in columns
    )
    return " ".join(f"{width}ch" for width in widths)


def _html_line(
    label: str,
    cells: list[str],
    columns: list[Column],
    grid: str,
    *,
    indent: int = 0,
    bold: bool = False,
    mark: bool = False,
) -> str:
    """Return one line of the tree, its cells in the columns of a grid."""
    # The same grid in each line, since the rows of a table cannot be folded.
    style = f"display:inline-grid;grid-template-columns:{grid};gap:0 2ch;white-space:nowrap"
    color = ";color:#b3541e" if mark else ""
    weight = ";font-weight:bold" if bold else ""
    first = f'<span style="padding-left:{2 * indent}ch{color}">{escape(label)}</span>'
    rest = "".join(
        f'<span style="text-align:{column.align}">{escape(cell)}</span>'
        for column, cell in zip(columns, cells, strict=True)
    )
    return f'<div style="{style}{weight}">{first}{rest}</div>'


def as_csv(summary: Summary) -> str:
    """Return one line per layer, every number in full, unknown ones empty."""
    records = [_plain(layer) for layer in summary.layers]
    for layer, record in zip(summary.layers, records, strict=True):
        record |= {"inputs": shapes(layer.inputs), "outputs": shapes(layer.outputs)}
        # A cell of CSV is text; spaces divide what would be lists.
        record["shared_with"] = " ".join(layer.shared_with)
        record["operators"] = " ".join(f"{name}:{n}" for name, n in layer.operators.items())
    return tables.csv_text(records[0], records)


def as_dict(summary: Summary) -> dict[str, Any]:
    """Return everything as plain data, ready for JSON."""
    # How it is shown is no part of the data.
    skipped = {"layers", "columns", "depth", "pattern", "inputs"}
    names = [entry.name for entry in fields(summary) if entry.name not in skipped]
    record = {name: _plain_value(getattr(summary, name)) for name in names}
    layers = [_plain(layer) for layer in summary.layers]
    return record | {"inputs": _plain_value(summary.inputs), "layers": layers}


def _plain(layer: Layer) -> dict[str, Any]:
    return {entry.name: _plain_value(getattr(layer, entry.name)) for entry in fields(layer)}


def _plain_value(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain_value(part) for part in value]
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "shape"):
        return {"shape": list(value.shape), "dtype": value.dtype}
    return value


def shapes(nested: Any) -> str:
    """Return shapes as text, separated by commas."""
    specs = list(leaves(nested))
    if len(specs) > 3:
        specs = [*specs[:2], f"… {len(specs) - 2} more"]
    return ", ".join(map(str, specs)) or NONE


def heading(summary: Summary) -> str:
    """Return the line above the table."""
    given = shapes(summary.inputs) if summary.inputs else "none given, so shapes are not known"
    return f"{summary.name} · input {given}"


def totals(summary: Summary) -> list[tuple[str, str]]:
    """Return the lines below the table: a title and a text each."""
    lines = [("Parameters", _parameter_line(summary))]
    if summary.macs is not None:
        by = ", ".join(f"{k} {tables.scaled(v)}" for k, v in summary.macs_by_operator.items())
        lines.append(("Multiply-adds", f"{tables.scaled(summary.macs)}{' · ' if by else ''}{by}"))
    sizes = [("parameters", summary.param_bytes), ("gradients", summary.gradient_bytes)]
    if summary.activation_bytes is not None:
        sizes.append(("activations", summary.activation_bytes))
    sizes.append((f"{summary.optimizer} state", summary.optimizer_bytes))
    lines.append(("Memory", " · ".join(f"{name} {tables.memory(size)}" for name, size in sizes)))
    return lines


def _parameter_line(summary: Summary) -> str:
    fixed = summary.total_params - summary.trainable_params
    parts = [f"{summary.total_params:,}"]
    parts.append("all trainable" if not fixed else f"{summary.trainable_params:,} trainable")
    if fixed - summary.constant_params:
        parts.append(f"{fixed - summary.constant_params:,} without gradient")
    if summary.constant_params:
        parts.append(f"{summary.constant_params:,} constant")
    if summary.shared_params:
        parts.append(f"{summary.shared_params:,} shared, counted once")
    return " · ".join(parts)


def remarks(summary: Summary) -> list[str]:
    """Return remarks on what was not counted, not reached, or not known."""
    notes = []
    if summary.uncounted:
        notes.append(
            f"Not counted, their multiply-adds are unknown: {_tally(summary.uncounted)} "
            "(`register_macs` adds a count)."
        )
    if summary.without_macs:
        notes.append(f"Without multiply-adds by convention: {_tally(summary.without_macs)}.")
    if summary.unknown:
        notes.append(f"Shape unknown, so not in the totals: {some(summary.unknown, 8)}.")
    if summary.unreached:
        notes.append(f"Never reached by this input: {some(summary.unreached, 8)}.")
    strangers = [layer.path for layer in summary.layers if not layer.registered]
    if strangers:
        notes.append(
            f"Not registered in the block that uses them (kept in a plain list?), so not among "
            f"the network's parameters, though counted here: {some(strangers, 8)}."
        )
    if summary.executed:
        notes.append(
            f"One forward pass was made, for it cannot be traced: {summary.reason.rstrip('.')}."
        )
    return notes


def _tally(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def checked_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the columns; refuse unknown ones."""
    chosen = (columns,) if isinstance(columns, str) else tuple(columns)
    if not chosen:
        raise ArgumentError(f"`columns` is empty; choose of: {', '.join(COLUMNS)}")
    for name in chosen:
        if name not in COLUMNS:
            raise unknown_name("columns", str(name), COLUMNS, f"Columns: {', '.join(COLUMNS)}.")
    return chosen


def checked_depth(depth: int | None) -> int | None:
    """Return the depth, which must be a whole number from 0."""
    return None if depth is None else whole_number("depth", depth, 0)


def checked_pattern(pattern: str | None, layers: Sequence[Layer]) -> str | None:
    """Return the pattern, which must match a layer."""
    if pattern is not None and not any(fnmatchcase(layer.path, pattern) for layer in layers):
        paths = [layer.path for layer in layers if layer.path]
        raise unknown_name("pattern", pattern, paths, "It is matched against the layers' paths.")
    return pattern
