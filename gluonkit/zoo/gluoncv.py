"""GluonCV's zoo, `gluoncv.model_zoo`: classifiers, detectors, segmentation, pose, video, depth.

What the zoo holds is in gluoncv.json beside this file, so that it can be listed where GluonCV is
not installed; `python -m tests.zoo_records` reads it off the package, and a test compares them.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import Any

from mxnet import gluon

from gluonkit._base.optional import require
from gluonkit.errors import StateError
from gluonkit.models import ModelInfo
from gluonkit.models.published import Published
from gluonkit.tracing.tree import is_initialized
from gluonkit.zoo._gluoncv import FAMILIES, Family
from gluonkit.zoo._records import build

_RECORDS = Path(__file__).with_suffix(".json")


def models() -> Iterator[ModelInfo]:
    """Yield a record for every model of GluonCV's zoo."""
    families = [(re.compile(family.pattern), family) for family in FAMILIES]

    def family_of(name: str) -> tuple[re.Match[str], Family]:
        pairs = ((pattern.fullmatch(name), family) for pattern, family in families)
        # The first that fits: special patterns stand before general ones.
        return next((match, family) for match, family in pairs if match)

    for name, record in json.loads(_RECORDS.read_text()).items():
        match, family = family_of(name)
        if family.weights_only:  # its inputs are those of the network before quantization
            before = family_of(match[1])[1]
            family = replace(family, inputs=before.inputs, takes=before.takes)
        yield _info(name, record, family, match.groups())


def _info(
    name: str, record: Mapping[str, Any], family: Family, groups: tuple[str | Any, ...]
) -> ModelInfo:
    options = {"pretrained": False, "root": None} | record["options"]
    own_head = "classes" in record["options"]
    # GluonCV's builder cannot be told; the head is replaced afterwards.
    if record["classes"] is not None and not own_head and not family.weights_only:
        options = {"classes": None} | options
    published = [Published.weights(*entry) for entry in record["published"].items()]
    return ModelInfo(
        name=f"gluoncv/{name}",
        source="gluoncv",
        summary=family.summary.format(*groups),
        inputs=family.inputs,
        task=family.task,
        classes=record["classes"],
        hybridizable=family.hybridizable,
        options=MappingProxyType(options),
        downloads=tuple(published),
        preprocess=family.takes,
        problem=family.problem,
        reference=family.reference,
        builder=partial(_build, name, record, published, family),
    )


def _build(
    name: str,
    record: Mapping[str, Any],
    published: Sequence[Published],
    family: Family,
    **options: Any,
) -> Any:
    """Build a network by GluonCV; options that are None get GluonCV's defaults."""
    if family.weights_only and not options.get("pretrained"):
        raise StateError(f"gluoncv/{name} cannot be made so: {family.problem}")
    return build(
        partial(_made, name, record),
        own_head="classes" in record["options"],
        name=f"gluoncv/{name}",
        options=record["options"] | record["fixed"] | options,
        published=published,
        base=[Published.weights(*entry) for entry in record["base"].items()] or None,
        classes=record["classes"],
        home_first=True,
    )


def _made(name: str, record: Mapping[str, Any], **options: Any) -> Any:
    """Call GluonCV's builder, whose option for the number of classes may have another name."""
    if "classes" in options:
        classes = options.pop("classes")
        if isinstance(classes, int) and isinstance(record["options"]["classes"], list):
            classes = [str(number) for number in range(classes)]  # it requires names
        options[record["classes_as"]] = classes
    net = call(name, **{"pretrained": False} | options)
    # The user has not asked for values, and initializes by himself.
    if not options.get("pretrained") and not options.get("pretrained_base"):
        _forget_values(net)
    return net


def _forget_values(net: gluon.Block) -> None:
    """Reset a network to uninitialized, as GluonCV initializes some layers."""
    for parameter in net.collect_params().values():
        # A parameter has no method that takes its values away.
        parameter._data = parameter._grad = None
        parameter._deferred_init = ()


def call(name: str, **options: Any) -> Any:
    """Call GluonCV's own builder, without its output and warnings."""
    # GluonCV prints, and warns of deprecated functions that it uses itself.
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        zoo = require("gluoncv.model_zoo.model_zoo", extra="vision")
        # The builder itself, not by `get_model`, since some have to be changed before they are
        # called.
        builder = zoo._models[name]
        if ".actionrec_" in builder.__module__:
            builder = _without_base(builder, wanted=bool(options.get("pretrained_base")))
        return builder(**options)


def _without_base(builder: FunctionType, *, wanted: bool) -> Callable[..., Any]:
    """Return a builder of action recognition that loads a trained base only if that is wanted.

    GluonCV's own builders either always load it, or fail without it as they move parameters without
    values to a device. The function is the same, with another class of networks.
    """

    def lenient(kind: Callable[..., Any]) -> Callable[..., Any]:
        def make(*args: Any, **options: Any) -> Any:
            net = kind(*args, **{"pretrained_base": wanted} | options)
            # The builder calls `net.collect_params().reset_ctx(ctx)`, and gets a dictionary that
            # can do so.
            vars(net)["collect_params"] = partial(_Parameters.of, net)
            return net

        return make

    kinds = {
        name: lenient(kind)
        for name, kind in builder.__globals__.items()
        if name.startswith("ActionRec")
    }
    # The builder looks up its class in its module's globals, so a copy of it gets other globals.
    copy = FunctionType(builder.__code__, builder.__globals__ | kinds, None, builder.__defaults__)

    def whole(**options: Any) -> Any:
        net = copy(**options)
        # The network is the class's own again.
        del vars(net)["collect_params"]
        return net

    return whole


class _Parameters(gluon.ParameterDict):
    """A dictionary of parameters some of which may have no values yet."""

    @classmethod
    def of(cls, net: gluon.Block) -> _Parameters:
        copied = cls()
        copied.update(type(net).collect_params(net))
        return copied

    def reset_ctx(self, ctx: Any) -> None:
        for parameter in self.values():
            # `Parameter.reset_ctx` raises for one that is not initialized.
            if is_initialized(parameter):
                parameter.reset_ctx(ctx)
