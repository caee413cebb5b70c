"""Claim: a legacy network called with NumPy mode's arrays costs less than 20 µs more per call.

The door of `gluonkit.modes` converts the arrays on their way in and out. Measured on a block that
does nothing, and on networks of MXNet's zoo, hybridized, called in NumPy mode through their doors
and in legacy mode without any. Outputs are compared first.
"""

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy

from gluonkit import create_model, environment, gluon, mx, nd, nn, npx
from gluonkit.modes import in_both_modes

ROUNDS = 41
RESULTS = Path(__file__).parent / "results" / "modes.json"


def pair(name: str) -> tuple[Any, Any, tuple[int, ...]]:
    """Return a network without doors, an equal one with doors, and an input's shape."""
    if name == "nothing":
        return nn.HybridLambda(lambda F, x: x), in_both_modes(nn.HybridLambda(lambda F, x: x)), (1,)
    shape = (1, 3, 64, 64)
    with mx.name.NameManager():
        plain = gluon.model_zoo.vision.get_model(name)
    open_one = create_model(f"mxnet/{name}", init="xavier")
    plain.initialize()
    plain(nd.ones(shape))
    expected = open_one(nd.ones(shape))
    own = zip(plain.collect_params().values(), open_one.collect_params().values(), strict=True)
    for one, other in own:
        one.set_data(other.data())
    for each in (plain, open_one):
        each.hybridize(static_alloc=True, static_shape=True)
        numpy.testing.assert_allclose(
            each(nd.ones(shape)).asnumpy(), expected.asnumpy(), rtol=1e-4, atol=1e-4
        )
    return plain, open_one, shape


def timed(net: Callable[[Any], Any], x: Any, calls: int) -> float:
    nd.waitall()
    start = perf_counter()
    for _ in range(calls):
        net(x)
    nd.waitall()
    return (perf_counter() - start) / calls


def main() -> None:
    results: dict[str, Any] = {}
    for name, calls in (("nothing", 2000), ("mobilenet0.25", 20), ("mobilenetv2_0.25", 20)):
        npx.reset_np()
        plain, open_one, shape = pair(name)
        legacy = nd.ones(shape)
        times: dict[str, list[float]] = {"without": [], "legacy mode": [], "NumPy mode": []}
        for _ in range(ROUNDS):
            npx.reset_np()
            times["without"].append(timed(plain, legacy, calls))
            times["legacy mode"].append(timed(open_one, legacy, calls))
            npx.set_np()
            array = legacy.as_np_ndarray()
            times["NumPy mode"].append(timed(open_one, array, calls))
        results[name] = times
        base = times["without"]
        print(f"{name}: {statistics.median(base) * 1e6:.1f} µs a call without a door")
        for mode in ("legacy mode", "NumPy mode"):
            more = [(a - b) * 1e6 for a, b in zip(times[mode], base, strict=True)]
            print(f"  through the door in {mode}: {statistics.median(more):+.1f} µs")
    npx.reset_np()
    record = {"environment": environment().to_dict(), "seconds": results}
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
