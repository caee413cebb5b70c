"""What GluonCV's zoo holds, read off the installed package: `python -m tests.zoo_records`.

It writes gluonkit/zoo/gluoncv.json, which `list_models` reads where GluonCV is not installed, or
not yet imported. Nothing is downloaded: what asks for weights gets none, and is noted.
"""

import contextlib
import dis
import gc
import inspect
import json
import multiprocessing
import sys
import warnings
from functools import partial
from pathlib import Path

import gluonkit
from gluonkit.system.modes import legacy
from gluonkit.zoo import gluoncv

FILE = Path(gluonkit.__file__).parent / "zoo" / "gluoncv.json"
_OURS = {"pretrained", "pretrained_base", "root", "ctx", "params", "prefix", "tag", "self"}
_NEVER = {"use_kinetics_pretrain": False}  # another model's weights: those are for that model
_CLASSES = ("classes", "nclass", "num_classes")  # what the number of classes is called


def names():
    """Return the names of all that GluonCV's zoo has."""
    return sorted(_zoo()[0])


def record(name):
    """Return the record of one model."""
    builders, sums = _zoo()
    gc.collect()
    with _no_weights() as asked:
        return _record(name, builders[name], asked, sums)


def _zoo():
    """Return GluonCV's builders, and the SHA-1 of each of its weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from gluoncv.model_zoo import model_store, model_zoo
    return model_zoo._models, model_store._model_sha1


def _record(name, builder, asked, sums):
    call = partial(gluoncv.call, name)
    parameters = inspect.signature(builder).parameters
    fixed = {option: value for option, value in _NEVER.items() if option in parameters}
    if _needs_classes(builder):
        fixed["classes"] = ["object"]
    off = {"pretrained_base": False}
    if _made(call, **fixed, **off) is None:
        off = {}  # it does not know the option
    base = _asked(call, asked, sums, **fixed, **dict.fromkeys(off, True))
    if not base:
        off = {}  # it takes the option, and does nothing of the kind
    published = _asked(call, asked, sums, **fixed, **off, pretrained=True)
    net = _made(call, **fixed, **off)
    options = {} if net is None else _options(builder, call, net, fixed | off)
    number = next((_class for _class in _CLASSES if options.get(_class) is not None), "classes")
    if number in options:
        options = {"classes": options.pop(number)} | options
    if _needs_classes(builder):
        options = {"classes": fixed["classes"]} | {
            k: v for k, v in options.items() if k != "classes"
        }
    return {
        "options": options | off,
        "fixed": {option: fixed[option] for option in fixed if option in _NEVER},
        "classes_as": number,
        "classes": _classes(net, options),
        "published": published,
        "base": base if off else {},
    }


def _needs_classes(builder):
    parameter = inspect.signature(builder).parameters.get("classes")
    return parameter is not None and parameter.default is parameter.empty


def _asked(call, asked, sums, **options):
    """Return the files of weights that a builder asks for, with their SHA-1."""
    asked.clear()
    _made(call, **options)
    return {file: sums[file] for file in asked if file in sums}


def _made(call, **options):
    try:
        with legacy():
            return call(**{"pretrained": False} | options)
    except Exception:
        return None  # such as for an option that it does not have, or weights that it did not get


def _options(builder, call, net, given):
    """Return the options with their defaults: the builder's own, and what it hands on."""
    own = _defaults(builder)
    hidden = {}
    kinds = type(net).__mro__[: -len(gluonkit.gluon.HybridBlock.__mro__)]
    for kind in reversed(kinds) if _hands_on(builder) else ():
        hidden |= _defaults(kind.__init__)
    hidden = {option: value for option, value in hidden.items() if option not in own}
    while hidden:
        try:
            with legacy():
                call(**{"pretrained": False} | given | hidden)
            break
        except TypeError as error:  # of an option that the builder gives itself, say
            known = [option for option in hidden if f"'{option}'" in str(error)]
        except Exception:
            known = []
        known = known or [
            option for option in hidden if _made(call, **given, **{option: hidden[option]}) is None
        ]
        if not known:
            break
        hidden = {option: value for option, value in hidden.items() if option not in known}
    options = {
        option: value if _is_plain(value) else None for option, value in (own | hidden).items()
    }
    return {option: value for option, value in options.items() if option not in _NEVER}


def _hands_on(builder):
    """Return whether a builder does anything with its `**kwargs`."""
    instructions = dis.get_instructions(builder)
    return any(
        instruction.argval == "kwargs" and instruction.opname.startswith("LOAD")
        for instruction in instructions
    )


def _defaults(function):
    return {
        parameter.name: None if parameter.default is parameter.empty else parameter.default
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name not in _OURS
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        and (parameter.default is not parameter.empty or parameter.name == "classes")
    }


def _is_plain(value):
    try:
        return json.loads(json.dumps(value)) == value
    except TypeError:
        return False


def _classes(net, options):
    named = getattr(net, "classes", None)
    if isinstance(named, (list, tuple)):
        return len(named)
    numbers = (options.get("classes"), named, getattr(net, "nclass", None))
    counts = [number for number in numbers if isinstance(number, int)]
    return counts[0] if counts else None


@contextlib.contextmanager
def _no_weights():
    """Have all of GluonCV note what weights it asks for, and go on without them."""
    asked = []

    def note(name, *_, **__):
        asked.append(name)
        return "nowhere.params"

    def nothing(self, *_, **__):
        pass

    patches = [
        (module, "get_model_file", note)
        for key, module in list(sys.modules.items())
        if key.startswith("gluoncv.model_zoo") and hasattr(module, "get_model_file")
    ]
    gluon = gluonkit.gluon
    patches += [(gluon.Block, "load_parameters", nothing)]
    patches += [(gluon.ParameterDict, "reset_ctx", nothing)]
    before = [(place, name, getattr(place, name)) for place, name, _ in patches]
    for place, name, stand_in in patches:
        setattr(place, name, stand_in)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield asked
    finally:
        for place, name, value in before:
            setattr(place, name, value)


def main():
    """Write the file, a line for each model, by processes that are replaced: they keep memory."""
    lines = []
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=10) as pool:
        for name, entry in zip(names(), pool.imap(record, names()), strict=True):
            lines.append(f"  {json.dumps(name)}: {json.dumps(entry)}")
            print(name, flush=True)
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
