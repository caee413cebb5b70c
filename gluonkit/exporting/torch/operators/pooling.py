"""Pooling over windows, by all of MXNet's conventions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gluonkit.exporting.torch.operators.layers import channels_first, unless, windows
from gluonkit.exporting.torch.operators.moving import permuted
from gluonkit.exporting.torch.operators.use import Use, infix, options, primary, several, writes
from gluonkit.exporting.torch.parts import Call


@writes("Pooling")
def _pooling(use: Use) -> Call | str:
    data, back = channels_first(use, use.arguments[0])
    kind, power = use.text("pool_type", "max"), int(use.value("p_value") or 2)
    if kind == "lp":
        data = {1: data, 2: f"{primary(data)}.square()"}.get(power, f"{primary(data)} ** {power}")
    is_global = use.flag("global_pool")
    text = _over_all(use, data, kind) if is_global else _over_windows(use, data, kind)
    helpers: tuple[str, ...] = ("avg_pool_inside",) * text.startswith("avg_pool_inside")
    if kind == "lp" and power != 1:
        text = f"torch.sqrt({text})" if power == 2 else f"cube_root({text})"
        helpers = ("cube_root",) if power == 3 else ()
    if power > 3:
        raise use.refuse(f"p_value={power}")
    return Call(text if back is None else permuted(primary(text), back), helpers)


def _over_all(use: Use, data: str, kind: str) -> str:
    axes = use.rank - 2
    if kind in ("avg", "max"):
        return f"F.adaptive_{kind}_pool{axes}d({data}, 1)"
    return f"{primary(data)}.sum(dim={tuple(range(2, use.rank))}, keepdim=True)"


@dataclass(frozen=True)
class _Windows:
    """The windows along one axis, as MXNet places them.

    Attributes
    ----------
    size, kernel, stride, pad : int
        The length of the axis, and the attributes for it.
    count : int
        The number of windows.
    """

    size: int
    kernel: int
    stride: int
    pad: int
    count: int

    @property
    def end(self) -> int:
        """How far the last window extends beyond the array."""
        return (self.count - 1) * self.stride - self.pad + self.kernel - self.size

    @property
    def rounded_up(self) -> bool:
        """Whether torch makes as many windows only if it rounds up."""
        return self.count != (self.size + 2 * self.pad - self.kernel) // self.stride + 1

    @property
    def too_many(self) -> bool:
        """Whether torch makes fewer windows, without those that begin beyond the array."""
        begin = (self.count - 1) * self.stride - self.pad
        return self.rounded_up and begin >= self.size

    @property
    def too_wide(self) -> bool:
        """Whether the padding is wider than torch allows."""
        return 2 * self.pad > self.kernel


def _windows(use: Use) -> list[_Windows]:
    sizes = windows(use, "kernel", "stride", "pad")
    is_last = use.text("layout", "None").endswith("C")
    lengths, counts = (
        spec.shape[1:-1] if is_last else spec.shape[2:] for spec in (use.inputs[0], use.outputs[0])
    )
    rows = zip(lengths, sizes["kernel"], sizes["stride"], sizes["pad"], counts, strict=True)
    return [_Windows(*row) for row in rows]


def _over_windows(use: Use, data: str, kind: str) -> str:
    along = _windows(use)
    is_full = use.text("pooling_convention", "valid") == "full"
    if use.text("pooling_convention", "valid") == "same":
        raise use.refuse("its convention is same")
    odd = any(axis.too_many or axis.too_wide for axis in along)
    inner = kind == "avg" and not use.flag("count_include_pad", default=True)
    sizes = windows(use, "kernel", "stride", "pad")
    if kind == "max":
        if odd:
            data, is_full = (
                _padded(data, along, f"value=torch.finfo({primary(data)}.dtype).min"),
                False,
            )
            sizes["pad"] = (0,) * len(along)
    elif kind == "avg":
        if any(axis.too_many for axis in along):
            raise use.refuse("a window lies wholly beyond the array")
        # torch's average in three dimensions refuses arrays smaller than its window.
        if odd or (len(along) == 3 and any(axis.size < axis.kernel for axis in along)):
            given = [tuple(sizes[name]) for name in ("kernel", "stride", "pad")]
            if inner:
                ends = ", ceil_mode=True" if is_full else ""
                return f"avg_pool_inside({data}, {', '.join(map(str, given))}{ends})"
            widths = [width for pad in reversed(given[2]) for width in (pad, pad)]
            data, sizes["pad"] = f"F.pad({data}, {tuple(widths)})", (0,) * len(along)
    elif odd or is_full:
        data, is_full = _padded(data, along, ""), False
        sizes["pad"] = (0,) * len(along)
    text = f"{several(sizes['kernel'])}{options(**_stride(sizes), padding=unless(sizes['pad'], 0))}"
    if is_full:
        text += ", ceil_mode=True"
    if inner:
        text += ", count_include_pad=False"
    if kind in ("avg", "max"):
        return f"F.{kind}_pool{len(along)}d({data}, {text})"
    if len(along) == 1:
        return infix(f"F.avg_pool1d({data}, {text})", "*", str(along[0].kernel))
    return f"F.avg_pool{len(along)}d({data}, {text}, divisor_override=1)"


def _stride(sizes: dict[str, tuple[int, ...]]) -> dict[str, str | None]:
    """Return the stride, which in torch is by default as large as the window."""
    same = sizes["stride"] == sizes["kernel"]
    return {"stride": None if same else several(sizes["stride"])}


def _padded(data: str, along: Sequence[_Windows], value: str) -> str:
    """Return an array padded for all windows."""
    widths = [width for axis in reversed(along) for width in (axis.pad, max(axis.end, 0))]
    last = f", {value}" if value else ""
    return f"F.pad({data}, ({', '.join(map(str, widths))}){last})"


@writes("_contrib_AdaptiveAvgPooling2D")
def _adaptive_average(use: Use) -> str:
    size = use.value("output_size", ()) or 1
    size = (size, size) if isinstance(size, int) else tuple(size) * (2 if len(size) == 1 else 1)
    return f"F.adaptive_avg_pool2d({use.arguments[0]}, {several(size)})"
