"""Operators of detectors: boxes that are decoded, suppressed, and laid out."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.use import Use, literal, options, primary, writes
from gluonkit.exporting.torch.parts import Call


@writes("_contrib_box_nms")
def _box_nms(use: Use) -> Call:
    numbers = {
        "overlap": use.value("overlap_thresh", 0.5),
        "least": use.value("valid_thresh", 0.0),
        "count": use.value("topk", -1),
        "coordinates": use.value("coord_start", 2),
        "score": use.value("score_index", 1),
        "kind": use.value("id_index", -1),
        "background": use.value("background_id", -1),
    }
    usual = {"count": -1, "coordinates": 2, "score": 1, "kind": -1, "background": -1}
    given = options(
        **{name: literal(float(n)) for name, n in numbers.items() if usual.get(name) != n},
        together=True if use.flag("force_suppress") else None,
    )
    data, formats = (
        use.arguments[0],
        [use.text(f"{side}_format", "corner") for side in ("in", "out")],
    )
    if formats[0] != formats[1] or use.rank not in (2, 3):
        raise use.refuse("its boxes have one format before, another one behind")
    centers = options(centers=True if formats[0] == "center" else None)
    data = data if use.rank == 3 else f"{primary(data)}.unsqueeze(0)"
    text = f"box_nms({data}{given}{centers})"
    return Call(text if use.rank == 3 else f"{text}.squeeze(0)", ("box_nms",))


@writes("_contrib_box_decode")
def _box_decode(use: Use) -> Call:
    scales = [float(use.value(f"std{place}", 1)) for place in range(4)]
    stds = None if set(scales) == {1.0} else f"({', '.join(map(literal, scales))})"
    limit = float(use.value("clip", -1))
    given = options(
        stds=stds,
        clip=literal(limit) if limit > 0 else None,
        corners=True if use.text("format", "center") == "corner" else None,
    )
    return Call(f"box_decode({', '.join(use.arguments)}{given})", ("box_decode",))


@writes("_contrib_MultiBoxPrior")
def _anchors(use: Use) -> Call:
    sizes, ratios = (_floats(use, name, (1.0,)) for name in ("sizes", "ratios"))
    steps, offsets = _floats(use, "steps", (-1.0, -1.0)), _floats(use, "offsets", (0.5, 0.5))
    given = options(
        steps=None if steps[0] <= 0 else steps,
        offsets=None if offsets == (0.5, 0.5) else offsets,
        clip=True if use.flag("clip") else None,
    )
    return Call(f"box_anchors({use.arguments[0]}, {sizes}, {ratios}{given})", ("box_anchors",))


def _floats(use: Use, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    value = use.value(name, default)
    numbers = (value,) if isinstance(value, (int, float)) else value
    return tuple(float(literal(float(number))) for number in numbers)
