"""Networks by name, and rebuilding one whose layers were made narrower."""

from __future__ import annotations

import difflib
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.clip_networks import CLIP_ARCHITECTURES, build_clip_network
from pipeline.clip_networks.architectures import Shift
from pipeline.clip_networks.checkpoints import clip_weights, logs_as_nothing, weight_names
from pipeline.clip_networks.networks import ClipNetwork, Modality
from pipeline.detectors import DETECTORS, build_detector, detector_weights
from pipeline.embedders import (
    FACE_WEIGHTS,
    INCEPTION_RESNET,
    Embedder,
    build_embedder,
    download_face_weights,
    embedder_weights,
)
from pipeline.errors import EdgeboardError

Convolution = nn.modules.conv._ConvNd
_CountedConvolution = nn.Conv2d | nn.Conv3d
# Batch and instance normalisation.
_NormalisationOfFrames = nn.modules.batchnorm._NormBase

# torchvision's MobileNetV3 keeps running statistics with a momentum of 0.01, which lags by hundreds of batches:
# trained from scratch on a small set it then answers a single class in eval mode.
_BATCH_NORM_MOMENTUM = 0.1


def classifier_names() -> list[str]:
    """Names of the image classifiers of torchvision."""
    from torchvision import models

    return list(models.list_models(module=models))


def is_detector(architecture: str) -> bool:
    from torchvision import models

    return architecture in [*DETECTORS, *models.list_models(module=models.detection)]


def require_kind(architecture: str, kind: str) -> None:
    """Raise EdgeboardError where a task of this kind cannot use the architecture.

    kind: classification, detection, action, or identification, which can use every classifier as well.
    """
    if architecture not in [*classifier_names(), *DETECTORS, *CLIP_ARCHITECTURES, INCEPTION_RESNET]:
        return
    allowed = "an image classifier of torchvision"
    sees_frames = not is_detector(architecture) and architecture not in CLIP_ARCHITECTURES
    fits = sees_frames and architecture != INCEPTION_RESNET
    if kind == "detection":
        allowed, fits = ", ".join(DETECTORS), is_detector(architecture)
    elif kind == "identification":
        allowed, fits = f"{INCEPTION_RESNET} or {allowed}", sees_frames
    elif kind == "action":
        allowed, fits = ", ".join(CLIP_ARCHITECTURES), architecture in CLIP_ARCHITECTURES
    if not fits:
        raise EdgeboardError(
            "The architecture is made for another kind of task",
            value=f"{architecture}, for {kind}",
            allowed=allowed,
            mend="correct train.<task>.architecture in params.yaml",
        )


