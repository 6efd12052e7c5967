"""The README's file tree is made of each file's first line: python -m tests.test_readme (or make tree) writes it again."""

import ast
import fnmatch
import json
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- tree -->\n```text\n", "```\n<!-- /tree -->"
FOLDERS = {  # folders without an __init__.py
    "assets": "What the browser gets",
    "assets/css": "How it looks",
    "assets/icons": "Icons",
    "assets/js": "The instant half of the page: modules of one purpose each, no framework, no build step",
    "bench": "Benchmarks, each a ratio measured in one run",
    "checkpoints": "The bundled models, a folder each: weights, card, metrics, atlas",
    "recipes": "How each bundled model was trained, a JSON file each",
    ".ci": "Continuous integration",
}
CLOSED = ("checkpoints", "recipes", "assets/icons")  # folders whose files are not listed one by one
SIGNS = {  # files that have no room for a first line
    "LICENSE": "Apache License 2.0",
    "assets/package-lock.json": "The same with a checksum for each package",
    "assets/screenshot.png": "The picture in this README",
    "genmodels/intake/eyes.npz": "What was learnt about where eyes are, 25,000 numbers; non-commercial, since it was learnt from CelebA",
}
SILENT = ("README.md", ".gitignore")
HASH, SLASH = ("", ".txt", ".toml", ".sh", ".yml", ".yaml", ".cfg"), (".js", ".mjs", ".css")


@cache
def files() -> list[Path]:
    """The project's files relative to its root: all that git knows or would add, or without git all that .gitignore does not name."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
        found = [Path(name) for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    except (OSError, subprocess.CalledProcessError):
        found = []
    return sorted(found) or walked()


def walked() -> list[Path]:
    """The files on the disk that .gitignore does not name, for a copy of the project that git knows nothing of."""
    ignored = [line.strip() for line in (ROOT / ".gitignore").read_text().splitlines() if line.strip() and not line.startswith("#")]

    def walk(folder: Path):
        for path in sorted(folder.iterdir()):
            name = path.relative_to(ROOT).as_posix()
            hidden = path.name == ".git" or any(
                fnmatch.fnmatch(part, pattern.rstrip("/")) and (path.is_dir() or not pattern.endswith("/"))
                for pattern in ignored for part in (name, path.name))
            if not hidden:
                yield from walk(path) if path.is_dir() else [path.relative_to(ROOT)]
    return list(walk(ROOT))


def sign(path: Path) -> str:
    """The first line of a file, without what makes it a comment; empty where there is none."""
    name = path.as_posix()
    if name in SIGNS:
        return SIGNS[name]
    if path.suffix in (".png", ".webp", ".jpg", ".ico", ".npz", ".safetensors"):
        return ""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix == ".py":
        line = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0] if text.startswith('"""') else ""
    elif path.suffix == ".json":
        line = json.loads(text).get("description", "")
    elif path.suffix in (".svg", ".html"):
        line = next(iter(re.findall(r"<!--(.*?)-->|<title>(.*?)</title>", text)), ("", ""))
        line = "".join(line)
    else:
        lines = [line for line in text.split("\n") if not line.startswith("#!")]
        comment = {".md": "#"} | dict.fromkeys(HASH, "#") | dict.fromkeys(SLASH, "/")
        line = lines[0] if lines[0].startswith(comment.get(path.suffix, "\0")) else ""
    return line.strip("#/* \t").removesuffix(".")


def tree() -> str:
    """The listing: one line for each file and folder, files before folders."""
    listed = [path for path in files() if path.as_posix() not in SILENT]
    rows: list[tuple[str, str]] = []

    def add(folder: Path, depth: int) -> None:
        inside = [path for path in listed if path.is_relative_to(folder)]
        here = [path for path in inside if path.parent == folder]
        for path in sorted(here, key=lambda path: (path.name != "app.py", path.name.lower())):
            if path.name != "__init__.py":
                rows.append(("  " * depth + path.name, sign(path)))
        for name in sorted({path.relative_to(folder).parts[0] for path in inside if path.parent != folder}):
            below = folder / name
            what = sign(below / "__init__.py") if below / "__init__.py" in inside else FOLDERS.get(below.as_posix(), "")
            rows.append(("  " * depth + name + "/", what))
            if below.as_posix() not in CLOSED:
                add(below, depth + 1)

    add(Path("."), 0)
    width = max(len(name) for name, _ in rows) + 2
    return "".join(f"{name:{width}}{what}".rstrip() + "\n" for name, what in rows)


def write() -> None:
    """Put the tree of now into the README."""
    head, rest = README.read_text(encoding="utf-8").split(BEGIN)
    README.write_text(head + BEGIN + tree() + END + rest.split(END)[1], encoding="utf-8")


def listed_files() -> list[Path]:
    return [path for path in files() if path.as_posix() not in SILENT and not any(path.is_relative_to(folder) for folder in CLOSED)]


def test_a_copy_without_git_has_the_same_files():
    assert set(files()) <= set(walked())


@pytest.mark.parametrize("path", listed_files(), ids=str)
def test_a_files_first_line_says_what_is_inside(path):
    line = sign(path)
    assert len(line) > 3 and line[0] == line[0].upper(), f"{path} needs a first line that says in one sentence what is inside"


def test_every_folder_says_what_is_inside():
    folders = {folder.as_posix() for path in files() for folder in path.parents} - {"."}
    closed = {folder for folder in folders if any(Path(folder) != Path(name) and Path(folder).is_relative_to(name) for name in CLOSED)}
    silent = {folder for folder in folders - closed - set(FOLDERS) if not (ROOT / folder / "__init__.py").exists()}
    assert not silent, f"say in FOLDERS what is in {sorted(silent)}"


def test_the_file_tree_in_the_readme_is_true():
    written = README.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    assert written.split("\n") == tree().split("\n"), "the tree has grown: make tree (or python -m tests.test_readme) writes it again"


def test_the_readme_names_every_setting_of_app():
    settings = set(re.findall(r"""environ(?:\.get\(|\[)["'](\w+)""", (ROOT / "app.py").read_text(encoding="utf-8")))
    readme = README.read_text(encoding="utf-8")
    assert settings and not [name for name in settings if f"`{name}`" not in readme]


def test_the_readmes_commands_exist():
    readme, makefile = README.read_text(encoding="utf-8"), (ROOT / "Makefile").read_text(encoding="utf-8")
    asked = set(re.findall(r"^make (\w+)", readme, re.MULTILINE))
    assert {"app", "test"} <= asked and not [target for target in asked if f"\n{target}:" not in makefile]
    modules = set(re.findall(r"python -m (genmodels[\w.]*)", readme))
    paths = [ROOT / module.strip(".").replace(".", "/") for module in modules]
    assert paths and not [path for path in paths if not (path / "__main__.py").exists() and not path.with_suffix(".py").exists()]


def test_the_readmes_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", README.read_text(encoding="utf-8"))
    assert links and not [link for link in links if not (ROOT / link).exists()]


if __name__ == "__main__":
    write()
