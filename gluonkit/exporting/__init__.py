"""Writing networks for other tools: MXNet's symbol files, and ONNX."""

from gluonkit.exporting.onnx.file import ExportedOnnx, export_onnx
from gluonkit.exporting.symbol import ExportedSymbol, export

__all__ = ["ExportedOnnx", "ExportedSymbol", "export", "export_onnx"]
