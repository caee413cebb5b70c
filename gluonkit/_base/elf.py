"""A shared object for Linux that gives functions which are in the process already other names.

The loader takes a library of the wanted name for what another library needs, if one is loaded
already. What `written` makes has no code: its symbols are absolute addresses, which glibc takes as
they are since 2.28.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

MACHINES = {"x86_64": 62, "aarch64": 183}
"""Numbers of the processors that this knows, by the names that `platform.machine` gives them."""

_HEADER, _PROGRAM_HEADER, _SYMBOL, _ENTRY = 64, 56, 24, 16  # sizes in bytes, all for 64 bits
_PAGE = 0x10000  # the largest page of the kernels for these processors
_READ_WRITE = 6
_LOAD, _DYNAMIC, _STACK = 1, 2, 0x6474E551
_ABSOLUTE, _GLOBAL_FUNCTION = 0xFFF1, 0x12


def written(name: str, symbols: Mapping[str, int], machine: str) -> bytes:
    """Return the bytes of a shared object.

    Parameters
    ----------
    name : str
        Its name (``DT_SONAME``), under which other libraries ask for it.
    symbols : mapping
        Address in this process of each function, by the name that the object gives it.
    machine : str
        One of `MACHINES`.

    Returns
    -------
    bytes
        The object, which is of use in this process only.
    """
    strings = b"\0" + b"".join(text.encode() + b"\0" for text in (name, *symbols))
    table = [bytes(_SYMBOL)]  # the first symbol is the undefined one
    position = 1 + len(name) + 1
    for symbol, address in symbols.items():
        table.append(struct.pack("<IBBHQQ", position, _GLOBAL_FUNCTION, 0, _ABSOLUTE, address, 0))
        position += len(symbol) + 1
    # The dynamic section first, as all else may have any length.
    at_dynamic = _HEADER + 3 * _PROGRAM_HEADER
    at_symbols = at_dynamic + 7 * _ENTRY
    at_hash = at_symbols + len(table) * _SYMBOL
    hashed = _hash_table(list(symbols))
    at_strings = at_hash + len(hashed)
    dynamic = {
        14: 1,  # DT_SONAME, at this place in the strings
        4: at_hash,
        5: at_strings,
        6: at_symbols,
        10: len(strings),
        11: _SYMBOL,
        0: 0,
    }
    entries = b"".join(struct.pack("<QQ", *entry) for entry in dynamic.items())
    body = entries + b"".join(table) + hashed + strings
    headers = (
        _program_header(_LOAD, 0, at_dynamic + len(body), _PAGE),
        _program_header(_DYNAMIC, at_dynamic, len(entries), 8),
        # Without it, glibc would ask for stacks that can be executed, which many systems refuse.
        _program_header(_STACK, 0, 0, 16),
    )
    return _file_header(MACHINES[machine], len(headers)) + b"".join(headers) + body


def _file_header(machine: int, program_headers: int) -> bytes:
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")  # 64 bits, little endian
    shared = 3
    return identity + struct.pack(
        "<HHIQQQIHHHHHH",
        *(shared, machine, 1, 0, _HEADER, 0, 0),
        *(_HEADER, _PROGRAM_HEADER, program_headers, 0, 0, 0),
    )


def _program_header(kind: int, offset: int, size: int, alignment: int) -> bytes:
    # In memory as in the file: addresses are offsets. Glibc before 2.35 writes into what it loads.
    return struct.pack(
        "<IIQQQQQQ", kind, _READ_WRITE, offset, offset, offset, size, size, alignment
    )


def _hash_table(names: Sequence[str]) -> bytes:
    """Return System V's hash table: for each bucket a first symbol, for each symbol the next."""
    buckets, chain = [0] * max(1, len(names)), [0] * (len(names) + 1)
    for number, name in enumerate(names, 1):
        bucket = _hashed(name) % len(buckets)
        buckets[bucket], chain[number] = number, buckets[bucket]
    return struct.pack(
        f"<{2 + len(buckets) + len(chain)}I", len(buckets), len(chain), *buckets, *chain
    )


def _hashed(name: str) -> int:
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high & 0xFFFFFFFF
    return value
