"""An optimizer in a file: its arrays by the path of their parameter, its counters, its schedule."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base.checks import described
from gluonkit._base.kinds import Array, Context, NDArray
from gluonkit.checkpoint.network import slots_of
from gluonkit.errors import ArgumentError, ArgumentTypeError, CheckpointError
from gluonkit.files.contents import Contents, Entry, Tensor
from gluonkit.system import memory
from gluonkit.tracing.inputs import leaves

_PREFIX = "optimizer/"
_PLAIN = (bool, int, float, str, type(None), numpy.number, numpy.bool_)
_KNOWN = (  # dictionaries that are options, or that are saved in another way
    "param_dict",
    "idx2name",
    "lr_mult",
    "wd_mult",
    "_index_update_count",
    "_all_index_update_counts",
)
_NOT_ITS_OWN = ("rescale_grad", "allow_np_array", "lr_scheduler")  # these are the trainer's


def optimizer_record(optimizer: Any, indices: Mapping[str, int]) -> dict[str, Any]:
    """Return an optimizer's numbers: rates, counters by path, and those of its schedule.

    `indices` has the optimizer's index for each path; another process may number the parameters
    differently.
    """
    known = _counts(optimizer)
    # What was never updated has no count, and gets none: MXNet begins with the optimizer's own.
    counts = {path: known[index] for path, index in indices.items() if index in known}
    record = {"class": type(optimizer).__name__, "numbers": _numbers(optimizer), "counts": counts}
    if optimizer.lr_scheduler is not None:
        record["schedule"] = _numbers(optimizer.lr_scheduler)
        record["schedule_class"] = type(optimizer.lr_scheduler).__name__
    return record


def check_optimizer(optimizer: Any, record: Mapping[str, Any], path: Path) -> None:
    """Check that optimizer and schedule are those of the file.

    Raises
    ------
    CheckpointError
        When they are others, or only one of both sides has a schedule.
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
    schedule = type(optimizer.lr_scheduler).__name__
    if record.get("schedule_class", schedule) != schedule:
        raise CheckpointError(
            f"{path} was trained with the learning rate schedule {record['schedule_class']}, this "
            f"run has {schedule}; give the same one"
        )


def restore_optimizer(
    optimizer: Any, record: Mapping[str, Any], indices: Mapping[str, int]
) -> None:
    """Load a record's numbers into an optimizer, with the counters of these paths."""
    by_path = record["counts"]
    counts = {index: by_path[path] for path, index in indices.items() if path in by_path}
    vars(optimizer).update(record["numbers"])
    if optimizer.lr_scheduler is not None:
        vars(optimizer.lr_scheduler).update(record["schedule"])
    parameters = [p for p in optimizer.param_dict.values() if isinstance(p, gluon.Parameter)]
    devices = {
        ctx.device_id
        for parameter in parameters
        if parameter._data is not None
        for ctx in parameter.list_ctx()
    }
    everywhere = optimizer._all_index_update_counts
    # MXNet counts updates once for each device, and reads the counter of the one that it updates.
    for device in {0, *devices, *everywhere}:
        own = everywhere.setdefault(device, {})
        own.clear()
        own.update(counts)


def _counts(optimizer: Any) -> dict[int, int]:
    """Return how often each index was updated; with a KVStore only one device counts."""
    merged: dict[int, int] = {}
    for counts in optimizer._all_index_update_counts.values():
        merged |= {index: max(count, merged.get(index, 0)) for index, count in counts.items()}
    return merged


