"""The parsers of the commands that start by themselves: they work where gluonkit's import fails."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from gluonkit.cli import checking
from gluonkit.cli.known import completions, names
from gluonkit.cli.values import Parser, add_json, number, place, positive, whole

RUN_USAGE = """\
gluonkit run [--audit] SCRIPT [ARGUMENT ...]
       gluonkit run [--audit] -m MODULE [ARGUMENT ...]"""
LAUNCH_USAGE = "gluonkit launch -n WORKERS [OPTION ...] -- COMMAND [ARGUMENT ...]"
_ABOUT_LAUNCH = """\
Start a distributed MXNet job: one scheduler, servers, and WORKERS times COMMAND, whose \
mx.kv.create("dist_sync") finds the others. Every line of output has its process before it: \
[0] is the worker whose kv.rank is 0. When a process fails, all are ended, and the exit status \
is that of the one that failed; 2 means a wrong call, 1 that the job came to a standstill."""
_MORE_OF_LAUNCH = """\
For example:

  gluonkit launch -n 2 -- gluonkit train lenet --data digits

The hosts file has a line `HOST [slots=N] [address=IP]` for each machine: what ssh is told, how \
many workers fit, and how the other machines reach it, where that is not what HOST means here. \
Workers go round the hosts, or fill one after the other where slots are given. Every host in the \
file is reached by ssh, localhost too; gluonkit has to be installed there, and the working \
directory has to be there under the same path. The scheduler runs on the first host. Ranks follow \
ps-lite's order of addresses, not the file's.

Workers share their host's cores; OMP_NUM_THREADS set beforehand counts instead. Variables that \
begin with MXNET_, DMLC_, PS_, OMP_, KMP_, GLUONKIT_ or PYTHON go along to the other hosts."""


def note_kind(action: Any, kind: str) -> None:
    """Note what an option's value has to be, and what a shell may complete it to."""
    action.kind = kind
    if kind not in checking.PLACES:
        action.completer = lambda **_: completions(kind)


def _made(commands: Any, name: str, about: str, **texts: Any) -> Parser:
    """Return a new parser: of a command among others, or of one that has none beside it."""
    if commands is None:
        return Parser(prog=f"gluonkit {name}", **texts)
    added: Parser = commands.add_parser(name, help=about, **texts)
    return added


def doctor(commands: Any = None) -> Parser:
    """Return the parser of ``gluonkit doctor``."""
    made = _made(
        commands,
        "doctor",
        "examine MXNet and everything around it",
        description="Examine MXNet and everything around it: what is installed, what is wrong, and "
        "what would mend it.",
        epilog="For example:\n\n  gluonkit doctor --fix\n\n"
        "Exit status: 0 fine, 1 something is broken, 2 wrong call, 130 interrupted.",
    )
    add_json(made)
    about = "run the commands that mend it, after asking"
    made.add_argument("--fix", action="store_true", help=about)
    made.add_argument("--yes", action="store_true", help="with --fix: run them without asking")
    return made


def run(commands: Any = None) -> Parser:
    """Return the parser of ``gluonkit run``, which has no options of its own."""
    made = _made(
        commands,
        "run",
        "run an unmodified MXNet program on today's Python",
        usage=RUN_USAGE,
        description="Run a program that imports mxnet by itself, as `python` would, with "
        "gluonkit's compatibility in place: MXNet imports on this Python and NumPy, and uses all "
        "cores. Arguments, exit status and tracebacks are the program's own.",
        epilog="For example:\n\n  gluonkit run train_mnist.py --network mlp",
    )
    about = "tell, on standard error when the program has ended, at which of its lines Python "
    about += "waited for MXNet's engine, for how long, and what would wait less"
    made.add_argument("--audit", action="store_true", help=about)
    made.add_argument("-m", metavar="MODULE", help="run a module instead of a file")
    return made


