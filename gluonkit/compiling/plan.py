"""How a compiled network is run: the plan, its name, and the plans that there are to try."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from gluonkit._base.checks import described, is_number, unknown_name
from gluonkit._base.tables import Shown
from gluonkit.compiling.engines import MXNET, OTHERS
from gluonkit.errors import ArgumentError, ArgumentTypeError

RUNNERS = ("executor", "cached op", *OTHERS)
# A vector has 8 numbers of float32 with AVX2, 16 with AVX-512.
CHANNELS = (0, 8, 16)
# The entries that a name gives as "channels of 8".
_OF = ("channels", "slices")


@dataclass(frozen=True)
class Plan(Shown):
    """How a compiled network is run.

    Attributes
    ----------
    runner : str
        "executor", a graph bound to its arrays for good; "cached op", which is what
        `hybridize(static_alloc=True, static_shape=True)` makes; or another engine than MXNet's:
        "onnxruntime", "openvino".
    fused : bool
        Whether oneDNN fuses operators, such as a convolution with its batch normalization and relu.
    channels : int
        Convolutions are padded with zero weights to a multiple of this number of channels, for
        which oneDNN has faster code; 0 for no padding.
    columns : bool
        Whether dense layers over large batches are run as convolutions, which use threads better.
    slices : int
        Number of samples that are run at a time, to fit into caches; 0 for the whole batch.
    int8 : bool
        Whether weights and activations are 8-bit integers, which loses accuracy.
    threads : int or None
        Threads, which can be chosen per call under the naive engine, and always for other engines
        than MXNet's; None for the process's setting.
    """

    runner: str = "executor"
    fused: bool = False
    channels: int = 0
    columns: bool = False
    slices: int = 0
    int8: bool = False
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.runner not in RUNNERS:
            raise ArgumentError(f"`runner` is {self.runner!r}; give one of: {', '.join(RUNNERS)}")
        if self.channels not in CHANNELS:
            raise ArgumentError(f"`channels` is {self.channels!r}; give one of: 0, 8, 16")
        # By `type`, as True and False are instances of int.
        if type(self.slices) is not int or self.slices < 0:
            raise ArgumentError(f"`slices` is {self.slices!r}; give a whole number, 0 for none")
        # MXNet's quantization fuses and lays out by itself, as do other engines, and a cached op is
        # what Gluon makes.
        changed = self.fused or self.channels or self.columns or self.slices
        if changed and (self.runner != "executor" or self.int8):
            kind = "int8" if self.int8 else f"a {self.runner}"
            if self.engine != MXNET:
                kind = OTHERS[self.engine].title
            raise ArgumentError(f"a plan with {kind} has neither fusion nor other layouts")
        if self.int8 and self.runner != "executor":
            raise ArgumentError("a plan with int8 is run by an executor")
        if self.threads is not None and (type(self.threads) is not int or self.threads < 1):
            raise ArgumentError(f"`threads` is {self.threads!r}; give a whole number from 1")

    @property
    def engine(self) -> str:
        """The engine that runs it: "mxnet", "onnxruntime" or "openvino"."""
        return self.runner if self.runner in OTHERS else MXNET

    @property
    def copies(self) -> bool:
        """Whether it keeps its own copies of weights, which must be updated with the network's."""
        # Slices and numbers of threads read the network's own arrays.
        changed = self.fused or self.channels or self.columns or self.int8
        return bool(changed or self.engine != MXNET)

    def __str__(self) -> str:
        parts = [self.runner]
        if self.fused:
            parts.append("fused")
        if self.channels:
            parts.append(f"channels of {self.channels}")
        if self.columns:
            parts.append("columns")
        if self.slices:
            parts.append(f"slices of {self.slices}")
        if self.int8:
            parts.append("int8")
        if self.threads is not None:
            parts.append(f"{self.threads} thread{'' if self.threads == 1 else 's'}")
        return " + ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Plan:
        """Return the plan that `to_dict` has written.

        Parameters
        ----------
        given : dict
            The plan's fields.

        Returns
        -------
        Plan
            The plan.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            For other entries, and values that are not allowed.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(given, dict) or not set(given) <= names:
            raise ArgumentError(f"`plan` is {given!r:.80}; its entries are {', '.join(names)}")
        return cls(**given)

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Parse the name of a plan, as `str` gives it: ``"executor + fused + 1 thread"``.

        Parameters
        ----------
        text : str
            The name.

        Returns
        -------
        Plan
            The plan.

        Raises
        ------
        ArgumentError
            For text that is not the name of a plan.
        """
        runner, *parts = (part.strip() for part in text.split("+"))
        if runner not in RUNNERS:
            named = "A plan is named like 'executor + fused', and begins with one of: "
            raise unknown_name("plan", text, RUNNERS, f"{named}{', '.join(RUNNERS)}.")
        entries: dict[str, Any] = {"runner": runner}
        for part in parts:
            words = part.split()
            if part in ("fused", "columns", "int8"):
                entries[part] = True
            elif len(words) == 3 and words[0] in _OF and words[1] == "of" and is_number(words[2]):
                entries[words[0]] = int(words[2])
            elif len(words) == 2 and is_number(words[0]) and words[1] in ("thread", "threads"):
                entries["threads"] = int(words[0])
            else:
                raise ArgumentError(
                    f"`plan` is {text!r}, of which {part!r} is not known; a plan is named like "
                    "'executor + fused + channels of 8 + slices of 8 + 1 thread' or 'cached op'"
                )
        return cls(**entries)


def parsed(plan: Any) -> Plan:
    """Return a plan, given as a `Plan` or by its name."""
    if isinstance(plan, Plan):
        return plan
    if isinstance(plan, str):
        return Plan.parse(plan)
    raise ArgumentTypeError(
        f"`plan` is {described(plan)}; give a Plan, its name such as 'executor + "
        "fused', or the path of a file that `save_plan` has written"
    )
