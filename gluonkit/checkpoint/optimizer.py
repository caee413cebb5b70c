"""An optimizer in a file: its arrays by the path of their parameter, its counters, its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
from mxnet import gluon

from gluonkit._errors import ArgumentError, ArgumentTypeError, CheckpointError, a_type
from gluonkit._memory import assign
from gluonkit.checkpoint.network import slots_of
from gluonkit.files.contents import Array, Contents, Tensor
from gluonkit.trace.inputs import leaves

_PREFIX = "optimizer/"


def optimizer_record(optimizer: Any) -> dict[str, Any]:
    """Return an optimizer's numbers: rates, counters, and its schedule's."""
    counts = {str(k): v for k, v in optimizer._index_update_count.items()}
    found = {"class": type(optimizer).__name__, "numbers": _numbers(optimizer), "counts": counts}
    if optimizer.lr_scheduler is not None:
        found["schedule"] = _numbers(optimizer.lr_scheduler)
    return found


def check_optimizer(optimizer: Any, record: Mapping[str, Any], path: Path) -> None:
    """Refuse another optimizer, and a schedule where one has it and the other not.

    Raises
    ------
    CheckpointError
        in these cases.
    """
    if record["class"] != type(optimizer).__name__:
        raise CheckpointError(
            f"{path} was trained with the optimizer {record['class']}, this run has "
            f"{type(optimizer).__name__}; give the same one, or train from the beginning"
        )
    if ("schedule" in record) != (optimizer.lr_scheduler is not None):
        raise CheckpointError(
            f"{path} was trained {'with' if 'schedule' in record else 'without'} a learning rate "
            "schedule, unlike this run"
        )


def restore_optimizer(optimizer: Any, record: Mapping[str, Any], path: Path) -> None:
    """Put an optimizer's numbers back."""
    check_optimizer(optimizer, record, path)
    vars(optimizer).update(record["numbers"])
    optimizer._index_update_count.clear()
    optimizer._index_update_count.update({int(k): v for k, v in record["counts"].items()})
    if optimizer.lr_scheduler is not None:
        vars(optimizer.lr_scheduler).update(record["schedule"])


def _numbers(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object that are plain numbers."""
    return {
        name: value
        for name, value in vars(thing).items()
        if isinstance(value, (bool, int, float)) and name != "rescale_grad"
    }


def trainer_record(trainer: gluon.Trainer) -> dict[str, Any]:
    """Return what a file says of a trainer's optimizer."""
    return optimizer_record(trainer._optimizer)


def trainer_tensors(trainer: gluon.Trainer, net: gluon.Block) -> dict[str, Tensor]:
    """Return a trainer's arrays, by their parameter's path.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        for what is no trainer, or one with parameters that the network does not have.
    """
    updater = _updaters(trainer)[0]
    return {
        f"{_PREFIX}{path}/{number}": Tensor(
            numpy.dtype(array.dtype), tuple(array.shape), array.asnumpy
        )
        for index, path in _paths(trainer, net).items()
        if index in updater.states
        for number, array in enumerate(leaves(updater.states[index]))
    }


class TrainerState:
    """A file's optimizer, held against a trainer, and then put into it."""

    def __init__(self, contents: Contents, trainer: gluon.Trainer, net: gluon.Block) -> None:
        if "optimizer" not in contents.record:
            raise CheckpointError(
                f"{contents.path} has no optimizer; save it with optimizer=trainer"
                + ("; a run of fit goes on with resume=" if "training" in contents.record else "")
            )
        self._trainer = trainer
        self._path = contents.path
        self._record = contents.record["optimizer"]
        self._paths = _paths(trainer, net)
        self._saved = {
            name.removeprefix(_PREFIX): contents.array(name)
            for name in contents.entries
            if name.startswith(_PREFIX)
        }
        check_optimizer(trainer._optimizer, self._record, self._path)
        known = set(self._paths.values())
        strange = [name for name in self._saved if name.rpartition("/")[0] not in known]
        if strange:
            raise CheckpointError(
                f"{self._path} has optimizer states for {strange[0].rpartition('/')[0]}, which is "
                "no parameter of the trainer"
            )

    def prepare(self) -> None:
        """Make the arrays that a used trainer has, now that the network has values.

        Raises
        ------
        CheckpointError
            when they have other shapes than the file's.
        """
        if not self._trainer._kv_initialized:
            self._trainer._init_kvstore()
        self._found: list[tuple[Any, Array]] = []
        self._made: list[tuple[Any, int, Any]] = []
        for updater in _updaters(self._trainer):
            for index, path in self._paths.items():
                self._match(updater, index, path)

    def _match(self, updater: Any, index: int, path: str) -> None:
        weight = self._trainer._params[index].list_data()[0]
        state = updater.states.get(index)
        if state is None:
            state = updater.optimizer.create_state_multi_precision(index, weight)
            self._made.append((updater, index, state))
        arrays = list(leaves(state))
        saved = [self._saved.get(f"{path}/{number}") for number in range(len(arrays))]
        if all(each is None for each in saved):  # it has never been updated
            return
        for array, numbers in zip(arrays, saved, strict=True):
            if numbers is None or numbers.shape != tuple(array.shape):
                raise CheckpointError(
                    f"{self._path} has another optimizer state for {path} than this trainer; give "
                    "the same optimizer with the same options"
                )
            self._found.append((array, numbers))

    def restore(self) -> None:
        """Put everything into the trainer."""
        for updater, index, state in self._made:
            updater.states[index], updater.states_synced[index] = state, True
        for array, numbers in self._found:
            assign(array, numbers)
        restore_optimizer(self._trainer._optimizer, self._record, self._path)


def _updaters(trainer: Any) -> list[Any]:
    if not isinstance(trainer, gluon.Trainer):
        raise ArgumentTypeError(
            f"`optimizer` is {trainer!r:.60}, {a_type(trainer)}; give the gluon.Trainer, which has "
            "the optimizer's state"
        )
    if trainer._kv_initialized and trainer._update_on_kvstore:
        return [trainer._kvstore._updater]
    return list(trainer._updaters)


def _paths(trainer: gluon.Trainer, net: gluon.Block) -> dict[int, str]:
    """Return the network's path for each parameter of a trainer, by its number there."""
    paths = {id(each): slot.path for slot in slots_of(net) for each in slot.parameters}
    strange = [each.name for each in trainer._params if id(each) not in paths]
    if strange:
        raise ArgumentError(
            f"`optimizer` trains {strange[0]}, which is no parameter of `net`; give the trainer of "
            "this network"
        )
    return {index: paths[id(each)] for index, each in enumerate(trainer._params)}
