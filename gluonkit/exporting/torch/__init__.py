"""PyTorch: the source of a network's classes, and its weights. Nothing here imports torch."""
