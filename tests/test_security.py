"""What docs/security.md promises: who decodes images, where processes listen, what is inside."""

import ast
import importlib.util
import json
import re
import sys

import pytest

import gluonkit as gk
from gluonkit import nd
from gluonkit.checkpoint.graph import _DECODERS
from gluonkit.errors import CheckpointError
from gluonkit.models import creating
from gluonkit.system.environment import mxnet_distributions
from gluonkit.system.published import PUBLISHED, compare
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
# What of MXNet, GluonCV and OpenCV opens image files.
READERS = {
    *("imread", "imdecode", "imdecode_np", "unpack_img", "cv2", "ImageIter", "ImageDetIter"),
    *("ImageRecordIter", "ImageRecordIter_v1", "ImageRecordUInt8Iter", "ImageRecordInt8Iter"),
    *("ImageDetRecordIter", "ImageRecordDataset", "ImageFolderDataset", "ImageListDataset"),
}


def used(source):
    """Return the readers of images that a source names outside of texts."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        for field in ("id", "attr", "name", "module"):
            names |= set(re.split(r"\W", str(getattr(node, field, ""))))
    return names & READERS


def test_images_are_decoded_by_pillow():
    sources = sorted((ROOT / "gluonkit").rglob("*.py"))
    assert len(sources) > 100
    assert [path for path in sources if used(path.read_text())] == []


@pytest.mark.parametrize(
    "source",
    [
        "mx.image.imdecode(b)",
        "from mxnet.image import imread as r",
        "import cv2",
        "read = gluon.data.vision.ImageFolderDataset",
        "from cv2.data import x",
    ],
)
def test_a_use_would_be_seen(source):
    assert used(source)


@pytest.mark.parametrize("option", ["pretrained=True", "pretrained='/etc/passwd'", "root='/'"])
def test_a_checkpoint_opens_and_downloads_no_other_file(option, tmp_path):
    net = gk.create_model("lenet", init=True)
    creating._origins[net] = f"mxnet/resnet50_v2({option})"
    net(nd.zeros((1, 1, 28, 28)))
    path = gk.save(net, tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match=r"`\w+` stands in no file that gluonkit has writ"):
        gk.load(path)


def test_operators_that_decode_are_known(python):
    """A graph in a file may name any operator that MXNet has."""
    code = "from gluonkit import mx; print(*mx.operator.get_all_registered_operators())"
    operators = python("-c", code).stdout.split()
    assert {name for name in operators if re.search("imread|imdecode", name)} == _DECODERS


LISTENING = """
import os, re, socket, struct
from contextlib import suppress
from pathlib import Path
from gluonkit import mx
kv = mx.kv.create("dist_sync")
job = f"DMLC_PS_ROOT_PORT={os.environ['DMLC_PS_ROOT_PORT']}".encode()
tables = [Path(f"/proc/net/{kind}").read_text().splitlines()[1:] for kind in ("tcp", "tcp6")]
rows = [row.split() for table in tables for row in table]
places = {row[9]: row[1].split(":")[0] for row in rows if row[3] == "0A"}
def sockets(process):
    for link in (process / "fd").glob("*"):
        with suppress(OSError):
            yield re.sub(r"\\D", "", os.readlink(link))
for process in Path("/proc").glob("[0-9]*") if kv.rank == 0 else ():
    with suppress(OSError):
        variables = (process / "environ").read_bytes().split(b"\\0")
        if job in variables:
            role = next(text for text in variables if text.startswith(b"DMLC_ROLE=")).decode()
            for place in {places[inode] for inode in sockets(process) if inode in places}:
                print(role, socket.inet_ntoa(struct.pack("<I", int(place, 16))))
kv._barrier()
"""


def test_processes_listen_at_their_hosts_address_alone(gluonkit, tmp_path):
    """Before MXNet 1.0 the scheduler listened everywhere (CVE-2018-1281)."""
    (tmp_path / "hosts").write_text("one address=127.0.0.1\ntwo address=127.0.0.2\n")
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\nexec sh -c "$2"\n')
    shell.chmod(0o755)
    hosts = ["--hosts", str(tmp_path / "hosts"), "--ssh", str(shell)]
    done = gluonkit("launch", *hosts, "-n", "2", "--", "python", "-c", LISTENING)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "[0] DMLC_ROLE=scheduler 127.0.0.1",
        *(f"[0] DMLC_ROLE=server 127.0.0.{host}" for host in (1, 2)),
        *(f"[0] DMLC_ROLE=worker 127.0.0.{host}" for host in (1, 2)),
    ]


@pytest.fixture(scope="module")
def sbom():
    return json.loads((ROOT / "docs" / "sbom.cdx.json").read_text())


def test_the_sbom_is_what_the_script_makes(sbom):
    if mxnet_distributions() != ["mxnet"] or compare("mxnet").wheel != PUBLISHED[0]:
        pytest.skip("the SBOM is of the wheel for Linux on x86-64")
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "tools" / "sbom.py")
    script = importlib.util.module_from_spec(spec)
    sys.modules["sbom"] = script
    spec.loader.exec_module(script)
    assert sbom == script.made(), "run: python tools/sbom.py"
    with pytest.raises(SystemExit, match="stands nowhere in this MXNet"):
        script._first("version ([0-9]+)", "no number")


def test_the_sbom_is_cyclonedx(sbom):
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = importlib.import_module("cyclonedx.schema")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(sbom)) is None
    assert validator.validate_str(json.dumps(sbom | {"bomFormat": "other"})) is not None
    known = {part["bom-ref"] for part in [sbom["metadata"]["component"], *sbom["components"]]}
    assert {ref for entry in sbom["dependencies"] for ref in entry["dependsOn"]} <= known


def test_the_page_has_the_versions_and_the_hashes(sbom):
    for library in sbom["components"][0]["components"]:
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{library['name']}`"))
        assert library.get("version", "–") in row
    for wheel in PUBLISHED:
        assert wheel.file in PAGE
        assert wheel.sha256 in PAGE
    install = (ROOT / "docs" / "install.md").read_text()
    assert f"mxnet==1.9.1 --hash=sha256:{PUBLISHED[0].sha256}" in install
