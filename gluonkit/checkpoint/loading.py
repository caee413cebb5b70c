"""Loading a file into a network: everything is checked before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

import mxnet as mx
from mxnet import gluon

from gluonkit._base.arguments import checked
from gluonkit._base.checks import checked_path
from gluonkit._base.kinds import Array, Context, Contexts
from gluonkit.checkpoint.exported import (
    graph_beside,
    graph_wanted,
    is_exported,
    only_network,
    parameters_path,
)
from gluonkit.checkpoint.matching import Match, Pair, Skipped, match
from gluonkit.checkpoint.names import naming
from gluonkit.checkpoint.network import slots_of
from gluonkit.checkpoint.optimizer import TrainerState, check_trainer
from gluonkit.checkpoint.symbol import symbol_block
from gluonkit.errors import ArgumentError, CheckpointError
from gluonkit.files.archive import is_archive, unpacked
from gluonkit.files.contents import FLOATS, Contents, Entry, cast
from gluonkit.files.reading import read_arrays
from gluonkit.models import create_model, parse_model
from gluonkit.models.creating import ABOUT_VALUES
from gluonkit.system import memory
from gluonkit.system.devices import check_contexts
from gluonkit.tracing.tree import check_net, walk


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
    dtype: str | None = None,
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
    dtype: str | None = None,
) -> Loaded: ...
@checked
def load(
    path: str | os.PathLike[str],
    *,
    net: gluon.Block | None = None,
    ctx: Contexts = None,
    strict: bool = True,
    match: str = "auto",
    optimizer: gluon.Trainer | None = None,
    dtype: str | None = None,
) -> gluon.Block | Loaded:
    """Load a network, or load a file's values into one.

    Everything is checked first: the file, its checksums, and that all arrays fit. If the check
    fails, `net` and `optimizer` have not changed. No code from the file is run.

    Parameters
    ----------
    path : str or os.PathLike
        A file of `save` or `fit`, any other safetensors file, or one of MXNet's: by
        `save_parameters`, `export`, `collect_params().save`, `nd.save` or `npx.save`; or a tar
        archive with one network, such as SageMaker's ``model.tar.gz``.
    net : gluon.Block, optional
        The network, initialized or not, deferred or not. By default it is built by `create_model`,
        as the one that was saved was; for an exported network a `gluon.SymbolBlock`.
    ctx : Context or list of Context, optional
        Device, or list of devices; by default those of the network, or the current one.
    strict : bool, default True
        False to load what fits, and return what was skipped too.
    match : str, default 'auto'
        How names are matched to parameters: 'structure' (paths), 'prefix' (MXNet's names,
        ``dense0_weight``), 'order' (by position, with shapes checked); 'auto' chooses one of the
        first two.
    optimizer : gluon.Trainer, optional
        A `gluon.Trainer` of `net`, which gets the state that was saved.
    dtype : str, optional
        'float16', 'float32' or 'float64': the file's floats are converted to this data type first.
        None takes them as they are, and refuses them for a network of another data type.

    Returns
    -------
    gluon.Block or Loaded
        The network; with ``strict=False`` a pair ``(net, skipped)``.

    Raises
    ------
    CheckpointError
        When the file is missing, damaged, or does not fit; the message has all parameters that are
        missing, unexpected, of another shape or data type, or shared differently.
    ArgumentError, ArgumentTypeError
        For arguments that are not allowed.

    Notes
    -----
    When something does not fit, `gluon.Block.load_parameters` has overwritten some parameters
    already. Keras's `load_model` and `torch.load` build the network from classes that the file
    names; this builds only what `create_model` has built, or takes `net`.

    Examples
    --------
    >>> import tempfile
    >>> import gluonkit as gk
    >>> from gluonkit import nd
    >>> net = gk.create_model("lenet", init=True)
    >>> _ = net(nd.ones((1, 1, 28, 28)))
    >>> path = tempfile.mkdtemp() + "/lenet.params"
    >>> net.save_parameters(path)  # MXNet's own file
    >>> other = gk.load(path, net=gk.create_model("lenet"))
    >>> bool((other(nd.ones((1, 1, 28, 28))) == net(nd.ones((1, 1, 28, 28)))).asnumpy().all())
    True
    """
    place = checked_path("path", path)
    contexts = None if ctx is None else check_contexts(ctx)
    if net is not None:
        check_net(net)
    if optimizer is not None:
        check_trainer(optimizer)
    if net is None and optimizer is not None:
        raise ArgumentError("`optimizer` belongs to a network; give it too, as net=")
    how = _How(contexts, strict, match, optimizer, dtype)
    if not is_archive(place):
        loaded = _loaded(place, net, how)
    else:
        with unpacked(place) as archive:
            loaded = _loaded(only_network(archive.folder, place), net, how)
    return loaded.net if strict else loaded


class _How(NamedTuple):
    """How a file is loaded: the arguments of `load`, checked."""

    contexts: list[Context] | None
    strict: bool
    match: str
    optimizer: gluon.Trainer | None
    dtype: str | None


def _loaded(place: Path, net: gluon.Block | None, how: _How) -> Loaded:
    contexts, strict, match, optimizer, dtype = how
    contents = read_arrays(parameters_path(place))
    if dtype is not None:
        contents = cast(contents, dtype)
    if net is None and is_exported(place):
        net, contents = symbol_block(place, contents)
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
    return Loaded(net, matched.skipped)


def fitting(
    contents: Contents, net: gluon.Block, how: str, *, strict: bool, unused: bool = False
) -> Match:
    """Match a file to a network; with `strict`, all of both must match.

    With `unused`, parameters without values may be missing, as nothing calls their layers.

    Raises
    ------
    CheckpointError
        With everything that does not fit; always if nothing does.
    ArgumentError
        When parameters cannot be matched by their order.
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
        if dtype := _wanted(matched):
            hint += f"{' and' if hint else '.'} dtype={dtype!r} converts the file's numbers"
        head = f"{contents.path} does not fit the network, which is as it was{hint}:"
        raise CheckpointError("\n".join([head, *matched.problems]))
    return matched


