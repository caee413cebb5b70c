"""Files that hold no network of MXNet's: record files, ONNX models, and anything else."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

from gluonkit.data.records.file import RecordFile
from gluonkit.data.records.framing import LONGEST, MAGIC
from gluonkit.data.records.header import unpack_record
from gluonkit.data.records.images import kind_of
from gluonkit.data.records.index import beside
from gluonkit.diagnosis.parts import Use
from gluonkit.diagnosis.record import Diagnosis
from gluonkit.diagnosis.uses import call, program, quoted
from gluonkit.errors import DataError
from gluonkit.files.reading import what_begins
from gluonkit.files.source import Source

_ONNX = re.compile(rb"\x08[\x01-\x20](?:\x12(.)|:|B|\x1a|\")", re.S)
"""How ONNX's protocol buffers begin: the format's version, then, mostly, who wrote it."""
_SCANNED = 1 << 28
"""Bytes of a record file without an index that are scanned to count its records."""


def diagnosed_other(source: Source, given: str) -> Diagnosis:
    """Return what a file is that no network and no array is in."""
    begin = bytes(source.read(0, min(128, source.size), "the begin"))
    facts = Diagnosis(given, "other", bytes=source.size)
    if not begin:
        return replace(facts, what="empty file")
    if begin.startswith(MAGIC):
        return _records(source, facts)
    written = _ONNX.match(begin)
    if written is not None or given.endswith(".onnx"):
        return _onnx(begin, facts)
    if given.endswith(".idx") and re.match(rb"[^\t\n]{1,100}\t\d", begin):
        records = str(Path(given).with_suffix(".rec"))
        use = Use(
            program(call("data.RecordFile", quoted(records), result="records")),
            f"gluonkit records check {shlex.quote(records)}",
        )
        there = Path(given).with_suffix(".rec").exists()
        uses = {"read": use} if there else {}
        missing = () if there else (f"{records}, whose index it is, is not beside it",)
        return replace(facts, what="index of a record file", uses=uses, hindrances=missing)
    if what := what_begins(begin):
        return replace(facts, what=what, hindrances=("gluonkit does not read it",))
    what = f"neither MXNet's, nor of another kind that is known: it begins with {begin[:8]!r}"
    return replace(facts, what=what, hindrances=("gluonkit does not read it",))


def _onnx(begin: bytes, facts: Diagnosis) -> Diagnosis:
    """Return what an ONNX file is, and who wrote it."""
    written = _ONNX.match(begin)
    producer = b""
    if written is not None and written[1]:
        producer = begin[written.end() : written.end() + written[1][0]]
    name = producer.decode("utf-8", "replace")
    by = f" written by {name}" if name.isprintable() and name else ""
    python = (
        "from onnxruntime import InferenceSession\n\n"
        f"session = InferenceSession({quoted(facts.path)})\n"
        "names = [given.name for given in session.get_inputs()]\n"
        "scores = session.run(None, dict(zip(names, [x])))"
    )
    why = "gluonkit writes ONNX files, and does not read them; ONNX Runtime runs them"
    return replace(
        facts, kind="onnx", what=f"ONNX model{by}", uses={"predict": Use(python)}, notes=(why,)
    )


def _records(source: Source, facts: Diagnosis) -> Diagnosis:
    """Return what a record file holds, by its index and its first record."""
    facts = replace(facts, kind="records", what="record file")
    index = beside(source.path)
    has_index = index.exists()
    if not has_index and source.size > _SCANNED:
        note = "it has no index; `gluonkit records index` makes one, and counts its records"
        return replace(facts, uses=_record_uses(facts.path, "", is_image=False), notes=(note,))
    try:
        with RecordFile(source.path) as records:
            count = f"{len(records):,} record{'s' if len(records) != 1 else ''}"
            notes = [f"{count}{', by its index' if has_index else ', without an index'}"]
            label, kind = _first(records)
    except DataError as error:
        use = {"read": Use(command=f"gluonkit records check {shlex.quote(facts.path)}")}
        return replace(facts, uses=use, hindrances=(str(error),))
    if kind:
        notes.append(f"the first holds {kind}, and has {label}")
    files = (source.path.name, *([index.name] if has_index else []))
    uses = _record_uses(facts.path, label, is_image=kind in ("jpg", "png"))
    return replace(facts, files=files, uses=uses, notes=tuple(notes))


def _first(records: RecordFile) -> tuple[str, str]:
    """Return what label the first record has, and what it holds; '' for what is no sample."""
    if not len(records):
        return "", ""
    content = records[0]
    assert len(content) <= LONGEST
    try:
        header, sample = unpack_record(content)
    except DataError:
        return "no label", kind_of(content)
    return (f"{header.flag} numbers as label" if header.flag else "one number as label"), kind_of(
        sample
    )


def _record_uses(path: str, label: str, *, is_image: bool) -> dict[str, Use]:
    lines = [call("data.RecordFile", quoted(path), result="records")]
    if label.endswith("as label"):
        lines.append("header, content = records.sample(0)")
    uses = {"read": Use(program(*lines), f"gluonkit records check {shlex.quote(path)}")}
    if is_image:
        images = call("data.record_dataset", quoted(path), "size=(224, 224)", result="images")
        batches = "batches = gk.data.BatchLoader(images, 64, shuffle=True)"
        trained = call("fit", "net", "batches", "epochs=1", result="history")
        why = "`net` is yours, for images of this size"
        uses["train"] = Use(program(images, batches, trained), hindrance=why)
    return uses
