"""Films of which each is told from the others by picture and sound, and copies of them, made by the real ffmpeg."""

import wave

import numpy as np
from made_media import ffmpeg

RATE_HZ = 16_000
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
COPIES = {
    "re-encoded": ("-vf", "scale=112:84", *X264, "-crf", "32", "-b:a", "32k", "-ar", "22050"),
    "cropped": ("-vf", "crop=iw*0.9:ih*0.9,scale=144:108", *X264),
    "letter-boxed": ("-vf", "pad=iw:180:0:30", *X264),
    "sped-up": ("-vf", "setpts=PTS/1.02", "-af", "asetrate=16320,aresample=16000", *X264),
    "trimmed": ("-ss", "0.7", *X264),
    "silent": ("-an", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p"),
}


def melody(seed, length_s=6.0):
    """Notes of three harmonics, drawn at random: float64 in [-1, 1] at 16 kHz."""
    draw = np.random.default_rng(seed)
    at = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    sound = np.zeros(len(at))
    for start in np.arange(0, length_s, 0.12):
        pitch, long = 180 * 2 ** draw.uniform(0, 2.5), draw.uniform(0.15, 0.5)
        inside = (at >= start) & (at < start + long)
        swell = np.sin(np.pi * (at[inside] - start) / long) ** 2
        for harmonic in (1, 2, 3):
            sound[inside] += swell / harmonic * np.sin(2 * np.pi * harmonic * pitch * (at[inside] - start))
    return sound / np.abs(sound).max() * 0.6


def write_wave(path, sound):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.asarray(sound) * 32767).astype("<i2").tobytes())
    return path


def film(path, seed, length_s=6.0, *, sound=None):
    """Patches of grey in random places that change every second, with a melody."""
    draw = np.random.default_rng(1000 + seed)
    heard = write_wave(path.with_suffix(".wav"), melody(seed, length_s) if sound is None else sound)
    small = draw.integers(30, 255, (round(length_s), 6, 8), dtype=np.uint8)
    raw = path.with_suffix(".gray")
    raw.write_bytes(small.tobytes())
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "gray", "-s", "8x6", "-framerate", "1", "-i", raw, "-i", heard),
        *("-vf", "scale=160:120:flags=bicubic,fps=12", *X264, path),
    )
    raw.unlink()
    heard.unlink()
    return path


def copy(film, to, variant):
    ffmpeg("-i", film, *COPIES[variant], to)
    return to
