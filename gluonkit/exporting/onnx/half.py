"""A model in float16, made by ONNX Runtime's own converter."""

from __future__ import annotations

import warnings
from typing import Any

from gluonkit._base.optional import require


def halved(model: Any) -> Any:
    """Return a model whose weights and operators are of float16, and its inputs and outputs not.

    Operators that need float32, such as the suppression of boxes, keep it. Weights beyond float16
    become its largest number; the comparison of outputs shows whether that matters.
    """
    converter = require("onnxruntime.transformers.float16", extra="onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of numbers that float16 does not have
        model = converter.convert_float_to_float16(model, keep_io_types=True)
    sorter = require("onnxruntime.transformers.onnx_model", extra="onnx")
    sorter.OnnxModel(model).topological_sort()  # it puts its casts at the end
    return model
