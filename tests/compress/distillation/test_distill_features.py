from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.compress.distillation.features import MapRecorder, Stage, find_stages, pair_stages
from pipeline.errors import EdgeboardError
from pipeline.networks import build_network


def network_of(architecture: str) -> nn.Module:
    with torch.device("meta"):  # shapes are all that is asked for
        return build_network(architecture, 3)


@pytest.mark.parametrize(
    ("architecture", "frame_size", "expected"),
    [
        # One pixel has no places: layer4 is left out.
        ("resnet18", 32, [("relu", 64, 16), ("layer1", 64, 8), ("layer2", 128, 4), ("layer3", 256, 2)]),
        # Odd sizes.
        ("resnet18", 50, [("relu", 64, 25), ("layer1", 64, 13), ("layer2", 128, 7), ("layer3", 256, 4),
                          ("layer4", 512, 2)]),
        ("mobilenet_v2", 64, [("features.1", 16, 32), ("features.3", 24, 16), ("features.6", 32, 8),
                              ("features.13", 96, 4), ("features", 1280, 2)]),
        # Squeeze-excitation's single pixels inside of blocks end no stage.
        ("mobilenet_v3_small", 64, [("features.0", 16, 32), ("features.1", 16, 16), ("features.3", 24, 8),
                                    ("features.8", 48, 4), ("features", 576, 2)]),
        # The pool before the head makes 7x7 of 2x2: no stage.
        ("vgg16", 64, [("features.3", 64, 64), ("features.8", 128, 32), ("features.15", 256, 16),
                       ("features.22", 512, 8), ("features.29", 512, 4), ("features", 512, 2)]),
        # Convolutions without padding shave a pixel or two off within a stage.
        ("inception_v3", 128, [("Conv2d_2b_3x3", 64, 61), ("Conv2d_4a_3x3", 192, 28), ("Mixed_5d", 288, 13),
                               ("Mixed_6e", 768, 6), ("Mixed_7c", 2048, 2)]),
        ("densenet121", 64, [("features.relu0", 64, 32), ("features.denseblock1", 256, 16),
                             ("features.denseblock2", 512, 8), ("features.denseblock3", 1024, 4),
                             ("features", 1024, 2)]),
    ],
)  # fmt: skip
def test_a_stage_ends_where_the_resolution_falls(
    architecture: str, frame_size: int, expected: list[tuple[str, int, int]]
) -> None:
    network = network_of(architecture)
    stages = find_stages(network, frame_size)
    assert [(stage.name, stage.channels, stage.size) for stage in stages] == expected
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())


def test_a_transformer_with_its_channels_last_has_stages_too() -> None:
    stages = find_stages(network_of("swin_t"), 64)
    assert [(stage.channels, stage.size, stage.channels_last) for stage in stages] == [
        (96, 16, True), (192, 8, True), (384, 4, True), (768, 2, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("student", "teacher", "frame_size", "expected"),
    [
        ("resnet18", "resnet18", 32, [(16, 16), (8, 8), (4, 4), (2, 2)]),
        # The last four of five.
        ("mobilenet_v2", "resnet50", 64, [(16, 16), (8, 8), (4, 4), (2, 2)]),
        ("squeezenet1_1", "resnet18", 96, [(47, 48), (23, 24), (11, 12), (5, 6)]),
        # A student that stops earlier than its teacher.
        ("shufflenet_v2_x0_5", "vgg16", 32, [(16, 16), (8, 8), (4, 4), (2, 2)]),
        # Sizes that differ by more than half an octave, such as 3 and 2, are not of like resolution.
        ("alexnet", "inception_v3", 128, [(31, 28), (15, 13), (7, 6)]),
    ],
)
def test_stages_of_like_resolution_are_paired(
    student: str, teacher: str, frame_size: int, expected: list[tuple[int, int]]
) -> None:
    pairs = pair_stages(network_of(student), network_of(teacher), frame_size)
    assert [(pair.student.size, pair.teacher.size) for pair in pairs] == expected


def strided(stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=stride, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize(("student", "teacher"), [(strided(8), strided(2)), (strided(2), nn.Sequential(nn.Flatten()))])
def test_networks_without_a_common_resolution_are_told(student: nn.Module, teacher: nn.Module) -> None:
    teacher.append(nn.Linear(4, 1) if len(teacher) > 1 else nn.Linear(3 * 32 * 32, 1))  # type: ignore[operator]
    student.append(nn.Linear(4, 1))  # type: ignore[operator]
    with pytest.raises(EdgeboardError, match="no maps of like resolution") as caught:
        pair_stages(student, teacher, 32)
    assert "features: none" in str(caught.value)


def pooling(*pools: nn.Module, frame_size: int = 36) -> nn.Module:
    body = nn.Sequential(*pools, nn.Flatten())
    return body.append(nn.Linear(body(torch.zeros(1, 3, frame_size, frame_size)).shape[1], 1))


def test_a_stage_is_compared_once() -> None:
    """7 and 12 are both like 9; the later one has it."""
    student, teacher = pooling(nn.AvgPool2d(3), nn.AvgPool2d(6, stride=1)), pooling(nn.AvgPool2d(4))
    pairs = pair_stages(student, teacher, 36)
    assert [(pair.student.size, pair.teacher.size) for pair in pairs] == [(7, 9)]


def test_a_module_that_runs_twice_ends_no_stage() -> None:
    """Nobody could tell which of its maps was meant."""
    shared = nn.AvgPool2d(2)
    network = pooling(shared, nn.ReLU(), shared)
    assert [(stage.name, stage.size) for stage in find_stages(network, 36)] == [("1", 18)]


def test_a_recorder_gives_the_maps_once_and_leaves_no_hook() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten())
    frames = torch.randn(2, 3, 8, 8)
    with MapRecorder(network, [Stage("1", 4, 8, channels_last=False)]) as recorder:
        network(frames)
        (taken,) = recorder.take()
        with pytest.raises(KeyError):
            recorder.take()
    torch.testing.assert_close(taken, network[:2](frames))
    assert not any(module._forward_hooks for module in network.modules())


def test_channels_are_put_first() -> None:
    network = nn.Sequential(nn.Flatten(2), nn.Unflatten(2, (8, 8)), nn.Identity())
    frames = torch.randn(2, 8, 8, 8)
    with MapRecorder(network, [Stage("2", 8, 8, channels_last=True)]) as recorder:
        network(frames)
        torch.testing.assert_close(recorder.take()[0], frames.permute(0, 3, 1, 2))
