"""The front door of the `gluonkit` command: what is answered without MXNet, and how it ends."""

import argparse
import fcntl
import inspect
import json
import os
import pty
import re
import resource
import signal
import struct
import subprocess
import sys
import termios
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import gluonkit as gk
from gluonkit import data
from gluonkit._base import tables
from gluonkit._base.tables import Column
from gluonkit.cli import ending, known, output, parsers, parsers_alone, values
from gluonkit.cli.checking import title_of
from gluonkit.cli.main import main
from gluonkit.cli.wording import as_options
from gluonkit.data import sklearn_digits
from gluonkit.errors import ArgumentError, StateError
from tests.test_compat import HIDE

ROOT = Path(__file__).parents[1]


@pytest.fixture
def without_mxnet(gluonkit, tmp_path):
    """Return a function that runs the command where MXNet cannot be imported."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HIDE.format(names=("mxnet",)))

    def run(*args, **env):
        return gluonkit(*args, env={"PYTHONPATH": f"{folder}:{ROOT}"} | env)

    return run


def test_what_is_known_is_what_the_package_has(python):
    done = python("-c", "from tests import known; print(known.text(), end='')")
    assert done.returncode == 0, done.stderr
    written = (ROOT / "gluonkit" / "cli" / "known.json").read_text()
    assert done.stdout == written, "run: python -m tests.known"


@pytest.mark.parametrize(
    ("args", "status", "text"),
    [
        ((), 0, "show what is known of one model"),
        (("--help",), 0, "usage: gluonkit"),
        (("help",), 0, "usage: gluonkit"),
        (("help", "bench"), 0, "--batches"),
        (("help", "bensh"), 2, "there is no command 'bensh'. Did you mean bench?"),
        (("modles",), 2, "there is no command 'modles'. Did you mean models?"),
        (("models", "resnet50"), 0, "mxnet/resnet50_v2"),
        (("models", "resnet-50"), 1, "matches 'resnet-50'. Did you mean 'mxnet/resnet50_v2', 'mx"),
        (("models", "--task", "detecton"), 2, "Did you mean 'detection'"),
        (("info", "resnet50_v2", "--json"), 2, "which several zoos have"),
        (("info", "mxnet/resnet50_v2"), 0, "short side 256 (bilinear), center crop 224x224"),
        (("summary", "lenett"), 2, "Did you mean 'lenet'"),
        (("summary", ""), 2, "is empty; give a model's name"),
        (("summary", "mlp(unit=3)"), 2, "Did you mean 'units'"),
        (("bench", "lenet", "--threads", "99999"), 2, "more than 1024 threads"),
        (("bench", "lenet", "--batches", "x"), 2, "is not a list of whole numbers from 1"),
        (("bench", "lenet", "--modes", ","), 2, "is an empty list; separate its parts by commas"),
        (("bench", "lenet", "--seconds", "x"), 2, "'x' is not a number"),
        (("train", "lenet", "--optimizer", "adma"), 2, "is not known. Did you mean 'adam"),
        (("train", "lenet", "--epochs", "many"), 2, "'many' is not a whole number"),
        (("train", "lenet", "--epochs", "9" * 12), 2, "is too large a number"),
        (("train", "lenet", "--batch-size", "0"), 2, "0 is too small"),
        (("train", "lenet", "--epochz", "3"), 2, "(did you mean --epochs?)"),
        (("train", "lenet", "--no-plot"), 2, "a picture is drawn with --plot only"),
        (("summary", "lenet", "--inputs", "0x1x28x28"), 2, "is not an input; write its shape"),
        (("check", "lenet", "--json", "/no/f.json"), 2, "in a folder that does not exist"),
        (("check", "lenet", "--json=/"), 2, "which is a folder"),
        (("notebooks", "learn"), 0, "Open them by: jupyter lab learn"),
        (("records",), 0, "usage: gluonkit records"),
        (("completion", "bash"), 0, "gluonkit"),
        (("completion", "zsh"), 0, "gluonkit"),
        (("completion", "fish"), 0, "complete --command gluonkit"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_answered_without_mxnet(args, status, text, without_mxnet):
    done = without_mxnet(*args)
    assert done.returncode == status, done.stderr
    assert text in " ".join((done.stderr if status else done.stdout).split())
    assert "Traceback" not in done.stderr
    assert bool(done.stdout) != bool(status)


def test_who_needs_mxnet_says_so(without_mxnet):
    done = without_mxnet("summary", "lenet")
    assert done.returncode == 1
    assert done.stderr.startswith("gluonkit summary: error: ")
    assert len(done.stderr.splitlines()) == 1


def test_the_shell_completes(without_mxnet, tmp_path):
    def completed(line):
        out = tmp_path / "out"
        without_mxnet(
            _ARGCOMPLETE="1",
            _ARGCOMPLETE_STDOUT_FILENAME=str(out),
            _ARGCOMPLETE_IFS="\n",
            COMP_LINE=line,
            COMP_POINT=str(len(line)),
        )
        return out.read_text().split()

    assert "models" in completed("gluonkit mo")
    assert completed("gluonkit summary lenet --optim") == ["--optimizer"]
    assert "mxnet/resnet50_v2" in completed("gluonkit info mxnet/resnet50")
    assert completed("gluonkit train lenet --data dig") == ["digits"]


def test_ctrl_c_while_starting(tmp_path):
    """The package's import takes a while, as MXNet's does."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'mxnet':\n"
        "            print('now', flush=True)\n"
        "            try:\n"
        "                time.sleep(60)\n"
        "            except BaseException as error:\n"
        "                raise ImportError('swallowed') from error\n"
        "sys.meta_path.insert(0, Slow())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "_gluonkit_command", "summary", "lenet"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "gluonkit: interrupted\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full device")