def _numbers(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object that are plain: numbers, text, None, lists of them."""
    return {
        name: _plain(value)
        for name, value in vars(thing).items()
        if name not in _NOT_ITS_OWN
        and all(isinstance(v, _PLAIN) for v in (value if isinstance(value, list) else [value]))
    }


def _plain(value: Any) -> Any:
    """Return a NumPy or Python number as Python's."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, (numpy.number, numpy.bool_)) else value


def trainer_record(trainer: gluon.Trainer, net: gluon.Block) -> dict[str, Any]:
    """Return the record of a trainer's optimizer, with counters by path.

    Raises
    ------
    ArgumentError
        For an optimizer with further state besides arrays and numbers, such as LBSGD.
    """
    _check_whole(trainer._optimizer)
    indices = {path: index for index, path in _paths(trainer, net).items()}
    return optimizer_record(trainer._optimizer, indices)


def _check_whole(optimizer: Any) -> None:
    """Refuse an optimizer with state that a file cannot hold."""
    for name, value in vars(optimizer).items():
        arrays = isinstance(value, (numpy.ndarray, mx.nd.NDArray))
        if name not in _KNOWN and (arrays or (isinstance(value, dict) and value)):
            raise ArgumentError(
                f"`optimizer` is a trainer with {type(optimizer).__name__}, which keeps `{name}` "
                "besides its states; that cannot be saved. Save the network alone"
            )


def trainer_tensors(trainer: gluon.Trainer, net: gluon.Block) -> dict[str, Tensor]:
    """Return a trainer's arrays, by their parameter's path.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For anything but a trainer, and for a trainer with parameters of another network.
    """
    updater = _updaters(trainer)[0]
    return {
        f"{_PREFIX}{path}/{number}": Tensor.of(array, memory.numbers)
        for index, path in _paths(trainer, net).items()
        # MXNet makes a state when a parameter is first updated.
        if index in updater.states
        for number, array in enumerate(leaves(updater.states[index]))
    }


class TrainerState:
    """The optimizer state of a file, checked against a trainer, then loaded into it.

    The constructor checks everything and changes nothing. `coming` has the file's array for each
    parameter, by id, that is about to be loaded, and `contexts` their devices.
    """

    def __init__(
        self,
        contents: Contents,
        trainer: gluon.Trainer,
        net: gluon.Block,
        coming: Mapping[int, Entry],
        contexts: list[Context] | None,
    ) -> None:
        if "optimizer" not in contents.record:
            raise CheckpointError(
                f"{contents.path} has no optimizer; save it with optimizer=trainer"
                + ("; a run of fit goes on with resume=" if "training" in contents.record else "")
            )
        self._trainer = trainer
        self._path = contents.path
        self._record = contents.record["optimizer"]
        self._paths = _paths(trainer, net)
        self._saved: dict[str, list[Array]] = {path: [] for path in self._paths.values()}
        check_optimizer(trainer._optimizer, self._record, self._path)
        self._sort(contents)
        states = {index: coming.get(id(trainer._params[index])) for index in self._paths}
        for index, path in self._paths.items():
            self._check_place(index, path, states[index], contexts)
        for index, path in self._paths.items():
            self._check_state(index, path, states[index])

    def _sort(self, contents: Contents) -> None:
        """Sort the file's states by their parameter."""
        names = [name for name in contents.entries if name.startswith(_PREFIX)]
        paths = [name.removeprefix(_PREFIX).rpartition("/")[0] for name in names]
        strange = [path for path in (*paths, *self._record["counts"]) if path not in self._saved]
        if strange:
            raise CheckpointError(
                f"{self._path} has optimizer states for {strange[0]}, which is no parameter of the "
                "trainer"
            )
        for name, path in zip(names, paths, strict=True):
            # By their numbers, for a header need not have them in order.
            numbered = f"{_PREFIX}{path}/{len(self._saved[path])}"
            self._saved[path].append(
                contents.array(numbered if numbered in contents.entries else name)
            )

    def _check_place(
        self, index: int, path: str, entry: Entry | None, contexts: list[Context] | None
    ) -> None:
        """Refuse a parameter without values on the trainer's devices."""
        parameter, devices = self._trainer._params[index], self._trainer._contexts
        has_values = parameter._data is not None
        if entry is None and not has_values:
            raise CheckpointError(
                f"{self._path} has no values that fit {path}, and the network has none yet, so "
                "that the optimizer cannot go on; pass some data through the network first"
            )
        if entry is not None and contexts is not None:
            if contexts != devices:
                raise ArgumentError(
                    f"`ctx` is {contexts}, but `optimizer` is a trainer on {devices}; load the "
                    "network first, and make the trainer then"
                )
        elif (has_values or parameter._deferred_init) and parameter.list_ctx() != devices:
            raise ArgumentError(
                f"`optimizer` is a trainer on {devices}, but {path} is on {parameter.list_ctx()}; "
                "make the trainer anew"
            )

    def _check_state(self, index: int, path: str, entry: Entry | None) -> None:
        """Check that shapes and data types of the state are the same with the trainer's options."""
        parameter = self._trainer._params[index]
        if parameter.grad_req == "null" and not self._saved[path]:
            return  # it has none, and need not be of a kind that the optimizer can train
        shape, dtype = (entry or parameter).shape, (entry or parameter).dtype
        weight = memory.empty(shape, dtype, mx.cpu(), np_mode=mx.util.is_np_array()).as_nd_ndarray()
        own = self._trainer._optimizer
        # The arrays of a state depend on options such as the momentum, so both sets of options are
        # tried.
        theirs = copy.copy(own)
        vars(theirs).update(self._record["numbers"])
        expected = _layout(own, index, weight)
        saved = [(entry.shape, entry.dtype) for entry in self._saved[path]]
        if saved not in ([], expected) or _layout(theirs, index, weight) != expected:
            raise CheckpointError(
                f"{self._path} has another optimizer state for {path} than this trainer; give "
                "the same optimizer with the same options"
            )

    def restore(self) -> None:
        """Load everything into the trainer, once the network has values."""
        trainer = self._trainer
        # Only then is it decided who updates, and so which updater has the states.
        if not trainer._kv_initialized:
            trainer._init_kvstore()
        indices = {path: index for index, path in self._paths.items()}
        restore_optimizer(trainer._optimizer, self._record, indices)
        for device, updater in enumerate(_updaters(trainer)):
            for index, path in self._paths.items():
                self._restore_state(updater, device, index, self._saved[path])

    def _restore_state(self, updater: Any, device: int, index: int, saved: Sequence[Array]) -> None:
        if not saved:  # it has never been updated, or has no state: the next step makes it
            updater.states.pop(index, None)
            return
        weight = self._trainer._params[index].list_data()[device].as_nd_ndarray()
        state = updater.optimizer.create_state_multi_precision(index, weight)
        for array, numbers in zip(leaves(state), saved, strict=True):
            memory.assign(array, numbers)
        # Not synced: at the next update MXNet moves the state to the weight's device.
        updater.states[index], updater.states_synced[index] = state, False


def _layout(optimizer: Any, index: int, weight: NDArray) -> list[tuple[tuple[int, ...], Any]]:
    """Return shapes and data types of the arrays that an optimizer keeps for a weight."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns when it makes the real ones
        state = optimizer.create_state_multi_precision(index, weight)
    return [(tuple(array.shape), numpy.dtype(array.dtype)) for array in leaves(state)]


def check_trainer(trainer: Any) -> None:
    """Refuse anything but a `gluon.Trainer`.

    Raises
    ------
    ArgumentTypeError
        When it is not one.
    """
    if not isinstance(trainer, gluon.Trainer):
        raise ArgumentTypeError(
            f"`optimizer` is {described(trainer)}; give the gluon.Trainer, which has "
            "the optimizer's state"
        )


def _updaters(trainer: Any) -> list[Any]:
    check_trainer(trainer)
    # The store has an updater of its own then, which holds the states.
    if trainer._kv_initialized and trainer._update_on_kvstore:
        return [trainer._kvstore._updater]
    # One for each device, with states of its own.
    return list(trainer._updaters)


def _paths(trainer: gluon.Trainer, net: gluon.Block) -> dict[int, str]:
    """Return the path of each parameter of a trainer, by the trainer's index."""
    paths = {id(parameter): slot.path for slot in slots_of(net) for parameter in slot.parameters}
    strange = [parameter.name for parameter in trainer._params if id(parameter) not in paths]
    if strange:
        raise ArgumentError(
            f"`optimizer` trains {strange[0]}, which is no parameter of `net`; give the trainer of "
            "this network"
        )
    return {index: paths[id(parameter)] for index, parameter in enumerate(trainer._params)}
