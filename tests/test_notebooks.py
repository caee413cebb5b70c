"""The notebooks run from top to bottom, show what they say, and teach all that they should."""

import configparser
import importlib.util
import json
import os
import re
import shutil
import sys
from importlib.util import find_spec
from unittest.mock import Mock

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbformat import NO_CONVERT, read, v4, validate

from gluonkit import list_models
from gluonkit.models.own.tutorials import TUTORIAL_NETWORKS
from tests.conftest import ROOT

sys.path.append(str(ROOT / "docs" / "_site"))
import address
import kept

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# What must hold when a notebook has run, in its own names; and how many pictures it shows.
HOLDS = {
    "01_first_network": (
        8,
        "scores['accuracy'] > 0.95 and abs(weights).max() <= 0.07 "
        "and sum(report.labels != report.predicted) == round((1 - scores['accuracy']) * len(test))",
    ),
    "02_blocks_and_parameters": (
        2,
        "first_row == ['0.0624027', '-0.0326859', '0.0258265'] and count(rgnet) == 18",
    ),
    "03_fast": (
        2,
        "(clocks[:, 1] >= clocks[:, 0]).all() and not findings.ok and checked.ok "
        "and 'naive' in done.stdout",
    ),
    "04_training_well": (
        4,
        "sum(scores[None]) > sum(scores['relu']) and max(recorded) < not_recording "
        "and never_reset.get()[1] < fresh_each_epoch.get()[1] and history.stopped",
    ),
    "05_saving_and_shipping": (0, "right > 0.95 * len(test) and skipped"),
    "06_the_zoos": (
        4,
        "curves['all, the body slowly'][-1] > curves['everything, from nothing'][-1] "
        "and right >= 12",
    ),
    "07_sequences": (
        2,
        "curves['LSTM'][-1] < 10 and curves['Transformer'][-1] < 12 < of_frequencies "
        "and before_30 < 1e-4 < after_30 and masked > unmasked and difference < 1e-3",
    ),
    "08_debugging_clinic": (
        2,
        "len(sick) == 8 and all(well[name] > sick[name] + 0.01 for name in sick) "
        "and effect_sick == 0 < effect_well and work_sick > 8 * work_well",
    ),
    "09_leaving_or_staying": (
        1,
        "figures['0 to 1']['accuracy'] > 0.95 and figures['0 to 1']['loss'] < 0.5 "
        "and difference_of_load < 1e-5 and difference_of_compiled < 1e-5 "
        "and curves['from the old checkpoint'][-1] > 0.85 and certified in (True, False)",
    ),
}
VERDICTS = ("Not answered yet", "Right.")  # of the cell for an answer, and of the solution
NEEDS = {"06_the_zoos": ("gluoncv", "gluonnlp")}


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_there_are_these():
    assert [path.stem for path in PATHS] == list(HOLDS)


def test_runs_and_shows_what_it_says(path, tmp_path):
    for package in NEEDS.get(path.stem, ()):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed; `make zoo` installs it")
    notebook = read(path, as_version=4)
    pictures, holds = HOLDS[path.stem]
    own = len(notebook.cells)
    notebook.cells.append(v4.new_code_cell(f"assert {holds}"))
    for number in exercises(notebook):
        notebook.cells.append(v4.new_code_cell(f"assert exercise_{number}('x').right is False"))
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    # Other tests run beside it, which it would be warned of.
    alone = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore:the machine is busy"}
    client.execute(env=os.environ | alone)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(shown) == pictures
    warned = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not [text for text in warned if "BusyMachineWarning" not in text]  # so it may be here
    for number, told in exercises(notebook).items():
        for cell, verdict in zip(told, VERDICTS, strict=True):
            assert cell.outputs[-1].data["text/plain"].startswith(verdict), (number, cell.outputs)
    assert not list(tmp_path.iterdir()), "it leaves files behind"
    if not warned:
        notebook.cells = notebook.cells[:own]
        kept.keep(path, notebook)  # `make docs` shows it


