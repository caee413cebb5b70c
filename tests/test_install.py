"""What can be checked of Dockerfile, environment.yml and .binder without building."""

import configparser
import re

from gluonkit.system.compat import RUNTIMES
from gluonkit.system.doctor import PYTHONS
from tests.conftest import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
BINDER = ROOT / ".binder"
INSTALL = (ROOT / "docs" / "install.md").read_text()
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg")
EXTRAS = CONFIG["options.extras_require"]


def test_the_image_has_what_the_doctor_asks_for():
    (packages,) = re.findall(r'^RUN runtimes="(.*)"', DOCKERFILE, re.M)
    assert packages.split() == list(RUNTIMES.values())
    assert f"apt-get install python3-venv {packages}`" in INSTALL
    assert f"dnf install python3 {' '.join(RUNTIMES)}`" in INSTALL
    assert packages in (ROOT / "README.md").read_text().replace("\n", " ")


def test_the_image():
    lines = DOCKERFILE.splitlines()
    assert lines.index("USER gluonkit") > max(n for n, x in enumerate(lines) if x.startswith("RUN"))
    assert 'CMD ["gluonkit", "doctor"]' in DOCKERFILE.partition("HEALTHCHECK")[2].splitlines()[0]
    (python,) = re.findall(r"^ARG PYTHON=(.+)$", DOCKERFILE, re.M)
    assert python in PYTHONS
    (extras,) = re.findall(r"^ARG EXTRAS=(.+)$", DOCKERFILE, re.M)
    assert set(extras.split(",")) <= set(EXTRAS)


def test_the_image_gets_all_that_pip_reads():
    """`.dockerignore` leaves out all but what it lists."""
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    packages = {
        name.partition(".")[0] for name in CONFIG["options.packages.find"]["include"].split(", ")
    }
    modules = {f"{name}.py" for name in CONFIG["options"]["py_modules"].split()}
    assert packages | modules | {"setup.cfg", "pyproject.toml", "README.md", "LICENSE"} <= sent
    assert "notebooks" in sent  # data_files


def test_condas_environment_is_what_setup_allows():
    text = (ROOT / "environment.yml").read_text()
    (python,) = re.findall(r"- python=([\d.]+)$", text, re.M)
    assert python in PYTHONS
    # pip installs MXNet by itself there.
    assert f'mxnet==1.9.1; python_version < "{"3.13"}"' in CONFIG["options"]["install_requires"]
    assert tuple(map(int, python.split("."))) < (3, 13)
    (extras,) = re.findall(r"- \.\[(.*)\]$", text, re.M)
    assert set(extras.split(",")) <= set(EXTRAS)


def test_binder_gets_what_the_notebooks_need():
    """As repo2docker reads these files, which then leaves out those of the root."""
    lines = {
        name: [line for line in (BINDER / name).read_text().splitlines() if line[0] != "#"]
        for name in ("runtime.txt", "apt.txt", "requirements.txt")
    }
    (python,) = re.findall(r"^python-(.+)$", lines["runtime.txt"][0])
    assert python in PYTHONS
    assert tuple(map(int, python.split("."))) < (3, 13)  # where pip installs MXNet by itself
    assert set(RUNTIMES.values()) < set(lines["apt.txt"])
    (extras,) = re.findall(r"^\.\[(.*)\]$", lines["requirements.txt"][0])
    makefile = (ROOT / "Makefile").read_text()
    for stamp in (".notebooks", ".zoos"):  # what `make notebooks` installs
        (needed,) = re.findall(rf"^\$\(VENV\)/{stamp}: EXTRAS := (.*)$", makefile, re.M)
        assert set(needed.split(",")) <= set(extras.split(","))
    assert set(extras.split(",")) <= set(EXTRAS)
