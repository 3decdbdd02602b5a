"""Does any input make one of our own parsers fail otherwise than with a clear error, or take long?

Seeds are cut, doubled, spliced and flipped at random, for so many seconds a parser. What is allowed is a result or an
error of our own tree; anything else, or an input that takes longer than five seconds, is printed and ends with exit
code 1.

    python benchmarks/fuzz.py [SECONDS] [SEED]
"""

import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from extractors.sensors import Sensor, read_sensor
from pipelines.acquiring.ids import id_of
from pipelines.acquiring.joined import join, read_facts
from pipelines.acquiring.sniff import not_media
from pipelines.acquiring.sources import read_sources
from pipelines.acquiring.utterances import further_columns, read_utterances
from pipelines.annotating.answer_table import read_answers
from pipelines.annotating.question_file import read_questions
from pipelines.annotating.rater_table import rater_table
from pipelines.fetch.addresses import plain, split
from pipelines.fetch.http import retry_after
from pipelines.fetch.pages import section_of
from pipelines.importing.iemocap import turns_of
from pipelines.importing.label_csv import mosei
from pipelines.importing.meld import meld
from pipelines.importing.mustard import mustard
from pipelines.publishing.mapped import read_map
from pipelines.recipe_file import read_yaml, validate
from pipelines.segmenting.subtitle_files import read_subtitles
from pipelines.store import is_id
from pipelines.watching.probe import read_listing
from schemas.errors import AffectloomError
from schemas.recipe import Recipe
from schemas.source import SourceRow

LONGEST_S = 5.0
HEART = Sensor(table="{id}.csv", columns=("heart_bpm",))
SPICE = [
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"-->", b"\n\n", b"\r", b'"', b"'", b",", b":", b"&a ", b"*a",
    b"!!python/", b"{", b"[", b"]", b"}", b"\\N", b"99:99:99,999", b"-1", b"1e999", b"\xe2\x80\xae",
    b"\xed\xa0\x80", b"../", b"%00", b"<v ", b"<c>", b"&#0;", b"&#x110000;", b"NaN", b"null", b"\t", b"#t=",
    b"://", b"[::1", b"@", b"\\ud800", b"~x", b" fps", b"Stream #0:", b"Duration: ",
]  # fmt: skip
SEEDS: dict[str, list[bytes]] = {
    "subtitles": [
        b"1\n00:00:01,000 --> 00:00:02,500\nHello <b>there</b>\n\n2\n00:00:03,000 --> 00:00:04,000\nYes\n",
        b"WEBVTT\n\n00:01.000 --> 00:02.000 align:start\n<v Ann>Hi <00:01.500><c>you</c>\n\nNOTE x\n",
        (
            b"[Script Info]\n[Events]\nFormat: Layer, Start, End, Style, Name, Text\n"
            b"Dialogue: 0,0:00:01.00,0:00:02.00,Default,Ann,{\\i1}Hi\\Nyou\n"
        ),
        "WEBVTT\n\n00:01.000 --> 00:02.000\n\u0441\u043b\u043e\u0432\u043e\n".encode("utf-16"),
    ],
    "sources.csv": [
        b'id,path,text,turn,licence\na,x.mp4,,1,cc\nb,,"two\nlines",,\n',
        b"path\nx\nhttps://a.test/b?c#d\n",
    ],
    "sources.jsonl": [b'{"id": "a", "path": "x.mp4", "score": 2.5}\n{"text": "hi", "turn": 3}\n'],
    "utterances.csv": [
        b'recording,utterance,start,end,text,turn,mood\na,a_1,0.5,1.25,Hi,1,sad\nb,b_1,0:00:01,"00:00:02,500",,,\n'
    ],
    "utterances.jsonl": [
        b'{"video_id": "a", "start": 0, "end": 1.5, "x": true}\n{"video": "b", "start": 1, "end": 2}\n'
    ],
    "facts.csv": [b"speaker,age,code,score\nann,34,007,0.5\nben,-2,12,1e3\n"],
    "map.csv": [b"question,from,to\nemotion,joy,happy\nemotion,anger,\n"],
    "meld.csv": [
        b"Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\nHi.,Ann,joy,positive,0,0\nNo.,Ben,anger,negative,0,1\n"
    ],
    "mustard.json": [
        (
            b'{"1_60": {"utterance": "a", "speaker": "B", "context": ["c"], "context_speakers": ["D"], "show": "E", '
            b'"sarcasm": true}}'
        )
    ],
    "iemocap": [
        b"[0.2 - 1.5]\tSes01F_x_F000\tneu\t[2.5, 2.5, 2.5]\nC-E2:\tNeutral; Anger;\t()\nA-E3:\tval 3; dom  2;\t()\n"
    ],
    "labels.csv": [b"video_id,clip_id,text,label,label_T,mode\n-3g,0,Hi,0.6,1,train\nb,x,No,-2.333,,test\n"],
    "sensor.csv": [b"time_s, heart_bpm\n0,60\n0.5,\n2,nan\n1,inf\n"],
    "recipe": [b"name: t\nsources: s.csv\nsegment: {by: sentence, min_s: 1}\nmeasure: {prosody: {hop_ms: 10}}\n"],
    "questions": [b"questions:\n  - {id: mood, kind: choice, choices: [sad, happy]}\n  - {id: v, kind: scale}\n"],
    "answers.csv": [b"item,rater,question,value\na,r1,mood,sad\na,r2,mood,2.5\n"],
    "answers.jsonl": [b'{"item": "a", "rater": "r", "question": "q", "value": [1, "x"]}\n'],
    "ratings.csv": [
        b"task,worker,label\na,r1,sad\na,r2,2.5\n",
        b"unit,rater1,rater_2\na,1,2\nb,NA,\n",
        b"observer,u1,u2\nA,1,\nB,2,3\n",
    ],
    "counts.csv": [b"item,c1,c2\na,3,0\nb,1,2.0\n"],
    "studio.json": [
        (
            b'[{"id": 1, "annotations": [{"completed_by": 1, "result": [{"from_name": "mood", "type": "choices", '
            b'"value": {"choices": ["a", "b"]}}, {"from_name": "n", "type": "rating", "value": {"rating": 3}}]}]}]'
        )
    ],
    "address": [b"https://me:pw@host.test:8443/a%20b?c=d#t=1:30,2:10", b"yt-dlp:http://[::1]:80/x#t=npt:00:01,5"],
    "listing": [
        (
            b"Input #0, mov,mp4, from 'file:/dev/fd/3':\n  Duration: 00:00:04.00, start: 0.0\n"
            b"  Stream #0:0[0x1](und): Video: h264 (High), yuv420p, 64x48 [SAR 1:1 DAR 4:3], 25 fps\n"
            b"  Stream #0:1: Audio: aac, 44100 Hz, stereo, fltp\n"
        )
    ],
    "head": [b"#EXTM3U\n", b'<?xml version="1.0"?><!-- x --><MPD>', b"\0\0\0\x18ftypheic", b"PK\x03\x04"],
    "name": [b"a/b c.mp4", "Ünï/日本".encode(), b"../../etc/passwd"],
}


