"""Networks that double their outputs with arrays only: whoever asks a graph gets the half."""

from __future__ import annotations

from dataclasses import replace

from gluonkit import predict
from tests.battery.case import Case
from tests.battery.checks import (
    NotForThisCaseError,
    assert_close,
    battery_check,
    can_hybridize,
    reference,
)
from tests.battery.computing import doubt, flat

TELLING = """
def doubled(given):
    return type(given)(map(doubled, given)) if isinstance(given, (list, tuple)) else given * 2

class Telling(nn.HybridBlock):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def hybrid_forward(self, F, x, *others):
        made = self.inner(x, *others)
        return doubled(made) if F is mx.nd else made

net = Telling(net)
"""


@battery_check
def check_branch(case: Case) -> None:
    """`predict` gives the branch that the network's own call takes, hybridized or not."""
    arrays = case.arrays(5)
    if not case.traceable or not can_hybridize(case, arrays):
        raise NotForThisCaseError("Gluon cannot trace it")
    once = reference(case, arrays)
    for hybridize, factor in ((False, 2), (True, 1)):
        telling = replace(case, source=case.source + TELLING, hybridize=hybridize)
        net = telling.build()
        given = arrays if len(arrays) > 1 else arrays[0]
        what = f"predict, {'' if hybridize else 'not '}hybridized"
        assert_close(
            flat(predict(net, given)), [output * factor for output in once], what,
            doubt=lambda: [2 * bound for bound in doubt(case, arrays)],
        )  # fmt: skip
