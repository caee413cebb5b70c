"""The parsers of the commands that start by themselves: they work where gluonkit's import fails."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from gluonkit.cli.known import names
from gluonkit.cli.values import Parser, add_json, number, positive, whole

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
        description="Examine MXNet and everything around it; exit with 1 if something is broken.",
        epilog="For example:\n\n  gluonkit doctor --fix",
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
    add("-s", dest="servers", metavar="SERVERS", help="how many servers (one for each host)")
    add("--hosts", metavar="FILE", help="the machines to run on (this one alone)")
    about = "the longest that the job may wait with nothing happening (300)"
    add("--timeout", default="300", metavar="SECONDS", help=about)
    add("--port", default="0", metavar="N", help="the scheduler's port (a free one)")
    add(
        "--ssh",
        default="ssh -o BatchMode=yes -o ConnectTimeout=10",
        metavar="COMMAND",
        help="what runs a command on a host, called as COMMAND HOST TEXT (%(default)s)",
    )
    add("--python", default=sys.executable, metavar="PATH", help="Python on the other hosts")
    return parser


def records(commands: Any = None) -> Parser:
    """Return the parser of ``gluonkit records`` and its own commands."""
    parser = _made(
        commands,
        "records",
        "check, index, list, pack and unpack record files (.rec)",
        description="Record files (.rec, .idx), without MXNet: check, index, list, pack, unpack.",
        epilog="For example:\n\n  gluonkit records list train.rec -n 5\n\n"
        "Exit status: 0 fine, 1 a file is missing or damaged, 2 wrong call.",
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
    about = "the index (the .idx file beside, if there is one)"
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
    made.add_argument("--keys", choices=keys, default="positions", help="(%(default)s)")
    made = command("list", "list the records of a file", "gluonkit records list train.rec -n 5")
    made.add_argument("file", metavar="FILE", help="the .rec file")
    made.add_argument("-n", type=whole, default=20, metavar="N", help="how many (20); 0 for all")
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
    add("dst", metavar="FILE", help="the .rec file; its index goes beside")
    add("--root", metavar="DIR", help="where the paths of a .lst file begin (its folder)")
    add("--shuffle", action="store_true", help="a folder's images in im2rec's random order")
    about = "divide, shuffled, into files FILE_0, FILE_1, ..."
    add("--chunks", type=whole, metavar="N", help=about)
    add("--train-ratio", type=number, metavar="R", help="put this share into FILE_train")
    about = "this one into FILE_test, the rest: FILE_val"
    add("--test-ratio", type=number, metavar="R", help=about)
    about = "encode anew (as the files are; .npz: npy)"
    add("--encoding", choices=names("encoding"), help=about)
    add("--quality", type=whole, metavar="N", help="of JPEG 1 to 100 (95), of PNG 0 to 9 (6)")
    add("--resize", type=positive, metavar="N", help="scale the shorter edge to so many pixels")
    add("--center-crop", action="store_true", help="cut out the square in the middle first")


ALL = (doctor, run, records, launch)
