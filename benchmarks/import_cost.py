"""Claim: ``import gluonkit`` costs within 5 % of ``import mxnet`` itself.

Both in fresh processes, in turn, with the same NumPy names restored and the same thread setting,
so that what differs is gluonkit. A process's whole time counts, less that of an empty one.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from provenance import provenance

from gluonkit import environment
from gluonkit.system import compat

ROUNDS = 25
RESULTS = Path(__file__).parent / "results" / "import_cost.json"

# What somebody does who mends MXNet's import by hand.
BY_HAND = """
import numpy, sys
for name, value in {"bool": bool, "int": int, "float": float, "complex": complex,
                    "object": object, "str": str}.items():
    if name not in vars(numpy): setattr(numpy, name, value)
import mxnet
"""
BY_GLUONKIT = "import gluonkit\nmxnet = gluonkit.mx\n"
CHECK = "assert float(mxnet.nd.ones((2, 2)).sum().asscalar()) == 4.0"


def seconds(code: str, folder: str) -> float:
    variables = os.environ | {"OMP_NUM_THREADS": str(os.cpu_count())}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=True, cwd=folder, env=variables
    )
    return time.perf_counter() - started


def main() -> None:
    if sys.version_info >= (3, 13):
        sys.exit("import_cost.py: on Python 3.13 MXNet cannot be mended by hand in a few lines")
    with tempfile.TemporaryDirectory() as folder:
        by_hand = BY_HAND
        if sys.version_info >= (3, 12):
            by_hand = f"from gluonkit.system import compat\ncompat.prepare()\n{BY_HAND}"
        for code in (by_hand, BY_GLUONKIT):
            seconds(code + CHECK, folder)  # both work, and the byte code is cached
        times: dict[str, list[float]] = {"empty": [], "mxnet": [], "gluonkit": []}
        programs = {"empty": "pass", "mxnet": by_hand, "gluonkit": BY_GLUONKIT}
        for round_number in range(ROUNDS):
            order = list(programs)
            for name in order if round_number % 2 else reversed(order):
                times[name].append(seconds(programs[name], folder))
    ratios = sorted(
        (gluonkit - empty) / (mxnet - empty)
        for empty, mxnet, gluonkit in zip(*times.values(), strict=True)
    )
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    ratio = statistics.median(ratios)
    result = {
        "claim": "import gluonkit / import mxnet <= 1.05",
        "ratio": ratio,
        "quartiles": [low, high],
        "seconds": times,
        **provenance(),
        "patched": compat.applied,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print("import, seconds less an empty process, median of", ROUNDS)
    empty = statistics.median(times["empty"])
    for name in ("mxnet", "gluonkit"):
        print(f"  {name:9} {statistics.median(times[name]) - empty:.3f}")
    print(f"  ratio {ratio:.3f} (quartiles {low:.3f} to {high:.3f}); the claim is at most 1.05")
    print(environment())


if __name__ == "__main__":
    main()
