"""MXNet made to run on this machine: what makes it importable, engine, memory, devices, seeds."""
