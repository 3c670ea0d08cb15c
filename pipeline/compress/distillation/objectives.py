"""What a student can be asked to share with its teacher: pure functions of both networks' outputs.

All of them compute in float32, whatever autocast gave, and give the student a gradient; the caller keeps the
teacher's tensors out of the graph (`torch.no_grad`). N: batch, C: classes or channels, A: anchors, D: dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, interpolate, log_softmax, mse_loss, normalize, smooth_l1_loss


def soft_targets(student_logits_nc: Tensor, teacher_logits_nc: Tensor, temperature: float) -> Tensor:
    """T² · KL(teacher ‖ student), both `[N, C]` softened by the temperature T, mean over the batch; 0 and above.

    Hinton et al. 2015 (arXiv:1503.02531). T² keeps the size of the gradient the same at every temperature.
    """
    return temperature**2 * _soft_divergence(student_logits_nc, teacher_logits_nc, temperature).sum(-1).mean()


def attention_transfer(student_maps: Sequence[Tensor], teacher_maps: Sequence[Tensor]) -> Tensor:
    """How differently two networks look: for pairs of maps `[N, C, H, W]`, whose C, H and W may differ within a pair.

    Zagoruyko & Komodakis 2017 (arXiv:1612.03928), as their code has it: the sum of squares over the channels,
    divided by its L2 norm; squared difference, mean over places and batch (at most 2 / (H·W)), summed over the pairs.
    """
    return torch.stack([_attention_distance(s, t) for s, t in zip(student_maps, teacher_maps, strict=True)]).sum()


def hint_distance(
    student_maps: Sequence[Tensor], teacher_maps: Sequence[Tensor], regressors: Sequence[nn.Module]
) -> Tensor:
    """How badly the teacher's maps `[N, C, H, W]` can be told from the student's: 0 perfectly, 1 as by saying 0.

    FitNets, Romero et al. 2015 (arXiv:1412.6550): the squared error, here over the mean square of the teacher's map, so
    that its weight means the same for every teacher; mean over pairs. regressors: one for each pair, from the student's
    channels to the teacher's; their weights are trained along. The teacher's maps are resized to the student's.
    """
    pairs = zip(student_maps, teacher_maps, regressors, strict=True)
    return torch.stack([_hint_error(regress(s).float(), _resized(t.float(), s)) for s, t, regress in pairs]).mean()


def detection_distance(
    student_logits_nac: Tensor,
    teacher_logits_nac: Tensor,
    student_boxes_na4: Tensor,
    teacher_boxes_na4: Tensor,
    temperature: float,
    class_weights_c: Tensor | None = None,
    background: int | None = 0,
) -> tuple[Tensor, Tensor]:
    """(class term, box term) of a detector with anchors; boxes are the regressions relative to the anchors.

    Chen et al. 2017, Learning Efficient Object Detection Models with Knowledge Distillation (NIPS 30). Class term:
    the soft targets of each anchor, mean over anchors and batch. class_weights_c: `[C]`, the weight of each class in
    it, for nearly all anchors see background; Chen et al. use 1.5 for the background and 1 for the others.
    Box term: smooth L1 summed over the four numbers of a box, averaged with the teacher's probability of an object
    (at temperature 1) as the weight of an anchor; 0 where the teacher sees none anywhere. Their teacher-bounded
    loss needs the true boxes and is left to the task.
    background: its place among the classes; None where each class has a sigmoid of its own, so that the soft targets
    are those of C coins (summed) instead of one die.
    """
    if background is None:
        student, teacher = (torch.stack([torch.zeros_like(x), x], -1) for x in (student_logits_nac, teacher_logits_nac))
        divergence = _soft_divergence(student, teacher, temperature).sum(-1)
    else:
        divergence = _soft_divergence(student_logits_nac, teacher_logits_nac, temperature)
    if class_weights_c is not None:
        divergence = divergence * class_weights_c
    class_term = temperature**2 * divergence.sum(-1).mean()
    object_na = object_probability(teacher_logits_nac, background)
    distance_na = smooth_l1_loss(student_boxes_na4.float(), teacher_boxes_na4.float(), reduction="none").sum(-1)
    tiny = torch.finfo(torch.float32).tiny
    return class_term, (object_na * distance_na).sum() / object_na.sum().clamp_min(tiny)


def object_probability(logits_nac: Tensor, background: int | None) -> Tensor:
    """`[N, A]` in [0, 1]: of anything but the background, or, with sigmoids, of the likeliest class."""
    if background is None:
        return logits_nac.float().amax(-1).sigmoid()
    return 1 - logits_nac.float().softmax(-1)[..., background]


def embedding_distance(student_nd: Tensor, teacher_nd: Tensor) -> Tensor:
    """1 − cosine similarity of the embeddings `[N, D]`, mean over the batch; in [0, 2]."""
    return (1 - cosine_similarity(student_nd.float(), teacher_nd.float(), dim=1)).mean()


def relational_distance(student_nd: Tensor, teacher_nd: Tensor) -> Tensor:
    """How differently two networks place the frames of a batch to each other: embeddings `[N, D]`, D may differ.

    The distance-wise loss (RKD-D) of Park et al. 2019 (arXiv:1904.05068): smooth L1 between the Euclidean distances
    of all pairs of frames, each network's distances divided by their mean. 0 for fewer than two frames.
    """
    if len(student_nd) < 2:
        return student_nd.float().sum() * 0
    return smooth_l1_loss(_relative_distances(student_nd), _relative_distances(teacher_nd))


def _soft_divergence(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """The terms of KL(teacher ‖ student), one for each class; the last dimension is C."""
    log_student = log_softmax(student_logits.float() / temperature, dim=-1)
    log_teacher = log_softmax(teacher_logits.float() / temperature, dim=-1)
    return nn.functional.kl_div(log_student, log_teacher, reduction="none", log_target=True)


def _attention_distance(student_nchw: Tensor, teacher_nchw: Tensor) -> Tensor:
    student = student_nchw.float().pow(2).sum(1, keepdim=True)
    teacher = _resized(teacher_nchw.float().pow(2).sum(1, keepdim=True), student)
    return mse_loss(normalize(student.flatten(1)), normalize(teacher.flatten(1)))


def _hint_error(guess_nchw: Tensor, teacher_nchw: Tensor) -> Tensor:
    return mse_loss(guess_nchw, teacher_nchw) / teacher_nchw.square().mean().clamp_min(torch.finfo(torch.float32).eps)


def _resized(teacher_nchw: Tensor, like_nchw: Tensor) -> Tensor:
    """Only the teacher's map is ever resized: the gradient of a resize has no deterministic kernel on every device."""
    if teacher_nchw.shape[2:] == like_nchw.shape[2:]:
        return teacher_nchw
    return interpolate(teacher_nchw, like_nchw.shape[2:], mode="bilinear", align_corners=False)


def _relative_distances(embeddings_nd: Tensor) -> Tensor:
    distances = nn.functional.pdist(embeddings_nd.float())
    return distances / distances.mean().clamp_min(torch.finfo(torch.float32).eps)
