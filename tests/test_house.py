"""The house around the code: pinned parts, no address of a registry, no pickled weights, small files, the licence."""

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_readme import ROOT, files

sys.path.insert(0, str(ROOT / "assets"))
import install

MB = 2**20
SHEETS = ("samples", "manifold", "path", "walks", "again", "learned", "steps")
PICTURES = (*(f"checkpoints/*/{name}.{kind}" for name in SHEETS for kind in ("webp", "png")), "checkpoints/*/atlas.npz",  # made by the models
            "checkpoints/*/samplers.npz", "checkpoints/*/features.npz", "checkpoints/*/typical.npz", "genmodels/intake/eyes.npz",  # numbers
            "assets/icons/*", "assets/screenshot.png")
REGISTRIES = [f"{head}.{tail}" for head, tail in (  # in two parts, so that this file may hold them
    ("registry.npmjs", "org"), ("registry.yarnpkg", "com"), ("npmjs.org/", "tgz"), ("pypi.org/", "simple"), ("pypi.python", "org"), ("test.pypi", "org"),
    ("pythonhosted", "org"), ("download.pytorch", "org"), ("deb.debian", "org"), ("security.debian", "org"), ("archive.ubuntu", "com"),
    ("cdn.jsdelivr", "net"), ("unpkg", "com"), ("cdnjs.cloudflare", "com"), ("proxy.golang", "org"), ("static.crates", "io"))]
REGISTRIES = [host.replace("/.", "/") for host in REGISTRIES]


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in files():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content:
            found.append((path, content.decode("utf-8")))
    return found


def requirements(name: str) -> list[str]:
    return [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]


def test_no_file_holds_the_address_of_a_registry():
    assert not [(str(path), host) for path, text in texts() for host in REGISTRIES if host in text]


def test_no_file_chooses_a_registry():
    options = "--" + "index-url", "--extra-" + "index-url", "--find-" + "links", "--" + "registry"
    assert not [(str(path), option) for path, text in texts() for option in options if option in text]


def test_all_that_runs_is_pinned_except_torch_which_is_a_range():
    for line in requirements("requirements.txt") + requirements("requirements-dev.txt"):
        assert re.fullmatch(r"[a-z0-9-]+==\d+(\.\d+)+" if not line.startswith("torch") else r"torch>=2\.8,<2\.14", line), line
    assert requirements("constraints.txt") == ["torch==2.13.0"]


def test_every_package_of_the_page_has_a_version_and_a_checksum_and_no_address():
    lock = json.loads((ROOT / "assets" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    wanted = json.loads((ROOT / "assets" / "package.json").read_text())["dependencies"]
    assert lock["packages"][""]["dependencies"] == wanted and all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert packages and all("resolved" not in entry and entry["integrity"].startswith("sha512-") for entry in packages.values())


def test_no_weights_are_pickled_and_no_file_is_large():
    for path in files():
        assert path.suffix not in {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib"}, path
        assert (ROOT / path).stat().st_size < 10 * MB, path
    assert sum((ROOT / path).stat().st_size for path in files() if path.parts[0] == "checkpoints") <= 30 * MB


def test_no_pictures_of_datasets_are_in_the_repository():
    for path in files():
        assert path.suffix not in {".jpg", ".jpeg", ".gif", ".bmp", ".parquet", ".npy"}, path
        assert path.suffix not in {".png", ".webp", ".npz"} or any(fnmatch.fnmatch(path.as_posix(), place) for place in PICTURES), path


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("version, refused", [((3, 10), True), ((3, 11), False), ((3, 12), False), ((3, 13), True)])
def test_make_refuses_another_python_in_a_sentence(version, refused):
    [code] = re.findall(r"^\t@\$\(PYTHON\) -c '(.*)'$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    as_if = f"import sys; sys.version_info = {version}; "
    done = subprocess.run([sys.executable, "-S", "-c", as_if + code], capture_output=True, text=True)
    assert done.returncode == int(refused) and ("needs Python 3.11 or 3.12" in done.stderr) == refused


# The browser's runtime


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """Installing into an empty folder, beside the same pins."""
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_bytes((ROOT / "assets" / name).read_bytes())
    monkeypatch.setattr(install, "ASSETS", tmp_path)
    monkeypatch.setattr(install, "VENDOR", tmp_path / "vendor" / "onnxruntime-web")
    return tmp_path


def test_without_a_network_installing_says_so_in_one_sentence(elsewhere, monkeypatch, capsys):
    program = "import sys; print('npm error code ENOTFOUND', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(install, "npm", lambda: [sys.executable, "-c", program])
    assert install.main() == 1 and not install.installed()
    said = capsys.readouterr().err
    assert "could not be installed (" in said and "ENOTFOUND" in said and "the server will decode" in said and said.count("\n") == 1


def test_what_is_installed_is_left_alone_until_the_pins_change(elsewhere, monkeypatch):
    program = ("import pathlib, sys; dist = pathlib.Path('node_modules/onnxruntime-web/dist'); dist.mkdir(parents=True); "
               f"[(dist / name).write_text(name) for name in {install.FILES!r}]; print(sys.argv)")
    monkeypatch.setattr(install, "npm", lambda: [sys.executable, "-c", program])
    assert install.main() == 0 and install.installed()
    assert sorted(path.name for path in install.VENDOR.iterdir()) == sorted([install.PINNED, *install.FILES])
    monkeypatch.setattr(install, "npm", lambda: pytest.fail("installed again"))
    assert install.main() == 0
    lock = elsewhere / "package-lock.json"
    lock.touch()
    assert install.installed()  # a fresh checkout is no new pin
    lock.write_text(lock.read_text().replace("1", "2", 1))
    assert not install.installed()
