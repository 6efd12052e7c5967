"""What a repository is that no format here reads, in one sentence with advice: Keras, Flax, StyleGAN, LoRA, language models, whole pipelines ..."""

from collections.abc import Callable, Sequence

from ._base import Listing, some

UNSEEN = (".md", ".gitattributes", ".gitignore", ".txt", "license", ".png", ".jpg", ".jpeg", ".gif", ".webp")  # which are no model
DATA = (".parquet", ".csv", ".arrow", ".tar", ".jsonl", ".npz", ".npy")


def stranger(listing: Listing, titles: Sequence[str]) -> str:
    """One sentence: what a repository is, and what to do. titles: what this program reads."""
    for said in KINDS:
        if sentence := said(listing):
            return f"{listing.name} {sentence}"
    names = some((name for name in listing.sizes if not _is_unseen(name)), 3)
    return f"{listing.name} holds {names}, and none of the formats that this program reads knows such a model; it reads: {', '.join(titles)}."


def _is_unseen(name: str) -> bool:
    return name.lower().endswith(UNSEEN)


def _any(listing: Listing, *ends: str) -> list[str]:
    return sorted(name for name in listing.sizes if name.lower().endswith(ends))


def _adapter(listing: Listing) -> str | None:
    if "adapter_config.json" in listing.sizes or any("lora" in name.lower() for name in _any(listing, ".safetensors", ".bin", ".pt")):
        return "is a LoRA adapter: small changes to another model, and no model by itself. Take a whole model."
    return None


def _pipeline(listing: Listing) -> str | None:
    index = listing.texts.get("model_index.json")
    if not isinstance(index, dict):
        return None
    parts = sorted(key for key, value in index.items() if key[:1] != "_" and value != [None, None])
    by = "from words " if "text_encoder" in parts else ""
    return (f"is a pipeline of several models that makes pictures {by}({', '.join(parts)[:120]}); this program opens one model and its latent space. "
            "An autoencoder of such a pipeline is one: try stabilityai/sd-vae-ft-mse or madebyollin/taesd.")


def _language(listing: Listing) -> str | None:
    if _any(listing, ".gguf", ".ggml"):
        return "is a language model for llama.cpp (GGUF), and makes no pictures. Take a model of pictures."
    config = listing.texts.get("config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if isinstance(kind, str) and ("architectures" in config or "transformers_version" in config):
        return f"is a model of the library transformers ({kind[:40]!r}), which reads or writes text, sound or labels and has no latent space of pictures. " \
               "Take a model of pictures."
    return None


def _single(listing: Listing) -> str | None:
    config = listing.texts.get("config.json")
    kind = config.get("_class_name") if isinstance(config, dict) else None
    if isinstance(kind, str):
        return f"is a {kind[:60]} of diffusers; of that library this program reads UNet2DModel, AutoencoderKL and AutoencoderTiny. Take one of these."
    return None


def _style(listing: Listing) -> str | None:
    if names := _any(listing, ".pkl", ".pickle"):
        return f"keeps its model in a Python pickle ({names[0][:60]}), as StyleGAN does: to open it would run code from it, so it is never opened here. " \
               "Take a model in safetensors."
    return None


def _keras(listing: Listing) -> str | None:
    if _any(listing, ".h5", ".keras", ".hdf5", "saved_model.pb", "keras_metadata.pb", ".tflite") or _any(listing, ".ckpt.index"):
        return "is a model for Keras or TensorFlow, and this program computes with PyTorch. Ask its author for PyTorch weights (safetensors), or take another."
    return None


def _flax(listing: Listing) -> str | None:
    if _any(listing, ".msgpack") and not _any(listing, ".safetensors", ".bin", ".pt", ".pth"):
        return "has weights for Flax alone (.msgpack), and this program computes with PyTorch. Ask its author for PyTorch weights (safetensors)."
    return None


def _onnx(listing: Listing) -> str | None:
    if _any(listing, ".onnx") and not _any(listing, ".safetensors", ".bin", ".pt", ".pth", ".ckpt"):
        return "has ONNX files alone: a net without what is needed to look into it. Look for the repository that they were made from."
    return None


def _data(listing: Listing) -> str | None:
    names = [name for name in listing.sizes if not _is_unseen(name) and not name.endswith(".json")]
    if names and all(name.lower().endswith((*DATA, ".zip")) for name in names):
        return "holds data, and no model. Datasets are chosen where a model is trained."
    return None


def _empty(listing: Listing) -> str | None:
    if all(_is_unseen(name) for name in listing.sizes):
        return "holds no model yet, only words and pictures. Check the name." if listing.sizes else "is empty. Check the name."
    return None


def _weights(listing: Listing) -> str | None:
    if names := _any(listing, ".safetensors", ".bin", ".pt", ".pth", ".ckpt"):
        return f"has PyTorch weights ({names[0][:60]}) and no config that says what net they belong to; of such files this program reads DCGAN generators only."
    return None


KINDS: tuple[Callable[[Listing], str | None], ...] = (
    _empty, _adapter, _pipeline, _language, _single, _style, _keras, _flax, _onnx, _data, _weights)
