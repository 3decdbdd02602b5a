"""The real program, and what becomes of it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from made_media import film

from pipelines.watching import ffmpeg
from pipelines.watching.ffmpeg import Complaints, Limits, check_exit, find, listing, plain, version
from schemas.errors import DecodeError, Interrupted, MissingPart, TooLong

ROOT = Path(__file__).parents[2]


def script(folder, text):
    folder.mkdir(exist_ok=True)
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_one_found_runs():
    said = subprocess.run([find(), "-version"], capture_output=True, check=True, text=True).stdout
    assert said.startswith(f"ffmpeg version {version()} ")


@pytest.mark.parametrize(
    "banner", ["ffmpeg version 4.4.2\nlibavutil      56. 70.100 / 56. 70.100", "not ffmpeg at all"]
)
def test_an_old_one_on_path_is_passed_over(banner, tmp_path, monkeypatch):
    pytest.importorskip("imageio_ffmpeg")
    old = script(tmp_path / "bin", f"printf '{banner}\\n'")
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)
    assert find() != old
    assert version() != "4.4.2"


def test_without_any_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingPart, match="none on PATH") as raised:
        find()
    assert "pip install imageio-ffmpeg" in raised.value.do


def test_complaints_are_counted_and_not_kept():
    complaints = Complaints()
    text = b"".join(b"[h264 @ 0x55d0c0ffee00] error %d while decoding\n" % number for number in range(50_000))
    for start in range(0, len(text), 777):
        complaints.add(text[start : start + 777])
    complaints.add(b"the end")
    complaints.end()
    assert complaints.count == 50_001
    assert complaints.first == "[h264] error 0 while decoding"
    assert complaints.last == "the end"
    assert len(repr(complaints)) < 1000
    complaints.add(b"x" * 5_000_000)
    assert len(complaints._rest) < 2_000_000


def test_addresses_are_left_out():
    assert plain("[mov,mp4 @ 0x55616a8a8940] moov atom not found\n") == "[mov,mp4] moov atom not found"


def test_a_listing_that_takes_too_long_is_stopped(tmp_path, monkeypatch):
    media = tmp_path / "media"
    media.write_bytes(b"x")
    monkeypatch.setattr(ffmpeg, "find", lambda: script(tmp_path / "bin", "exec sleep 60"))
    started = time.monotonic()
    with pytest.raises(TooLong, match=r"took more than 0\.3 s"):
        listing(media, [], Limits(stall_s=0.3))
    assert time.monotonic() - started < 10


def test_a_listing_without_end_is_cut(tmp_path, monkeypatch):
    media = tmp_path / "media"
    media.write_bytes(b"x")
    monkeypatch.setattr(ffmpeg, "find", lambda: script(tmp_path / "bin", "exec yes title >&2"))
    assert 1 << 20 <= len(listing(media, [], Limits(stall_s=30))) < 2 << 20


def test_processor_time_is_limited(tmp_path, monkeypatch):
    media = tmp_path / "media"
    media.write_bytes(b"x")
    monkeypatch.setattr(ffmpeg, "find", lambda: script(tmp_path / "bin", "while :; do :; done"))
    with pytest.raises(TooLong, match="processor time"):
        listing(media, [], Limits(cpu_s=1, stall_s=60))


def test_a_crash_is_the_recordings_fault():
    with pytest.raises(DecodeError, match="crashed"):
        check_exit(-signal.SIGSEGV, Limits(), out_of_memory=False)
    check_exit(1, Limits(), out_of_memory=False)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_half_a_film_is_none_where_ffmpeg_was_ended_from_outside(tmp_path, how):
    media = film(tmp_path / "long.mp4", length_s=60)

    def end(pid):
        time.sleep(0.3)
        os.kill(pid, how)

    with pytest.raises(Interrupted, match="ended from outside") as caught, pytest.MonkeyPatch.context() as patch:
        start = ffmpeg.start

        def started(*arguments, **named):
            child = start(*arguments, **named)
            threading.Thread(target=end, args=(child.pid,), daemon=True).start()
            return child

        patch.setattr(ffmpeg, "start", started)
        ffmpeg.run(media, ["-re"], ["-f", "null", "-"], Limits())
    assert caught.value.retry


def test_a_name_is_never_a_pattern_or_a_protocol(tmp_path, monkeypatch):
    film(tmp_path / "a001.mp4", options=("-t", "0.2"))
    monkeypatch.chdir(tmp_path)
    for name in ("a%03d.mp4", "concat:a001.mp4|a001.mp4", "-i", "pipe:0"):
        Path(name).write_bytes(Path("a001.mp4").read_bytes())
        assert "Duration: 00:00:00.2" in listing(Path(name), [], Limits())


def test_ffmpeg_ends_when_we_are_killed(tmp_path):
    media = film(tmp_path / "a.mp4", length_s=60.0)
    program = (
        "import sys, time; from pathlib import Path\n"
        "from pipelines.watching.decode import Decoding\n"
        "from pipelines.watching.ffmpeg import Limits\n"
        "from schemas.facts import PictureStream\n"
        "from schemas.watching import PicturesWanted\n"
        "stream = PictureStream(codec='h264', width=160, height=120, rate_fps=25)\n"
        "with Decoding(Path(sys.argv[1]), stream, [PicturesWanted()], Limits()) as decoding:\n"
        "    next(iter(decoding)); print(decoding._child.pid, flush=True); time.sleep(100)\n"
    )
    ours = subprocess.Popen([sys.executable, "-c", program, str(media)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with ours:
        child = int(ours.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        ours.kill()
        ours.wait()
    assert ended([child])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_all_that_ffmpeg_started_ends_when_we_are_killed(tmp_path, how):
    """Some `ffmpeg` is a script; and one that writes nothing does not see that nobody listens."""
    (tmp_path / "media").write_bytes(b"x")
    script(
        tmp_path / "bin",
        f"sleep 300 & echo $! $$ > {tmp_path}/told.part; mv {tmp_path}/told.part {tmp_path}/told; wait",
    )
    program = (
        "import sys; from pathlib import Path; from pipelines.watching import ffmpeg\n"
        "ffmpeg.find = lambda: Path(sys.argv[1])\n"
        "ffmpeg.run(Path(sys.argv[2]), [], [], ffmpeg.Limits())\n"
    )
    command = [sys.executable, "-c", program, tmp_path / "bin/ffmpeg", tmp_path / "media"]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as ours:
        pids = [int(pid) for pid in told(tmp_path / "told").split()]
        assert all(is_running(pid) for pid in pids)
        os.killpg(ours.pid, how)
        ours.wait()
    assert ended(pids)


def test_what_a_script_started_ends_with_its_time(tmp_path, monkeypatch):
    media = tmp_path / "media"
    media.write_bytes(b"x")
    monkeypatch.setattr(
        ffmpeg, "find", lambda: script(tmp_path / "bin", f"sleep 300 & echo $! > {tmp_path}/told; wait")
    )
    with pytest.raises(TooLong, match="took more than"):
        listing(media, [], Limits(stall_s=1))
    assert ended([int(told(tmp_path / "told"))])


def told(path):
    waited = 0.0
    while not (path.exists() and path.read_text()) and waited < 30:
        time.sleep(0.05)
        waited += 0.05
    return path.read_text()


def ended(pids):
    waited = 0.0
    while any(is_running(pid) for pid in pids) and waited < 20:
        time.sleep(0.1)
        waited += 0.1
    return not any(is_running(pid) for pid in pids)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
