"""Moving pictures without a face."""

import numpy as np

from pipelines.demo.puppet import Picture

_SUN_RADIUS = 0.055


def landscape(time: float, width: int = 384, height: int = 216) -> Picture:
    """Hills that glide by under a sun."""
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    picture = np.stack([150 + 60 * y, 190 + 20 * y, 235 - 40 * y], axis=2)
    picture[np.hypot(x - 0.75 + 0.02 * time, (y - 0.25) * height / width) < _SUN_RADIUS] = (255, 235, 140)
    for depth, colour in enumerate(((120, 150, 130), (80, 130, 90), (40, 95, 60))):
        glide = x * (3 + depth) + 0.12 * time * (1 + depth) + depth
        picture[y > 0.5 + 0.14 * depth + 0.06 * np.sin(2 * np.pi * glide) + 0.02 * np.sin(5 * np.pi * glide)] = colour
    return np.asarray(picture, np.uint8)


def water(time: float, width: int = 384, height: int = 216) -> Picture:
    """Dark water in motion."""
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    wave_height = np.sin(18 * x + 40 * y**2 + 2.1 * time) + np.sin(31 * x - 25 * y - 3.3 * time)
    light = 0.5 + 0.25 * wave_height * (0.3 + 0.7 * y)
    return np.asarray(light[..., None] * (30, 60, 110) + (5, 10, 25), np.uint8)
