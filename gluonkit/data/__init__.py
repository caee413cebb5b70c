"""Data for the networks. So far: the handwritten digits that scikit-learn carries."""

from gluonkit.data.digits import digits

__all__ = ["digits"]