def exercises(notebook):
    """Return the cell for an answer, and the one with the solution, by the exercise's number."""
    asked, solved = {}, {}
    for cell in notebook.cells:
        for number in re.findall(r"^answer_(\d) = \.\.\.", cell.source, re.M):
            asked[number] = cell
        for number in re.findall(r"^# (\d)\.", cell.source, re.M):
            solved[number] = cell
    return {number: (asked[number], solved[number]) for number in solved}


def test_is_kept_without_outputs(path):
    notebook = read(path, as_version=NO_CONVERT)
    validate(notebook)
    for cell in notebook.cells:
        assert cell.get("execution_count") is None
        assert not cell.get("outputs")
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_solutions_are_folded_and_every_exercise_has_one(path):
    notebook = read(path, as_version=4)
    solved = set()
    for cell in notebook.cells:
        if "solution" in cell.metadata.get("tags", ()):
            assert cell.metadata["jupyter"]["source_hidden"]
            solved |= set(re.findall(r"^# (\d)\.", cell.source, re.M))
    (text,) = (cell.source for cell in notebook.cells if "## Exercises" in cell.source)
    assert solved == set(re.findall(r"^(\d)\. ", text, re.M))
    assert len(solved) >= 3


def test_every_exercise_checks_the_answer_before_the_solution(path):
    notebook = read(path, as_version=4)
    for number, (asked, solved) in exercises(notebook).items():
        place = notebook.cells.index
        assert place(asked) == place(solved) - 1
        assert asked.source.endswith(f"exercise_{number}(answer_{number})")
        assert re.search(rf"^exercise_{number}\(.+\)$", solved.source, re.M)


def test_what_is_to_be_predicted_is_folded(path):
    cells = read(path, as_version=4).cells
    asked = [place for place, cell in enumerate(cells) if "**Predict:**" in cell.source]
    assert asked
    for place in asked:
        later = cells[place + 1 : place + 3]  # what computes may stand between
        (revealed,) = (c for c in later if "reveal" in c.metadata.get("tags", ()))
        assert revealed.metadata["jupyter"]["source_hidden"]


def test_links_lead_to_notebooks(path):
    for link in re.findall(r"\((\w+\.ipynb)\)", path.read_text()):
        assert (path.parent / link).exists()


def test_all_that_the_tutorials_have_is_taught():
    text = "\n".join(
        "".join(c["source"]) for p in PATHS for c in json.loads(p.read_text())["cells"]
    )
    own = [name for name in list_models() if "/" not in name]
    classes = {"mix_mlp": "MixMLP", "nest_mlp": "NestMLP", "tied_mlp": "params=shared.params"}
    for name in own:
        assert name in text or classes[name] in text, name
    assert {
        tutorial_network.model.partition("(")[0] for tutorial_network in TUTORIAL_NETWORKS
    } == set(own)
    for subject in (
        "CenteredLayer",
        "MyDense",
        "MyInit",
        "ReportingInitializer",
        "init.Normal",
        "init.Constant",
        "init.Xavier",
        "get_constant",
        "force_reinit",
        "set_data",
        "collect_params(",
        "npx.save",
        "nd.save",
        "load_parameters",
        "gluon.Trainer",
        "hybridize()",
        "mx.metric.Accuracy",
        "resnet50_v2",
        "gluonnlp/bert_12_768_12",
    ):
        assert subject in text, subject


def test_installs_gluonkit_where_it_is_missing(path, monkeypatch):
    cell = read(path, as_version=4).cells[1]
    assert cell.metadata["tags"] == ["install"]
    assert cell.metadata["jupyter"]["source_hidden"]
    assert cell.metadata["cellView"] == "form"  # which folds it on Colab
    (extras,) = re.findall(r'"gluonkit\[(.*)\] @ git\+', cell.source)
    assert set(extras.split(",")) == {"data", "onnx", "plot"} | (
        {"nlp", "vision"} if path.stem in NEEDS else set()
    )
    shell = Mock()
    code = TransformerManager().transform_cell(cell.source)
    monkeypatch.setattr(importlib.util, "find_spec", {"gluonkit": "there"}.get)
    exec(code, {"get_ipython": lambda: shell})
    assert shell.mock_calls == []
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    exec(code, {"get_ipython": lambda: shell})
    gluonkit, mxnet = (call.args for call in shell.run_line_magic.call_args_list)
    assert gluonkit[0] == "pip"
    assert mxnet == ("pip", "install -q --no-deps mxnet==1.9.1")
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert "mxnet==1.9.1;" in config["options"]["install_requires"]


