"""`make upstream`, on a made-up source tree."""

import pytest

from tests import upstream

MADE_UP = """
from nose.tools import assert_raises, raises
from common import with_seed
import mxnet as mx

@with_seed
def test_ones():
    assert mx.nd.ones((2,)).sum().asscalar() == 2

@raises(ValueError)
def test_raises():
    assert_raises(KeyError, {}.__getitem__, 1)
    int("x")
"""

COMMON = """
from nose.tools import make_decorator

def with_seed(test):
    @make_decorator(test)
    def seeded(*args):
        test(*args)
    return seeded
"""


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / upstream.FOLDER
    folder.mkdir(parents=True)
    (folder / "common.py").write_text(COMMON)
    (folder / "test_made_up.py").write_text(MADE_UP)
    (folder / "test_failing.py").write_text("def test_fails(): assert False")
    return tmp_path


def test_a_tree(tree, capfd):
    assert upstream.main([str(tree), "test_made_up.py"]) == 0
    assert "2 passed" in capfd.readouterr().out
    assert upstream.main([str(tree)]) == 1
    assert "1 failed, 2 passed" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("names", "text"), [(["none"], "which has no"), ([None, "test_none.py"], "are not there")]
)
def test_what_is_not_there(names, text, tree, capsys):
    with pytest.raises(SystemExit):
        upstream.main([str(tree / name if name == "none" else name or tree) for name in names])
    assert text in capsys.readouterr().err
