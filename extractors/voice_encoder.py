"""Embeddings of voices: the GE2E encoder of Resemblyzer, on windows of sound.

Wan et al. (2018), https://arxiv.org/abs/1710.10467; weights and front end of Resemblyzer 0.1.4 (Apache-2.0,
https://github.com/resemble-ai/Resemblyzer), whose package is read as a file and never imported.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from extractors import weights
from extractors.sound import RATE_HZ
from schemas.errors import MissingPart

GE2E: Final = weights.Weight(
    name="resemblyzer-ge2e.pt",
    sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    packages=(("Resemblyzer", "resemblyzer/pretrained.pt"),),
)
DIMENSIONS: Final = 256
WINDOW_S: Final = 1.6
"""What the encoder was trained on."""
_BANDS, _LAYERS = 40, 3
_FFT, _HOP = 400, 160
_LEVEL: Final = 10 ** (-30 / 20)
"""Root mean square to which quieter sound is raised: -30 dB of full scale."""
_AT_ONCE = 32


def load() -> Any:
    """The encoder in memory, on one thread of the CPU. Raises MissingPart."""
    try:
        import librosa  # noqa: F401 - its absence is told before any work is done
        import torch
    except ImportError as error:
        raise MissingPart(
            f"speakers need {error.name}, which is not installed", do="pip install 'affectloom[speakers]'"
        ) from error
    state = torch.load(weights.fetch(GE2E), map_location="cpu", weights_only=True)["model_state"]
    torch.set_num_threads(1)
    network = torch.nn.ModuleDict(
        {
            "lstm": torch.nn.LSTM(_BANDS, DIMENSIONS, _LAYERS, batch_first=True),
            "linear": torch.nn.Linear(DIMENSIONS, DIMENSIONS),
        }
    )
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    return network.eval()


def loudness_gain(mean_square: float) -> float:
    """What a recording's samples are multiplied with: quiet ones are raised to -30 dB, loud ones stay."""
    return max(_LEVEL / float(np.sqrt(mean_square)), 1.0) if mean_square > 0 else 1.0


def mel(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mel spectrogram (power, not its logarithm) float32[frames, 40], 25 ms windows every 10 ms."""
    import librosa

    power = librosa.feature.melspectrogram(y=sound, sr=RATE_HZ, n_fft=_FFT, hop_length=_HOP, n_mels=_BANDS)
    return np.ascontiguousarray(power.T, np.float32)


def embed(model: Any, sounds: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Unit vectors float32[n, 256] with no negative component: one for each sound of `WINDOW_S`, 16 kHz, raised.

    The dot product of two is their cosine similarity in [0, 1]. Sounds of one length are worked on together.
    """
    import torch

    found = np.zeros((len(sounds), DIMENSIONS), np.float32)
    spectra = [mel(sound) for sound in sounds]
    by_length: dict[int, list[int]] = {}
    for index, spectrum in enumerate(spectra):
        by_length.setdefault(len(spectrum), []).append(index)
    for same in by_length.values():
        for first in range(0, len(same), _AT_ONCE):
            some = same[first : first + _AT_ONCE]
            with torch.inference_mode():
                _, (hidden, _) = model["lstm"](torch.from_numpy(np.stack([spectra[index] for index in some])))
                raw = torch.relu(model["linear"](hidden[-1]))
                found[some] = (raw / raw.norm(dim=1, keepdim=True).clamp_min(1e-9)).numpy()
    return found
