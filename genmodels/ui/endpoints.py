"""What programs may ask of the page with `gradio_client`, or with plain JSON: decode, encode, interpolate, sample."""

import base64
import binascii
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr
import numpy as np
from PIL import Image

from ..datasets import square
from ..engine import BadCheckpoint, Engine
from ..program import Model
from .visitors import asked_by, visitor

MOST = 64  # pictures in one call
MOST_STEPS = 4000  # of all pictures of one call together
AT_ONCE = 2  # calls that are worked on; the others wait their turn
LONGEST_PICTURE = 12 << 20  # characters of base64


def endpoints(engine: Engine) -> None:
    """Offer the four to programs; called once, inside the page's Blocks."""

    def decode(request: gr.Request, model: str, latents: str | list, label: str | list | None = None, steps: int = 0, solver: str = "",
               guidance: float | None = None) -> list[str]:
        """Pictures of latents: base64 PNG, one for each latent. Latents are rows of numbers shaped as the model's latent_shape, a point as a link has
        it ("seed:7", "mix(seed:1, seed:2, 0.5)", "seed:7 + 2*Slant" with a direction of the model), or a list of points; at most 64. label: a
        class that the model can be told, or one for each picture. steps, solver and guidance are for models of many steps; 0, "" and null leave
        the choice to the model. What models there are, with their latent_shape, image_shape and conditions, stands in /live/catalogue.json."""
        with _asked(engine, model, request) as one:
            z = latents if isinstance(latents, str) or _is_points(latents) else _rows(one, latents)
            _check_work(one, 1 if isinstance(z, str) else len(z), steps)
            return _png(one.decode(z, label, **_how(steps, solver, guidance)))

    def encode(request: gr.Request, model: str, pictures: str | list, label: str | list | None = None) -> list:
        """Latents of pictures: a row of numbers for each, nested as the model's latent_shape. Pictures are a base64 PNG, JPEG or WEBP (also as
        a data: address), a list of them, or nested lists of whole numbers from 0 to 255, [N][H][W][C]; at most 64. A file of another size is cut to
        its middle square and resized."""
        with _asked(engine, model, request) as one:
            return one.encode(_pixels(one, pictures), label).tolist()

    def interpolate(request: gr.Request, model: str, a: str | list, b: str | list, frames: int = 9, walk: str = "auto",
                    label: str | list | None = None, steps: int = 0, solver: str = "", guidance: float | None = None) -> list[str]:
        """Pictures on the way from a to b, both included: base64 PNG. An end is a point ("seed:7") or one latent as nested lists of numbers. frames: 2
        to 64. walk: "straight", "arc" or "auto". label: a class, or one for each end."""
        with _asked(engine, model, request) as one:
            _check_work(one, frames, steps)
            ends = [end if isinstance(end, str) else _rows(one, [end])[0] for end in (a, b)]
            return _png(one.interpolate(*ends, frames, walk, label, **_how(steps, solver, guidance)))

    def sample(request: gr.Request, model: str, n: int = 1, seed: int = 0, sampler: str = "normal", label: str | list | None = None,
               steps: int = 0, solver: str = "", guidance: float | None = None) -> list[str]:
        """n new pictures (1 to 64): base64 PNG, the same for the same seed (0 to 4294967295); the first one is the point "seed:..." of that
        number. sampler: how latents are drawn, "normal", or "gaussian" or "mixture" where one is fitted to the model's codes."""
        with _asked(engine, model, request) as one:
            _check_work(one, n, steps)
            _check_name("sampler", sampler)
            return _png(one.sample(n, seed, sampler, label, **_how(steps, solver, guidance)))

    for function in (decode, encode, interpolate, sample):
        gr.api(function, concurrency_limit=AT_ONCE, concurrency_id="programs")


@contextmanager
def _asked(engine: Engine, name: str, request: gr.Request) -> Iterator[Model]:
    """The model of that name; whatever goes wrong with it goes to the program in one sentence."""
    try:
        if not isinstance(name, str):
            raise ValueError("model must be the name of a model, as in /live/catalogue.json.")
        with asked_by(who := visitor(request.request.scope)):  # a model of somebody's training is there for its owner, and whoever it is shared with
            yield Model(engine, name, who.key)
    except BadCheckpoint as error:  # may name folders of this machine
        logging.warning("a program asked for a broken model: %s", error)
        raise _error(f"{name} cannot be used; the server's log says why.") from None
    except FileNotFoundError:
        raise _error(f"There is no model {name!r:.100}; there are {', '.join(engine.names())}.") from None
    except (ValueError, FloatingPointError) as error:
        raise _error(str(error)) from None
    except (MemoryError, RuntimeError) as error:
        logging.warning("a program's call of %s failed: %s", name, error)
        raise _error("The engine cannot answer now; try again in a moment.") from None


