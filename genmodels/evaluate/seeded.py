"""The atlas and gallery of a model whose pictures have no short codes: random latents by their seed, on a plane through them."""

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from ..datasets import Images
from ..latent import measures
from ..latent.gallery import a, nearest_to_mean
from ..normal import hashed, latents
from .judge import SEED, Looked
from .subject import Subject

MOST = 1000  # latents in an atlas
NEAREST = 20_000  # training pictures that name a made one where there is no classifier
REACH = 0.7  # half the side of the map as a share of sqrt(D), the length that random latents have


def labels_of(subject: Subject, pixels: Tensor, looked: Looked | None, train: Images) -> np.ndarray:
    """The class [N] of each made picture: of attributes the likeliest of their groups; what a conditional model was told, else what the
    classifier sees, else that of the nearest training picture."""
    if train.attributes is not None:
        groups = torch.tensor(train.groups)
        seen = subject.turns(len(pixels)) if looked is None else looked.seen
        return groups[seen[:, groups].argmax(1)].numpy()
    if subject.model.conditions:
        return subject.turns(len(pixels)).argmax(1).numpy()
    if looked is not None:
        return looked.seen.argmax(1).numpy()
    known = KNeighborsClassifier(1).fit(train.pixels[:NEAREST].flatten(1).float().numpy(), train.labels[:NEAREST].numpy())
    return known.predict(pixels.flatten(1).float().numpy())


def seeded_atlas(subject: Subject, pixels: Tensor, labels: np.ndarray) -> dict[str, np.ndarray]:
    """A linear map of the first latents of SEED, whose pictures uint8 [N, C, H, W] have these labels [N], as atlas.npz holds it.

    seed int64 [] in the place of codes, labels uint8 [M], M up to 1,000, xy float16 [M, 2] = codes @ axes.T, axes float32
    [2, D], centre float32 [D], all zero, and reach float32 [], half the side of the map in sigmas.
    """
    model, size = subject.model, subject.size
    codes = latents(SEED, len(labels), model.latent_shape).reshape(len(labels), -1)
    axes = plane(subject, codes, pixels, labels)
    reach = REACH * size**0.5 if size > 2 else measures.NARROWEST
    return {"seed": np.int64(SEED), "labels": labels[:MOST].astype(np.uint8), "xy": (codes[:MOST] @ axes.T).astype(np.float16),
            "axes": axes, "centre": np.zeros(size, np.float32), "reach": np.float32(reach)}


def plane(subject: Subject, codes: np.ndarray, pixels: Tensor, labels: np.ndarray) -> np.ndarray:
    """Two orthonormal directions [2, D] of a map.

    Of short latents those that the first layer answers most strongly (Shen & Zhou 2021, SeFa) or, where there is no such layer,
    those that move the picture of a class most on average: by Stein's lemma E[z x^T] is its mean slope. Of latents that are noise
    two random ones: far along any direction that means something, noise is no longer what the model has learned from.
    """
    size = codes.shape[1]
    if size <= 2:
        return np.eye(2, size, dtype=np.float32)
    if not subject.short:
        return _two(latents(hashed(SEED, 1), 2, (size,)))
    if (weight := _first_layer(subject)) is not None:
        return _two(weight)
    flat = pixels.flatten(1).float().numpy()
    for k in np.unique(labels):
        flat[labels == k] -= flat[labels == k].mean(0)
    return _two(flat.T @ codes / len(codes))


def seeded_gallery(labels: np.ndarray, looked: Looked | None, pixels: Tensor, classes: tuple[str, ...], conditional: bool,
                   attributes: bool = False) -> list[dict[str, str]]:
    """A typical picture of each class and the most and the least certain, among those of the atlas, with a sentence each.

    Of attributes, the picture in which each is seen most surely.
    """
    n = min(len(labels), MOST)
    if attributes:
        return [] if looked is None else _most_of_each(looked.seen[:n].numpy(), classes)
    features = (pixels.flatten(1).float() if looked is None else looked.features)[:n].numpy()
    points = [(i, f"A typical {classes[k]} among {n:,} random pictures.") for k, i in nearest_to_mean(features, labels[:n]).items()]
    if looked is not None:
        sure = looked.seen[:n].amax(1).numpy()
        for i, most in ((int(sure.argmax()), "most"), (int(sure.argmin()), "least")):
            seen = classes[int(looked.seen[i].argmax())]
            points.append((i, f"Of {n:,} random pictures the one that the classifier is {most} sure of: it sees {a(seen)}, {sure[i]:.0%} sure."))
    first = dict(reversed(points))  # what was said first about a point stands
    return [{"point": f"atlas:{i}", "why": why} | ({"condition": classes[labels[i]]} if conditional else {})
            for i, why in reversed(first.items())]


def _most_of_each(seen: np.ndarray, classes: tuple[str, ...]) -> list[dict[str, str]]:
    """For every attribute the picture that has it most surely, each picture once; seen [N, K] are the classifier's probabilities."""
    points: dict[int, str] = {}
    for k, name in enumerate(classes):
        i = int(seen[:, k].argmax())
        if seen[i, k] > 0.5:
            points.setdefault(i, f"Of {len(seen):,} random pictures the one in which the classifier sees this most surely: {name}, {seen[i, k]:.0%}.")
    return [{"point": f"atlas:{i}", "why": why} for i, why in points.items()]


def _first_layer(subject: Subject) -> np.ndarray | None:
    """The weight [out, D] of the linear layer that is handed the latents, alone or before the conditions; None if there is none."""
    z = torch.from_numpy(latents(SEED, 2, subject.model.latent_shape)).to(subject.model.device).flatten(1)
    found: list[Tensor] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], _) -> None:
        if isinstance(layer, nn.Linear) and inputs[0].ndim == 2 and torch.equal(inputs[0][:, :z.shape[1]], z):
            found.append(layer.weight.detach()[:, :z.shape[1]])

    hooks = [layer.register_forward_hook(note) for layer in subject.model.modules()]
    subject.decode(z.view(2, *subject.model.latent_shape).cpu(), subject.turns(2))
    for hook in hooks:
        hook.remove()
    return found[0].float().cpu().numpy() if found else None


def _two(matrix: np.ndarray) -> np.ndarray:
    """The two strongest right singular vectors [2, D] of a matrix [R, D], each signed so that its largest entry is positive."""
    axes = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)[2][:2]
    largest = np.take_along_axis(axes, abs(axes).argmax(1)[:, None], axis=1)
    return (axes * np.sign(largest)).astype(np.float32)
