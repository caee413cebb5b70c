"""Files that the zoos publish."""

from __future__ import annotations

from dataclasses import dataclass

from gluonkit._base.tables import Shown

_WEIGHTS = "gluon/models/"


@dataclass(frozen=True)
class Published(Shown):
    """A file that a zoo publishes, in a ZIP archive.

    Attributes
    ----------
    file : str
        Its name, in the archive and in the folder.
    sha1 : str
        The SHA-1 of the file, not of the archive, in hexadecimal digits.
    address : str
        The archive's address, relative to a store's.
    """

    file: str
    sha1: str
    address: str

    @classmethod
    def weights(cls, name: str, sha1: str) -> Published:
        """Return the record of a zoo's pretrained weights."""
        stem = f"{name}-{sha1[:8]}"
        return cls(f"{stem}.params", sha1, f"{_WEIGHTS}{stem}.zip")

    @classmethod
    def vocabulary(cls, name: str, sha1: str, suffix: str = ".vocab") -> Published:
        """Return the record of one of GluonNLP's vocabularies."""
        stem = f"{name}-{sha1[:8]}"
        return cls(f"{stem}{suffix}", sha1, f"gluon/dataset/vocab/{stem}.zip")

    @property
    def has_weights(self) -> bool:
        """Whether these are weights, not a vocabulary."""
        return self.address.startswith(_WEIGHTS)
