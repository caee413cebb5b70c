"""Writing networks for other tools: MXNet's symbol files, ONNX, and PyTorch."""

from gluonkit.exporting.onnx.file import ExportedOnnx, export_onnx
from gluonkit.exporting.symbol import ExportedSymbol, export
from gluonkit.exporting.torch.export import ExportedTorch, export_torch

__all__ = [
    "ExportedOnnx",
    "ExportedSymbol",
    "ExportedTorch",
    "export",
    "export_onnx",
    "export_torch",
]
