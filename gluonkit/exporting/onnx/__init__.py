"""ONNX: converters of MXNet's operators, the model that they make, and its file."""
