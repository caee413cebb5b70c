"""The exceptions and warnings of gluonkit.

Every exception is a `GluonkitError` and also the builtin that a caller would expect,
so ``except ValueError`` goes on working in code that has never heard of gluonkit.
"""


class GluonkitError(Exception):
    """Base class of every exception that gluonkit raises on purpose."""


class ArgumentError(GluonkitError, ValueError):
    """An argument has a value that the function does not allow."""


class ArgumentTypeError(GluonkitError, TypeError):
    """An argument has a type that the function does not take."""


class StateError(GluonkitError, RuntimeError):
    """The call is right, but not at this point of the program."""


class NotFiniteError(GluonkitError, FloatingPointError):
    """A loss or a parameter has become NaN or infinite."""


class CheckpointError(GluonkitError, ValueError):
    """A file of saved weights or training state is missing, damaged, or does not fit."""


class ExportError(GluonkitError, ValueError):
    """A network cannot be written for other tools, or would not compute the same there."""


class DataError(GluonkitError, ValueError):
    """A data file is missing, is damaged, or is not what its name says."""


class MissingPackageError(GluonkitError, ImportError):
    """A package, or a library that it needs, is not on this machine.

    Parameters
    ----------
    message : str, default ''
        The message.
    name : str, optional
        The package, as for ImportError.
    fix : str, default ''
        See `Attributes`.

    Attributes
    ----------
    fix : str
        The command that mends it, which the message has too; empty where none is known.
    """

    def __init__(self, message: str = "", *, name: str | None = None, fix: str = "") -> None:
        super().__init__(message, name=name)
        self.fix = fix


class DroppedWeightsWarning(UserWarning):
    """A file's weights for another number of classes were left out; the head starts anew."""


class LossWarning(UserWarning):
    """A loss that was given does not fit what the network returns: figures and training are off."""


class BusyMachineWarning(UserWarning):
    """Other processes had the processor: training was slower, or the times of plans are off."""


class EnvironmentVariableError(GluonkitError, ImportError):
    """An environment variable has a value with which MXNet cannot be imported."""
