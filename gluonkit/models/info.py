"""What is known of a model before it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

import numpy

from gluonkit._base import tables
from gluonkit._base.kinds import Array
from gluonkit._base.tables import Facts, Shown
from gluonkit.models.preprocess import Preprocess
from gluonkit.models.published import Published

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class ModelInput(Shown):
    """One input of a model, by example.

    Attributes
    ----------
    shape : tuple of int
        Shape of the example, such as ``(1, 3, 224, 224)``.
    dtype : str
        Its data type.
    name : str
        What it is: 'data', 'ids', 'lengths'.
    low, high : float
        Example values are drawn from ``[low, high)`` and cast to `dtype`: [0, 1) for images, the
        size of the vocabulary as `high` for words.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    name: str = "data"
    low: float = 0
    high: float = 1

    def __str__(self) -> str:
        name = "" if self.name == "data" else f"{self.name} "
        return f"{name}{tables.shape(self.shape)} {self.dtype}"

    def draw(self, random: numpy.random.Generator) -> Array:
        """Draw an array of example values.

        Parameters
        ----------
        random : numpy.random.Generator
            The source of random numbers.

        Returns
        -------
        numpy.ndarray
            An array of this shape and data type.
        """
        return random.uniform(self.low, self.high, self.shape).astype(self.dtype)


@dataclass(frozen=True, repr=False)
class ModelInfo(Facts):
    """What is known of a model before it is built.

    Attributes
    ----------
    name : str
        The name that `create_model` takes, with its zoo's prefix if it has one.
    source : str
        'gluonkit', 'user' or the zoo's name.
    summary : str
        One line that says what the network is.
    inputs : tuple of ModelInput
        Its inputs by example, batch axis first unless the summary says otherwise.
    task : str
        What it is for: 'classification', 'detection', 'language model'; '' if unknown.
    classes : int or None
        Default number of classes; None for a model without classes.
    hybridizable : bool
        Whether `hybridize()` compiles the network as a whole.
    options : mapping
        Each keyword option of `create_model` for this model, with its default.
    downloads : tuple of Published
        The files that the zoo publishes for it: pretrained weights, vocabularies.
    preprocess : Preprocess or None
        The preprocessing of images that the pretrained network expects; None where it is not
        known, or the network takes no images.
    problem : str
        Why it cannot be built or run; '' if it can.
    reference : str
        Where the network comes from: a paper, a tutorial.
    aliases : tuple of str
        Other names under which the model is known.
    builder : callable
        Builds the network from its options.
    """

    name: str
    source: str
    summary: str
    inputs: tuple[ModelInput, ...]
    task: str = ""
    classes: int | None = None
    hybridizable: bool = True
    # By a factory: before Python 3.12 a mapping proxy has no hash, and dataclasses refuse such a
    # default.
    options: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    downloads: tuple[Published, ...] = ()
    preprocess: Preprocess | None = None
    problem: str = ""
    reference: str = ""
    aliases: tuple[str, ...] = ()
    builder: Callable[..., Any] = field(repr=False, compare=False, kw_only=True)

    @property
    def published(self) -> Mapping[str, str]:
        """The pretrained weights that the zoo publishes: file names with their SHA-1."""
        return {file.file: file.sha1 for file in self.downloads if file.has_weights}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the first, often only, input."""
        return self.inputs[0].shape

    @property
    def dtype(self) -> str:
        """The data type of the first input."""
        return self.inputs[0].dtype

    @property
    def specs(self) -> tuple[tuple[tuple[int, ...], str], ...]:
        """Shape and data type of each input, as `summary` and `export` take them."""
        return tuple((example.shape, example.dtype) for example in self.inputs)

    def facts(self) -> dict[str, str]:
        """Return everything known of it, as text."""
        return {
            "name": self.name,
            "aliases": ", ".join(self.aliases),
            "source": self.source,
            "summary": self.summary,
            "task": self.task,
            "input": ", ".join(map(str, self.inputs)),
            "classes": "" if self.classes is None else str(self.classes),
            "hybridizes": "as a whole" if self.hybridizable else "in part or not at all",
            "options": ", ".join(f"{name}={value!r}" for name, value in self.options.items()),
            "pretrained": self._weights(),
            "preprocess": self._preprocess(),
            "problem": self.problem,
            "reference": self.reference,
        }

    def _weights(self) -> str:
        weights = ", ".join(f"{name} (SHA-1 {sha1})" for name, sha1 in self.published.items())
        if "pretrained" not in self.options:
            return ""
        return weights or "the zoo publishes no weights"

    def _preprocess(self) -> str:
        """Return the preprocessing in words; nothing for models that take no images."""
        steps = self.preprocess
        if steps is not None:
            return "; ".join(filter(None, (str(steps), steps.note, f"from {steps.source}")))
        of_pictures = len(self.input_shape) >= 4
        return "not known: the zoo does not say" if self.published and of_pictures else ""

    def example(self) -> tuple[Array, ...]:
        """Return random values for each input, the same in each call."""
        random = numpy.random.default_rng(0)  # leaves the streams of MXNet and NumPy alone
        return tuple(example.draw(random) for example in self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON (the builder left out)."""
        record = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del record["builder"]
        return record | {
            "inputs": [asdict(example) | {"shape": list(example.shape)} for example in self.inputs],
            "options": dict(self.options),
            "published": dict(self.published),
            "downloads": [asdict(file) for file in self.downloads],
            "preprocess": None if self.preprocess is None else self.preprocess.to_dict(),
            "aliases": list(self.aliases),
        }
