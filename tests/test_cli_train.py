"""``gluonkit train`` and ``gluonkit evaluate``, as a user types them."""

import json
import os
import re

import pytest


def test_train_out_of_the_box(gluonkit, tmp_path):
    result = gluonkit("train", "lenet", "--save", "net.safetensors", "--plot", "a.png")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("lenet on digits (train): 1,437 samples of 1x28x28 float32")
    accuracy = float(re.search(r"Test accuracy ([\d.]+)% at the end", result.stdout).group(1))
    assert accuracy > 98
    assert lines[-2] == "Written: net.safetensors, a.png"
    assert lines[-1] == "To evaluate them again: gluonkit evaluate net.safetensors --data=digits"
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert len([line for line in result.stderr.splitlines() if line.startswith("epoch")]) == 20
    assert max(map(len, lines)) <= 110

    evaluated = gluonkit(*lines[-1].partition("gluonkit ")[2].split())
    assert evaluated.returncode == 0, evaluated.stderr
    assert f"{accuracy:.2f}%" in evaluated.stdout
    assert "lenet from net.safetensors on digits (test): 360" in evaluated.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full device")
def test_a_full_disk_costs_no_weights(gluonkit, tmp_path):
    """The weights are written first, and the result is shown, before another file fails."""
    arguments = ("mlp(units=(8,))", "--size", "8", "--epochs", "1", "--save", "a.safetensors")
    done = gluonkit("train", *arguments, "--csv", "/dev/full", "--plot", "a.png")
    assert done.returncode == 1
    assert "error: /dev/full: No space left on device" in done.stderr
    assert "Test accuracy" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_train_options_and_files(gluonkit, tmp_path):
    arguments = ["train", "mlp(units=(32,))", "--size", "8", "--arrays", "nd"]
    arguments += ["--optimizer", "sgd", "--lr", "0.3", "--batch-size", "32", "--patience", "2"]
    arguments += ["--csv", "h.csv", "--json", "h.json", "--resume", "ck"]
    first = gluonkit(*arguments, "--epochs", "2")
    assert first.returncode == 0, first.stderr
    assert "Written: h.csv, h.json\n" in first.stdout
    assert first.stdout.endswith(" gluonkit evaluate ck --data=digits --size=8 --arrays=nd\n")
    second = gluonkit(*arguments, "--epochs", "4")
    assert "resuming at epoch 3" in second.stderr
    history = json.loads((tmp_path / "h.json").read_text())
    assert [row["epoch"] for row in history["epochs"]] == [1, 2, 3, 4]
    assert history["epochs"][0]["lr"] == 0.3
    assert (tmp_path / "h.csv").read_text().startswith("epoch,loss,accuracy,val_loss")
    evaluated = gluonkit("evaluate", "ck", "--size", "8", "--split", "train")
    assert "mlp(units=(32,)) from ck/best.safetensors on digits (train): 1,437" in evaluated.stdout
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["train", "lennet"], 2, "`NAME` is 'lennet', which is not known. Did you mean 'lenet'"),
        (["train", "lenet", "--data", "digit"], 2, "`--data` is 'digit', which is not known"),
        (["train", "lenet", "--plot", "a.txt"], 2, "give a file that ends in .png, .svg or .pdf"),
        (["train", "lenet", "--save", "no/a.safetensors"], 2, "in a folder that does not exist"),
        (["train", "lenet", "--size", "8"], 2, "`--data` gives batches of (64, 1, 8, 8)"),
        (["train", "lenet", "--size", "8", "--data", "mnist"], 2, "`--size` is for digits; those"),
        (["train", "lenet", "--data", "mnist", "--root", "none"], 1, "mnist needs train-images"),
        (["train", "lenet", "--data", "mnist", "--root", "none"], 1, "name its folder with --root"),
        (["evaluate", "none.safetensors"], 1, "none.safetensors does not exist"),
        (["evaluate", "."], 1, "a folder in which there is no network"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes_are_explained(gluonkit, arguments, status, message):
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    result = gluonkit(*arguments, env=nowhere)
    assert result.returncode == status, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith(f"gluonkit {arguments[0]}: error:")


def test_a_network_that_was_not_made_by_name(gluonkit, python):
    code = """
from gluonkit import fit, nn
from gluonkit.callbacks import Checkpoint
from gluonkit.data import load
net = nn.HybridSequential()
net.add(nn.Dense(10))
net.initialize()
fit(net, load("digits"), epochs=1, callbacks=[Checkpoint("ck")])
"""
    assert python("-c", code).returncode == 0
    result = gluonkit("evaluate", "ck")
    assert result.returncode == 1
    assert "does not say how it is made" in result.stderr
