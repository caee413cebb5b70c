"""The plans of the engines that may run a network, and why an engine has none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from gluonkit._base.checks import last_line
from gluonkit.compiling.choosing import Candidate
from gluonkit.compiling.engines import MXNET, OTHERS, lacking
from gluonkit.compiling.plan import Plan
from gluonkit.compiling.program import Program, usual_threads


@contextmanager
def offered(
    program: Program, engines: Sequence[str]
) -> Iterator[tuple[list[Plan], list[Candidate]]]:
    """Give the plans to try, MXNet's first, and a candidate with its problem for other engines.

    Within the context their runners have the weights of its beginning: it is written as ONNX once.
    """
    plans = program.plans() if MXNET in engines else []
    problems = {name: program.refused(name) or lacking(name) for name in engines if name in OTHERS}
    ready = [name for name, problem in problems.items() if not problem]
    with ExitStack() as stack:
        if ready:
            try:
                stack.enter_context(program.exported())
            except Exception as error:  # of this package, of MXNet's, or of onnx
                problems |= dict.fromkeys(ready, last_line(error))
        for name, problem in problems.items():
            if not problem:
                # One thread may be faster than several, and does not wait for any.
                counts = [None, 1] if usual_threads() > 1 else [None]
                plans += [Plan(name, threads=count) for count in counts]
        yield (
            plans,
            [Candidate(Plan(name), problem=text) for name, text in problems.items() if text],
        )
