"""gluonkit's own models: the networks of the tutorials. Importing this registers them."""

from gluonkit.models import lenet, mlp, nested

__all__ = ["lenet", "mlp", "nested"]
