"""A model in float16, made by ONNX Runtime's own converter."""

from __future__ import annotations

import warnings
from typing import Any

from gluonkit._base.checks import last_line
from gluonkit._base.optional import require
from gluonkit.errors import ExportError


def halved(model: Any) -> Any:
    """Return a model whose weights and operators are of float16, and its inputs and outputs not.

    Operators that need float32, such as the suppression of boxes, keep it. Weights beyond float16
    become its largest number; the comparison of outputs shows whether that matters.

    Raises
    ------
    ExportError
        For inputs or weights of float64, which the converter leaves as they are; when it fails.
    MissingPackageError
        When ONNX Runtime is not installed.
    """
    converter = require("onnxruntime.transformers.float16", extra="onnx")
    sorter = require("onnxruntime.transformers.onnx_model", extra="onnx")
    double = converter.TensorProto.DOUBLE
    dtypes = [given.type.tensor_type.elem_type for given in model.graph.input]
    if double in [*dtypes, *(tensor.data_type for tensor in model.graph.initializer)]:
        raise ExportError(
            '`net` has inputs or weights of float64, which dtype="float16" leaves as they are; '
            'export it in float32: net.cast("float32"), with inputs of float32'
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of numbers that float16 does not have
            model = converter.convert_float_to_float16(model, keep_io_types=True)
        sorter.OnnxModel(model).topological_sort()  # the converter puts its casts at the end
    except Exception as error:  # whatever it makes of a graph that it does not know
        why = last_line(error)
        raise ExportError(f"ONNX Runtime's conversion to float16 fails: {why}") from error
    return model
