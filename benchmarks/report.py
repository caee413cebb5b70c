"""The tables of the README and of this folder's, and the list of claims, from the records.

``python benchmarks/report.py`` writes `results/claims.json`, and every table between its two
comments; `tests/test_readme.py` holds both pages to it.
"""

import json
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGES = (HERE.parent / "README.md", HERE / "README.md")
CLAIMS = HERE / "results" / "claims.json"
sys.path += [str(HERE), str(HERE / "peers")]
import distributed  # noqa: E402
import peers_table  # noqa: E402
from distributed import filled  # noqa: E402

Record = Mapping[str, Any]
median = statistics.median


def record(name: str) -> dict[str, Any]:
    """Return what a script has written down."""
    results: dict[str, Any] = json.loads((HERE / "results" / f"{name}.json").read_text())
    return results


def markdown(heading: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a table, its first columns to the left."""
    rule = "---|" * left + "---:|" * (len(heading) - left)
    first, *others = ("| " + " | ".join(row) + " |" for row in (heading, *rows))
    return "\n".join([first, f"|{rule}", *others]).replace("|  |", "| |")


def ms(seconds: float, digits: int = 0) -> str:
    """Return milliseconds, as a column has them."""
    return f"{seconds * 1e3:,.{digits}f}"


def threads(results: Record) -> str:
    """Return the times with several numbers of threads."""
    ours, mxnets = "gluonkit's default", "MXNet's default"
    names = (mxnets, ours, "gluonkit's, one worker")
    heading = ("network", "mode", mxnets, ours, "with `MXNET_CPU_WORKER_NTHREADS=1`")
    rows = [
        (
            f"`{row['model']}`",
            row["mode"],
            *(ms(row[name], 3) for name in names),
            f"{row[ours] / row[mxnets]:.2f}",
        )
        for row in results["table"]
    ]
    return markdown((*heading, "gluonkit / MXNet"), rows, left=2)


def inspection(results: Record) -> str:
    """Return the times by depth, and how they grow."""
    titles = {
        name: f"`{name}`" for name in ("params.collect", "params.shared", "summary", "str(summary)")
    } | {"Block.summary": "MXNet's `Block.summary`"}
    rows = [
        (
            title,
            *(ms(median(times), 2) for times in results["seconds"][name].values()),
            f"{results['exponents'][name]:.2f}",
        )
        for name, title in titles.items()
    ]
    depths = ("10 layers", "30", "100", "300", "1,000")
    return markdown(("", *depths, "exponent, 100 to 1,000"), rows)


def loader(results: Record) -> str:
    """Return an epoch's time with each loader."""
    times = {name: median(seconds) for name, seconds in results["seconds"].items()}
    gluons = times.pop("Gluon's DataLoader, float32")
    rows = [
        (name.partition(", ")[2], ms(seconds), ms(gluons), f"{gluons / seconds:.1f}")
        for name, seconds in times.items()
    ]
    return markdown(("", "`BatchLoader`", "Gluon's `DataLoader` over NumPy", "ratio"), rows)


def records(results: Record) -> str:
    """Return the speeds of reading images."""
    reference = "mx.io.ImageRecordIter"
    titles = {
        "BatchLoader of a RecordFile": "`BatchLoader` of a `RecordFile`",
        reference: "`mx.io.ImageRecordIter`, two threads",
        "ImageRecordDataset in a DataLoader": "`ImageRecordDataset` in a `DataLoader`",
    }
    rows = []
    for name, title in titles.items():
        cells = [title]
        for key in ("seconds", "seconds, with a network"):
            times = results[key]
            pairs = zip(times[name], times[reference], strict=True)
            low, middle, high = statistics.quantiles([a / b for a, b in pairs], n=4)
            spread = "1" if name == reference else f"{middle:.2f} ({low:.2f} to {high:.2f})"
            cells += [f"{results['samples'] / median(times[name]):,.0f}", spread]
        rows.append(cells)
    ratio = "time / `ImageRecordIter`'s"
    return markdown(("", "a second", ratio, "with a network", ratio), rows)


def training(results: Record) -> str:
    """Return a step's time, and how many times as long the others take."""
    longest = max((case["rows"] for case in results["cases"]), key=len)
    titles = [row["title"] for row in longest]
    ours, *others = titles
    rows = []
    for case in results["cases"]:
        times = {row["title"]: row.get("median") for row in case["rows"]}
        cells = peers_table.compared(times[ours], [times.get(title) for title in others])
        rows.append((case["title"], str(case["batch"]), case["setting"], *cells))
    return markdown(("network", "samples", "processor", *titles), rows)


def epoch(results: Record) -> str:
    """Return an epoch's time in each loop."""
    titles = {"fit": "`fit`"}
    times = {name: median(seconds) for name, seconds in results["seconds"].items()}
    rows = [
        (
            titles.get(name, name),
            f"{seconds:.2f}",
            f"{paired(results['seconds'], name, 'fit'):.1f}",
        )
        for name, seconds in times.items()
    ]
    return markdown(("", "s", "ratio"), rows)


def checkpoint(results: Record) -> str:
    """Return the times of writing and of reading, as ratios to safetensors alone."""
    titles = {
        "save": ("`save`", "safetensors, writing"),
        "safetensors, writing": ("safetensors, writing",) * 2,
        "safetensors, writing, put in place": (
            "safetensors, writing a new file, on the disk, put in place",
            "safetensors, writing",
        ),
        "save_parameters": (
            "`save_parameters` (neither checksums nor waiting for the disk)",
            "safetensors, writing",
        ),
        "load": ("`load`", "safetensors, reading"),
        "safetensors, reading": ("safetensors, reading",) * 2,
        "safetensors, reading into the net": (
            "safetensors, reading, and `set_data` into a network",
            "safetensors, reading",
        ),
        "load_parameters": ("`load_parameters`", "safetensors, reading"),
        "SHA-256 alone": ("SHA-256 of the bytes, one thread", None),
    }
    times = {name: median(seconds) for name, seconds in results["seconds"].items()}
    rows = [
        (
            title,
            ms(times[name]),
            f"{paired(results['seconds'], name, base):.2f}" if base else "",
        )
        for name, (title, base) in titles.items()
    ]
    return markdown(("", "ms", "ratio"), rows)


def paired(times: Mapping[str, list[float]], name: str, base: str) -> float:
    """Return the median of a way's ratios to another's time in the same round."""
    return median(a / b for a, b in zip(times[name], times[base], strict=True))


def conversions(results: Record) -> str:
    """Return what a call costs with and without conversion of arrays on entry and exit."""
    titles = {
        "nothing": "a block that does nothing: the conversion alone",
        "mobilenet0.25": "MobileNet 0.25, 32 × 32, hybridized",
        "mobilenetv2_0.25": "MobileNet v2 0.25, 32 × 32, hybridized",
    }
    rows = []
    for name, title in titles.items():
        times = results["seconds"]["calls"][name]
        pairs = zip(times["without"], times["with"], strict=True)
        figures = (
            median(times["without"]),
            median(times["with"]),
            median(through - without for without, through in pairs),
        )
        rows.append((title, *(f"{seconds * 1e6:,.1f}" for seconds in figures)))
    columns = ("without, legacy mode", "with, NumPy mode", "difference, median of pairs")
    return markdown(("network", *columns), rows)


def creation(results: Record) -> str:
    """Return what creating a network takes."""
    titles = {
        "resnet18_v1": "ResNet-18 v1",
        "resnet50_v2": "ResNet-50 v2",
        "densenet121": "DenseNet-121",
        "mobilenetv2_1.0": "MobileNet v2 1.0",
    }
    rows = []
    for name, title in titles.items():
        times = results["seconds"]["creation"][name]
        theirs, ours = median(times["MXNet"]), median(times["gluonkit"])
        rows.append((title, ms(theirs, 1), ms(ours, 1), f"{ours / theirs:.2f}"))
    return markdown(("network", "MXNet", "gluonkit", "ratio"), rows)


def compiled(results: Record) -> str:
    """Return what compiled calls take, and what compiling costs."""
    rows = results["rows"]
    times = [row["medians"] for row in rows]
    both = "100 calls by two threads"
    allowed = [1.5 * row["MiB of parameters"] + row["MiB of activations"] for row in rows]

    def few(number: float) -> str:
        return f"{number:,.0f}" if number > 98 else f"{number:.1f}"

    lines = [
        ("eager, µs", *(f"{row['eager'] * 1e6:,.0f}" for row in times)),
        ("compiled, µs", *(few(row["compiled"] * 1e6) for row in times)),
        (
            "compiled with `frozen=True`, µs",
            *(few(row["compiled, frozen"] * 1e6) for row in times),
        ),
        ("eager / compiled", *(f"{row['eager'] / row['compiled']:.1f}" for row in times)),
        ("seconds to compile", *(f"{row['seconds to compile']:.1f}" for row in rows)),
        (
            "calls in a second by two threads, one OpenMP thread each, against one",
            *(f"{2 * row['50 calls, one thread each'] / row[both]:.2f}" for row in times),
        ),
        ("MiB added, all plans measured", *(few(row["MiB added"]) for row in rows)),
        ("1.5 × parameters + activations, MiB", *map(few, allowed)),
    ]
    return markdown(("", "MLP 512-256-128-2", "LeNet", "ResNet-50 v1"), lines)


def int8(results: Record) -> str:
    """Return the times of floats and of whole numbers of 8 bits."""
    rows = [row["medians"] for row in results["int8"]]

    def three(seconds: float) -> str:
        return f"{seconds * 1e3:.3g}" if seconds > 1e-3 else f"{seconds * 1e3:.3f}"

    def ratio(value: float) -> str:
        return f"{value:.1f}" if value > 1 else f"{value:.2f}"

    lines = [
        ("floats, ms", *(three(row["floats"]) for row in rows)),
        ("8 bits, ms", *(three(row["8 bits"]) for row in rows)),
        ("floats / 8 bits", *(ratio(row["floats"] / row["8 bits"]) for row in rows)),
    ]
    return markdown(("", "LeNet", "ResNet-18", "ResNet-50", "MobileNet", "SqueezeNet"), lines)


TABLES: dict[str, tuple[str, Callable[[Record], str]]] = {
    "threads": ("threads", threads),
    "inspection": ("inspection_cost", inspection),
    "loader": ("loader", loader),
    "records": ("records", records),
    "training": ("training", training),
    "epoch": ("epoch", epoch),
    "checkpoint": ("checkpoint", checkpoint),
    "conversions": ("zoo_cost", conversions),
    "creation": ("zoo_cost", creation),
    "compiled": ("compiled", compiled),
    "int8": ("compiled", int8),
    "distributed": ("distributed", distributed.table),
    "peers": ("peers", peers_table.table),
}
"""The tables by the names that the comments around them have, and the records that they show."""


@dataclass(frozen=True)
class Claim:
    """A claim, the record that it is of, and what tells whether it holds there, and by how much.

    `holds` gives a row for each place where the claim may hold or not: where, and whether.
    """

    text: str
    record: str
    holds: Callable[[Record], dict[str, bool]]


def ahead_of(*titles: str) -> Callable[[Record], dict[str, bool]]:
    """Return what tells on which rows gluonkit's compiled call is no slower than any of these."""

    def holds(results: Record) -> dict[str, bool]:
        return {
            peers_table.name(case): peers_table.ahead(case, titles)
            for case in results["cases"]
            if peers_table.fastest(case, titles) is not None
        }

    return holds


def within(
    where: str, figure: Callable[[Record], float], most: float
) -> Callable[[Record], dict[str, bool]]:
    """Return what tells whether one figure is at most so much."""
    return lambda results: {where: figure(results) <= most}


def step_ahead(results: Record) -> dict[str, bool]:
    """Return on which rows `fit` takes no longer than anybody else."""
    holds = {}
    for case in results["cases"]:
        ours, *others = [row["median"] for row in case["rows"] if "median" in row]
        holds[f"{case['title']}, {case['setting']}"] = ours <= min(others)
    return holds


def _epoch_ratio(results: Record, other: str) -> float:
    return median(results["seconds"]["fit"]) / median(results["seconds"][other])


def _loaders(results: Record) -> dict[str, bool]:
    times = {name: median(seconds) for name, seconds in results["seconds"].items()}
    gluons = times.pop("Gluon's DataLoader, float32")
    return {name: gluons / seconds >= 3 for name, seconds in times.items()}


def _eager(results: Record) -> dict[str, bool]:
    times = [row["medians"]["eager"] / row["medians"]["compiled"] for row in results["rows"]]
    return {"MLP": times[0] >= 10, "LeNet": times[1] >= 8}


def _threads(results: Record) -> dict[str, bool]:
    return {
        f"{row['model']}, {row['mode']}": row["gluonkit's default"] <= row["MXNet's default"]
        for row in results["table"]
    }


def _checkpoints(results: Record) -> dict[str, bool]:
    times = results["seconds"]
    return {
        "`save`": paired(times, "save", "safetensors, writing") <= 1.5,
        "`load`": paired(times, "load", "safetensors, reading") <= 1.5,
    }


def _conversions(results: Record) -> dict[str, bool]:
    return {
        name: median(b - a for a, b in zip(times["without"], times["with"], strict=True)) < 20e-6
        for name, times in results["seconds"]["calls"].items()
    }


CLAIMED = (
    Claim(
        "a compiled call takes no longer than PyTorch's, in the best of the ways tried",
        "peers",
        ahead_of(*peers_table.TITLES["PyTorch"]),
    ),
    Claim(
        "a compiled call takes no longer than JAX's", "peers", ahead_of(*peers_table.TITLES["JAX"])
    ),
    Claim("a compiled call takes no longer than OpenVINO's", "peers", ahead_of("OpenVINO")),
    Claim("a compiled call takes no longer than ONNX Runtime's", "peers", ahead_of("ONNX Runtime")),
    Claim(
        "a compiled call takes no longer than MXNet's, hybridized",
        "peers",
        ahead_of("MXNet, hybridized"),
    ),
    Claim(
        'compiled with `engines="all"`, at least 0.98 of the fastest peer\'s speed',
        "peers",
        peers_table.every_engine_ahead,
    ),
    Claim("a training step of `fit` takes no longer than anybody else's", "training", step_ahead),
    Claim(
        "an epoch of the exercise takes a tenth of the tutorial's loop",
        "epoch",
        within("`fit`", lambda results: _epoch_ratio(results, "the tutorial's loop"), 0.1),
    ),
    Claim(
        "an epoch of the exercise takes no longer than PyTorch's loop",
        "epoch",
        within("`fit`", lambda results: _epoch_ratio(results, "PyTorch's loop"), 1.0),
    ),
    Claim(
        "a compiled call is ten times as fast as an eager one, LeNet's eight", "compiled", _eager
    ),
    Claim(
        "`import gluonkit` takes at most 5 % longer than `import mxnet`",
        "import_cost",
        within("the import", lambda results: results["ratio"], 1.05),
    ),
    Claim(
        "help, lists of names and mistakes take the command at most 0.3 s of processor time",
        "command",
        lambda results: {call: median(times) <= 0.3 for call, times in results["seconds"].items()},
    ),
    Claim("gluonkit's thread count slows nothing down", "threads", _threads),
    Claim("`BatchLoader` is three times as fast as Gluon's `DataLoader`", "loader", _loaders),
    Claim("checkpoints take at most 1.5 times what safetensors takes", "checkpoint", _checkpoints),
    Claim("converting arrays for NumPy mode costs less than 20 µs", "zoo_cost", _conversions),
)


def verdicts() -> list[dict[str, Any]]:
    """Return for each claim where it holds and where it does not, with commit and processor."""
    rows = []
    for claim in CLAIMED:
        results = record(claim.record)
        holds = claim.holds(results)
        sources = results.get("cases", [results])
        rows.append(
            {
                "claim": claim.text,
                "record": f"results/{claim.record}.json",
                "holds": [where for where, true in holds.items() if true],
                "does not hold": [where for where, true in holds.items() if not true],
                "commits": sorted({source["commit"] for source in sources}),
                "processors": sorted({source["environment"]["processor"] for source in sources}),
            }
        )
    return sorted(rows, key=lambda row: not row["does not hold"])


def claims() -> str:
    """Return the claims as a table, those first that do not hold everywhere."""
    rows = []
    for row in verdicts():
        held, lost = len(row["holds"]), row["does not hold"]
        if not held + len(lost):
            verdict = "not measured"
        elif lost:
            verdict = f"**in {held} of {held + len(lost)}; not**: {'; '.join(lost)}"
        else:
            verdict = "everywhere"
        where = f"{', '.join(row['processors'])}; {', '.join(row['commits'])}"
        rows.append((row["claim"], verdict, where))
    return markdown(("claim", "holds", "processor; commit"), rows, left=3)


def made() -> dict[str, str]:
    """Return every table by its name."""
    return {name: table(record(source)) for name, (source, table) in TABLES.items()} | {
        "claims": claims()
    }


def main() -> None:
    CLAIMS.write_text(json.dumps(verdicts(), indent=1, ensure_ascii=False) + "\n")
    for page in PAGES:
        text = page.read_text()
        for name, table in made().items():
            if f"<!-- {name} -->" in text:
                text = filled(text, name, table)
        page.write_text(text)


if __name__ == "__main__":
    main()
