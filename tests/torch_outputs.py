"""What PyTorch computes of written models, a folder for each; run by a Python that has torch.

The folders are arguments, or else lines of the standard input.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy


def flat(outputs):
    """Return nested outputs as one list."""
    if isinstance(outputs, (list, tuple)):
        return [leaf for output in outputs for leaf in flat(output)]
    return [outputs.detach().numpy()]


def run(folder):
    """Write a model's outputs for each batch, and what its tensors are."""
    # Not at the top: pytest looks for doctests in this file too, beside MXNet.
    import safetensors.torch
    import torch

    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Model()
    model.load_state_dict(safetensors.torch.load_file(folder / "model.safetensors"))
    model.eval()
    for place in sorted(folder.glob("given*.npz")):
        arrays = numpy.load(place)
        outputs = flat(model(*(torch.from_numpy(arrays[name]) for name in arrays.files)))
        numpy.savez(place.with_name(place.name.replace("given", "computed")), *outputs)
    trained = [
        name
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if parameter.requires_grad
    ]
    facts = {"keys": list(model.state_dict()), "trained": trained}
    facts["own"] = len(list(model.parameters()))
    (folder / "facts.json").write_text(json.dumps(facts))


def tried(folder):
    """Run a folder's model, or write there how it fails."""
    try:
        run(folder)
    except Exception as error:
        (folder / "facts.json").write_text(json.dumps({"error": repr(error)}))


if __name__ == "__main__":
    for given in sys.argv[1:]:
        tried(Path(given))
    if not sys.argv[1:]:
        for line in sys.stdin:  # a folder each, answered when it is done
            tried(Path(line.rstrip("\n")))
            print("done", flush=True)
