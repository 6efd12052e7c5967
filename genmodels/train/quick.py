"""What a run's checkpoint gets at once, so that one can walk in it: a quick atlas, and samplers where codes are short."""

import numpy as np
import torch

from ..checkpoint import Checkpoint, write_whole
from ..classifier import Classifier
from ..datasets import Images
from ..evaluate.atlas import atlas, chosen_pictures
from ..evaluate.samples import LARGEST_FIT
from ..evaluate.seeded import seeded_atlas
from ..evaluate.subject import Subject, balanced
from ..kept import npz
from ..latent.samplers import SAMPLERS, packed
from ..models import LatentModel, Trainable, to_pixels
from ..normal import latents

SHOWN, DRAWN = 500, 256  # points on the map: test pictures, or random latents whose pictures are made for it
FITTED = 2000  # training pictures that samplers are fitted to


@torch.no_grad()
def keep_atlas(checkpoint: Checkpoint, model: Trainable, test: Images, classifier: Classifier | None = None) -> None:
    """Write atlas.npz into a checkpoint's folder, for a model in eval mode: codes of up to 500 test pictures, else some random latents.

    Labels of random latents are what a conditional model is told, or what the classifier sees in their pictures. Where nobody can tell
    at once (no classifier, a model of many steps), and for a model whose latents are neither codes nor N(0, I), there is no atlas.
    """
    if not isinstance(model, LatentModel):
        return
    some = test.some(torch.from_numpy(balanced(test.labels.cpu().numpy(), SHOWN))).to(torch.device("cpu"))
    subject = Subject(model, some, classifier)
    if subject.mapped:
        arrays = atlas(subject, chosen_pictures(subject) if subject.placed else np.arange(len(some)))
    elif model.PRIOR or not (labelled := _labelled(subject)):
        return
    else:
        arrays = seeded_atlas(subject, *labelled)
    write_whole(checkpoint.folder / "atlas.npz", npz(arrays))


@torch.no_grad()
def keep_samplers(checkpoint: Checkpoint, model: Trainable, train: Images) -> None:
    """Write samplers.npz into a checkpoint's folder: fitted to the codes of some training pictures, where these are short."""
    if not isinstance(model, LatentModel) or not model.can("encode") or model.can("path"):
        return
    if len(model.latent_shape) != 1 or model.latent_shape[0] > LARGEST_FIT or len(train) < FITTED // 10:
        return
    x, y = train.first(FITTED).floats(slice(None)), train.first(FITTED).one_hot(slice(None)) if model.conditions else None
    parts = zip(x.split(100), [None] * len(x) if y is None else y.split(100), strict=False)
    codes = torch.cat([model.encode(*part).float().cpu() for part in parts]).numpy()
    if np.isfinite(codes).all():
        write_whole(checkpoint.folder / "samplers.npz", npz(packed({kind: sampler.fit(codes) for kind, sampler in SAMPLERS.items()})))


def _labelled(subject: Subject) -> tuple[torch.Tensor, np.ndarray] | None:
    """Pictures uint8 [N, C, H, W] of random latents and a label [N] for each, where that is a matter of a moment."""
    model = subject.model
    if not model.conditions and (model.can("path") or subject.classifier is None):
        return None
    told = subject.turns(DRAWN)
    if model.can("path"):  # the map of what is noise is the same for all pictures
        made = torch.zeros(DRAWN, *model.image_shape)
    else:
        made = subject.decode(torch.from_numpy(latents(0, DRAWN, model.latent_shape)), told)
    seen = told if model.conditions else torch.from_numpy(subject.seen(made))
    groups = torch.tensor(subject.test.groups or range(seen.shape[1]))
    return torch.from_numpy(to_pixels(made)).permute(0, 3, 1, 2), groups[seen[:, groups].argmax(1)].numpy()
