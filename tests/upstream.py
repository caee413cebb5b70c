"""MXNet's own unit tests, under gluonkit: `make upstream MXNET=DIR [TESTS="test_metric.py …"]`.

DIR is an unpacked source tree of MXNet 1.9.1, whose tests are run against the installed MXNet. They
are written for nose, which no longer imports; what they use of it is here.
"""

import argparse
import functools
import os
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path

import pytest

FOLDER = Path("tests", "python", "unittest")
ROOT = Path(__file__).parents[1]


def raises(*errors):
    """Return a decorator for a test that passes if it raises one of `errors`."""

    def decorate(test):
        @functools.wraps(test)
        def wanted(*args, **kwargs):
            with pytest.raises(errors):
                test(*args, **kwargs)

        return wanted

    return decorate


def make_decorator(test):
    """Return a decorator that gives a function the name of the test that it stands for."""
    return functools.wraps(test)


def install_nose():
    """Put what MXNet's tests use of nose where they look for it."""
    nose = types.ModuleType("nose", "Stand-in by gluonkit's tests.")
    nose.tools = types.ModuleType("nose.tools")
    nose.SkipTest = unittest.SkipTest
    case = unittest.TestCase()
    vars(nose.tools).update(
        make_decorator=make_decorator,
        raises=raises,
        assert_raises=case.assertRaises,
        assert_equal=case.assertEqual,
        assert_almost_equal=case.assertAlmostEqual,
        ok_=case.assertTrue,
        eq_=case.assertEqual,
    )
    sys.modules |= {"nose": nose, "nose.tools": nose.tools}


def pytest_configure(config):
    """Prepare before the tests are collected: this file is a plugin of pytest's, too."""
    install_nose()
    import gluonkit  # noqa: F401  (MXNet can be imported after it)


def main(arguments=None):
    """Run the tests of a source tree; return pytest's exit status."""
    parser = argparse.ArgumentParser(prog="tests.upstream", description=__doc__.splitlines()[0])
    parser.add_argument("tree", help="an unpacked source tree of MXNet 1.9.1")
    parser.add_argument("tests", nargs="*", help="files below tests/python/unittest; all if none")
    options, passed = parser.parse_known_args(arguments)
    folder = Path(options.tree).resolve() / FOLDER
    if not (folder / "common.py").exists():
        parser.error(
            f"`tree` is {options.tree!r}, which has no {FOLDER}: name the folder of an unpacked "
            "source tree of MXNet 1.9.1"
        )
    files = [str(folder / name) for name in options.tests] or [str(folder)]
    if missing := [file for file in files if not os.path.exists(file)]:
        parser.error(f"`tests` names files that are not there: {', '.join(missing)}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.upstream", "-c", os.devnull]
    command += ["-p", "no:cacheprovider", f"--rootdir={folder}", *passed, *files]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory() as scratch:  # the tests leave files where they are run
        return subprocess.run(
            command, cwd=scratch, env=os.environ | {"PYTHONPATH": path}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
