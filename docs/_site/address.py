"""The repository's address: said once, as `repo_url` in mkdocs.yml, and what follows from it.

Pages of notebooks link to Colab and Binder where there is an address. Where readers copy it from,
README's `git clone` and the notebooks' cells that install gluonkit, it is written by
`python docs/_site/address.py`, or ADDRESS where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).parents[2]
_COPIED = re.compile(r"((?:git clone |gluonkit\S* @ git\+))[^\s\"'\\]+")
_GITHUB = re.compile(r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?/?")


def address(root: Path = ROOT) -> str | None:
    """Return the address of a checkout's repository, or None where it is not published."""
    stated = re.search(r"^repo_url: *(\S+)", (root / "mkdocs.yml").read_text(), re.M)
    return stated[1] if stated else None


def links(address: str | None, notebook: str) -> dict[str, str]:
    """Return where a notebook runs without an installation, by the service's name.

    Colab opens notebooks of GitHub only, Binder those of any repository that git can clone.
    """
    if not address:
        return {}
    path = f"notebooks/{notebook}"
    opened = f"HEAD?labpath={quote(path, safe='')}"
    github = _GITHUB.fullmatch(address)
    if not github:
        return {"Binder": f"https://mybinder.org/v2/git/{quote(address, safe='')}/{opened}"}
    return {
        "Colab": f"https://colab.research.google.com/github/{github[1]}/blob/HEAD/{path}",
        "Binder": f"https://mybinder.org/v2/gh/{github[1]}/{opened}",
    }


def copied(root: Path = ROOT) -> Iterator[tuple[Path, str, str]]:
    """Yield the files from which readers copy the address: path, text, what it should be."""
    stated = address(root) or "ADDRESS"
    for path in (root / "README.md", *sorted((root / "notebooks").glob("*.ipynb"))):
        text = path.read_text()
        yield path, text, _COPIED.sub(lambda match: match[1] + stated, text)


if __name__ == "__main__":
    for path, text, wanted in copied():
        if text != wanted:
            path.write_text(wanted)
            print(path.relative_to(ROOT))