def test_a_full_disk(gluonkit):
    with open("/dev/full", "w") as full:
        done = gluonkit("models", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "gluonkit models: error: No space left on device\n"


def test_json_means_one_thing(gluonkit, tmp_path):
    on_output = json.loads(gluonkit("info", "--json", "lenet").stdout)
    assert on_output["options"] == {
        "kernel_sizes": [5, 3],
        "classes": 10,
        "activation": "relu",
    }
    assert json.loads(gluonkit("info", "lenet", "--json", "-").stdout) == on_output
    done = gluonkit("info", "lenet", "--json", "lenet.json")
    assert "name        lenet" in done.stdout
    assert done.stdout.endswith("Written: lenet.json\n")
    assert json.loads((tmp_path / "lenet.json").read_text()) == on_output


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        (["info", "--json"], ["info", "--json=-"]),
        (["info", "--json", "lenet"], ["info", "--json=-", "lenet"]),
        (["info", "--json", "a.json", "lenet"], ["info", "--json", "a.json", "lenet"]),
        (["inspect", "--json", "a-symbol.json"], ["inspect", "--json=-", "a-symbol.json"]),
        (["info", "--json", "-"], ["info", "--json", "-"]),
        (["bench", "--json", "--csv", "a"], ["bench", "--json=-", "--csv", "a"]),
        (["launch", "--", "x", "--json"], ["launch", "--", "x", "--json"]),
    ],
)
def test_what_follows_json(given, parsed):
    assert values._with_json(given) == parsed


def commands(parser=None, name="gluonkit"):
    """Yield each command's name and parser."""
    for word, inner in values.commands_of(parser or parsers.parser()).items():
        yield f"{name} {word}", inner
        yield from commands(inner, f"{name} {word}")


