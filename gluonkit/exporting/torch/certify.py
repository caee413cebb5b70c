"""The certificate's other side: PyTorch, in a process of its own.

`certificate` copies this file beside model.py and runs it there by the Python that has torch, where
neither gluonkit nor MXNet is. It reads numbers.npz and request.json, and writes a line of JSON for
each array that it has compared to the file that it is given. It only measures; what a difference
means is decided by `certificate`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy

MODEL, WEIGHTS = "model.py", "model.safetensors"
NUMBERS, REQUEST = "numbers.npz", "request.json"
STEPS = 10
"""Steps of SGD, on both sides."""


def main(job: str, answers: str) -> None:
    """Run a job, 'eager' or 'compiled', in the current folder."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with open(answers, "a", encoding="utf-8") as file:

        def tell(**answer: Any) -> None:
            file.write(json.dumps(answer) + "\n")
            file.flush()

        try:
            torch = importlib.import_module("torch")
            loading = importlib.import_module("safetensors.torch")
            tell(torch=torch.__version__)
        except ImportError as error:
            tell(missing=f"{error}")
            return
        _without_dropout(torch)
        _Measuring(torch, loading, tell).run(job)


def _end_with_parent() -> None:
    """End when the process that started this one closes the pipe, as it does when it dies."""
    while os.read(0, 1):  # a buffered reader would be locked when the interpreter ends
        pass
    os._exit(1)


def _without_dropout(torch: Any) -> None:
    """Make every dropout the identity, as it is on MXNet's side: both draw other numbers."""
    for name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"):
        setattr(torch.nn.functional, name, lambda array, *_, **__: array)
    torch.dropout = lambda array, *_, **__: array


class _Measuring:
    """Compares the written model with MXNet's numbers."""

    def __init__(self, torch: Any, loading: Any, tell: Callable[..., None]) -> None:
        self._torch, self._tell = torch, tell
        self._numbers = numpy.load(NUMBERS)
        self._request = json.loads(Path(REQUEST).read_text(encoding="utf-8"))
        self._weights = loading.load_file(WEIGHTS)
        self._wide = self._request["wide"]  # whether MXNet's numbers are of float64

    def run(self, job: str) -> None:
        """Measure; a failure of the model or of torch is an answer too."""
        compiled = job == "compiled"
        steps: list[tuple[str, Callable[[], None]]] = [("load", self._load)]
        end = ", compiled" if compiled else ""
        for wide in (True, False) if self._wide and not compiled else (False,):
            what = f"outputs, float64{end}" if wide else f"outputs{end}"
            steps.append((what, partial(self._outputs, what, wide, compiled)))
        if self._request["train"]:
            steps.append((f"gradients{end}", partial(self._train, end, compiled)))
        for what, step in steps:
            try:
                step()
            except Exception as error:  # the model's code, or torch's compiler
                self._tell(check=what, failed=_reason(error))
                if what == "load":
                    return

    def _load(self) -> None:
        self._model(wide=False)

    def _model(self, wide: bool) -> Any:
        """Return the model as its user makes it; with `wide`, its twin of float64."""
        name = MODEL
        if wide:
            name = f"wide_{MODEL}"
            Path(name).write_text(_widened(Path(MODEL).read_text("utf-8")), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), name)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        model = module.Model()
        model.load_state_dict(self._weights)
        for part in model.modules():
            if isinstance(getattr(part, "dropout", None), float):  # of recurrent layers
                part.dropout = 0.0
        return model.double() if wide else model

    def _arrays(self, start: str, wide: bool) -> list[Any]:
        """Return the arrays whose names begin so, as tensors."""
        tensors = []
        for place in range(self._request["inputs"]):
            array = self._numbers[f"{start}/{place}"]
            if wide and array.dtype.kind == "f":
                array = array.astype("float64")
            tensors.append(self._torch.from_numpy(array))
        return tensors

    def _compiled(self, model: Any, compiled: bool) -> Any:
        return self._torch.compile(model) if compiled else model

    def _outputs(self, what: str, wide: bool, compiled: bool) -> None:
        model = self._compiled(self._model(wide).eval(), compiled)
        for batch, text in enumerate(self._request["batches"]):
            if compiled and batch not in (0, self._request["most"]):
                continue  # every other size is compiled anew
            with self._torch.no_grad():
                outputs = list(_leaves(model(*self._arrays(f"inputs{batch}", wide))))
            expected = [
                self._numbers[f"{'exact' if self._wide else 'own'}{batch}/{place}"]
                for place in range(self._request["outputs"])
            ]
            if len(outputs) != len(expected):
                raise ValueError(f"it gives {len(outputs)} outputs, the network {len(expected)}")
            for place, (output, exact) in enumerate(zip(outputs, expected, strict=True)):
                array = _array(output)
                own = self._request["dtypes"][place]
                if not wide and array.dtype.name != own:
                    raise TypeError(f"output {place} is {array.dtype}, the network's is {own}")
                self._compare(what, f"output {place} for {text}", exact, array, key=(batch, place))

    def _train(self, end: str, compiled: bool) -> None:
        """Compare the gradients; eager, also statistics, and parameters after steps of SGD."""
        model = self._model(self._wide).train()
        named = dict(model.named_parameters(remove_duplicate=False))
        trained = {key: tensor for key, tensor in named.items() if tensor.requires_grad}
        if not compiled:
            wanted = set(self._request["trained"])
            missing, extra = sorted(wanted - set(trained)), sorted(set(trained) - wanted)
            self._tell(check="trained parameters", missing=missing, extra=extra, count=len(wanted))
            for part in model.modules():
                _keep_biased(self._torch, part)
        inputs, heads = self._arrays("training", self._wide), self._heads()
        self._backward(self._compiled(model, compiled), inputs, heads)
        for key, tensor in trained.items():
            if (name := f"gradient/{key}") in self._numbers:
                gradient = tensor.new_zeros(tensor.shape) if tensor.grad is None else tensor.grad
                self._compare(f"gradients{end}", key, self._numbers[name], _array(gradient))
        if not compiled:
            self._statistics(model, "statistics after a step", "statistic")
            self._descend(inputs, heads)

    def _descend(self, inputs: list[Any], heads: list[Any]) -> None:
        """Compare what steps of SGD make of the parameters, and of the statistics."""
        model = self._model(self._wide).train()
        for part in model.modules():
            _keep_biased(self._torch, part)
        named = dict(model.named_parameters(remove_duplicate=False))
        before = {key: _array(tensor).copy() for key, tensor in named.items()}
        learned = [tensor for tensor in model.parameters() if tensor.requires_grad]
        optimizer = self._torch.optim.SGD(learned, lr=self._request["lr"])
        for _ in range(STEPS):
            optimizer.zero_grad()
            self._backward(model, inputs, heads)
            optimizer.step()
        for key, tensor in named.items():
            if (name := f"moved/{key}") in self._numbers:
                moved = _array(tensor).astype("float64") - before[key]
                self._compare("parameters after SGD", key, self._numbers[name], moved)
        self._statistics(model, "statistics after SGD", "last")

    def _heads(self) -> list[Any]:
        """Return the weights of the sum of outputs; None for outputs of whole numbers."""
        names = [f"head/{place}" for place in range(self._request["outputs"])]
        return [
            self._torch.from_numpy(self._numbers[name]) if name in self._numbers else None
            for name in names
        ]

    def _backward(self, model: Any, inputs: list[Any], heads: list[Any]) -> None:
        loss = sum(
            (output * head.to(output.dtype)).sum()
            for output, head in zip(_leaves(model(*inputs)), heads, strict=True)
            if head is not None and output.requires_grad
        )
        if not isinstance(loss, self._torch.Tensor):
            raise ValueError("no output depends on a parameter that is trained")
        loss.backward()

    def _statistics(self, model: Any, what: str, start: str) -> None:
        for key, tensor in model.named_buffers(remove_duplicate=False):
            if (name := f"{start}/{key}") in self._numbers:
                self._compare(what, key, self._numbers[name], _array(tensor))

    def _compare(self, what: str, where: str, expected: Any, got: Any, **more: Any) -> None:
        if expected.shape != got.shape:
            raise ValueError(f"{where} has the shape {got.shape}, the network's {expected.shape}")
        difference = _gap(expected.astype("float64"), got.astype("float64"))
        self._tell(check=what, where=where, difference=difference, **more)


