"""Unmodified MXNet programs that do what the five tutorials do, in both array modes."""

from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent / "tutorials").glob("*.py"))


def test_all_five_are_there():
    names = {path.stem for path in PROGRAMS}
    expected = "computation crash_course custom_layers follow_along gluon_overview"
    assert names >= set(expected.split())
    for path in PROGRAMS:
        assert "import gluonkit" not in path.read_text()


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_by_gluonkit_run(path, gluonkit):
    done = gluonkit("run", str(path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"ok {path.stem}"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_under_import_gluonkit(path, python):
    code = f"import gluonkit, runpy; runpy.run_path({str(path)!r}, run_name='__main__')"
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"ok {path.stem}"