def launch(commands: Any = None) -> Parser:
    """Return the parser of ``gluonkit launch``, for what stands before the ``--``."""
    parser = _made(
        commands,
        "launch",
        "start a distributed job, here or on other machines",
        usage=LAUNCH_USAGE,
        description=_ABOUT_LAUNCH,
        epilog=_MORE_OF_LAUNCH,
        # Where the `--` is forgotten, an option of COMMAND's may look like the beginning of one of
        # these.
        allow_abbrev=False,
    )
    add = parser.add_argument
    # Numbers are parsed by `launch`, which says what is allowed; argparse would not.
    add("-n", dest="workers", required=True, metavar="WORKERS", help="how many workers")
    about = "how many servers (default: one for each host)"
    add("-s", dest="servers", metavar="SERVERS", help=about)
    about = "a file that lists the machines to run on (default: this one alone)"
    add("--hosts", metavar="FILE", help=about)
    about = "end the job when nothing has happened for so long (default: 300)"
    add("--timeout", default="300", metavar="SECONDS", help=about)
    add("--port", default="0", metavar="N", help="the scheduler's port (default: a free one)")
    add(
        "--ssh",
        default="ssh -o BatchMode=yes -o ConnectTimeout=10",
        metavar="COMMAND",
        help="what runs a command on a host, called as COMMAND HOST TEXT (default: %(default)s)",
    )
    about = "the Python of the other hosts (default: this one's path)"
    add("--python", default=sys.executable, metavar="PATH", help=about)
    return parser


def records(commands: Any = None) -> Parser:
    """Return the parser of ``gluonkit records`` and its own commands."""
    parser = _made(
        commands,
        "records",
        "check, index, list, pack and unpack record files (.rec)",
        description="Record files (.rec, .idx), without MXNet: check, index, list, pack, unpack.",
        epilog="For example:\n\n  gluonkit records list train.rec -n 5\n\n"
        "Exit status: 0 fine, 1 a file is missing or damaged, 2 wrong call, 130 interrupted.",
    )
    inner = parser.add_subparsers(
        title="commands", dest="inner", required=True, metavar="NAME", help="what to do"
    )

    def command(name: str, about: str, example: str) -> Parser:
        described = f"{about[0].upper()}{about[1:]}."
        added: Parser = inner.add_parser(
            name, help=about, description=described, epilog=f"For example:\n\n  {example}"
        )
        return added

    made = command(
        "check",
        "tell all that is wrong with a record file and its index",
        "gluonkit records check train.rec --images",
    )
    made.add_argument("file", metavar="FILE", help="the .rec file")
    about = "the index (default: the .idx file beside, if there is one)"
    made.add_argument("--index", metavar="F", help=about)
    made.add_argument("--images", action="store_true", help="decode each image too")
    add_json(made)
    made = command(
        "index",
        "write the index of a record file anew, by a scan",
        "gluonkit records index train.rec",
    )
    made.add_argument("file", metavar="FILE", help="the .rec file; its .idx file is written")
    keys = ("positions", "ids")
    about = "the records' keys: positions 0, 1, ..., or the samples' own ids (default: positions)"
    made.add_argument("--keys", choices=keys, default="positions", help=about)
    made = command("list", "list the records of a file", "gluonkit records list train.rec -n 5")
    made.add_argument("file", metavar="FILE", help="the .rec file")
    about = "how many; 0 for all (default: 20)"
    made.add_argument("-n", type=whole, default=20, metavar="N", help=about)
    add_json(made)
    _pack(
        command(
            "pack",
            "make a record file of a folder of images, a .lst or an .npz file",
            "gluonkit records pack photos train.rec --resize 256",
        )
    )
    made = command(
        "unpack",
        "write the samples of a record file as files, with a list",
        "gluonkit records unpack train.rec photos",
    )
    made.add_argument("file", metavar="FILE", help="the .rec file")
    about = "a new folder, or an .npz file for samples of one shape"
    made.add_argument("dst", metavar="DST", help=about)
    return parser


def _pack(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("src", metavar="SRC", help="a folder, a .lst file, or an .npz file with data and label")
    action = add("dst", type=place, metavar="FILE", help="the .rec file; its index goes beside")
    note_kind(action, "records")
    add("--root", metavar="DIR", help="where the paths of a .lst file begin (default: its folder)")
    add("--shuffle", action="store_true", help="take a folder's images in im2rec's random order")
    about = "divide the images, shuffled, among files FILE_0, FILE_1, ..."
    add("--chunks", type=whole, metavar="N", help=about)
    add("--train-ratio", type=number, metavar="R", help="put this share into FILE_train")
    about = "put this share into FILE_test, and the rest into FILE_val"
    add("--test-ratio", type=number, metavar="R", help=about)
    about = "encode the images anew (default: as the files are; of an .npz file: npy)"
    add("--encoding", choices=names("encoding"), help=about)
    about = "of JPEG 1 to 100 (default: 95), of PNG 0 to 9 (default: 6)"
    add("--quality", type=whole, metavar="N", help=about)
    add("--resize", type=positive, metavar="N", help="scale the shorter edge to so many pixels")
    add("--center-crop", action="store_true", help="cut out the square in the middle first")


ALL = (doctor, run, records, launch)
