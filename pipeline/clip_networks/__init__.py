from pipeline.clip_networks.architectures import (
    CLIP_ARCHITECTURES,
    DEFAULT_CLIP_ARCHITECTURE,
    Shift,
    build_clip_network,
)

__all__ = ["CLIP_ARCHITECTURES", "DEFAULT_CLIP_ARCHITECTURE", "Shift", "build_clip_network"]