@pytest.mark.parametrize(
    ("name", "parser"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_has_a_description_and_an_example(name, parser):
    text = parser.format_help()
    assert parser.description
    if not values.commands_of(parser):
        assert f"For example:\n\n  {name} " in text or f'"$({name}' in text
    for action in parser._actions:
        assert action.help, action.dest


@pytest.mark.parametrize("columns", [80, 100])
def test_help_keeps_words_and_calls_whole(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    texts = {name: parser.format_help() for name, parser in commands()}
    assert max(len(line) for text in texts.values() for line in text.splitlines()) <= columns
    assert "multiply-adds, memory" in parsers.parser().format_help().replace("\n" + " " * 16, " ")
    assert "'mlp(units=(256, 128))'" in texts["gluonkit train"]
    assert "`gluonkit completion --help`" in parsers.parser().format_help()
    for text in (parsers.parser().format_help(), parsers_alone.records().format_help()):
        listed = text.partition("commands:\n")[2].partition("\n\n")[0].splitlines()
        assert all(re.match(r"(    \w+|     ) +\S", line) for line in listed), listed


def test_defaults_are_told():
    """As the word: an option's help that ends in a value in parentheses is a riddle."""
    for name, parser in commands():
        for action in parser._actions:
            shown = action.default not in (None, False, [], argparse.SUPPRESS)
            told = "(default: " in action.help
            assert told or not shown or action.help is argparse.SUPPRESS, (name, action.dest)


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.csv"
    output.write_text(path, "one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match=re.escape(f"File too large: '{path}'")):
            output.write_text(path, "two" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "one"
    assert [place.name for place in tmp_path.iterdir()] == ["a.csv"]


def test_a_device_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor() as pool:
        read = pool.submit((tmp_path / "pipe").read_text)
        output.write_text(tmp_path / "pipe", "one")
        assert read.result() == "one"


def test_options_have_the_names_of_arguments():
    """What a command's options are called is what its function's parameters are called."""
    titles = {name: {action.dest for action in parser._actions} for name, parser in commands()}
    for command, function, options in (
        (
            "bench",
            gk.bench,
            {"inputs", "variants", "modes", "batches", "seconds", "engines", "ctx"},
        ),
        ("summary", gk.summary, {"inputs", "columns", "depth", "pattern", "optimizer"}),
        ("train", gk.fit, {"epochs", "optimizer", "seed", "resume", "batch_size", "kvstore"}),
        ("evaluate", data.load, {"split", "root"}),
        ("convert", gk.convert, {"net", "names", "match", "dry_run"}),
        ("models", gk.list_models, {"pattern", "source", "task"}),
        ("predict", gk.predict, {"batch_size"}),
        ("check", gk.check_hybrid, {"inputs"}),
        ("export", gk.export_onnx, {"inputs", "dynamic_batch", "opset", "dtype"}),
    ):
        assert options <= titles[f"gluonkit {command}"]
        assert options <= set(inspect.signature(function).parameters), command


FOR_HALF = "call net.cast('float32'), and give amp=True to train in mixed precision"
MESSAGES = [
    ("train", "`epochs` is 0", "`--epochs` is 0"),
    ("train", "`batch_size` is 0", "`--batch-size` is 0"),
    ("train", "name its folder with root=", "name its folder with --root"),
    ("train", "`name` is 'x'. list_models() gives all names.", None),
    ("convert", "give match='order' to take them", "give --match order to take them"),
    ("convert", "`net` is 3", "`--net` is 3"),
    ("summary", "`net` is 3", "`NAME_OR_FILE` is 3"),
    ("summary", "`other` is 3, f(x=3)", "`other` is 3, f(x=3)"),
    ("train", "`train` gives batches", "`--data` gives batches"),
    ("predict", "`arrays` has no samples", "`X.npy` has no samples"),
    ("predict", "`arrays[1]` is 3, `other[2]`", "`X.npy` (number 2) is 3, `other[2]`"),
    (
        "predict",
        f"`net` is in float16; {FOR_HALF}",
        "`FILE` is in float16; give --load-dtype float32",
    ),
    ("evaluate", f"it is in float16; {FOR_HALF}", f"it is in float16; {FOR_HALF}"),
]


@pytest.mark.parametrize(("command", "python", "told"), MESSAGES)
def test_errors_speak_of_the_command(command, python, told):
    parser = dict(commands())[f"gluonkit {command}"]
    told = told or "`NAME` is 'x'. `gluonkit models` lists all names."
    assert as_options(python, parser) == told


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ArgumentError("`x` is 3"), 2, "c: error: `x` is 3"),
        (StateError("not now"), 1, "c: error: not now"),
        (OSError(28, "No space left on device"), 1, "c: error: No space left on device"),
        (OSError(2, "No such file", "a.txt"), 1, "c: error: a.txt: No such file"),
        (MemoryError(), 1, "c: error: there is not enough memory for that\n"),
        (MemoryError("8 TB"), 1, "c: error: there is not enough memory for that (8 TB)"),
        (ImportError("no module"), 1, "c: error: no module"),
        (KeyError("x"), 1, "c: error: KeyError: 'x' (unexpected: GLUONKIT_TRACEBACK=1"),
        (KeyboardInterrupt(), 130, "c: interrupted"),
    ],
    ids=repr,
)
def test_endings(error, status, told, capsys, monkeypatch):
    def work():
        raise error

    assert ending.ended("c", work) == status
    shown = capsys.readouterr().err
    assert shown.startswith(told)
    assert len(shown.splitlines()) == 1
    monkeypatch.setenv(ending.TRACEBACK, "1")
    ending.ended("c", work)
    assert ("Traceback" in capsys.readouterr().err) == isinstance(
        error, (ImportError, KeyError, MemoryError)
    )


def test_a_module_of_the_users_that_fails(gluonkit, tmp_path, monkeypatch, capsys):
    (tmp_path / "bad_models.py").write_text("a = 1\nb = c\n")
    (tmp_path / "lacking.py").write_text("import there_is_none\n")
    monkeypatch.chdir(tmp_path)
    assert main(["models", "--import", "bad_models"]) == 2
    told = capsys.readouterr().err
    assert "whose import failed: NameError: name 'c' is not defined" in told
    assert told.endswith("bad_models.py, line 2)\n")
    assert main(["models", "--import", "lacking"]) == 2
    assert "No module named 'there_is_none'" in capsys.readouterr().err


def test_matplotlib_is_missing(monkeypatch, capsys):
    monkeypatch.setattr("gluonkit.cli.checking.find_spec", lambda name: None)
    assert main(["summary", "lenet", "--graph", "a.svg"]) == 1
    assert "matplotlib is needed for `--graph` and is not installed" in capsys.readouterr().err


def test_a_file_that_must_not_be_written(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert main(["summary", "lenet", "--csv", str(tmp_path / "a")]) == 2
    assert "which cannot be written: permission is denied" in capsys.readouterr().err


def test_titles():
    actions = {action.dest: action for action in dict(commands())["gluonkit train"]._actions}
    assert title_of(actions["learning_rate"]) == "--learning-rate"
    assert title_of(actions["model"]) == "NAME"


class Terminal:
    """Standard output that is a terminal."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        """Nothing is kept back."""

    def isatty(self):
        return True

    def fileno(self):
        raise OSError("a terminal of no file")


@pytest.mark.parametrize(
    ("variables", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colors(variables, colored, monkeypatch):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    output.show(tables.text_table([{}], [Column("name", lambda row: "x")]))
    output.say_error("gluonkit", "no")
    assert ("\x1b[1mname\x1b[0m" in terminal.text) == colored
    assert ("\x1b[1;31merror:\x1b[0m no" in terminal.text) == colored
    assert ("\x1b" in terminal.text) == colored


@pytest.mark.parametrize("columns", [60, 80, 132, 200])
def test_tables_have_the_terminals_width(columns, python):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "_gluonkit_command", "models", "resnet"]
    variables = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        command,
        stdout=slave,
        stderr=subprocess.STDOUT,
        env=variables | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    assert process.wait() == 0
    lines = shown.decode().splitlines()
    # A name that is longer than the terminal is wide is not cut.
    assert all(len(line) <= columns or " " not in line for line in lines)
    rows = [line for line in lines if line.startswith(("mxnet/", "gluoncv/"))]
    listed = [model for model in known.models() if "resnet" in model]
    assert [row.split()[0] for row in rows][: len(listed)] == sorted(listed)


def test_columns_of_the_environment(monkeypatch):
    monkeypatch.setenv("COLUMNS", "72")
    assert tables.width() == 72
    assert tables.width(60) == 60
    for nonsense in ("0", "wide", "-3", "²"):
        monkeypatch.setenv("COLUMNS", nonsense)
        assert tables.width() == tables.WIDTH
    monkeypatch.setenv("COLUMNS", "3")
    assert tables.width() == 40


def test_columns_are_dropped_in_their_order_and_no_word_is_cut():
    columns = [
        Column("name", lambda row: row[0]),
        Column("kind", lambda row: row[1], drop=2),
        Column("count", lambda row: row[2], "right", drop=1),
        Column("text", lambda row: row[3]),
    ]
    rows = [("a" * 12, "classification", "1,000", "some words of a sentence that is long")]
    assert "Too narrow" not in tables.text_table(rows, columns, limit=100)
    text = tables.text_table(rows, columns, limit=56)
    assert text.splitlines()[0].split() == ["name", "kind", "text"]
    assert text.endswith("Too narrow to show: count.")
    text = tables.text_table(rows, columns, limit=40)
    assert text.splitlines()[0].split() == ["name", "text"]
    assert text.endswith("Too narrow to show: kind, count.")
    assert max(map(len, text.splitlines())) <= 40
    for width in range(10, 60):
        shown = tables.text_table(rows, columns, limit=width)
        for word in (*rows[0][0].split(), *rows[0][3].split()):
            assert word in shown.split(), (width, word)


def test_a_text_ends_after_a_whole_word():
    columns = [Column("n", lambda row: "x"), Column("text", lambda row: row, shorten=True)]
    lines = tables.text_table(["some words, of a sentence"], columns, limit=16).splitlines()
    assert lines[2:] == ["x  some words …"]
    lines = tables.text_table(["incomprehensibility"], columns, limit=12).splitlines()
    assert lines[2:] == ["x"]


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
def test_all_summaries_of_models_begin_in_one_column(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["models"]) == 0
    table = capsys.readouterr().out.split("\n\n", 1)[0].splitlines()
    begin = table[0].index("summary")
    assert len(table) == 2 + len(known.models())
    assert len(table[1]) <= columns
    alone = 0
    for row in table[2:]:
        name = row.split()[0]
        alone += row == name
        # A name that is longer than its column stands alone.
        assert row == name or (len(name) < begin and row[begin - 2 : begin] == "  "), row
        assert row == name or (row[begin] != " " and len(row) <= columns), row
    assert alone <= {40: len(table), 80: 10}.get(columns, 0)


WRONG = [
    *[(f"train lenet --epochs={text}", "--epochs: ") for text in ("", "0", "-1", "1.5", "9" * 20)],
    *[(f"train lenet --seed={text}", "--seed: ") for text in ("-1", "text", "9" * 20)],
    *[(f"train lenet --size={text}", "--size: ") for text in ("0", "7", "513", "99999999")],
    *[
        (f"train lenet --learning-rate={text}", f"--learning-rate/--lr: {text} is no learning rate")
        for text in ("nan", "inf", "-inf", "-1", "1e-300", "1e300", "1e-45")
    ],
    ("train lenet --lr=text", "'text' is not a number"),
    ("train lenet --kvstore=dist", "`--kvstore` is 'dist', which is not known. Did you mean"),
    ("train lenet --save=text", "`--save` is 'text'; let it end in .safetensors"),
    ("train lenet --save=a.txt", "`--save` is 'a.txt'; let it end in .safetensors"),
    ("train lenet --resume=text.txt", "text.txt' is a file; give a folder"),
    ("train lenet --tensorboard=text.txt/in/it", "text.txt' is a file; give a folder"),
    ("train lenet --import=nosuch.thing", "`--import` is 'nosuch.thing', and there is no such"),
    ("models --import=.", "`--import` is '.', and there is no such module"),
    *[
        (f"{command} lenet --seconds={text}", f"--seconds: {text} is not a positive number")
        for command in ("bench", "profile")
        for text in ("nan", "inf", "-1", "0")
    ],
    *[
        (f"bench lenet --ctx={text}", "no device; give cpu, gpu")
        for text in ("", "tpu", "gpu(", "cpu(-1)")
    ],
    ("bench lenet --batches=99999999999", "99999999999 is too large a number"),
    ("summary lenet --depth=-1", "-1 is too small; give a whole number from 0"),
    ("predict a.safetensors text.txt -o y.txt", "`--output` is 'y.txt'; let it end in .npy"),
    ("export lenet --format onnx -o y.txt", "`--output` is 'y.txt'; let it end in .onnx"),
    ("export lenet --format onnx -o no/y.onnx", "'no/y.onnx', in a folder that does not exist"),
    ("info lenet --json=--", "argument --json: expected one argument"),
    ("info lenet --json a.txt", "(a file for --json ends in .json, or is given as --json=a.txt)"),
    ("train lenet --resume=", "argument --resume: the path is empty"),
    (
        "train lenet --root=text.txt",
        "`--root` is 'text.txt', and 'text.txt' is a file; give a fold",
    ),
    ("notebooks text.txt/in", "text.txt' is a file; give a folder"),
    ("mirror lenet text.txt", "`DIR` is 'text.txt', and 'text.txt' is a file; give a folder"),
    ("predict a.safetensors no.npy -o y.npy", "`X.npy` is 'no.npy', and there is no such file"),
    ("predict a.safetensors . -o y.npy", "`X.npy` is '.', which is a folder; give a file"),
    ("doctor --json=no/a.json", "`--json` is 'no/a.json', in a folder that does not exist"),
    ("records check a.rec --json=no/a.json", "'no/a.json', in a folder that does not exist"),
    ("records pack . text.txt", "`FILE` is 'text.txt'; let it end in .rec"),
    ("inspect a.params --json=a.params", "which is no name for such a file; let it end in .json"),
    ("summary a.json --csv a-symbol.json", "which is no name for such a file; let it end in .csv"),
    (
        "summary nowhere.bin",
        "which is not known. There is no such file either. `gluonkit models` l",
    ),
    ("records pack text.txt a.rec", "`SRC` is 'text.txt', which is none of these; give a folder"),
    ("records pack nowhere a.rec", "`SRC` is 'nowhere', which is not there; give a folder of"),
    ("records pack a.npz a.rec --chunks 0", "`--chunks` goes with folder and .lst, not with"),
    ("summary lenet --columns=--", "argument --columns: expected one argument"),
    ("models --json ", "argument --json: the path is empty"),
    ("models --import=text.py", "`--import` is 'text.py', a file; give the module's name: text"),
    ("info lenet(", "which is not a model with options: '(' was never closed. Write it"),
    ("info lenet(classes=nan)", "not a model with options: classes=nan has no literal value. Wr"),
    ("info lenet(classes=3)", "`model` is 'lenet(classes=3)'; give its name alone: lenet"),
    ("train lenet --epochs 1 --epochs 2", "argument --epochs: given twice, as 1 and 2"),
    ("train lenet --lr 0.1 --learning-rate 1", "argument --learning-rate: given twice, as 0.1"),
    ("models --json=a.json --json=b.json", "argument --json: given twice, as a.json and b.json"),
    ("records list a.rec -n 1 -n 2", "argument -n: given twice, as 1 and 2"),
    ("records check ", "`FILE` is '', which is empty; give a path"),
    ("records unpack a.rec no/a.npz", "`DST` is 'no/a.npz', in a folder that does not exist"),
    ("launch -n 1 -n 2 -- true", "argument -n: given twice, as 1 and 2"),
    ("launch -n 1 -s 1025 -- true", "`-s` is 1025; give a whole number from 1 to 1024"),
    ("launch -n 1 --python= -- true", "`--python` is empty; give the path of"),
    ("launch -n 1 -- ", "there is no COMMAND; put it behind a --"),
    ("run ", "name the program to run"),
    ("run -m ", "-m needs a module's name"),
    ("run --audit --audit text.py", "unknown option --audit"),
    ("--nosuch", "there is no option --nosuch here; a command's own stand behind its name"),
    ("--json models", "there is no option --json here"),
    ("summary lenet --net mlp", "`--net` is for files, and 'lenet' is a model itself"),
    ("bench text.py lenet --net mlp", "`--net` is for files, and 'lenet' is a model itself"),
    ("predict text.txt text.txt -o a.npy --net nosuch", "`--net` is 'nosuch', which is not known"),
    ("convert text.txt a.params --net mlp(3)", "`--net` is 'mlp(3)', which is not a model with"),
    ("summary lenet --csv a.csv --json=a.csv", "are the same file, 'a.csv'; give two"),
    ("profile lenet --plot a.png --flame ./a.png", "`--plot` and `--flame` are the same file"),
    ("profile lenet --trace /dev/null", "`--trace` is '/dev/null'; let it end in .json"),
    ("summary text --json=text.json", "`--json` is 'text.json', which is an input; give another"),
    ("inspect text.json --json text.json", "`--json` is 'text.json', which is an input; give"),
    ("evaluate text.json --json text.json", "`--json` is 'text.json', which is an input; give"),
    ("predict a.params text.npy -o text.npy", "`--output` is 'text.npy', which is an input; gi"),
    ("export lenet --format torch -o text.txt", "`--output` is 'text.txt', and 'text.txt' is a"),
    ("export lenet --format symbol -o no/a", "`--output` is 'no/a', in a folder that does not"),
]

GIVEN = ("text.json", "text.npy", "text.py", "text.txt")


@pytest.mark.parametrize(("line", "told"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_values_are_told_at_once(line, told, monkeypatch, capsys, tmp_path):
    """Before MXNet is imported, in one line below how the command is called."""
    monkeypatch.chdir(tmp_path)
    for name in GIVEN:
        (tmp_path / name).write_text("text")

    def start():
        raise AssertionError("MXNet would be imported")

    try:
        status = main(line.split(" "), start=start)
    except SystemExit as ended_by_parser:
        status = ended_by_parser.code
    error = capsys.readouterr().err
    assert status == 2
    assert told in " ".join(error.split())
    assert "unexpected" not in error
    left = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert left == dict.fromkeys(GIVEN, "text")


def test_right_values_are_taken(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "mine.py").write_text("raise RuntimeError('imported too early')")

    class Started(BaseException):
        pass

    def start():
        raise Started

    for line in (
        "train lenet --lr 0 --seed 0 --size 512 --resume new/folder --tensorboard . --import mine",
        "train lenet --lr 1e-37 --kvstore device --save a.safetensors --epochs 1",
        "bench lenet --ctx gpu(1) --seconds 0.001 --batches 1,2",
        "summary lenet --depth 0",
        "predict a.safetensors text.txt -o y.npy",
        "train lenet --resume ~/folder --root nowhere/yet",
        "summary lenet --csv /dev/null --json /dev/null --graph a.svg",
        "summary text.txt --net lenet --inputs 1x2 --inputs 2x3",
        "models --weights --import mine --import mine",
    ):
        with pytest.raises(Started):
            main(line.split(" "), start=start)
    assert values.DIGITS[1] == sklearn_digits._LARGEST
