"""Claim: compiled calls are ten times as fast as eager ones for the MLP, eight times for LeNet.

Batch 1, NumPy arrays in and out, every call waited for; outputs are compared first. Besides: what
compiling takes (under 2 s for the small networks, under 20 s for ResNet-50) and how much memory it
adds, what two threads that call at the same time reach, and what following the weights costs. Each
network has a process of its own, with the naive engine, which is the one for serving.
"""

import gc
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
    "resnet50": ("mxnet/resnet50_v1", (3, 224, 224)),
}
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
    calls = {name: max(2, round(BLOCK / per_call(each, 2))) for name, each in functions.items()}
    times = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, each in functions.items():
            times[name].append(per_call(each, calls[name]))
    return {name: statistics.median(each) for name, each in times.items()}, times


def two_threads(function):
    """Return a function that has two threads call another as often as one thread would."""

    def work():
        for _ in range(50):
            function()

    def both():
        threads = [threading.Thread(target=work) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    return both


def worker(key):
    """Measure one network and print the result."""
    import gluonkit

    gluonkit.configure(engine="naive")
    model, shape = NETWORKS[key]
    name, options = gluonkit.registry.parse_model(model)
    net = gluonkit.create_model(name, init="xavier", **options)
    x = numpy.random.default_rng(0).random((1, *shape), dtype="float32")
    eager = net(gluonkit.nd.array(x)).asnumpy()
    before = resident()
    began = perf_counter()
    fast = gluonkit.compile(net, x)
    seconds = perf_counter() - began
    explanation = fast.explain()
    plan = fast.plan
    del fast
    gc.collect()
    measuring = resident()
    fast = gluonkit.compile(net, x, plan=plan)
    gc.collect()
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
    parameters = gluonkit.summary(net, (1, *shape)).total_params * 4 / 2**20
    print(
        json.dumps(
            {
                "network": model,
                "plan": str(plan),
                "explanation": explanation.to_dict(),
                "seconds to compile": seconds,
                "MiB before": before,
                "MiB after measuring": measuring,
                "MiB of parameters": parameters,
                "medians": medians,
                "times": times,
            }
        )
    )


def given_plan_memory(key):
    """Print how many MiB a network compiled by its plan takes, in a process that measured none."""
    import gluonkit

    gluonkit.configure(engine="naive")
    model, shape = NETWORKS[key]
    name, options = gluonkit.registry.parse_model(model)
    net = gluonkit.create_model(name, init="xavier", **options)
    net(gluonkit.nd.zeros((1, *shape))).asnumpy()
    before = resident()
    fast = gluonkit.compile(net, (1, *shape), plan="executor + fused")
    fast(numpy.zeros((1, *shape), "float32"))
    gc.collect()
    print(json.dumps(resident() - before))


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
    from gluonkit import environment

    rows = []
    for key in NETWORKS:
        row = run("worker", key) | {"MiB added by a given plan": run("memory", key)}
        rows.append(row)
        times = row["medians"]
        print(f"{row['network']}: {row['plan']}")
        for name, each in times.items():
            print(f"  {name:28} {each * 1e6:12,.1f} µs")
        print(f"  eager / compiled             {times['eager'] / times['compiled']:12.1f}")
        threads = 2 * times["50 calls, one thread each"] / times["100 calls by two threads"]
        print(f"  throughput of two threads    {threads:12.2f}")
        print(f"  seconds to compile           {row['seconds to compile']:12.1f}")
        ratio = row["MiB added by a given plan"] / row["MiB of parameters"]
        print(f"  MiB added / parameters       {ratio:12.2f}", flush=True)
    result = {"claim": __doc__, "rows": rows, "environment": environment().to_dict()}
    RESULTS.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"worker": worker, "memory": given_plan_memory}[sys.argv[1]](sys.argv[2])
    else:
        main()
