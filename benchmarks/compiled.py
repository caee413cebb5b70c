"""Claim: compiled calls are ten times as fast as eager ones for the MLP, eight times for LeNet.

Batch 1, NumPy arrays in and out, every call waited for; outputs are compared first. Besides: what
compiling takes (under 2 s for the small networks, under 20 s for ResNet-50) and how much memory it
adds, what two threads that call at the same time reach, what following the weights costs, and what
whole numbers of 8 bits gain (with random weights: time only). Each network has a process of its
own, with the naive engine, which is the one for serving.
"""

import json
import statistics
import subprocess
import sys
import threading
from pathlib import Path
from time import perf_counter

import numpy

ROUNDS = 9
BLOCK = 0.1  # seconds
NETWORKS = {
    "mlp": ("mlp(units=(256, 128), classes=2)", (512,)),
    "lenet": ("lenet", (1, 28, 28)),
    "resnet18": ("mxnet/resnet18_v1", (3, 224, 224)),
    "resnet50": ("mxnet/resnet50_v1", (3, 224, 224)),
    "mobilenet": ("mxnet/mobilenet1.0", (3, 224, 224)),
    "squeezenet": ("mxnet/squeezenet1.1", (3, 224, 224)),
}
IN_FLOATS = ("mlp", "lenet", "resnet50")
IN_8_BITS = ("lenet", "resnet18", "resnet50", "mobilenet", "squeezenet")
RESULTS = Path(__file__).parent / "results" / "compiled.json"


def resident():
    """Return the memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def per_call(function, calls):
    """Return the seconds of one call."""
    began = perf_counter()
    for _ in range(calls):
        function()
    return (perf_counter() - began) / calls


def in_turn(functions):
    """Return the median seconds of a call of each function, timed in turn."""
    calls = {
        name: max(2, round(BLOCK / per_call(function, 2))) for name, function in functions.items()
    }
    times = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            times[name].append(per_call(function, calls[name]))
    return {name: statistics.median(seconds) for name, seconds in times.items()}, times


def two_threads(function):
    """Return a function that has two threads call another as often as one thread would."""

    def work():
        for _ in range(50):
            function()

    def both():
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return both


def made(model):
    """Return gluonkit, with the naive engine, and a network with random weights."""
    import gluonkit

    gluonkit.configure(engine="naive")
    name, options = gluonkit.models.parse_model(model)
    return gluonkit, gluonkit.create_model(name, init="xavier", **options)


def worker(key):
    """Measure one network and print the result."""
    model, shape = NETWORKS[key]
    gluonkit, net = made(model)
    x = numpy.random.default_rng(0).random((1, *shape), dtype="float32")
    eager = net(gluonkit.nd.array(x)).asnumpy()
    before = resident()
    began = perf_counter()
    fast = gluonkit.compile(net, x)
    seconds = perf_counter() - began
    added = resident() - before
    explanation = fast.explain()
    plan = fast.plan
    frozen = gluonkit.compile(net, x, plan=plan, frozen=True)
    one = gluonkit.compile(net, x, plan="executor + fused + 1 thread", frozen=True)
    assert abs(fast(x) - eager).max() <= 1e-5 * abs(eager).max()
    functions = {
        "eager": lambda: net(gluonkit.nd.array(x)).asnumpy(),
        "compiled": lambda: fast(x),
        "compiled, frozen": lambda: frozen(x),
        "50 calls, one thread each": lambda: [one(x) for _ in range(50)],
        "100 calls by two threads": two_threads(lambda: one(x)),
    }
    medians, times = in_turn(functions)
    report = gluonkit.summary(net, (1, *shape))
    print(
        json.dumps(
            {
                "network": model,
                "plan": str(plan),
                "explanation": explanation.to_dict(),
                "seconds to compile": seconds,
                "MiB added": added,
                "MiB of parameters": report.total_params * 4 / 2**20,
                "MiB of activations": report.activation_bytes / 2**20,
                "medians": medians,
                "times": times,
            }
        )
    )


def int8(key):
    """Measure one network in floats and in whole numbers of 8 bits, and print the result."""
    model, shape = NETWORKS[key]
    gluonkit, net = made(model)
    random = numpy.random.default_rng(0)
    x, samples = (random.random((size, *shape), dtype="float32") for size in (1, 16))
    floats = gluonkit.compile(net, x, tolerance=1e-4, frozen=True)
    small = gluonkit.compile(
        net, x, int8=True, calibration=samples, max_loss=1.0, plan="executor + int8", frozen=True
    )
    medians, times = in_turn({"floats": lambda: floats(x), "8 bits": lambda: small(x)})
    print(json.dumps({"network": model, "medians": medians, "times": times}))


def run(*arguments):
    """Return what a process of this script prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main():
    from provenance import provenance

    rows = [told(run("worker", key)) for key in IN_FLOATS]
    in_8_bits = [told_int8(run("int8", key)) for key in IN_8_BITS]
    result = {"claim": __doc__, "rows": rows, "int8": in_8_bits}
    RESULTS.write_text(json.dumps(result | provenance()) + "\n")


def told(row):
    """Print a network's figures, and return them."""
    times = row["medians"]
    print(f"{row['network']}: {row['plan']}")
    for name, seconds in times.items():
        print(f"  {name:28} {seconds * 1e6:12,.1f} µs")
    print(f"  eager / compiled             {times['eager'] / times['compiled']:12.1f}")
    threads = 2 * times["50 calls, one thread each"] / times["100 calls by two threads"]
    print(f"  throughput of two threads    {threads:12.2f}")
    print(f"  seconds to compile           {row['seconds to compile']:12.1f}")
    allowed = 1.5 * row["MiB of parameters"] + row["MiB of activations"]
    print(f"  MiB added                    {row['MiB added']:12.1f}")
    print(f"  1.5 × parameters + activations {allowed:10.1f} MiB", flush=True)
    return row


def told_int8(row):
    """Print a network's times in floats and in 8 bits, and return them."""
    floats, small = row["medians"]["floats"] * 1e3, row["medians"]["8 bits"] * 1e3
    times = f"floats {floats:8.3f} ms, 8 bits {small:8.3f} ms, × {floats / small:.2f}"
    print(f"{row['network']:20} {times}", flush=True)
    return row


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"worker": worker, "int8": int8}[sys.argv[1]](sys.argv[2])
    else:
        main()
