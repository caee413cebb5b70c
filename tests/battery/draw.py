"""The strategy that draws networks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.battery.case import Case, InputSpec
from tests.battery.constructs import CONSTRUCTS, FIRST, nested_outputs
from tests.battery.layers import MOST, any_layer, dense
from tests.battery.sketch import Sketch, Value

_PARAMETERS = re.compile(r"Dense|Conv|Norm|PReLU|Embedding|rnn\.")
"""Layers with parameters: without one a network has no data type of its own."""


@st.composite
def cases(draw: Callable[[Any], Any]) -> Case:
    """Draw a network of one to about ten layers and constructs, with its inputs."""
    s = Sketch(draw, np_mode=draw(st.booleans()), deferred=draw(st.booleans()))
    x = s.pick(FIRST)(s)
    others: list[Value] = []
    for _ in range(s.number(1, 7)):
        before = x
        x = s.pick(CONSTRUCTS)(s, x) if s.chance(3) else any_layer(s, x)
        if s.chance(8) and before not in others:
            others.append(before)
    if x.size > MOST or (s.chance() and len(x.shape) > 1):
        x = dense(s, x)
    hybridize = s.chance()
    static = s.pick((0, 0, 1, 2)) if hybridize else 0
    if static:
        s.kinds.add("static shapes" if static > 1 else "static memory")
    everywhere = _everywhere(s)
    returned = nested_outputs(s, x, others)
    return Case(
        source=_written(s, returned, everywhere),
        inputs=tuple(s.inputs),
        np_mode=s.np_mode,
        hybridize=hybridize,
        deferred=s.deferred and bool(s.made),
        traceable=s.traceable,
        kinds=frozenset(s.kinds),
        static=static,
    )


def _everywhere(s: Sketch) -> bool:
    """Draw whether the whole network computes in float64, and have its inputs so."""
    if "cast" in s.kinds or not _PARAMETERS.search(" ".join(s.made)) or not s.chance(10):
        return False
    s.kinds.add("float64 network")
    s.inputs = [
        spec if spec.whole else InputSpec(spec.shape, "float64", spec.whole) for spec in s.inputs
    ]
    return True


def _written(s: Sketch, returned: str, everywhere: bool) -> str:
    """Return the source."""
    lines = list(s.classes.values())
    plain = s.chain and len(s.inputs) == 1 and returned.count("x") == 1
    if plain and s.chain is not None and s.chance(2):
        s.kinds.add("sequential")
        lines += [
            f"net = nn.{'Hybrid' if s.traceable else ''}Sequential()",
            "net.add(",
            *[f"    {e}," for e in s.chain],
            ")",
        ]
    else:
        lines += _class(s, returned)
    if everywhere:
        lines.append('net.cast("float64")')
    return "\n".join(lines)


def _class(s: Sketch, returned: str) -> list[str]:
    names = ", ".join(f"in{index}" for index in range(1, len(s.inputs) + 1))
    plain = s.chance(8) or not s.traceable
    scoped = s.chance()
    lines = [f"class Net(nn.{'Block' if plain else 'HybridBlock'}):"]
    lines += ["    def __init__(self):", "        super().__init__()"]
    if scoped and s.made:
        lines += ["        with self.name_scope():", *[f"            {line}" for line in s.made]]
    else:
        lines += [f"        {line}" for line in s.made]
    if plain:
        s.traceable = False
        s.kinds.add("custom Block")
        lines += ["", f"    def forward(self, {names}):"]
        lines.append(f"        F = {'mx' if s.np_mode else 'nd'}")
    else:
        lines += ["", f"    def hybrid_forward(self, F, {names}):"]
    lines += [*[f"        {line}" for line in s.forward], f"        return {returned}", ""]
    return [*lines, "net = Net()"]
