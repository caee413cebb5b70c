"""The README's Python examples run, in order, in one process."""

import re

from tests.conftest import ROOT


def test_examples_run(python):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len(blocks) >= 4
    done = python("-W", "error", "-c", "\n".join(blocks))
    assert done.returncode == 0, done.stderr
    assert "per call (quartiles" in done.stdout
    assert "HybridSequential · forward · input 64x1x28x28, given" in done.stdout


def test_summaries_are_true(gluonkit):
    text = (ROOT / "README.md").read_text()
    assert gluonkit("summary", "tied_mlp", "--optimizer", "adam").stdout in text + "\n"


def test_listed_results_are_true():
    from gluonkit import create_model, list_models, model_info, params, summary

    text = (ROOT / "README.md").read_text()
    assert str(list_models("*mlp")) in text
    assert str(list_models("*resnet*50*", source="mxnet")) in text
    for source, phrase in (("mxnet", "{} classifiers"), ("gluoncv", "{} models")):
        assert phrase.format(len(list_models(source=source))) in " ".join(text.split())
    options = model_info("lenet").options.items()
    assert ", ".join(f"{name}={value!r}" for name, value in options).replace("'", '"') in (
        text.replace("'", '"')
    )
    found = summary("lenet(kernel_sizes=(5, 5))", (10, 1, 32, 32))
    assert f"found.total_params, found.macs  # {found.total_params}, {found.macs}" in text
    assert f"# {params.shared(create_model('tied_mlp'))}" in text
    for name, figure in (("resnet50_v1", 3.86), ("mobilenet1.0", 0.569), ("vgg16", 15.5)):
        assert abs(summary(f"mxnet/{name}").macs / 1e9 / figure - 1) < 0.005
    for zoo in ("mxnet", "gluonnlp"):
        assert f"all {len(list_models(source=zoo))} of" in text
