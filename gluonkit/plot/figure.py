"""Figures that every notebook shows."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import Any

from gluonkit._base.optional import require


def new_figure(**options: Any) -> Any:
    """Return an empty matplotlib Figure, independent of pyplot.

    IPython shows matplotlib's own figures only after pyplot was used; these it always shows.
    """
    return _shown(require("matplotlib.figure", extra="plot").Figure)(**options)


# Made when it is first needed: matplotlib is optional, and no base class before.
@cache
def _shown(base: Any) -> Any:
    class Figure(base):
        def _repr_png_(self) -> bytes:
            buffer = BytesIO()
            self.savefig(buffer, format="png")
            return buffer.getvalue()

    return Figure
