"""The stand-in for `distutils`, held against the standard library's own where there is one."""

import os
import sys
import warnings

import pytest

from gluonkit.system import distutils

WORDS = ["y", "Yes", "t", "TRUE", "on", "1", "n", "no", "F", "false", "off", "0", "maybe", ""]


def outcome(function, *args):
    try:
        return function(*args)
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("word", WORDS)
def test_words(word):
    meant = {"y": 1, "yes": 1, "t": 1, "true": 1, "on": 1, "1": 1}
    meant |= {"n": 0, "no": 0, "f": 0, "false": 0, "off": 0, "0": 0}
    if word.lower() in meant:
        assert distutils.strtobool(word) == meant[word.lower()]
    else:
        with pytest.raises(ValueError, match=f"invalid truth value '{word}'"):
            distutils.strtobool(word)


@pytest.fixture
def tree(tmp_path):
    """Return a folder with files, one of them below, one executable, and a link."""
    folder = tmp_path / "tree"
    (folder / "below").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "below" / "run").write_text("run")
    (folder / "below" / "run").chmod(0o755)
    os.utime(folder / "a.txt", (1000, 1000))
    (folder / "link").symlink_to("a.txt")
    return folder


def test_trees_are_copied(tree, tmp_path):
    target = tmp_path / "copy"
    written = distutils.copy_tree(str(tree), str(target))
    assert sorted(written) == [str(target / n) for n in ("a.txt", "below/run", "link")]
    assert (target / "below" / "run").stat().st_mode & 0o777 == 0o755
    assert (target / "a.txt").stat().st_mtime == 1000
    assert not (target / "link").is_symlink()
    # What is as new is left alone; what is there already is no error.
    assert distutils.copy_tree(str(tree), str(target), update=1) == []
    (tree / "a.txt").write_text("newer")
    assert str(target / "a.txt") in distutils.copy_tree(str(tree), str(target), update=1)
    assert (target / "a.txt").read_text() == "newer"


def test_trees_are_copied_with_links(tree, tmp_path):
    distutils.copy_tree(str(tree), str(tmp_path / "copy"), preserve_symlinks=1)
    assert os.readlink(tmp_path / "copy" / "link") == "a.txt"


def test_trees_are_removed(tree):
    distutils.remove_tree(str(tree))
    assert not tree.exists()


def test_paths_are_made(tmp_path):
    wanted = tmp_path / "a" / "b"
    assert distutils.mkpath(str(wanted)) == [str(tmp_path / "a"), str(wanted)]
    assert wanted.is_dir()
    assert distutils.mkpath(str(wanted)) == []


def test_a_tree_that_is_none(tmp_path):
    with pytest.raises(distutils.DistutilsFileError, match="cannot copy tree 'nothing': not a dir"):
        distutils.copy_tree("nothing", str(tmp_path))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python has no distutils of its own")
def test_as_the_standard_librarys(tree, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from distutils import dir_util, util
    for word in WORDS:
        assert outcome(distutils.strtobool, word) == outcome(util.strtobool, word)
    theirs = dir_util.copy_tree(str(tree), str(tmp_path / "x"))
    assert sorted(distutils.copy_tree(str(tree), str(tmp_path / "x"))) == sorted(theirs)
    made = [
        make(str(tmp_path / n / "b"))
        for n, make in (("m", dir_util.mkpath), ("o", distutils.mkpath))
    ]
    assert made[1] == [path.replace("/m", "/o") for path in made[0]]


def test_nothing_is_done_where_there_is_one(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 11, 0))
    assert not distutils.install()


def test_scripts_find_it(gluonkit, tmp_path):
    """Before they import mxnet, too."""
    (tmp_path / "program.py").write_text(
        "import warnings; warnings.simplefilter('ignore')\n"
        "from distutils.util import strtobool\n"
        "import distutils.dir_util\n"
        "from distutils.version import LooseVersion\n"
        "from distutils.spawn import find_executable\n"
        "from distutils.errors import DistutilsFileError\n"
        "import mxnet\n"
        "distutils.dir_util.mkpath('made')\n"
        "print(strtobool('yes'), LooseVersion('1.10') > LooseVersion('1.9'), find_executable('sh'))"
    )
    done = gluonkit("run", "program.py")
    assert done.stderr == ""
    assert done.stdout.startswith("1 True /")
    assert (tmp_path / "made").is_dir()
