"""What a model makes of pictures from elsewhere, measured on test pictures: what is typical of them, what stands out, what is found again by its code."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from ..datasets import Images
from ..latent import hashing, measures, typical
from ..latent.inversion import invert, pixel_error
from ..normal import latents
from .judge import some
from .subject import Subject, balanced

LEARNED = 5000  # training pictures that hash and PCA are fitted to
QUERIES, AT = 1000, 10  # test pictures that are asked for, and how many of their nearest others are looked at
STRANGERS = 2000  # pictures of another data set
INVERTED, CANDIDATES = 128, 512  # test pictures of a model without an encoder, and latents among which their search begins


def own_pictures(subject: Subject, train: Images, stranger: tuple[str, Images] | None = None) -> tuple[dict, dict[str, np.ndarray]]:
    """Numbers for metrics.json under "own", and the arrays of typical.npz: empty where pictures have no codes to be had.

    stranger: the title of another data set and pictures of it, of the same size, which the model never saw.
    """
    if not (subject.model.can("encode") or subject.short) or subject.model.HEAVY:
        return {}, {}
    chosen = slice(None) if subject.model.can("encode") else torch.from_numpy(balanced(subject.labels, INVERTED))
    codes, errors = found(subject, subject.x[chosen], subject.y[chosen])
    usual = typical.Typical.fit(codes, errors, subject.x[0].numel())
    numbers, arrays = {"typical": {"pictures": usual.among, "error": usual.threshold("error"), "score": usual.threshold("score")}}, typical.packed(usual)
    if stranger is not None:
        numbers["stranger"] = {"title": stranger[0]} | outliers(subject, usual, codes[1::2], errors[1::2], stranger[1])
    if subject.coded:
        measured, found_hash = retrieval(subject, train)
        numbers |= {"retrieval": measured} if measured else {}
        arrays |= hashing.packed(found_hash)
    return numbers, arrays


def found(subject: Subject, x: Tensor, y: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Codes [N, *latent_shape] of pictures and the errors [N] that they leave: by the encoder, else by descent, as the page finds them."""
    if subject.model.can("encode"):
        codes = subject.encode(x, y)
        return codes.numpy(), pixel_error(subject.decode(codes, y), x).numpy()
    device = subject.model.device
    candidates = torch.from_numpy(latents(0, CANDIDATES, subject.model.latent_shape)).to(device)
    codes, errors = [], []
    for part, told in zip(x.split(16), y.split(16), strict=True):
        *_, last = invert(subject.model.decode, part.to(device), candidates, None if subject.told(told) is None else told.to(device))
        codes.append(last.z[:, 0].cpu())
        errors.append(last.errors[:, 0].cpu())
    return torch.cat(codes).numpy(), torch.cat(errors).numpy()


def outliers(subject: Subject, usual: typical.Typical, codes: np.ndarray, errors: np.ndarray, strangers: Images) -> dict[str, float]:
    """Areas under ROC: how well test pictures, by their codes and errors, are told from strangers, by error, distance and score."""
    some_of_them = strangers.some(torch.from_numpy(balanced(strangers.labels.numpy(), STRANGERS if subject.model.can("encode") else INVERTED)))
    x = some_of_them.floats(slice(None))
    theirs, left = found(subject, x, _seen_as(subject, x))
    odd = np.concatenate([np.zeros(len(codes)), np.ones(len(theirs))])

    def area(measure: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
        return float(roc_auc_score(odd, np.concatenate([measure(codes, errors), measure(theirs, left)])))

    caught = float((usual.score(theirs, left) > usual.threshold("score")).mean())
    return {"error": area(lambda _, e: e), "distance": area(lambda z, _: usual.distance(z)), "score": area(usual.score), "caught": caught}


def _seen_as(subject: Subject, x: Tensor) -> Tensor:
    """What a conditional model is told of strangers: what the classifier takes them for, as the page does; else nothing."""
    classes = len(subject.test.classes)
    if subject.classifier is None or not subject.model.conditions or subject.test.attributes is not None:
        return torch.zeros(len(x), classes)
    return torch.eye(classes)[torch.from_numpy(subject.seen(x).argmax(1))]


def retrieval(subject: Subject, train: Images) -> tuple[dict, hashing.Hash]:
    """Precision at 10 by nearest codes, by bits, by codes of PCA of the same size, by pixels; and the hash, fitted to codes of training pictures.

    Two pictures agree where they have the same label, or by the share of their attributes that are the same. No numbers for pictures of one kind.
    """
    learned = some(train, LEARNED)
    x = train.floats(learned)
    known = subject.encode(x, train.one_hot(learned)).flatten(1).numpy()
    bits = hashing.Hash.fit(known)
    asked = balanced(subject.labels, QUERIES)
    agree = _agree(subject.test, asked)
    if agree is None:
        return {}, bits
    codes, pixels = subject.codes.flatten(1).numpy(), subject.x.flatten(1).numpy()
    pca = measures.pixel_axes(x.flatten(1).numpy(), min(codes.shape[1], len(x) - 1, pixels.shape[1]))
    hashed, short = bits.bits(codes), pca.transform(pixels)

    def precision(distances: np.ndarray) -> float:
        distances = distances.astype(np.float32)
        distances[np.arange(len(asked)), asked] = np.inf  # not itself
        return hashing.precision(distances, agree, AT)

    def by(values: np.ndarray) -> float:
        return precision(torch.cdist(torch.from_numpy(values[asked]).float(), torch.from_numpy(values).float()).numpy())

    measured = {"at": AT, "queries": len(asked), "among": len(codes) - 1, "codes": by(codes), "bits": precision(hashing.apart(hashed[asked], hashed)),
                "how_many_bits": len(bits.axes), "pca": by(short), "pca_size": short.shape[1], "pixels": by(pixels)}
    return measured, bits


def _agree(test: Images, asked: np.ndarray) -> np.ndarray | None:
    """How far what was asked for [Q] agrees with every test picture, 0 to 1 [Q, N]; None where all are of one kind."""
    if test.attributes is not None:
        given = test.attributes.numpy()
        known = np.maximum(np.abs(given[asked]) @ np.abs(given).T, 1)
        return (given[asked] @ given.T / known + 1) / 2
    labels = test.labels.numpy()
    return None if len(np.unique(labels)) < 2 else labels[asked][:, None] == labels[None]
