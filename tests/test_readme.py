"""The README's Python examples run, in order, in one process."""

import re

from tests.conftest import ROOT


def test_examples_run(python):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len(blocks) >= 4
    done = python("-W", "error", "-c", "\n".join(blocks))
    assert done.returncode == 0, done.stderr
    assert "per call (quartiles" in done.stdout
    assert "HybridSequential · forward · input 10x1x32x32, given" in done.stdout


def test_listed_results_are_true():
    from gluonkit import list_models, model_info

    text = (ROOT / "README.md").read_text()
    assert str(list_models("*mlp")) in text
    assert str(list_models("*resnet*50*")) in text
    options = model_info("lenet").options.items()
    assert ", ".join(f"{name}={value!r}" for name, value in options).replace("'", '"') in (
        text.replace("'", '"')
    )
    assert f"all {len(list_models(source='mxnet'))} of" in text
