"""Making a trained network one's own: another head, or its features."""

from gluonkit.models.finetuning.inner import features
from gluonkit.models.finetuning.replace import replace_head

__all__ = ["features", "replace_head"]
