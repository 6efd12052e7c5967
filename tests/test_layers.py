"""Who may import whom: arrows point down, and a file that no rule knows fails."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

GROUND = "registry knobs nets normal corruptions"
MAY_IMPORT = {  # a room of genmodels, or a file in it, and the rooms it may import beside itself; from the ground up
    "registry": "", "knobs": "", "nets": "", "normal": "", "corruptions": "", "filters": "", "client": "", "pictures": "", "whole": "",
    "models": GROUND,
    "datasets": "client pictures whole registry knobs normal",
    "intake": "pictures datasets",
    "latent": "normal knobs registry",
    "kept": "latent normal",
    "classifier": f"models {GROUND}",
    "formats": f"models {GROUND}",
    "weights": "",
    "answers": f"models {GROUND}",
    "checkpoint": f"whole weights answers formats classifier kept latent models {GROUND}",
    "export": f"checkpoint classifier models {GROUND}",
    "card": f"checkpoint classifier models datasets latent {GROUND}",
    "first_atlas": f"checkpoint kept datasets latent models {GROUND}",
    "hub": f"export first_atlas client checkpoint card formats classifier models {GROUND}",
    "evaluate": f"filters card kept checkpoint classifier models datasets latent {GROUND}",
    "train": f"card kept checkpoint classifier models datasets latent evaluate {GROUND}",
    "engine": f"export answers checkpoint formats classifier models datasets latent {GROUND}",
    "program": f"hub engine client checkpoint latent models {GROUND}",
    "ui.theme": "",
    "ui.gate": "",
    "ui.visitors": "",
    "ui.addresses": "",
    "ui.classroom": "ui.addresses ui.live ui.visitors",
    "ui.leaving": "",
    "ui.shares": "ui.visitors",
    "ui.ready": "ui.live",
    "ui.serve": "ui.gate ui.leaving ui.ready ui.shares ui.visitors ui.theme engine export train hub evaluate datasets latent knobs normal",
    "ui.endpoints": "ui.visitors program engine datasets",
    "ui.live": "corruptions filters ui.theme ui.visitors pictures intake kept engine train hub evaluate datasets latent models knobs registry normal",
    "ui.tabs": "ui.live ui.theme ui.serve engine train hub evaluate datasets latent models knobs registry normal",
    "ui": "ui.endpoints ui.gate ui.serve ui.theme ui.live ui.tabs engine train hub evaluate datasets latent models knobs registry normal",
    "app": "ui ui.serve ui.theme ui.live ui.classroom engine train hub evaluate",
}
NO_SIBLINGS = ("models", "ui.tabs")  # entries of a registry that never import each other; what they share starts with _
OUTSIDE = ("tests", "bench", "assets")  # may import everything

ONLY_IN = {  # a library, and the places that may import it
    "gradio": "ui app", "plotly": "ui", "starlette": "ui app", "fastapi": "ui", "uvicorn": "ui", "segno": "ui",
    "safetensors": "weights checkpoint kept formats train/state", "diffusers": "formats",
    "onnx": "formats export", "accelerate": "train/crew",
    "huggingface_hub": "client hub datasets", "pyarrow": "datasets",
    "sklearn": "models latent evaluate datasets/digits",
}
DEVICE = ("engine", "train", "evaluate/__main__")  # who chooses between processor and GPU; everybody else works where the tensors are
ENVIRONMENT = {  # who touches environment variables, and why
    "app.py": "reads the settings and hands them on",
    "genmodels/ui/serve.py": "takes away those with which Gradio would switch things on",
    "genmodels/train/process.py": "gives its own to the process that it starts",
}


def files() -> list[Path]:
    """Every Python file of the project, relative to its root."""
    rooms = [path for room in ("genmodels", *OUTSIDE) for path in (ROOT / room).rglob("*.py") if "vendor" not in path.parts]
    return sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.py"), *rooms))


def room_of(parts: tuple[str, ...]) -> str:
    """genmodels.latent.walks is in the room latent, genmodels.ui.tabs.explore in ui.tabs, app in app."""
    if parts[0] != "genmodels":
        return parts[0]
    if len(parts) > 2 and parts[1] == "ui":
        return ".".join(parts[1:3])
    return parts[1] if len(parts) > 1 else "genmodels"


def module_of(path: Path) -> tuple[str, ...]:
    parts = path.with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """All that a file imports, each as the parts of its full name; `from . import x` names x."""
    package = path.parts[:-1]
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else ()
            yield from ((*base, *(node.module or "").split("."), alias.name) if node.module else (*base, alias.name) for alias in node.names)


@cache
def is_module(parts: tuple[str, ...]) -> bool:
    return ROOT.joinpath(*parts).with_suffix(".py").exists() or ROOT.joinpath(*parts, "__init__.py").exists()


@cache
def project_modules(path: Path) -> set[tuple[str, ...]]:
    """The modules of this project that a file imports; a function imported by name counts as its module."""
    found = set()
    for parts in imports(path):
        if parts[0] in ("genmodels", "app", *OUTSIDE):
            while len(parts) > 1 and not is_module(parts):
                parts = parts[:-1]
            found.add(parts)
    return found - {("genmodels",)}


each_file = pytest.mark.parametrize("path", files(), ids=str)


@each_file
def test_arrows_point_down(path):
    room = room_of(module_of(path))
    if room in OUTSIDE or room == "genmodels":
        return
    assert room in MAY_IMPORT, f"no rule knows {path}; give {room} a row in MAY_IMPORT"
    allowed = {room, *MAY_IMPORT[room].split()}
    strangers = {room_of(parts) for parts in project_modules(path)} - allowed
    assert not strangers, f"{path} may not import {', '.join(sorted(strangers))}"


@each_file
def test_entries_of_a_registry_do_not_import_each_other(path):
    room = room_of(module_of(path))
    if room in NO_SIBLINGS and path.stem != "__init__":
        folder = module_of(path)[:-1]
        siblings = [parts for parts in project_modules(path)
                    if parts[:-1] == folder and parts != module_of(path) and not parts[-1].startswith("_")]
        assert not siblings, f"{path} imports its sibling {siblings[0][-1]}"


@each_file
def test_a_library_stays_in_its_room(path):
    parts = module_of(path)
    if parts[0] in OUTSIDE:
        return
    where = parts[1:] if parts[0] == "genmodels" else parts
    homes = {"/".join(where[:depth]) for depth in range(1, len(where) + 1)}
    for library in {name[0] for name in imports(path)} & set(ONLY_IN):
        assert homes & set(ONLY_IN[library].split()), f"{library} belongs in {ONLY_IN[library]}, not in {path}"


@each_file
def test_only_app_reads_settings_from_environment_variables(path):
    if path.parts[0] in ("tests", "bench") or path.as_posix() in ENVIRONMENT:
        return
    readers = [node.lineno for node in ast.walk(syntax(path)) if
               isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv")
               or isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "getenv"} & {name.name for name in node.names}]
    assert not readers, f"{path}:{readers[0]} uses environment variables; app.py reads them and hands their values on"


@each_file
def test_only_engine_training_and_measuring_choose_a_device(path):
    parts = module_of(path)
    where = "/".join(path.with_suffix("").parts[1:])
    if parts[0] in OUTSIDE or where.startswith(DEVICE):
        return
    named = [node.lineno for node in ast.walk(syntax(path)) if
             isinstance(node, ast.Attribute) and node.attr == "cuda"
             or isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("cuda")]
    assert not named, f"{path}:{named[0]} chooses a device; the engine, or the training, has the only one"


def test_the_house_has_all_its_rooms():
    rooms = {room_of(module_of(path)) for path in files()}
    assert {"models", "datasets", "latent", "checkpoint", "train", "engine", "evaluate", "ui", "app"} <= rooms


def test_training_engine_and_evaluation_run_without_gradio():
    code = ("import sys, genmodels.train.__main__, genmodels.engine, genmodels.evaluate; "
            "print([name for name in ('gradio', 'plotly', 'fastapi') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
