"""Claim: help, lists of names and mistakes take the command less than 0.3 s of processor time.

Each in a fresh process, user and system time together, and the most memory that it had.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from provenance import ROOT, provenance

LIMIT = 0.3
ROUNDS = 9
RESULTS = Path(__file__).parent / "results" / "command.json"

CALLS = (
    "",
    "--help",
    "--version",
    "help bench",
    "models",
    "models resnet50",
    "models --json",
    "info mxnet/resnet50_v2",
    "completion bash",
    # Mistakes
    "modles",
    "info lenett",
    "summary lenett",
    "bench lenet --modes trian",
    "train lenet --optimizer adma",
    "train lenet --epochz 3",
    "check lenet --json no/such/folder.json",
)


def measured(call: str) -> tuple[float, float]:
    """Return the processor time of a call in seconds, and its memory in MiB."""
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "_gluonkit_command", *call.split()]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, env=variables)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    calls = {f"gluonkit {call}".strip(): call for call in CALLS}
    for call in calls.values():
        measured(call)  # the byte code is cached
    rounds = [{title: measured(call) for title, call in calls.items()} for _ in range(ROUNDS)]
    seconds = {title: [row[title][0] for row in rounds] for title in calls}
    memory = {title: max(row[title][1] for row in rounds) for title in calls}
    slowest = max(statistics.median(times) for times in seconds.values())
    result = {
        "claim": f"processor time of help, names and mistakes < {LIMIT} s",
        "slowest": slowest,
        "seconds": seconds,
        "memory_mib": memory,
        **provenance(),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(f"processor time in seconds, median of {ROUNDS}, and memory in MiB")
    for title, times in seconds.items():
        print(f"  {title:45} {statistics.median(times):.3f}  {memory[title]:.0f}")
    print(f"  the slowest takes {slowest:.3f} s; the claim is less than {LIMIT} s")


if __name__ == "__main__":
    main()
