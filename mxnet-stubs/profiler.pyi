# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from contextlib import AbstractContextManager
from os import PathLike
from typing import Any

from mxnet.context import check_call as check_call
from mxnet.executor import c_str_array as c_str_array
from mxnet.executor import py_str as py_str
from mxnet.operator import c_str as c_str

class Counter:
    """Profiling Counter class."""
    handle: Any
    name: str
    def __init__(self, domain: Any, name: str | None, value: int | None = None) -> None: ...
    def set_value(self, value: int) -> None:
        """Set counter value."""
        ...
    def increment(self, delta: Any = 1) -> None:
        """Increment counter value."""
        ...
    def decrement(self, delta: Any = 1) -> None:
        """Decrement counter value."""
        ...
    def __iadd__(self, delta: Any) -> Any: ...
    def __isub__(self, delta: Any) -> Any: ...
class Domain:
    """Profiling domain, used to group sub-objects like tasks, counters, etc into categories Serves as part of 'categories' for chrome://tracing"""
    handle: Any
    name: str
    def __init__(self, name: str | None) -> None: ...
    def new_task(self, name: str | None) -> Any:
        """Create new Task object owned by this domain"""
        ...
    def new_frame(self, name: str | None) -> Any:
        """Create new Frame object owned by this domain"""
        ...
    def new_counter(self, name: str | None, value: Any = None) -> Any:
        """Create new Counter object owned by this domain"""
        ...
    def new_marker(self, name: str | None) -> Any:
        """Create new Marker object owned by this domain"""
        ...
class Event:
    """Profiling Event class."""
    handle: Any
    name: str
    def __init__(self, name: str | None) -> None: ...
    def start(self) -> None:
        """Start timing scope for this object"""
        ...
    def stop(self) -> None:
        """Stop timing scope for this object"""
        ...
class Frame:
    """Profiling Frame class."""
    handle: Any
    name: str
    def __init__(self, domain: Any, name: str | None) -> None: ...
    def start(self) -> None:
        """Start timing scope for this object"""
        ...
    def stop(self) -> None:
        """Stop timing scope for this object"""
        ...
class Marker:
    """Set marker for an instant in time."""
    domain: Any
    name: str
    def __init__(self, domain: Any, name: str | None) -> None: ...
    def mark(self, scope: str = 'process') -> None:
        """Set up the profiler state to record operator."""
        ...
class Task:
    """Profiling Task class."""
    handle: Any
    name: str
    def __init__(self, domain: Any, name: str | None) -> None: ...
    def start(self) -> None:
        """Start timing scope for this object"""
        ...
    def stop(self) -> None:
        """Stop timing scope for this object"""
        ...
def dump(finished: bool = True, profile_process: str = 'worker') -> None:
    """Dump profile and stop profiler."""
    ...
def dump_profile() -> None:
    """Dump profile and stop profiler."""
    ...
def dumps(reset: bool = False, format: str = 'table', sort_by: str = 'total', ascending: bool = False) -> Any:
    """Return a printable string of aggregate profile stats."""
    ...
def pause(profile_process: str = 'worker') -> AbstractContextManager[Any]:
    """Pause profiling."""
    ...
def profiler_set_config(mode: str = 'symbolic', filename: str | PathLike[str] = 'profile.json') -> None:
    """Set up the configure of profiler (Deprecated)."""
    ...
def profiler_set_state(state: str = 'stop') -> None:
    """Set up the profiler state to 'run' or 'stop' (Deprecated)."""
    ...
def resume(profile_process: str = 'worker') -> None:
    """Resume paused profiling."""
    ...
def set_config(*, filename: str | PathLike[str] = ..., profile_all: bool = ..., profile_symbolic: bool = ..., profile_imperative: bool = ..., profile_memory: bool = ..., profile_api: bool = ..., continuous_dump: bool = ..., dump_period: float = ..., aggregate_stats: bool = ..., profile_process: str = ..., **kwargs: Any) -> None:
    """Set up the configure of profiler (only accepts keyword arguments)."""
    ...
def set_kvstore_handle(handle: Any) -> None: ...
def set_state(state: str = 'stop', profile_process: str = 'worker') -> None:
    """Set up the profiler state to 'run' or 'stop'."""
    ...
