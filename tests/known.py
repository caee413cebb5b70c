"""What the command knows without MXNet, read off the package: `python -m tests.known`.

It writes gluonkit/cli/known.json, with which `gluonkit models` and every mistake in a name are
answered at once. A test compares the two.
"""

import json
import sys
from pathlib import Path

import gluonkit
from gluonkit import list_models, model_info, mx
from gluonkit.benchmark import MODES, VARIANTS
from gluonkit.benchmark.opponents import OPPONENTS
from gluonkit.checkpoint.converting import NAMES
from gluonkit.checkpoint.names import WAYS
from gluonkit.cli.registered import entry
from gluonkit.compiling.engines import ALL, MXNET, OTHERS
from gluonkit.data.datasets import SPLITS, list_datasets
from gluonkit.data.records.images import ENCODINGS
from gluonkit.distributed.workers import DISTRIBUTED, LOCAL
from gluonkit.files.contents import FLOATS
from gluonkit.inspection.report import COLUMNS
from gluonkit.models.registry import OWN_SOURCE, USER_SOURCE, _sources
from gluonkit.system.engine import ENGINES

FILE = Path(gluonkit.__file__).parent / "cli" / "known.json"


def names():
    """Return the names that options take."""
    return {
        "source": [OWN_SOURCE, USER_SOURCE, *_sources],
        "modes": list(MODES),
        "variants": list(VARIANTS),
        "engines": [MXNET, *OTHERS, ALL],
        "against": list(OPPONENTS),
        "engine": list(ENGINES),
        "columns": list(COLUMNS),
        "data": list_datasets(),
        "split": list(SPLITS),
        "names": list(NAMES),
        "match": ["auto", *WAYS],
        "floats": list(FLOATS),
        "encoding": list(ENCODINGS),
        "optimizer": sorted(mx.optimizer.Optimizer.opt_registry),
        "kvstore": [*LOCAL, *DISTRIBUTED],
        "init": sorted(mx.registry.get_registry(mx.init.Initializer)),
    }


def text():
    """Return the file's contents, a model a line."""
    ways, models = [], []
    for name in list_models():
        record = entry(model_info(name))
        if record["source"] == USER_SOURCE:  # of a test that ran before
            continue
        how = {key: record.pop(key) for key in ("preprocess", "preprocess_text")}
        known = how["preprocess"] is not None
        if known and how not in ways:
            ways.append(how)
        models.append(record | {"preprocess": ways.index(how) if known else None})
    parts = [
        f'{{"names": {json.dumps(names(), indent=1)}',
        f'"preprocess": {_lines(ways)}',
        f'"models": {_lines(models)}}}',
    ]
    return ",\n".join(parts) + "\n"


def _lines(records):
    return "[\n" + ",\n".join(json.dumps(record) for record in records) + "\n]"


if __name__ == "__main__":
    FILE.write_text(text())
    print(f"{FILE}: {len(list_models())} models", file=sys.stderr)
