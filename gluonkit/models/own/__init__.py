"""gluonkit's own models: the networks of the tutorials. Importing this registers them."""

from gluonkit.models.own import lenet, mlp, nested

__all__ = ["lenet", "mlp", "nested"]