def _wanted(matched: Match) -> str:
    """Return the data type with which parameters would fit that have another in the file."""
    other = set(matched.skipped.dtype)
    dtypes = {pair.slot.dtype.name for pair in matched.unfit if pair.slot.path in other}
    return dtypes.pop() if len(dtypes) == 1 and dtypes <= set(FLOATS) else ""


def rebuilt(contents: Contents) -> gluon.Block:
    """Build the network that a file describes, without values.

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
        graph = graph_beside(path)
        if graph is not None:
            how = f"the graph {graph.name} is beside it, load({str(graph)!r}) reads both"
        elif naming(contents) == "export":
            why = "has the parameters of an exported network, but no graph is beside it"
            how = f"load it with {graph_wanted(path)}, or give the network as net="
        elif str(its).endswith(".SymbolBlock"):
            how = "load its -symbol.json, and give that as net="
        raise CheckpointError(f"{path} {why}; {how}")
    try:
        name, options = parse_model(record["model"])
        # A file from anywhere must not have others opened, or downloaded.
        if about := [option for option in ABOUT_VALUES if option in options]:
            raise ArgumentError(f"`{about[0]}` stands in no file that gluonkit has written")
        net: gluon.Block = create_model(name, **options)
    except ArgumentError as error:
        raise CheckpointError(
            f"{path} has the network {record['model']}, which cannot be made here: {error}. "
            "Register it, or make it in Python and give it as net="
        ) from error
    _cast_like(net, contents)
    return net


def _check_whole(contents: Contents, net: gluon.Block) -> None:
    """Check that a rebuilt network has exactly the file's parameters."""
    paths = {slot.path for slot in slots_of(net)}
    if paths != set(contents.parameters):
        odd = sorted(paths.symmetric_difference(contents.parameters))
        raise CheckpointError(
            f"{contents.path} has other parameters ({odd[0]}, for one) than "
            f"{contents.record['model']} has: the network was changed after create_model made it. "
            "Make it so in Python, and give it as net="
        )


def _move(net: gluon.Block, contexts: list[Context]) -> None:
    """Move parameters with values that the file does not have to the same devices."""
    for slot in slots_of(net):
        for parameter in slot.parameters:
            if parameter._data is not None and parameter.list_ctx() != contexts:
                parameter.reset_ctx(contexts)


def _cast_like(net: gluon.Block, contents: Contents) -> None:
    """Cast a new network to the file's data type, and each array to its own."""
    dtypes = {contents.entries[name].dtype.name for name in contents.parameters}
    for dtype in ("float16", "float64"):
        if dtype in dtypes:
            net.cast(dtype)
    for slot in slots_of(net):
        entry = contents.entries.get(slot.path)
        if entry is not None:
            slot.parameter.dtype = entry.dtype.name


def _coming(contents: Contents, pairs: Sequence[Pair]) -> dict[int, Entry]:
    """Return the file's array for each parameter, by the parameter's id."""
    return {
        id(parameter): contents.entries[contents.tied.get(pair.names[0], pair.names[0])]
        for pair in pairs
        for parameter in pair.slot.parameters
    }


def put(contents: Contents, pairs: Sequence[Pair], contexts: list[Context] | None) -> None:
    """Load the values into the parameters."""
    jobs: list[tuple[Any, Array]] = []
    for pair in pairs:
        array = contents.array(contents.tied.get(pair.names[0], pair.names[0]))
        for parameter in pair.slot.parameters:
            jobs += [(target, array) for target in _targets(parameter, array, contexts)]
            if isinstance(parameter, gluon.Constant):
                jobs.append((_own_value(parameter), array))
    memory.assign_at_once(jobs)


def _own_value(parameter: gluon.Constant) -> Any:
    """Return the constant's own value, which initializing it again gives."""
    # The initializer copies the array with which the constant was created, which is the user's.
    own = gluon.Constant(parameter.name, parameter.value.copy())
    parameter.value, parameter.init = own.value, own.init
    return parameter.value


def _targets(parameter: gluon.Parameter, array: Array, contexts: list[Context] | None) -> list[Any]:
    """Return a parameter's arrays to write to; create them if needed."""
    if parameter._data is None:
        deferred = parameter._deferred_init
        where = contexts or (deferred[1] if deferred else [mx.current_context()])
        # Otherwise `_load_init` would insist on the devices of the deferred initialization.
        parameter._deferred_init = ()
        value = memory.empty(array.shape, array.dtype, mx.cpu(), np_mode=mx.util.is_np_array())
        parameter._load_init(value, where)
        if parameter._shape is None:  # MXNet leaves the shape of an imported parameter unknown
            parameter._shape = tuple(array.shape)
    elif contexts is not None and parameter.list_ctx() != contexts:
        parameter.reset_ctx(contexts)
    trainer = parameter._trainer
    if trainer is not None and trainer._kv_initialized and trainer._update_on_kvstore:
        trainer._reset_kvstore()  # it has a copy of the weights, as `set_data` knows
    return list(parameter._data)


@contextmanager
def _as_it_was(parameters: Sequence[gluon.Parameter]) -> Iterator[None]:
    """Reset parameters that had no values, if the context fails."""
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
