"""UNet2DModel of diffusers with its scheduler, such as google/ddpm-cifar10-32: diffusion on pictures (Ho et al. 2020)."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..knobs import from_dict, knob
from ..models import Denoiser, cosine_betas
from ..models._denoising import UPDATES, Level, Seen, ddim
from ._base import Found, Listing, Order
from ._diffusers import CORE, channels_of, library, renamed, values_in, weights_in
from ._weights import read_weights

TITLE = "Diffusion model (diffusers)"
KIND = "UNet2DModel"
WORK = 4e12  # floating point operations that one step of one picture may take: half a minute of a processor core
DOWN = ("DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D")
UP = ("UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D")
NET: dict[str, Any] = {  # keys of its config that change an answer, and what diffusers takes where one is not said
    "sample_size": None, "in_channels": 3, "out_channels": 3, "center_input_sample": False, "time_embedding_type": "positional",
    "time_embedding_dim": None, "freq_shift": 0, "flip_sin_to_cos": True, "block_out_channels": [224, 448, 672, 896], "layers_per_block": 2,
    "down_block_types": [DOWN[0], *[DOWN[1]] * 3], "up_block_types": [*[UP[1]] * 3, UP[0]], "mid_block_type": None,
    "mid_block_scale_factor": 1, "downsample_padding": 1, "downsample_type": "conv", "upsample_type": "conv", "act_fn": "silu",
    "attention_head_dim": None, "norm_num_groups": 32, "attn_norm_num_groups": None, "norm_eps": 1e-5,
    "resnet_time_scale_shift": "default", "add_attention": True, "class_embed_type": None, "num_class_embeds": None,
}
NULL = {"attention_head_dim": 8, "mid_block_type": "UNetMidBlock2D"}  # where null is an answer: the default is for what is not said at all
SAMPLING = {"variance_type": "fixed_small", "set_alpha_to_one": True}  # of some schedulers: need not be said
NET_UNUSED = ("dropout", "num_train_timesteps")
BETAS: dict[str, Any] = {
    "num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear", "trained_betas": None,
    "prediction_type": "epsilon", "clip_sample": True, "clip_sample_range": 1.0, "thresholding": False, "rescale_betas_zero_snr": False,
    "timestep_spacing": "leading", "steps_offset": 0, **SAMPLING,
}
BETAS_UNUSED = ("dynamic_thresholding_ratio", "sample_max_value", "tensor_format", "timestep_values", "skip_prk_steps", "algorithm_type",
                "solver_order", "solver_type", "lower_order_final", "use_karras_sigmas", "interpolation_type", "final_sigmas_type")
SCHEDULERS = ("DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler",
              "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LMSDiscreteScheduler", "UniPCMultistepScheduler")


@dataclass(frozen=True)
class Config:
    sample_size: int = knob(32, "side of a picture", 4, 512)
    channels: int = knob(3, "channels of a picture", 1, 3)
    block_out_channels: tuple[int, ...] = knob((128, 256, 256, 256), "channels of each scale, the finest first", 1, 2048)
    down_block_types: tuple[str, ...] = knob((DOWN[0], DOWN[1], DOWN[0], DOWN[0]), "blocks on the way down", choices=DOWN)
    up_block_types: tuple[str, ...] = knob((UP[0], UP[0], UP[1], UP[0]), "blocks on the way up", choices=UP)
    middle: bool = knob(True, "whether there is a block at the lowest scale")
    add_attention: bool = knob(True, "whether that one has attention")
    layers_per_block: int = knob(2, "residual layers in a block", 1, 8)
    attention_head_dim: int = knob(0, "channels of a head of attention; 0 is one head", 0, 2048)
    norm_num_groups: int = knob(32, "groups of the normalisation", 1, 256)
    attn_norm_num_groups: int = knob(0, "the same for attention in the middle, where it differs; 0 where not", 0, 256)
    norm_eps: float = knob(1e-5, "what is added to a variance", 1e-12, 0.1)
    act_fn: str = knob("silu", "between the convolutions", choices=("silu", "swish", "mish", "gelu", "relu"))
    downsample_padding: int = knob(1, "padding where a picture is halved", 0, 1)
    downsample_type: str = knob("conv", "how a picture is halved by a block with attention", choices=("conv", "resnet"))
    upsample_type: str = knob("conv", "how a picture is doubled by a block with attention", choices=("conv", "resnet"))
    resnet_time_scale_shift: str = knob("default", "how the time enters a layer", choices=("default", "scale_shift"))
    mid_block_scale_factor: float = knob(1.0, "what the block at the lowest scale is divided by", 1e-3, 1e3)
    center_input_sample: bool = knob(False, "whether the net takes pictures in [0, 1]")
    time_embedding_type: str = knob("positional", "how the time becomes numbers", choices=("positional", "learned"))
    time_embedding_dim: int = knob(0, "numbers that say the time; 0 is four times the first channels", 0, 8192)
    freq_shift: int = knob(0, "the first frequency of the time, shifted", 0, 4)
    flip_sin_to_cos: bool = knob(True, "whether cosines come before sines")
    num_train_timesteps: int = knob(1000, "moments of the forward process, T", 10, 4000)
    beta_start: float = knob(1e-4, "variance of the noise of the first moment", 1e-8, 0.5)
    beta_end: float = knob(0.02, "and of the last", 1e-8, 0.999)
    beta_schedule: str = knob("linear", "how the noise grows", choices=("linear", "scaled_linear", "squaredcos_cap_v2"))
    prediction_type: str = knob("epsilon", "what the net predicts", choices=("epsilon", "v_prediction", "sample"))
    clip_sample: bool = knob(True, "whether a predicted picture is cut")
    clip_sample_range: float = knob(1.0, "to what", 0.1, 100)
    timestep_spacing: str = knob("leading", "which moments DDIM and DDPM visit", choices=("leading", "linspace", "trailing"))
    steps_offset: int = knob(0, "by how many moments later, where leading", 0, 9)
    steps: int = knob(20, "steps from noise to picture, unless others are asked for", 1, 1000)
    guidance = 1.0  # nothing can be told to this net
    conditions = ()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.channels, self.sample_size, self.sample_size

    def __post_init__(self):
        scales = len(self.block_out_channels)
        if not 1 <= scales <= 8 or {len(self.down_block_types), len(self.up_block_types)} != {scales}:
            raise ValueError(f"unet2d config: there must be as many blocks down and up as block_out_channels, 1 to 8, not {scales}.")
        if self.channels == 2:
            raise ValueError("unet2d config: pictures have 1 or 3 channels.")
        if self.sample_size % 2 ** (scales - 1):
            raise ValueError(f"unet2d config: the side of a picture must be a multiple of {2 ** (scales - 1)}, not {self.sample_size}.")
        if any(wide % self.norm_num_groups for wide in self.block_out_channels):
            raise ValueError(f"unet2d config: channels {list(self.block_out_channels)} cannot be normalised in {self.norm_num_groups} groups.")


def betas(config: Config) -> np.ndarray:
    """The variance of the noise added at t = 1 .. T, float64 [T], as diffusers' schedulers have it."""
    start, end, times = config.beta_start, config.beta_end, config.num_train_timesteps
    if config.beta_schedule == "squaredcos_cap_v2":
        return cosine_betas(times)
    return np.linspace(start, end, times) if config.beta_schedule == "linear" else np.linspace(start**0.5, end**0.5, times) ** 2


