"""A gallery of interesting points of a latent space, each with a sentence that says why it is worth a look."""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

Look = Callable[[np.ndarray], np.ndarray]  # codes [N, D] to what the classifier sees in their pictures, [N, K]


def gallery(codes: np.ndarray, labels: np.ndarray, classes: Sequence[str], *, look: Look | None = None,
            real: np.ndarray | None = None, conditional: bool = False) -> list[dict[str, str]]:
    """Points as {"point", "why"}, named by their number in the atlas whose codes [N, D] and labels [N] these are.

    `look` and `real`, what the classifier sees in decoded and in the true pictures ([N, K]), come together or not
    at all. A conditional model's points also say their "condition", and none lies between two classes, since its
    codes carry the style alone.
    """
    typical = nearest_to_mean(codes, labels)
    spread = {k: np.linalg.norm(codes[labels == k] - codes[labels == k].mean(0), axis=1).mean() for k in typical}
    tight, wide = min(spread, key=spread.get), max(spread, key=spread.get)
    far = np.linalg.norm(codes, axis=1)
    named = [classes[k] for k in labels]
    points = [(typical[tight], f"A typical {classes[tight]}: the pictures of no class lie closer together."),
              (typical[wide], f"A typical {classes[wide]}: the pictures of no class are spread wider.")]
    if look is not None:
        points += _doubts(labels, classes, look(codes), real)
    points += [(int(far.argmax()), f"The code farthest out, at a distance of {far.max():.1f} from the middle: {a(named[far.argmax()])}."),
               (int(far.argmin()), f"The code nearest to the middle of the space: {a(named[far.argmin()])}.")]
    first = list(dict(reversed(points)).items())[::-1]  # what was said first about a point stands
    shown = [{"point": f"atlas:{i}", "why": why} | ({"condition": named[i]} if conditional else {}) for i, why in first]
    return shown + ([] if conditional else _between(codes, typical, classes, look))


def a(name: str) -> str:
    """The name of a class with its article."""
    return f"{'an' if name == '8' or name[0] in 'AEIOUaeiou' else 'a'} {name}"


def nearest_to_mean(codes: np.ndarray, labels: np.ndarray) -> dict[int, int]:
    """For each class the number of the code nearest to the mean of its codes."""
    nearest = {}
    for k in np.unique(labels):
        own = np.flatnonzero(labels == k)
        nearest[int(k)] = int(own[np.linalg.norm(codes[own] - codes[own].mean(0), axis=1).argmin()])
    return nearest


def _doubts(labels: np.ndarray, classes: Sequence[str], decoded: np.ndarray, real: np.ndarray) -> list[tuple[int, str]]:
    """The test picture hardest to name, and the one that most clearly comes back as something else."""
    hard = int(real.max(1).argmin())
    found = [(hard, f"The test picture that the classifier is least sure of, {a(classes[labels[hard]])}: "
                    f"it sees {a(classes[real[hard].argmax()])}, {real[hard].max():.0%} sure.")]
    was_right = real.argmax(1) == labels
    lost = np.where(was_right & (decoded.argmax(1) != labels), decoded.max(1), 0)
    if lost.max() > 0:
        i = int(lost.argmax())
        found.append((i, f"This was {a(classes[labels[i]])}; the model gives it back as {a(classes[decoded[i].argmax()])}, "
                         f"{lost[i]:.0%} sure."))
    return found


def _between(codes: np.ndarray, typical: dict[int, int], classes: Sequence[str], look: Look | None) -> list[dict[str, str]]:
    """Two points halfway between typical pictures of two classes: the one with a surprise, and the one of most doubt."""
    pairs = list(combinations(typical, 2))
    if not pairs:
        return []
    ends = np.array([[typical[p], typical[q]] for p, q in pairs])

    def entry(i: int, why: str) -> dict[str, str]:
        p, q = pairs[i]
        return {"point": f"mix(atlas:{ends[i][0]}, atlas:{ends[i][1]}, 0.5)",
                "why": f"Halfway between {a(classes[p])} and {a(classes[q])}{why}"}

    if look is None:
        apart = np.linalg.norm(codes[ends[:, 0]] - codes[ends[:, 1]], axis=1)
        chosen = {int(apart.argmin()): ", the two classes that lie closest.",
                  int(apart.argmax()): ", the two classes that lie farthest apart."}
        return [entry(i, why) for i, why in chosen.items()]
    seen = look(codes[ends].mean(1))
    third = np.array([seen[i].argmax() not in pair for i, pair in enumerate(pairs)])
    clear = int((seen.max(1) * (third if third.any() else 1)).argmax())
    doubt = int(seen.max(1).argmin())
    chosen = {doubt: f": nowhere is the classifier less sure, {seen[doubt].max():.0%}.",
              clear: f" the classifier sees {a(classes[seen[clear].argmax()])}, {seen[clear].max():.0%} sure."}
    return [entry(i, why) for i, why in chosen.items()]
