"""Media made by the real ffmpeg, of which the truth is known: a white flash with a beep."""

import struct
import subprocess

from pipelines.watching.ffmpeg import find

BEEP = "if(between(t,{start},{end}),0.5*sin(2*PI*1000*t),0)"


def ffmpeg(*arguments):
    subprocess.run([str(find()), "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def picture_source(rate, *, flash_s=1.0, length_s=3.0, size="160x120"):
    """Black, and white from `flash_s` for 0.2 s."""
    flash = f"drawbox=color=white:t=fill:enable='between(t,{flash_s - 1e-6},{flash_s + 0.2 - 1e-6})'"
    return f"color=black:size={size}:rate={rate}:duration={length_s},{flash}"


def sound_source(rate_hz=48_000, *, beep_s=1.0, length_s=3.0, channels=1):
    """Silence, and 1 kHz from `beep_s` for 0.2 s in all channels."""
    beep = BEEP.format(start=beep_s, end=beep_s + 0.2).replace(",", "\\,")
    return f"aevalsrc={'|'.join([beep] * channels)}:sample_rate={rate_hz}:duration={length_s}"


def film(path, *, rate="25", rate_hz=48_000, channels=1, length_s=3.0, size="160x120", options=()):
    """A film with the flash and the beep at 1.0 s; codecs are the container's own unless options say more."""
    ffmpeg(
        *("-f", "lavfi", "-i", picture_source(rate, length_s=length_s, size=size)),
        *("-f", "lavfi", "-i", sound_source(rate_hz, length_s=length_s, channels=channels)),
        *("-pix_fmt", "yuv420p", *options, path),
    )
    return path


def turn_clockwise(path):
    """Write into an MP4 that its pictures are shown turned by a quarter. ISO 14496-12, 8.3.2 (tkhd)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    path.write_bytes(data)