def ddim_as_said(seen: Seen, then: Level, earlier: Seen | None, eta: float) -> tuple[Tensor, float]:
    """DDIM as diffusers has it: the predicted picture is cut, and the noise that goes on is still the one that the net said."""
    return ddim(replace(seen, noise=seen.said), then, earlier, eta)


NOISE = {  # the noise in x, from what the net says and the shares of picture and noise in x
    "epsilon": lambda said, x, alpha, sigma: said,
    "v_prediction": lambda said, x, alpha, sigma: alpha * said + sigma * x,
    "sample": lambda said, x, alpha, sigma: (x - alpha * said) / sigma,
}


class Model(Denoiser):
    """A net of diffusers, sampled here; DDIM and DDPM visit the moments that diffusers' schedulers visit."""

    Config = Config
    UPDATES = UPDATES | {"ddim": ddim_as_said}

    def __init__(self, config: Config):
        super().__init__(config, betas(config))
        self.net = library().UNet2DModel(**_arguments(config))

    def predict_noise(self, x: Tensor, t: Tensor, y: Tensor | None = None, guidance: float | Tensor = 1.0) -> Tensor:
        alpha, sigma = self.shares[t].view(-1, 2, 1, 1, 1).unbind(1)
        return NOISE[self.config.prediction_type](self.net(x, t - 1).sample.float(), x, alpha, sigma)  # diffusers counts from 0

    def cut(self, x0: Tensor) -> Tensor:
        return x0.clamp(-self.config.clip_sample_range, self.config.clip_sample_range) if self.config.clip_sample else x0

    def _schedule(self, steps: int, sampler: str = "ddim", start: float = 1.0) -> list[Level]:
        if sampler == "dpm++" or start < 1:
            return super()._schedule(steps, sampler, start)
        times, levels = self.config.num_train_timesteps, self.levels()
        steps = min(steps, times)
        moments = {"leading": np.arange(steps) * (times // steps) + self.config.steps_offset, "linspace": np.linspace(0, times - 1, steps).round(),
                   "trailing": np.round(np.arange(times, 0, -times / steps)) - 1}[self.config.timestep_spacing]
        return [levels[t] for t in np.unique(moments.astype(int).clip(0, times - 1) + 1)[::-1]] + [levels[0]]


def _arguments(config: Config) -> dict[str, Any]:
    """What UNet2DModel is built from."""
    return {name: getattr(config, name) for name in NET if hasattr(config, name)} | {
        "in_channels": config.channels, "out_channels": config.channels, "mid_block_type": "UNetMidBlock2D" if config.middle else None,
        "attention_head_dim": config.attention_head_dim or None, "attn_norm_num_groups": config.attn_norm_num_groups or None,
        "time_embedding_dim": config.time_embedding_dim or None, "num_train_timesteps": config.num_train_timesteps}


# A repository


def recognise(listing: Listing) -> Order | None:
    folder = next((folder for folder in ("", "unet/") if _says(listing, f"{folder}config.json") == KIND), None)
    if folder is None:
        return None
    index = listing.texts.get("model_index.json")
    parts = {key for key, value in index.items() if key[:1] != "_" and value != [None, None]} if isinstance(index, dict) else set()
    if strange := sorted(parts - {"unet", "scheduler"}):
        raise ValueError(f"{listing.name} is a pipeline of several parts ({', '.join(strange)} beside its diffusion model): it makes codes of another "
                         "model, not pictures. Look for a diffusion model on pictures, such as google/ddpm-cifar10-32.")
    weights = weights_in(listing, folder, KIND)
    places = [path for path in ("scheduler/scheduler_config.json", f"{folder}scheduler_config.json", "scheduler_config.json") if path in listing.texts]
    config, account = described(listing.texts[f"{folder}config.json"], listing.texts[places[0]] if places else None)
    return Order("unet2d", (f"{folder}config.json", weights, *places[:1]), (*_in_words(config, listing.name), *account))


def read(order: Order, files: Mapping[str, Path]) -> Found:
    net, weights, *scheduler = order.files
    config, _ = described(*(json.loads(files[path].read_text(encoding="utf-8")) for path in (net, *scheduler)))
    found, account = read_weights(files[weights])
    return Found("unet2d", "", "", json.loads(json.dumps(asdict(config))), {f"net.{name}": tensor for name, tensor in renamed(found).items()},
                 (*order.account, *account))


def _says(listing: Listing, path: str) -> str | None:
    text = listing.texts.get(path)
    return text.get("_class_name") if isinstance(text, dict) else None


def described(net: dict, scheduler: Any = None) -> tuple[Config, tuple[str, ...]]:
    """The two configs as one of ours, and what to tell a person about them. ValueError in words for what this program does not read."""
    values, said = values_in(NULL | net, KIND, NET, NET_UNUSED)
    if values["class_embed_type"] is not None or values["num_class_embeds"] is not None:
        raise ValueError(f"This {KIND} must be told a class, and its repository does not name the classes; this program reads those that are told nothing.")
    size = values["sample_size"]
    if isinstance(size, list) and len(size) == 2 and size[0] == size[1]:
        size = size[0]
    steps, words = _betas(scheduler)
    own = {key: value for key, value in values.items() if key in Config.__dataclass_fields__ and value is not None}
    return from_dict(Config, own | steps | {
        "sample_size": size, "channels": channels_of(values, KIND), "middle": values["mid_block_type"] is not None,
    }), (*said, *words)


def _betas(scheduler: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields of Config that a scheduler's config gives, and sentences on them."""
    if scheduler is None:
        return {}, ("No scheduler stands beside it: 1,000 moments of linear betas from 0.0001 to 0.02, as in the DDPM paper, are taken.",)
    kind = scheduler.get("_class_name") if isinstance(scheduler, dict) else None
    if kind not in SCHEDULERS:
        raise ValueError(f"Its scheduler is {kind!r:.60}; this program reads {', '.join(SCHEDULERS)}.")
    values, said = values_in(SAMPLING | scheduler, kind, BETAS, BETAS_UNUSED)
    for key, allowed in {"trained_betas": (None,), "thresholding": (False,), "rescale_betas_zero_snr": (False,),
                         "variance_type": ("fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log")}.items():
        if values[key] not in allowed:
            raise ValueError(f"Its {kind} says {key} = {values[key]!r:.60}; this program reads {' or '.join(map(str, allowed))} only.")
    words = [f"{kind}: {values['num_train_timesteps']} moments, {values['beta_schedule']} betas; the net predicts {values['prediction_type']}. "
             "Sampled here by DPM-Solver++, DDIM or DDPM."]
    if str(values["variance_type"]).startswith("fixed_large"):
        words.append("Its DDPM adds the larger variance (fixed_large), which fits a thousand steps; with fewer the smaller one is better, and taken here.")
    if not values["set_alpha_to_one"]:
        words.append("Its last step keeps the noise of the first moment (set_alpha_to_one is false); here the last step ends with the picture itself.")
    return {key: values[key] for key in BETAS if key in Config.__dataclass_fields__}, (*words, *said)


def _in_words(config: Config, name: str) -> tuple[str, ...]:
    """What the model is and what a step of it costs. ValueError where that is too much."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = Model(config)
        model.predict_noise(torch.zeros(1, *model.image_shape), torch.ones(1, dtype=torch.long))
    work = counter.get_total_flops()
    if work > WORK:
        raise ValueError(f"{name} takes {work / 1e12:.0f} million million operations for one step of one picture; at most {WORK / 1e12:.0f} are computed here.")
    count = sum(prod(p.shape) for p in model.parameters())
    size = f"{count / 1e6:.1f} million" if count >= 1e5 else f"{count:,}"
    return (f"Diffusion on pictures of {'x'.join(map(str, config.image_shape))}, a {KIND} with {size} parameters. "
            f"One step of one picture takes a processor core about {max(work / CORE, 0.01):.2g} s.",)
