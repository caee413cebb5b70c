"""ONNX Runtime and OpenVINO, which read the ONNX file.

Both are called in the way that was the fastest of those in their documentations: inputs and outputs
bound to the session, or memory of the request's that stays where it is.
"""

from typing import Any

import numpy
from protocol import Loaded, Task, serve


def onnxruntime(task: Task) -> Loaded:
    """Return a session with all of its optimizations, which are its default."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = task.threads
    session = ort.InferenceSession(task.onnx(), options, providers=["CPUExecutionProvider"])
    (given,), (result,) = session.get_inputs(), session.get_outputs()
    binding = session.io_binding()
    binding.bind_output(result.name)

    def call(x: Any) -> Any:
        binding.bind_cpu_input(given.name, x)
        session.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()[0]

    return Loaded(call, ort.__version__)


def openvino(task: Task) -> Loaded:
    """Return a request of a model compiled for the least latency, in float32."""
    import openvino as ov

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": task.threads,
    }
    model = ov.Core().compile_model(task.onnx(), "CPU", settings)
    request = model.create_infer_request()
    place = numpy.empty(tuple(model.input().shape), task.arrays()["x"].dtype)
    request.set_input_tensor(ov.Tensor(place, shared_memory=True))

    def call(x: Any) -> Any:
        numpy.copyto(place, x)
        request.infer()
        return request.get_output_tensor().data.copy()

    return Loaded(call, ov.__version__)


def load(task: Task) -> Loaded:
    """Return the network in the runtime that the kind names."""
    return {"onnxruntime": onnxruntime, "openvino": openvino}[task.kind](task)


if __name__ == "__main__":
    serve(load)