def _error(sentence: str) -> gr.Error:
    return gr.Error(sentence, print_exception=False)


def _how(steps: int, solver: str, guidance: float | None) -> dict:
    _check_name("solver", solver)
    return {"steps": steps, "solver": solver, "guidance": guidance}


def _check_name(what: str, value: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{what} must be a name, not {value!r:.40}.")


def _check_work(model: Model, n: int, steps: int) -> None:
    """ValueError where a call asks for more than its share."""
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST:
        raise ValueError(f"A call makes 1 to {MOST} pictures, not {n!r:.40}.")
    each = steps or model.steps
    if isinstance(each, int) and n * each > MOST_STEPS:
        raise ValueError(f"{n} pictures of {each} steps are too much for one call: together they may have {MOST_STEPS:,} steps.")


def _is_points(latents: list) -> bool:
    return isinstance(latents, list) and bool(latents) and all(isinstance(one, str) for one in latents)


def _rows(model: Model, values: list) -> np.ndarray:
    """Nested lists as latents float32 [N, *latent_shape]."""
    shape = model.latent_shape
    what = f"Latents of {model.name} must be 1 to {MOST} rows of numbers shaped {list(shape)}, or points such as seed:7"
    return np.array(list(_numbers(values, (MOST, *shape), what)), np.float32).reshape(-1, *shape)


def _pixels(model: Model, values: str | list) -> np.ndarray:
    """Pictures as a program sends them: uint8 [N, H, W, C]."""
    files = [values] if isinstance(values, str) else values
    what = f"Pictures must be 1 to {MOST} base64 files, or whole numbers from 0 to 255 in lists shaped [N, {', '.join(map(str, model.picture_shape))}]"
    if isinstance(files, list) and files and all(isinstance(file, str) for file in files):
        if len(files) > MOST:
            raise ValueError(f"{what}.")
        return np.stack([_unpacked(file, model) for file in files])
    numbers = np.array(list(_numbers(values, (MOST, *model.picture_shape), what)))
    if ((numbers < 0) | (numbers > 255) | (numbers % 1 != 0)).any():
        raise ValueError(f"{what}.")
    return numbers.astype(np.uint8).reshape(-1, *model.picture_shape)


def _numbers(values: list, shape: tuple[int, ...], what: str) -> Iterator[float]:
    """The numbers in nested lists, if these have the shape; the outermost list may be shorter. Nothing is copied of what does not fit."""
    def flat(part, depth: int) -> Iterator[float]:
        if depth == len(shape):
            if isinstance(part, bool) or not isinstance(part, int | float) or not abs(part) < 1e30:  # NaN is not below anything
                raise ValueError(f"{what}; there is {part!r:.40} among them.")
            yield part
            return
        if not isinstance(part, list) or not (1 <= len(part) <= MOST if depth == 0 else len(part) == shape[depth]):
            raise ValueError(f"{what}, not {f'a list of {len(part)}' if isinstance(part, list) else type(part).__name__}"
                             f"{f' at depth {depth}' if depth else ''}.")
        for one in part:
            yield from flat(one, depth + 1)

    return flat(values, 0)


def _unpacked(file: str, model: Model) -> np.ndarray:
    """A base64 picture file as uint8 [H, W, C] of the model's own size."""
    height, width, channels = model.picture_shape
    if height != width:
        raise ValueError(f"{model.name} has pictures of {height}x{width}: send them as lists of numbers.")
    text = file.partition(",")[2] if file.startswith("data:") else file
    try:
        if len(text) > LONGEST_PICTURE:
            raise ValueError("it is too long")
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"A picture must be a file in base64 ({error!s:.60}).") from None
    pixels, _ = square(data, height)
    return pixels if channels == 3 else np.asarray(Image.fromarray(pixels).convert("L"))[..., None]


def _png(pictures: np.ndarray) -> list[str]:
    """Pictures uint8 [N, H, W, C] as PNG files in base64."""
    def one(pixels: np.ndarray) -> str:
        buffer = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG")
        return base64.b64encode(buffer.getvalue()).decode()

    return [one(pixels) for pixels in pictures]
