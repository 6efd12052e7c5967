"""Memory, precision and exported twins: what the engine does with its device."""

import numpy as np
import pytest
import torch

from genmodels.engine import Engine
from genmodels.engine._device import Device
from genmodels.engine._tasks import TRIED, half_fits
from genmodels.models.diffusion import Diffusion

from .conftest import DIGITS, save_tiny, tiny_model
from .engine_kit import close_to


def test_models_leave_the_least_recently_used_first(tmp_path):
    size = 0
    for name in "abc":
        size = sum(t.nbytes for t in save_tiny(tiny_model("vae"), tmp_path / name).load().state_dict().values())
    engine = Engine(tmp_path, device="cpu", budget=2 * size)
    for name in "abac":
        engine.decode(name, np.zeros((1, 3)))
    assert [folder.name for folder, _ in engine._device.memory.loaded] == ["a", "c"]
    engine.close()


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no room"), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")])
def test_when_memory_is_short_the_batch_is_halved(engine, monkeypatch, error):
    compute, sizes = Device._compute, []
    z = engine.prior("vae", 7, 2)
    expected = engine.decode("vae", z)

    def small(self, checkpoint, task, x, y, options):
        sizes.append(len(x))
        if len(x) > 1:
            raise error
        return (yield from compute(self, checkpoint, task, x, y, options))

    monkeypatch.setattr(Device, "_compute", small)
    assert close_to(engine.decode("vae", z), expected)
    assert sizes[0] == 3
    assert engine._device.rows == 1


def test_one_picture_that_does_not_fit_is_said(engine, monkeypatch):
    def never(*_):
        raise torch.OutOfMemoryError("no room")
    with monkeypatch.context() as patch:
        patch.setattr(Device, "_compute", never)
        with pytest.raises(MemoryError, match="one picture of vae"):
            engine.decode("vae", np.zeros((1, 3)))
    assert engine.decode("vae", np.zeros((1, 3))).shape == (1, 8, 8, 1)


def test_half_precision_is_used_only_where_pictures_stay():
    model = tiny_model("vae")
    assert half_fits(model)
    with torch.no_grad():
        for tensor in model.decoder.parameters():
            tensor.mul_(8)
    assert not half_fits(model)


def test_half_precision_is_tried_with_conditions_too():
    model = tiny_model("vae", conditions=DIGITS)
    assert half_fits(model)
    with torch.no_grad():
        model.decoder.head[0].weight[:, 3:].mul_(100)  # what is seen only where a class is said
    assert not half_fits(model)


def test_half_precision_of_a_model_of_many_steps_is_tried_on_few_pictures_and_steps(monkeypatch):
    model, predict, looks = tiny_model("diffusion", steps=50), Diffusion.predict_noise, []
    monkeypatch.setattr(Diffusion, "predict_noise", lambda self, x, *rest: looks.append(len(x)) or predict(self, x, *rest))
    with torch.no_grad():
        for tensor in list(model.net.parameters())[-2:]:
            tensor.mul_(0.1)
    assert half_fits(model)
    assert looks == [TRIED] * TRIED * 2  # rough, and as it should be
    monkeypatch.undo()
    torch.manual_seed(1)
    with torch.no_grad():
        for tensor in model.net.parameters():
            tensor.normal_(0, 0.3)
    assert not half_fits(model)


def test_an_unknown_device_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cpu, cuda or zero, not 'tpu'"):
        Engine(tmp_path, device="tpu")


def test_an_exported_model_is_made_once_and_named_by_its_content(engine, tmp_path):
    own = Engine(tmp_path, device="cpu", cache=tmp_path / "cache")
    path = own.onnx("vae")
    made = path.stat().st_mtime_ns
    assert (path.parent, path.stem) == (tmp_path / "cache", own.onnx_hash("vae"))
    assert own.onnx("vae").stat().st_mtime_ns == made
    assert own.onnx_hash("vae") != own.onnx_hash("autoencoder")


def test_a_model_of_many_steps_is_never_traced_nor_exported(tmp_path):
    save_tiny(tiny_model("diffusion", steps=6), tmp_path / "diffusion")
    engine = Engine(tmp_path, device="cpu", cache=tmp_path / "cache")
    pixels = engine.decode("diffusion", engine.prior("diffusion", 1, 0))
    engine.encode("diffusion", pixels), engine.invert("diffusion", pixels)
    [loaded] = engine._device.memory.loaded.values()
    assert not loaded.traces
    for ask in (engine.onnx, engine.onnx_hash):
        with pytest.raises(ValueError, match="makes a picture in many steps, so no single net can go to the browser"):
            ask("diffusion")
    engine.close()


def test_a_path_goes_on_with_half_of_it_when_memory_is_short(tmp_path, monkeypatch):
    save_tiny(tiny_model("diffusion", steps=6), tmp_path / "diffusion")
    engine = Engine(tmp_path, device="cpu")
    z = engine.prior("diffusion", 4, 2)
    expected = engine.decode("diffusion", z)
    predict, sizes = Diffusion.predict_noise, []

    def small(self, x, *rest):
        sizes.append(len(x))
        if len(x) > 2 and len(sizes) > 3:
            raise torch.OutOfMemoryError("no room")
        return predict(self, x, *rest)

    monkeypatch.setattr(Diffusion, "predict_noise", small)
    assert close_to(engine.decode("diffusion", z), expected)
    assert sizes == [4] * 4 + [2] * 6  # from where it was
    engine.close()
