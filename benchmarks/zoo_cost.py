"""Claims: what gluonkit puts around the zoos' networks costs next to nothing.

1. A call in NumPy mode, in which `system.modes.in_both_modes` converts arrays on entry and exit,
   costs less than 20 µs more than one of the same network in legacy mode, without conversion: of a
   block that does nothing, which leaves only the conversion, and of networks of the zoo,
   hybridized, waited for. Outputs are compared first.
2. `create_model` takes as long as the zoo's own builder.
3. Listing all names takes less than 50 ms, the first time in a process, after `import gluonkit`.

What is compared is done in turn.
"""

import json
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy
from provenance import provenance

from gluonkit import create_model, gluon, mx, nd, np, npx
from gluonkit.system.modes import in_both_modes, legacy

CALLS, ROUNDS = 3000, 15
NETWORKS = ("mobilenet0.25", "mobilenetv2_0.25")
CREATED = ("resnet18_v1", "resnet50_v2", "densenet121", "mobilenetv2_1.0")
RESULTS = Path(__file__).parent / "results" / "zoo_cost.json"
LISTING = """
import time
import gluonkit
began = time.perf_counter()
names = gluonkit.list_models()
print(len(names), time.perf_counter() - began)
"""


class Nothing(gluon.Block):
    """Gives what it got."""

    def forward(self, x):  # noqa: D102
        return x


def zoo_network(name):
    with legacy():
        mx.random.seed(0)
        net = gluon.model_zoo.vision.get_model(name, classes=10)
        net.initialize()
        net(nd.zeros((1, 3, 32, 32)))  # its weights are drawn here, the same ones each time
        net.hybridize(static_alloc=True, static_shape=True)
    return net


def makers():
    """Return how each network is made, and its input's shape."""
    return {"nothing": (Nothing, (1, 3, 32, 32))} | {
        name: (partial(zoo_network, name), (1, 3, 32, 32)) for name in NETWORKS
    }


def seconds(net, x):
    began = time.perf_counter()
    net(x).wait_to_read()
    return round(time.perf_counter() - began, 7)


def measured(make, shape):
    """Return seconds per call with and without conversion, in turn."""
    plain, converting = make(), in_both_modes(make())
    numbers = numpy.random.RandomState(0).rand(*shape).astype("float32")
    x = nd.array(numbers)
    expected = plain(x).asnumpy()
    npx.set_np()
    actual = converting(np.array(numbers)).asnumpy()
    npx.reset_np()
    assert numpy.allclose(actual, expected, rtol=1e-5, atol=1e-5 * abs(expected).max())
    npx.set_np()
    y = np.array(numbers)
    npx.reset_np()
    times = {"without": [], "with": []}
    for _ in range(CALLS):  # one by one: whole rounds differ by more than it costs
        times["without"].append(seconds(plain, x))
        npx.set_np()
        times["with"].append(seconds(converting, y))
        npx.reset_np()
    return times


def creation(name):
    """Return seconds to create a network by MXNet's builder and by gluonkit, in turn."""
    times = {"MXNet": [], "gluonkit": []}
    for _ in range(ROUNDS):
        for who, make in (
            ("MXNet", partial(gluon.model_zoo.vision.get_model, name)),
            ("gluonkit", partial(create_model, f"mxnet/{name}")),
        ):
            began = time.perf_counter()
            make()
            times[who].append(time.perf_counter() - began)
    return times


def listing():
    """Return how many names there are, and the seconds of the first listing of processes."""
    command = [sys.executable, "-W", "ignore", "-c", LISTING]
    lines = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(ROUNDS)
    ]
    return int(lines[0][0]), [float(seconds) for _, seconds in lines]


def main():
    calls = {name: measured(*how) for name, how in makers().items()}
    print("µs per call, median of", CALLS)
    print(f"{'network':18} {'legacy mode':>12} {'NumPy mode':>12} {'it costs':>9}")
    for name, times in calls.items():
        without, through = (statistics.median(times[key]) * 1e6 for key in ("without", "with"))
        print(f"{name:18} {without:12.1f} {through:12.1f} {through - without:9.1f}")
    created = {name: creation(name) for name in CREATED}
    print("\nms to create, median of", ROUNDS)
    print(f"{'network':18} {'MXNet':>12} {'gluonkit':>12} {'ratio':>9}")
    for name, times in created.items():
        theirs, ours = (statistics.median(times[who]) * 1e3 for who in ("MXNet", "gluonkit"))
        print(f"{name:18} {theirs:12.1f} {ours:12.1f} {ours / theirs:9.2f}")
    count, listed = listing()
    print(f"\n{statistics.median(listed) * 1e3:.0f} ms for the first listing of {count} names")
    results = {
        "claim": __doc__,
        "seconds": {"calls": calls, "creation": created, "listing": listed},
        **provenance(),
    }
    RESULTS.write_text(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