def spoiled(data: bytes, dice: random.Random) -> bytes:
    """A seed with up to eight things done to it."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        at, end = sorted((dice.randint(0, len(out)), dice.randint(0, len(out))))
        act = dice.randrange(6)
        if act == 0:
            del out[at:end]
        elif act == 1:
            out[at:at] = out[at:end] * dice.choice((1, 2, 50))
        elif act == 2:
            out[at:at] = dice.choice(SPICE) * dice.choice((1, 1, 3, 200))
        elif act == 3 and out:
            out[at % len(out)] ^= 1 << dice.randrange(8)
        elif act == 4:
            out[at:end] = dice.randbytes(min(end - at, 50))
        else:
            out += out[at:end][::-1]
        del out[200_000:]
    return bytes(out)


def parsers(folder: Path) -> dict[str, Callable[[bytes], object]]:
    """Each parser as a function of bytes."""

    def file(name: str, data: bytes) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    def text(data: bytes) -> str:
        return data.decode(errors="replace")

    def name(data: bytes) -> None:
        made = id_of(text(data))
        if not is_id(made):
            raise AssertionError(f"{made!r} is no id")

    def address(data: bytes) -> None:
        plain(text(data))
        retry_after(text(data))
        section_of(text(data))
        split(text(data))

    def utterances(path: Path) -> None:
        further_columns(path)
        read_utterances(path)

    return {
        "subtitles": read_subtitles,
        "sources.csv": lambda data: list(read_sources(file("s.csv", data).name, folder)),
        "sources.jsonl": lambda data: list(read_sources(file("s.jsonl", data).name, folder)),
        "utterances.csv": lambda data: utterances(file("u.csv", data)),
        "utterances.jsonl": lambda data: utterances(file("u.jsonl", data)),
        "facts.csv": lambda data: list(join([SourceRow(id="a", speaker="ann")], read_facts(file("f.csv", data)))),
        "map.csv": lambda data: read_map(file("m.csv", data)),
        "meld.csv": lambda data: meld([file("train.csv", data)], None),
        "mustard.json": lambda data: mustard([file("m.json", data)], None),
        "iemocap": lambda data: list(turns_of(text(data), "x.txt")),
        "labels.csv": lambda data: mosei([file("l.csv", data)], None),
        "sensor.csv": lambda data: read_sensor(file("h.csv", data), HEART),
        "recipe": lambda data: validate(read_yaml(file("r.yaml", data)), Recipe),
        "questions": lambda data: read_questions(file("q.yaml", data)),
        "answers.csv": lambda data: read_answers(str(file("a.csv", data))),
        "answers.jsonl": lambda data: read_answers(str(file("a.jsonl", data))),
        "ratings.csv": lambda data: rater_table(str(file("r.csv", data))),
        "counts.csv": lambda data: rater_table(str(file("c.csv", data)), ["counts=c*"]),
        "studio.json": lambda data: rater_table(str(file("s.json", data))),
        "address": address,
        "listing": lambda data: read_listing(text(data)),
        "head": not_media,
        "name": name,
    }


def main(seconds: float, seed: int) -> int:
    """Feed each parser for so long. Exit code 1 where one failed otherwise than it may."""
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for parser, act in parsers(Path(folder)).items():
            dice = random.Random(f"{seed} {parser}")  # noqa: S311 - chance, no secret
            until, count, refused, slowest = time.monotonic() + seconds, 0, 0, 0.0
            while time.monotonic() < until:
                data = spoiled(dice.choice(SEEDS[parser]), dice)
                started = time.process_time()
                count += 1
                try:
                    act(data)
                except AffectloomError:
                    refused += 1
                except Exception:  # noqa: BLE001 - that is what is looked for
                    bad += 1
                    if bad < 20:
                        print(f"{parser}: {data[:300]!r}\n{traceback.format_exc(limit=-3)}")
                took = time.process_time() - started
                slowest = max(slowest, took)
                if took > LONGEST_S:
                    bad += 1
                    print(f"{parser}: {took:.1f} s for {len(data)} bytes: {data[:200]!r}")
            print(f"{parser:>14}: {count} inputs, {refused} refused, slowest {slowest:.3f} s")
    print(f"wrong: {bad}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(float((sys.argv[1:] or ["10"])[0]), int((sys.argv[2:] or ["0"])[0])))
