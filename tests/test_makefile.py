"""Every target of the Makefile: what it runs is there, and starts. CI makes the cheap ones."""

import ast
import os
import re
import shlex
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.search(r"^\.PHONY: (help .*)$", MAKEFILE, re.M)[1].split()
GIVEN = ("MXNET=tree", "ARM=system")
"""What `make upstream` and `make arm` want to be told."""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments):
    command = ["make", "--no-print-directory", *arguments]
    # Without what `make test` tells the makes that it starts.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def commands(target):
    """Return the words of each command that a target runs in the repository itself."""
    done = make("--dry-run", "--always-make", target, *GIVEN)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_target_runs_is_there(target):
    for words in commands(target):
        for word in words:
            if re.fullmatch(r"(benchmarks|tests|tools|notebooks|docs)/[\w/.]+\.\w+", word):
                assert (ROOT / word).is_file(), (target, word)
        if "-m" in words and (module := words[words.index("-m") + 1]).startswith("tests."):
            assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file(), (target, module)


def test_help_names_every_target():
    told = re.findall(r"^make ([\w-]+)", make("help").stdout, re.M)
    assert sorted(told) == sorted(set(TARGETS) - {"help"})


@pytest.mark.parametrize(
    ("target", "wanted"), [("upstream", "make upstream MXNET=DIR"), ("arm", "make arm ARM=DIR")]
)
def test_what_is_missing_is_said(target, wanted):
    done = make("--dry-run", target)
    assert done.returncode != 0
    assert wanted in done.stderr


def test_arms_script_is_read_by_bash_and_wants_a_folder():
    script = str(ROOT / "tools" / "arm.sh")
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    done = subprocess.run(["bash", script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "name the folder for the system" in done.stderr


def test_arms_list_names_tests_that_there_are():
    lines = (ROOT / "tools" / "arm.txt").read_text().splitlines()
    tests = [line for line in lines if line.startswith("tests/")]
    assert len(tests) > 8
    for test in tests:
        path, *names = test.split("::")
        scope = ast.parse((ROOT / path).read_text()).body
        for name in names:
            (node,) = (node for node in scope if getattr(node, "name", None) == name)
            scope = node.body


@pytest.mark.parametrize(
    "program",
    [
        ["-m", "tests.battery.fuzz"],
        ["-m", "tests.upstream"],
        ["benchmarks/busy.py"],
        ["benchmarks/peers/run.py"],
        ["benchmarks/training.py"],
        ["benchmarks/zoo.py"],
        ["benchmarks/zoo_onnx.py"],
        ["benchmarks/zoo_torch.py"],
    ],
    ids=lambda program: program[-1],
)
def test_programs_with_options_tell_them(program, python):
    done = python(*program, "--help", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")


READ = """
import pathlib, runpy, sys
for name in sys.argv[1:]:
    folder = str(pathlib.Path(name).resolve().parent)
    sys.path.insert(0, folder)
    runpy.run_path(name, run_name="read")
    sys.path.remove(folder)
    print(name)
"""
"""Imports scripts without running what stands below `if __name__ == "__main__"`."""


def test_benchmarks_can_be_imported(python):
    scripts = sorted(
        {
            word
            for target in ("benchmarks", "peers", "zoo")
            for words in commands(target)
            for word in words
            if word.startswith("benchmarks/")
        }
    )
    assert len(scripts) >= 18
    done = python("-c", READ, *scripts, cwd=ROOT)
    assert done.stdout.split() == scripts, done.stderr


def test_ci_runs_what_is_cheap():
    ran = set(
        re.findall(r"^ *(?:if .*; then )?make ([\w-]+)", (ROOT / ".ci/run").read_text(), re.M)
    )
    # They take hours, gigabytes, root, another source tree, or a browser.
    dear = {"arm", "benchmarks", "notebooks", "peers", "test-tools", "upstream", "zoo"}
    assert ran & set(TARGETS) == set(TARGETS) - dear - {"clean"}
