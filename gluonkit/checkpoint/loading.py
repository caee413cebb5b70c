"""Loading a file into a network: everything is checked before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, overload

import mxnet as mx
from mxnet import gluon

from gluonkit._base.kinds import Array, Context, Contexts
from gluonkit.checkpoint.matching import Match, Pair, Skipped, match
from gluonkit.checkpoint.network import slots_of
from gluonkit.checkpoint.optimizer import TrainerState, check_trainer
from gluonkit.checkpoint.symbol import is_exported, parameters_path, symbol_block
from gluonkit.errors import ArgumentError, CheckpointError
from gluonkit.files.contents import Contents, Entry
from gluonkit.files.reading import checked_path, read_arrays
from gluonkit.models import create_model, parse_model
from gluonkit.system import memory
from gluonkit.system.devices import check_contexts
from gluonkit.tracing.tree import walk


class Loaded(NamedTuple):
    """What ``load(..., strict=False)`` returns: the network, and what was skipped.

    Attributes
    ----------
    net : gluon.Block
        The network.
    skipped : Skipped
        Names of what the file and the network do not share.
    """

    net: gluon.Block
    skipped: Skipped


@overload
def load(
    path: str | os.PathLike[str],
    *,
    net: gluon.Block | None = None,
    ctx: Contexts = None,
    strict: Literal[True] = True,
    match: str = "auto",
    optimizer: gluon.Trainer | None = None,
) -> gluon.Block: ...
@overload
def load(
    path: str | os.PathLike[str],
    *,
    net: gluon.Block | None = None,
    ctx: Contexts = None,
    strict: Literal[False],
    match: str = "auto",
    optimizer: gluon.Trainer | None = None,
) -> Loaded: ...
def load(
    path: str | os.PathLike[str],
    *,
    net: gluon.Block | None = None,
    ctx: Contexts = None,
    strict: bool = True,
    match: str = "auto",
    optimizer: gluon.Trainer | None = None,
) -> gluon.Block | Loaded:
    """Load a network, or put a file's values into one.

    Everything is checked first: the file, its checksums, and that all of it fits. If it does not,
    `net` and `optimizer` are bit for bit what they were. No code from the file is run.

    Parameters
    ----------
    path : str or os.PathLike
        A file that `save` or `fit` wrote, any other safetensors file, or MXNet's: of
        `save_parameters`, `export`, `collect_params().save`, `nd.save` or `npx.save`.
    net : gluon.Block, optional
        The network, initialized or not, deferred or not. None makes it anew, as `create_model` made
        the one that was saved; for an exported network a `gluon.SymbolBlock`.
    ctx : Context or list of Context, optional
        Device, or list of devices; None leaves the network where it is, or takes the current one.
    strict : bool, default True
        False loads what fits, and returns what was skipped, too.
    match : str, default 'auto'
        How names become paths: 'structure', 'prefix' (MXNet's names, ``dense0_weight``), 'order'
        (by position, shapes checked); 'auto' finds out which of the first two.
    optimizer : gluon.Trainer, optional
        A `gluon.Trainer` of `net`, to be given the state that was saved.

    Returns
    -------
    gluon.Block or Loaded
        The network; with ``strict=False`` a pair ``(net, skipped)``.

    Raises
    ------
    CheckpointError
        When the file is missing, damaged, or does not fit; naming the file, and all that is
        missing, unexpected, of another shape, of another dtype, or shared otherwise.
    ArgumentError, ArgumentTypeError
        For arguments that are not as above.

    Notes
    -----
    When something does not fit, `gluon.Block.load_parameters` has overwritten some parameters
    already. Keras's `load_model` and `torch.load` build the network from classes that the file
    names; this builds only what `create_model` has built, or takes `net`.

    Examples
    --------
    >>> import tempfile
    >>> from gluonkit import create_model, load
    >>> from gluonkit import nd
    >>> net = create_model("lenet", init=True)
    >>> _ = net(nd.ones((1, 1, 28, 28)))
    >>> path = tempfile.mkdtemp() + "/lenet.params"
    >>> net.save_parameters(path)  # MXNet's own file
    >>> other = load(path, net=create_model("lenet"))
    >>> bool((other(nd.ones((1, 1, 28, 28))) == net(nd.ones((1, 1, 28, 28)))).asnumpy().all())
    True
    """
    place = checked_path("path", path)
    contexts = None if ctx is None else check_contexts(ctx)
    if optimizer is not None:
        check_trainer(optimizer)
    if net is None and optimizer is not None:
        raise ArgumentError("`optimizer` belongs to a network; give it too, as net=")
    if net is None and is_exported(place):
        net, contents = symbol_block(place)
    else:
        contents = read_arrays(parameters_path(place))
    if net is None:
        net = rebuilt(contents)
        _check_whole(contents, net)
    matched = fitting(contents, net, match, strict=strict)
    state = None
    if optimizer is not None:
        state = TrainerState(contents, optimizer, net, _coming(contents, matched.pairs), contexts)
    with _as_it_was([pair.slot.parameter for pair in matched.pairs]):
        put(contents, matched.pairs, contexts)
        if state is not None:
            state.restore()
    if contexts is not None:
        _move(net, contexts)
    return net if strict else Loaded(net, matched.skipped)


def fitting(
    contents: Contents, net: gluon.Block, how: str, *, strict: bool, unused: bool = False
) -> Match:
    """Return what of a file fits a network; if it is to be strict, all of it, and nothing else.

    With `unused`, parameters may be missing that have no values, for nothing calls their layers.

    Raises
    ------
    CheckpointError
        Telling everything that does not fit; always when nothing does.
    ArgumentError
        Where parameters cannot be told apart by their order.
    """
    exported = any(isinstance(block, gluon.SymbolBlock) for _, block in walk(net))
    if how == "order" and exported and not contents.named:
        raise ArgumentError(
            f"`match` is 'order', but {contents.path} has no names, and an exported network has "
            "its parameters in an order of its own, weights before statistics; load the list into "
            "the network that was exported"
        )
    slots = slots_of(net)
    if unused:
        slots = [
            slot
            for slot in slots
            if slot.parameter._data is not None or slot.path in contents.entries
        ]
    matched = match(contents, slots, how)
    if matched.problems and (strict or not matched.pairs):
        hint = "" if not matched.pairs else ". strict=False loads what fits"
        head = f"{contents.path} does not fit the network, which is as it was{hint}:"
        raise CheckpointError("\n".join([head, *matched.problems]))
    return matched


def rebuilt(contents: Contents) -> gluon.Block:
    """Return the network that a file tells of, made anew, without values.

    Raises
    ------
    CheckpointError
        When the file does not say how, or `create_model` cannot.
    """
    path, record = contents.path, contents.record
    if not record.get("model"):
        its = record.get("class")
        why = "does not say which network its weights are of"
        if its:
            why = (
                f"has the weights of a network of the class {its}, and does not say how it is made"
            )
        how = "make the network in Python and give it as net="
        if str(its).endswith(".SymbolBlock"):
            how = "load its -symbol.json, and give that as net="
        raise CheckpointError(f"{path} {why}; {how}")
    try:
        name, options = parse_model(record["model"])
        net: gluon.Block = create_model(name, **options)
    except ArgumentError as error:
        raise CheckpointError(
            f"{path} has the network {record['model']}, which cannot be made here: {error}. "
            "Register it, or make it in Python and give it as net="
        ) from error
    _cast_like(net, contents)
    return net


def _check_whole(contents: Contents, net: gluon.Block) -> None:
    """Refuse a network made anew that has not the file's parameters, all of them and no others."""
    paths = {slot.path for slot in slots_of(net)}
    if paths != set(contents.parameters):
        odd = sorted(paths.symmetric_difference(contents.parameters))
        raise CheckpointError(
            f"{contents.path} has other parameters ({odd[0]}, for one) than "
            f"{contents.record['model']} has: the network was changed after create_model made it. "
            "Make it so in Python, and give it as net="
        )


def _move(net: gluon.Block, contexts: list[Context]) -> None:
    """Have parameters that the file does not have, but have values, on the same devices."""
    for slot in slots_of(net):
        for parameter in slot.parameters:
            if parameter._data is not None and parameter.list_ctx() != contexts:
                parameter.reset_ctx(contexts)


def _cast_like(net: gluon.Block, contents: Contents) -> None:
    """Have a new network compute in the file's data type, and keep each array in its own."""
    dtypes = {contents.entries[name].dtype.name for name in contents.parameters}
    for dtype in ("float16", "float64"):
        if dtype in dtypes:
            net.cast(dtype)
    for slot in slots_of(net):
        entry = contents.entries.get(slot.path)
        if entry is not None:
            slot.parameter.dtype = entry.dtype.name


def _coming(contents: Contents, pairs: Sequence[Pair]) -> dict[int, Entry]:
    """Return which of a file's arrays each parameter, by its id, is to be given."""
    return {
        id(parameter): contents.entries[contents.tied.get(pair.names[0], pair.names[0])]
        for pair in pairs
        for parameter in pair.slot.parameters
    }


def put(contents: Contents, pairs: Sequence[Pair], contexts: list[Context] | None) -> None:
    """Give parameters the values that fit them."""
    jobs: list[tuple[Any, Array]] = []
    for pair in pairs:
        array = contents.array(contents.tied.get(pair.names[0], pair.names[0]))
        for parameter in pair.slot.parameters:
            jobs += [(target, array) for target in _targets(parameter, array, contexts)]
            if isinstance(parameter, gluon.Constant):
                jobs.append((_own_value(parameter), array))
    memory.assign_at_once(jobs)


def _own_value(parameter: gluon.Constant) -> Any:
    """Return a constant's value, which initializing it anew gives; until now it was the user's."""
    own = gluon.Constant(parameter.name, parameter.value.copy())
    parameter.value, parameter.init = own.value, own.init
    return parameter.value


def _targets(parameter: gluon.Parameter, array: Array, contexts: list[Context] | None) -> list[Any]:
    """Return the arrays to be filled, made if there are none yet."""
    if parameter._data is None:
        deferred = parameter._deferred_init
        where = contexts or (deferred[1] if deferred else [mx.current_context()])
        parameter._deferred_init = ()
        value = memory.empty(array.shape, array.dtype, mx.cpu(), np_mode=mx.util.is_np_array())
        parameter._load_init(value, where)
        if parameter._shape is None:  # MXNet leaves an exported network's open
            parameter._shape = tuple(array.shape)
    elif contexts is not None and parameter.list_ctx() != contexts:
        parameter.reset_ctx(contexts)
    trainer = parameter._trainer
    if trainer is not None and trainer._kv_initialized and trainer._update_on_kvstore:
        trainer._reset_kvstore()  # it has a copy of the weights, as `set_data` knows
    return list(parameter._data)


@contextmanager
def _as_it_was(parameters: Sequence[gluon.Parameter]) -> Iterator[None]:
    """Take values back from parameters that had none, if the context fails."""
    before = [
        (parameter, dict(vars(parameter))) for parameter in parameters if parameter._data is None
    ]
    try:
        yield
    except BaseException:
        for parameter, state in before:
            vars(parameter).clear()
            vars(parameter).update(state)
        raise