def _gap(left: Any, right: Any) -> float:
    """Return the largest difference; NaN equals NaN, and infinities of one sign are equal."""
    other = ~((left == right) | (numpy.isnan(left) & numpy.isnan(right)))
    with numpy.errstate(invalid="ignore"):
        differences = numpy.abs(left[other] - right[other])
    return float(numpy.nan_to_num(differences, nan=numpy.inf).max(initial=0.0))


def _keep_biased(torch: Any, layer: Any) -> None:
    """Have a batch norm keep the variance of the batch, as MXNet does.

    PyTorch multiplies the variance that it adds to the running one with n / (n - 1), of n numbers
    in a channel. That is taken out again, and nothing else.
    """
    batch_norm = torch.nn.modules.batchnorm._BatchNorm
    if not isinstance(layer, batch_norm) or layer.running_var is None:
        return
    old: list[Any] = []

    def before(_: Any, inputs: Any) -> None:
        old[:] = [layer.running_var.clone()]

    def after(_: Any, inputs: Any, output: Any) -> None:
        if layer.training and layer.momentum is not None:
            count = inputs[0].numel() // inputs[0].shape[1]
            added = layer.running_var - (1 - layer.momentum) * old[0]
            layer.running_var.data.sub_(added / count)  # unseen by autograd, which keeps it

    layer.register_forward_pre_hook(before)
    layer.register_forward_hook(after)


def _widened(source: str) -> str:
    """Return the source with float64 wherever it names a narrower type."""
    source = re.sub(r"\btorch\.(float32|float16|float|half)\b", "torch.float64", source)
    return re.sub(r"\.(float|half)\(\)", ".double()", source)


def _leaves(nested: Any) -> Iterator[Any]:
    if isinstance(nested, (list, tuple, Mapping)):
        for part in nested.values() if isinstance(nested, Mapping) else nested:
            yield from _leaves(part)
    else:
        yield nested


def _array(tensor: Any) -> Any:
    return tensor.detach().numpy()


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:500]


if __name__ == "__main__":
    main(*sys.argv[1:])