def build_network(
    architecture: str,
    n_classes: int,
    frame_size: int | None = None,
    *,
    smallest_anchor: float | None = None,
    embedding_size: int | None = None,
    clip_frames: int | None = None,
    shift: Shift | None = None,
    modality: Modality | None = None,
) -> nn.Module:
    """A network with random weights: `[N, 3, S, S]` normalised frames, or `[N, T, 3, S, S]` clips of them, to answers.

    A classifier gives `[N, n_classes]` logits; a detector, which is made for frames of frame_size pixels, the raw heads
    of pipeline.detectors.Detector. smallest_anchor: see build_detector. With an embedding_size D it gives embeddings
    `[N, D]`, see pipeline.embedders.Embedder. With clip_frames T it sees clips, see pipeline.clip_networks.
    """
    network: nn.Module
    if clip_frames is not None:
        assert frame_size is not None
        network = build_clip_network(
            architecture, n_classes, clip_frames, frame_size, shift or "causal", modality=modality or "rgb"
        )
    elif is_detector(architecture):
        assert frame_size is not None, "the anchors of a detector depend on the size of its frames"
        network = build_detector(architecture, n_classes, frame_size, smallest_anchor)
    elif embedding_size is not None:
        is_inception = architecture == INCEPTION_RESNET
        backbone = None if is_inception else _classifier(architecture, embedding_size)
        network = build_embedder(backbone, n_classes, embedding_size)
    else:
        network = _classifier(architecture, n_classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.momentum = _BATCH_NORM_MOMENTUM
    return network


def _classifier(architecture: str, n_classes: int) -> nn.Module:
    from torchvision import models

    names = classifier_names()
    if architecture not in names:
        close = difflib.get_close_matches(architecture, names, n=3)
        raise EdgeboardError(
            "There is no such architecture",
            value=architecture,
            allowed=f"an image classifier of torchvision, such as {', '.join(close or names[:5])}",
            mend="correct train.<task>.architecture in params.yaml",
        )
    # Inception and GoogLeNet return a tuple while training unless their side heads are off.
    options: dict[str, Any] = {"aux_logits": False} if architecture in ("googlenet", "inception_v3") else {}
    network: nn.Module = models.get_model(architecture, weights=None, num_classes=n_classes, **options)
    return network


def blank_frames(network: nn.Module, frame_size: int, device: torch.device | None = None) -> Tensor:
    """Zeros of the form that `network` sees: one frame `[1, 3, S, S]`, or one clip `[1, T, 3, S, S]`."""
    clip = (network.clip_frames,) if isinstance(network, ClipNetwork) else ()
    return torch.zeros(1, *clip, 3, frame_size, frame_size, device=device)


def load_pretrained(network: nn.Module, architecture: str, pretrained: str) -> list[str]:
    """Copy weights into `network` in place: `none`, a name (downloaded), or a file.

    The names: imagenet for classifiers, coco for detectors, vggface2 and casia-webface for InceptionResnetV1. A file
    holds a state_dict of torchvision's, or facenet-pytorch's, own network, or is a checkpoint of mmaction2.

    Tensors of another shape, such as the head for other classes, stay as they are; their names are returned.
    Raises EdgeboardError when the download fails or the file does not fit the architecture.
    """
    if pretrained == "none":
        return []
    is_name = pretrained in ("imagenet", "coco", *FACE_WEIGHTS)
    state = _download(architecture, pretrained) if is_name else _read_weights(Path(pretrained))
    if architecture in DETECTORS:
        state = detector_weights(architecture, state)
    elif isinstance(network, Embedder):
        state = embedder_weights(state)
    own = network.state_dict()
    if isinstance(network, ClipNetwork):
        state = clip_weights(own, state)
    fitting = {name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape}
    left_out = [name for name in weight_names(own) if name not in fitting]
    if len(fitting) < len(own) / 2:
        raise EdgeboardError(
            "The weights do not fit the architecture",
            where=pretrained,
            value=f"{len(fitting)} of {len(own)} tensors have the name and shape of {architecture}",
            mend="name the architecture that the file was trained with in train.<task>.architecture",
        )
    network.load_state_dict(fitting, strict=False)
    return left_out


def _download(architecture: str, pretrained: str) -> dict[str, torch.Tensor]:
    from torchvision import models

    is_known = architecture == INCEPTION_RESNET or architecture in models.list_models()
    if not is_known or (pretrained in FACE_WEIGHTS) != (architecture == INCEPTION_RESNET):
        raise EdgeboardError(
            "There are no such weights for this architecture",
            where="train.<task>.pretrained",
            value=f"{pretrained} for {architecture}",
            allowed=f"{', '.join(FACE_WEIGHTS)} for {INCEPTION_RESNET}, imagenet for torchvision's classifiers, "
            "coco for its detectors",
        )
    is_face = pretrained in FACE_WEIGHTS
    url = FACE_WEIGHTS[pretrained] if is_face else models.get_model_weights(architecture)["DEFAULT"].url
    state: dict[str, torch.Tensor]
    try:
        if is_face:
            state = download_face_weights(pretrained)
        else:
            weights = models.get_model_weights(architecture)["DEFAULT"]
            state = weights.get_state_dict(progress=False, check_hash=True)
    except Exception as error:  # urllib, ssl, socket and hash errors all mean the same to the user
        raise EdgeboardError(
            "The pretrained weights could not be downloaded",
            where=url,
            value=error,
            mend="fetch that file on a machine with a network and name it in train.<task>.pretrained, "
            "or go on without: train.<task>.pretrained=none",
        ) from error
    return state


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with logs_as_nothing():
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, pickle and safetensors raise their own
        raise EdgeboardError(
            "The weights cannot be read",
            where=path,
            value=error,
            allowed="a state_dict saved by torch.save (.pth, .pt) or by safetensors",
            mend="save the weights alone, with torch.save(network.state_dict(), file), and name that file",
        ) from error
    return dict(state.get("state_dict", state)) if isinstance(state, dict) else {}


def layer_shapes(network: nn.Module) -> dict[str, dict[str, int]]:
    """Width of every layer that pruning can make narrower, by module name.

    in, out, groups of convolutions; in, out of linear layers; out of normalisations and PReLU; dim0, dim1, ... of
    parameters that belong to no such layer, such as the scales of ConvNeXt, by parameter name.
    """
    shapes: dict[str, dict[str, int]] = {}
    for name, module in network.named_modules():
        if isinstance(module, Convolution):
            shapes[name] = {"in": module.in_channels, "out": module.out_channels, "groups": module.groups}
        elif isinstance(module, nn.Linear):
            shapes[name] = {"in": module.in_features, "out": module.out_features}
        elif isinstance(module, _NormalisationOfFrames):
            shapes[name] = {"out": module.num_features}
        elif isinstance(module, nn.GroupNorm):
            shapes[name] = {"out": module.num_channels}
        elif isinstance(module, nn.LayerNorm):
            shapes[name] = {"out": module.normalized_shape[-1]}
        elif isinstance(module, nn.PReLU):
            shapes[name] = {"out": module.num_parameters}
        else:
            for own, parameter in module.named_parameters(recurse=False):
                sizes = {f"dim{place}": size for place, size in enumerate(parameter.shape)}
                shapes[f"{name}.{own}" if name else own] = sizes
    return shapes


def apply_layer_shapes(network: nn.Module, shapes: dict[str, dict[str, int]]) -> None:
    """Give layers the recorded widths, in place, so that a pruned network's weights can be loaded.

    The new tensors are uninitialised: load_state_dict must follow.
    Raises EdgeboardError where the network has no such layer.
    """
    modules = dict(network.named_modules())
    for name, shape in shapes.items():
        owner, _, leaf = name.rpartition(".")
        if name in modules:
            _resize(modules[name], shape)
        elif isinstance(getattr(modules.get(owner), leaf, None), nn.Parameter):
            setattr(modules[owner], leaf, nn.Parameter(torch.empty(*shape.values())))
        else:
            raise EdgeboardError(
                "The network has no such layer",
                where="layers in meta.json",
                value=name,
                mend="dvc repro, for the artifact was made from another architecture",
            )


def _resize(layer: nn.Module, shape: dict[str, int]) -> None:
    out = shape["out"]
    if isinstance(layer, Convolution):
        layer.in_channels, layer.out_channels, layer.groups = shape["in"], out, shape["groups"]
        sides = (shape["in"], out // layer.groups) if layer.transposed else (out, shape["in"] // layer.groups)
        layer.weight = nn.Parameter(torch.empty(*sides, *layer.kernel_size))
    elif isinstance(layer, nn.Linear):
        layer.in_features, layer.out_features = shape["in"], out
        layer.weight = nn.Parameter(torch.empty(out, shape["in"]))
    else:
        _resize_normalisation(layer, out)
    if isinstance(layer, Convolution | nn.Linear) and layer.bias is not None:
        layer.bias = nn.Parameter(torch.empty(out))


def _resize_normalisation(layer: nn.Module, width: int) -> None:
    if isinstance(layer, _NormalisationOfFrames):
        layer.num_features = width
    elif isinstance(layer, nn.GroupNorm):
        layer.num_channels = width
    elif isinstance(layer, nn.LayerNorm):
        layer.normalized_shape = (*layer.normalized_shape[:-1], width)
    elif isinstance(layer, nn.PReLU):
        layer.num_parameters = width
    for name, parameter in layer.named_parameters(recurse=False):
        setattr(layer, name, nn.Parameter(torch.empty(*parameter.shape[:-1], width)))
    for name, buffer in layer.named_buffers(recurse=False):
        if buffer.ndim:
            setattr(layer, name, torch.empty(width))


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def count_nonzero(network: nn.Module) -> int:
    return sum(int(torch.count_nonzero(parameter)) for parameter in network.parameters())


def count_macs(network: nn.Module, frame_size: int) -> int:
    """Multiply-accumulates of convolutions and linear layers for one frame, or one clip, counted while it runs."""
    total = 0

    def add(module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, _CountedConvolution):
            total += output.numel() * (module.in_channels // module.groups) * math.prod(module.kernel_size)
        elif isinstance(module, nn.Linear):
            total += output.numel() * module.in_features

    hooks = [m.register_forward_hook(add) for m in network.modules() if isinstance(m, _CountedConvolution | nn.Linear)]
    was_training = network.training
    try:
        with torch.inference_mode():
            network.eval()(blank_frames(network, frame_size))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return total