def test_the_address_is_said_once():
    """Elsewhere it is copied by `python docs/_site/address.py`."""
    assert [path.name for path, text, wanted in address.copied() if text != wanted] == []
    assert len(list(address.copied())) == len(PATHS) + 1


def test_an_address_is_written_where_readers_copy_it(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copy(ROOT / "README.md", tmp_path)
    (tmp_path / "mkdocs.yml").write_text("repo_url: https://github.com/me/gluonkit\n")
    for path, _, wanted in list(address.copied(tmp_path)):
        assert wanted.count("https://github.com/me/gluonkit") == 1, path
        assert "ADDRESS" not in wanted
        path.write_text(wanted)
        if path.suffix == ".ipynb":
            validate(read(path, as_version=NO_CONVERT))
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)  # and taken back, where it says none
    wanted = [wanted for _, _, wanted in address.copied(tmp_path)]
    assert wanted == [text for _, text, _ in address.copied()]


@pytest.mark.parametrize("end", ["", "/", ".git"])
def test_pages_link_to_services_once_there_is_an_address(end):
    assert address.links(None, "03_fast.ipynb") == {}
    assert address.links(f"https://github.com/me/gluonkit{end}", "03_fast.ipynb") == {
        "Colab": "https://colab.research.google.com/github/me/gluonkit/blob/HEAD/notebooks/"
        "03_fast.ipynb",
        "Binder": "https://mybinder.org/v2/gh/me/gluonkit/HEAD?labpath=notebooks%2F03_fast.ipynb",
    }
    # Colab opens no others' repositories.
    assert address.links("https://codeberg.org/me/gluonkit", "03_fast.ipynb") == {
        "Binder": "https://mybinder.org/v2/git/https%3A%2F%2Fcodeberg.org%2Fme%2Fgluonkit/HEAD"
        "?labpath=notebooks%2F03_fast.ipynb"
    }


class TestCommand:
    def test_copies_them(self, gluonkit, tmp_path):
        done = gluonkit("notebooks", "lessons/all", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        copied = sorted((tmp_path / "lessons" / "all").iterdir())
        assert [file.read_bytes() for file in copied] == [file.read_bytes() for file in PATHS]
        assert "jupyter lab lessons/all" in done.stdout

    def test_overwrites_nothing_unless_forced(self, gluonkit, tmp_path):
        mine = tmp_path / "03_fast.ipynb"
        mine.write_text("mine")
        done = gluonkit("notebooks", ".", cwd=tmp_path)
        assert done.returncode == 2
        assert "03_fast.ipynb already" in done.stderr
        assert [file.name for file in tmp_path.iterdir()] == ["03_fast.ipynb"]
        assert mine.read_text() == "mine"
        assert gluonkit("notebooks", ".", "--force", cwd=tmp_path).returncode == 0
        assert mine.read_text() != "mine"

    def test_a_file_is_no_folder(self, gluonkit, tmp_path):
        (tmp_path / "file").write_text("")
        done = gluonkit("notebooks", "file", cwd=tmp_path)
        assert done.returncode == 2
        assert "`DIR` is 'file', and 'file' is a file; give a folder" in done.stderr


def test_what_has_run_is_kept_until_something_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "kept")
    first, timed = tmp_path / "first.ipynb", tmp_path / f"{min(kept.TIMED)}.ipynb"
    for path in (first, timed):
        path.write_text("as it was")
        assert kept.kept(path) is None
        kept.keep(path, v4.new_notebook(cells=[v4.new_markdown_cell("It ran.")]))
    assert kept.kept(first).cells[0].source == "It ran."
    assert kept.kept(timed) is None
    first.write_text("as it is")
    assert kept.kept(first) is None
    kept.keep(first, v4.new_notebook())
    assert len(list(kept.FOLDER.iterdir())) == 1
