"""The compiled call: a network for inputs of one signature, run by the plan that was chosen."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import Any, SupportsIndex

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base import atomic, cpu
from gluonkit._base.arguments import checked
from gluonkit._base.checks import a_type, last_line
from gluonkit._base.kinds import Array, Context
from gluonkit._base.specs import ArraySpec
from gluonkit._base.tables import Shown
from gluonkit._base.version import __version__
from gluonkit.compiling.explanation import Explanation
from gluonkit.compiling.plan import Plan
from gluonkit.compiling.pool import Pool
from gluonkit.compiling.program import Program
from gluonkit.compiling.runner import Runner, is_recording
from gluonkit.compiling.structure import Structure
from gluonkit.compiling.watch import Watch
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.system import memory
from gluonkit.tracing.inputs import leaves, mapped, spec_of

_MOST_BATCHES = 8
"""Batch sizes that are kept with `dynamic_batch`."""

FORMAT = 1
"""Of the files that `save_plan` writes."""


class Compiled(Shown):
    """A network compiled for prediction, returned by `gluonkit.compile`.

    It is called like the network, and returns the same nested outputs: NumPy arrays for NumPy
    arrays, MXNet's for MXNet's, of the array mode of the inputs. It predicts only, and follows the
    network's weights. It is thread-safe.

    Attributes
    ----------
    plan : Plan
        The plan that is used.
    ctx : Context
        The device that it predicts on.
    specs : tuple of ArraySpec
        Shape and data type of each input.
    """

    def __init__(
        self,
        net: gluon.Block,
        program: Program,
        runner: Runner,
        explanation: Explanation,
        *,
        watch: Watch | None,
        dynamic_batch: bool,
        most_threads: int | None,
        ctx: Context,
    ) -> None:
        """`watch` was settled before the runner read the weights; None for frozen weights."""
        self.plan: Plan = explanation.plan
        self.specs: tuple[ArraySpec, ...] = program.graph.specs
        self._net, self.ctx = net, ctx
        self._explanation = explanation
        self._dynamic = dynamic_batch
        self._watch = watch
        # More at a time would only take cores from one another, and memory.
        self._limit = most_threads or max(1, cpu.usable_cores())
        # Reentrant: `_follow` holds it and calls `refresh`, which calls `_private`.
        self._lock = RLock()
        self._nesting = program.graph.nesting
        self._program = program
        self._pools: dict[tuple[ArraySpec, ...], Pool] = {}  # for other batch sizes
        self._own: Runner | None = None
        # Frozen weights may be part of the graph, which another trace makes anew.
        self._structure = None if watch is None else Structure(program)
        # Such a plan reads the network's own arrays: new numbers in them need no following.
        if watch is not None and not self.plan.copies:
            watch.ignore_numbers()
        self._pool = self._made_pool(program, runner)
        # A position 0 in place of a nesting is a single array.
        self._one = len(self.specs) == 1 and self._nesting == 0
        self._expected = [(spec.shape, numpy.dtype(spec.dtype)) for spec in self.specs]

    def __call__(self, *inputs: Any) -> Any:
        """Predict.

        Raises
        ------
        ArgumentError
            For inputs of other shapes or data types than it was compiled for; for an empty batch.
        StateError
            Under `autograd.record()`, as there are no gradients. When the network has other layers
            or settings than it was compiled with.
        """
        if is_recording():
            raise StateError(
                "a compiled network predicts only, and was called under autograd.record(), where "
                "no gradient would flow through it; call the network itself there"
            )
        if self._watch is not None and self._watch.changed():
            self._follow()
        if self._structure is not None and self._structure.is_due():
            self._structure.check()
        # Other types that look like arrays take the longer way, with its checks.
        if self._one and len(inputs) == 1 and type(inputs[0]) is numpy.ndarray:
            return self._quick(inputs[0])
        arrays: Sequence[Any] = inputs
        pool = self._pool
        if not self._fits(inputs):
            arrays = list(leaves(inputs))
            pool = self._other_pool(arrays)
        return self._predict(pool, arrays)

    def _quick(self, array: Array) -> Any:
        """Predict as `_predict` does, for a single NumPy input and output, with less overhead."""
        shape, dtype = self._expected[0]
        if array.shape != shape or array.dtype != dtype:
            return self._predict(self._other_pool([array]), [array])
        pool = self._pool
        runner = pool.take()
        try:
            numpy.copyto(runner.inputs[0], array)
            runner.run()
            # The memory is the runner's, which the next caller gets.
            return runner.outputs[0].copy()
        finally:
            pool.give_back(runner)

    def _predict(self, pool: Pool, arrays: Sequence[Any]) -> Any:
        runner = pool.take()
        try:
            runner.write(arrays)
            runner.run()
            return self._results(runner, arrays[0] if arrays else None)
        finally:
            pool.give_back(runner)

    @property
    def input(self) -> Array:
        """The memory of the first input, to write into before `run`."""
        return self.inputs[0]

    @property
    def inputs(self) -> tuple[Array, ...]:
        """The memory of each input, shared by all users of `run`."""
        return tuple(self._private().inputs)

    @property
    def output(self) -> Array:
        """The memory of the first output, valid until the next `run`."""
        return self.outputs[0]

    @property
    def outputs(self) -> tuple[Array, ...]:
        """The memory of each output, in the order in which the network returns them."""
        return tuple(self._private().outputs)

    def run(self) -> None:
        """Predict from `inputs` to `outputs` without any copy; for one thread.

        Get `output` again afterwards: it may move when weights have changed.
        """
        if self._watch is not None and self._watch.changed():
            self._follow()
        if self._structure is not None and self._structure.is_due():
            self._structure.check()
        self._private().run()

    def refresh(self) -> None:
        """Update to the network's current weights.

        Changes are detected at the next call. Only writes through a pointer, or through a view (a
        slice, `reshape`, `as_np_ndarray()`, `detach()`, DLPack) that was made before `compile`, may
        go unnoticed for seconds: call this after them.

        Raises
        ------
        StateError
            When shapes or data types of the weights have changed.
        """
        if self._structure is not None:
            self._structure.check(wait=True)
        with self._lock:
            try:
                # Noted before they are read: what changes in between counts as changed, and is
                # followed.
                weights = None if self._watch is None else self._watch.weights()
                pool = self._made_pool(self._program)
            except Exception as error:
                raise StateError(
                    f"the network has changed in more than its weights ({last_line(error)}); "
                    "compile it again"
                ) from error
            # The graphs for other batch sizes have copies of the old weights.
            self._pools.clear()
            self._pool = pool
            if self._own is not None:
                before, self._own = self._own, None
                # The user has written into the inputs of `run`, perhaps once for all calls.
                for place, numbers in zip(self._private().inputs, before.inputs, strict=True):
                    numpy.copyto(place, numbers)
            if self._watch is not None and weights is not None:  # other threads wait until here
                self._watch.settle(weights)

    def _follow(self) -> None:
        """Update the weights, unless another thread has done so meanwhile."""
        with self._lock:
            if self._watch is not None and self._watch.changed():
                self.refresh()

    def explain(self) -> Explanation:
        """Return the plans that were tried, their times, and why this one is used."""
        return self._explanation

    @checked
    def save_plan(self, path: str | os.PathLike[str]) -> None:
        """Write the plan, so that a service can start without measuring: ``compile(plan=path)``.

        The file is JSON: the plan, the inputs that it is for, and where it was measured.

        Parameters
        ----------
        path : str or os.PathLike
            The file, ``.json``.

        Raises
        ------
        ArgumentError
            When `path` does not end in ``.json``.
        """
        target = Path(path)
        if target.suffix != ".json":
            raise ArgumentError(f"`path` is {str(path)!r}; give a name that ends in .json")
        record = {
            "gluonkit": __version__,
            "format": FORMAT,
            "plan": self.plan.to_dict(),
            "engine": self._explanation.engine,
            "device": self.ctx.device_type,
            "inputs": [[list(spec.shape), spec.dtype] for spec in self.specs],
            "environment": self._explanation.environment.to_dict(),
        }
        atomic.write_atomically(target, f"{json.dumps(record, indent=1)}\n".encode())

    # `pickle` and `copy` both come through here.
    def __reduce_ex__(self, _: SupportsIndex) -> Any:
        raise ArgumentTypeError(
            "a compiled network cannot be pickled or copied, for it is bound to memory of this "
            "process; save its plan by save_plan(path), and compile a copy of the network, or the "
            "loaded one, with plan=path"
        )

    def __str__(self) -> str:
        shapes = ", ".join(map(str, self.specs))
        return f"Compiled({type(self._net).__name__}, input {shapes}: {self.plan})"

    def _private(self) -> Runner:
        """Return the runner of `run`, created at its first use."""
        if self._own is None:
            with self._lock:
                self._own = self._pool.make()
        return self._own

    def _fits(self, inputs: Sequence[Any]) -> bool:
        """Return whether flat inputs have the shapes and data types it was compiled for."""
        try:
            for array, (shape, dtype) in zip(inputs, self._expected, strict=True):
                if array.shape != shape or array.dtype != dtype:
                    return False
        except (AttributeError, ValueError, TypeError):
            return False
        return True

    def _other_pool(self, arrays: Sequence[Any]) -> Pool:
        """Return the runners for another batch size; raise for other inputs."""
        for index, array in enumerate(arrays, 1):
            if not isinstance(array, (numpy.ndarray, numpy.generic, mx.nd.NDArray)):
                raise ArgumentTypeError(
                    f"input {index} is {a_type(array)}; give a NumPy or MXNet array"
                )
        given = tuple(spec_of(array) for array in arrays)
        if given == self.specs:
            return self._pool
        if not (self._dynamic and _differ_in_batch(given, self.specs)):
            raise ArgumentError(self._other_signature(given))
        if given[0].shape[0] == 0:
            raise ArgumentError(
                f"the inputs are {', '.join(map(str, given))}, without a sample, of which MXNet "
                "computes nothing; give one or more"
            )
        with self._lock:
            pool = self._pools.pop(given, None) or self._new_pool(given)
            self._pools[given] = pool  # moved to the end: dropped last
            return pool

    def _other_signature(self, given: Sequence[ArraySpec]) -> str:
        wanted, got = (", ".join(map(str, specs)) or "nothing" for specs in (self.specs, given))
        hint = "compile it again with such an input"
        if not self._dynamic and _differ_in_batch(given, self.specs):
            hint += ", or without dynamic_batch=False for any number of samples"
        elif [spec.shape for spec in given] == [spec.shape for spec in self.specs]:
            hint = f"convert it, such as by x.astype({self.specs[0].dtype!r})"
        return f"the inputs are {got}, but it was compiled for {wanted}; {hint}"

    def _new_pool(self, given: tuple[ArraySpec, ...]) -> Pool:
        """Compile for another batch size, and drop the least recently used one."""
        # The size that was compiled for is one of them, and is in `_pool`.
        while len(self._pools) >= _MOST_BATCHES - 1:
            del self._pools[next(iter(self._pools))]
        # The new graph is that of the network as it is now.
        if self._structure is not None:
            self._structure.check(wait=True)
        return self._made_pool(self._program.resized(given))

    def _made_pool(self, program: Program, first: Runner | None = None) -> Pool:
        plan = self.plan
        runner = first or program.runner(plan)
        return Pool(runner, runner.another or (lambda: program.runner(plan)), self._limit)

    def _results(self, runner: Runner, first: Any) -> Any:
        if isinstance(first, mx.nd.NDArray):
            np_mode = isinstance(first, mx.np.ndarray)
            results = [
                memory.copied_in(output, self.ctx, np_mode=np_mode) for output in runner.outputs
            ]
        else:
            results = [output.copy() for output in runner.outputs]
        if self._nesting == 0:
            return results[0]
        return mapped(lambda position: results[position], self._nesting)


def _differ_in_batch(given: Sequence[ArraySpec], specs: Sequence[ArraySpec]) -> bool:
    """Return whether inputs differ from others only in the number of samples."""
    # Without an axis the slice is empty, and there is no batch that could differ.
    sizes = {spec.shape[:1] for spec in given}
    return (
        len(given) == len(specs)
        and len(sizes) == 1
        and () not in sizes
        and all(
            one.shape[1:] == other.shape[1:] and one.dtype == other.dtype and len(other.shape) > 0
            for one, other in zip(given, specs, strict=True)
        )
    )
