"""Files of arrays: safetensors, and MXNet's own. Nothing here knows networks, or runs MXNet.

Files are read by Python code that believes nothing: every length, offset, shape and name is
checked against the file before it is used.
"""
