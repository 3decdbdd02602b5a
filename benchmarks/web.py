"""Is everything had that can be had from a site with faults, at the pace allowed, and nothing twice after `kill -9`?

Loopback sites (four hosts) serve small recordings: files, pages with a player, a feed. One in ten has a fault that
nobody can mend, one in twenty one that trying again mends. A build acquires them with two workers, some by http and
some by yt-dlp; it is killed with all its workers when two fifths are there, and started again.

    python benchmarks/web.py [RECORDINGS] [DELAY_S]
"""

import contextlib
import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import wave
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from loopback_site import Reply, Site, site  # noqa: E402 - the path to it comes first

from pipelines.engines.local import LocalEngine  # noqa: E402
from pipelines.fetch.lists import expanded  # noqa: E402
from pipelines.plan import Plan  # noqa: E402
from pipelines.store import Store  # noqa: E402
from pipelines.watching.probe import Probe  # noqa: E402
from schemas.acquire import Acquire  # noqa: E402
from schemas.recipe import Recipe  # noqa: E402
from schemas.source import SourceRow  # noqa: E402

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
FATAL = {
    "404": ("answered 404", "Removed", False),
    "403": ("answered 403", "Private", False),
    "410": ("answered 410", "Removed", False),
    "451": ("answered 451", "GeoBlocked", False),
    "500": ("answered 500", "NotFetched", True),
    "429": ("answered 429", "RateLimited", True),
    "cut": ("broke off|expected", "NotFetched", True),
    "slow": ("took more than", "TooLong", False),
    "inner": ("inside the own network", "ForbiddenAddress", False),
    "endless": ("allowed are", "TooLong", False),
}
"""Fault: what the failure says, its class by yt-dlp, whether trying again can help."""
MENDED = ("503 once", "429 once", "cut once")


@dataclass
class Wanted:
    """One recording, and what should become of it."""

    row: SourceRow
    paths: tuple[str, ...]
    fault: str = ""
    by_page: bool = False


def how(delay_s: float) -> Acquire:
    """What the recipe says."""
    return Acquire(
        private_addresses=HOSTS, delay_s=delay_s, jitter=0.2, tries=3, backoff_s=0.1, max_mb=2, max_minutes=0.15
    )


def sound(seed: int) -> bytes:
    """A tenth of a second of noise, each another."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(random.Random(seed).randbytes(1600))  # noqa: S311 - noise, no secret
    return file.getvalue()


def replies(fault: str, body: bytes) -> tuple[Reply, ...]:
    """How a file with a fault is answered."""
    whole = Reply(body, type="audio/wav", etag=f'"{len(body)}-{hash(body) & 0xFFFF}"')
    cut = Reply(body, type="audio/wav", etag=whole.etag, cut_after=500)
    late = (("Retry-After", "1"),)
    told = {
        "cut": (Reply(body, type="audio/wav", cut_after=500, ranges=False),),
        "slow": (Reply(body, type="audio/wav", drip_s=0.02),),
        "inner": (Reply(status=302, headers=(("Location", "http://127.9.9.9:9/x.wav"),)),),
        "endless": (Reply(type="audio/wav", endless=True),),
        "503 once": (Reply(status=503), whole),
        "429 once": (Reply(status=429, headers=late), whole),
        "cut once": (cut, whole),
    }
    if fault.isdigit():
        return (Reply(status=int(fault)),)
    return told.get(fault, (whole,))


def lay_out(sites: list[Site], count: int) -> tuple[list[Wanted], list[SourceRow]]:
    """The recordings, and the table of sources that names them (the last twentieth by a feed)."""
    wanted, items = [], []
    fatal, mended = itertools.cycle(FATAL), itertools.cycle(MENDED)
    for number in range(count):
        web = sites[number % len(sites)]
        fault = next(fatal) if number % 10 == 7 else next(mended) if number % 20 == 3 else ""
        path = f"/media/{number:05d}.wav"
        url = web.serve(path, *replies(fault, sound(number)))
        in_feed = number >= count - count // 20
        by_page = in_feed or number % 4 == 2 or number % 40 == 7
        paths = (path,)
        uri = url
        if in_feed:
            items.append(f'<item><title>{number}</title><link>{url}</link><enclosure url="{url}"/></item>')
        elif by_page and number % 8 == 2:
            player = f'<html><title>No. {number}</title><body><audio src="{path}"></audio></body></html>'
            uri = web.serve(f"/page/{number}", Reply(player.encode(), type="text/html"))
            paths = (path, f"/page/{number}")
        name = f"r{number:05d}"
        wanted.append(Wanted(SourceRow(id=name, uri=f"yt-dlp:{uri}" if by_page else uri), paths, fault, by_page))
    feed = f'<?xml version="1.0"?><rss version="2.0"><channel><title>f</title>{"".join(items)}</channel></rss>'
    rows = [each.row for each in wanted[: count - len(items)]]
    rows.append(
        SourceRow(id="feed", uri="yt-dlp-list:" + sites[0].serve("/feed", Reply(feed.encode(), type="text/xml")))
    )
    return wanted, rows


def work(rows: str, store: str, delay_s: float) -> None:
    """A build of the recordings; run in a process of its own."""
    given = [SourceRow.model_validate(row) for row in json.loads(Path(rows).read_text())]
    plan = Plan(Recipe(name="web", sources="x", acquire=how(delay_s)), (Probe(),))
    opened = Store(store)
    for _ in LocalEngine(2).run(plan, expanded(given, opened, plan.acquire, ask=True), opened):
        pass


def start(rows: Path, store: Path, delay_s: float) -> subprocess.Popen[bytes]:
    """A build in a process group of its own."""
    command = [sys.executable, __file__, "--work", str(rows), str(store), str(delay_s)]
    return subprocess.Popen(command, start_new_session=True)


def acquired(store: Path) -> set[str]:
    """The recordings that are there."""
    return {path.parent.name for path in store.glob("recordings/*/source.json")}


def at_once(store: Path, count: int, child: subprocess.Popen[bytes]) -> None:
    """Wait until so many are there."""
    while len(acquired(store)) < count and child.poll() is None:
        time.sleep(0.2)


def judge(wanted: list[Wanted], ids: dict[str, str], store: Path) -> list[str]:
    """What is not as it should be."""
    wrong = []
    for each in wanted:
        folder = store / "recordings" / ids.get(each.row.id, each.row.id)
        fault = FATAL.get(each.fault)
        if fault is None:
            if not (folder / "source.json").exists() or not list(folder.glob("facts.*.json")):
                wrong.append(f"{each.row.id} ({each.fault or 'whole'}) is not there")
            continue
        told = (
            json.loads((folder / "source.failed.json").read_text()) if (folder / "source.failed.json").exists() else {}
        )
        said, kind, retry = fault
        fits = any(part in told.get("message", "") for part in said.split("|")) and told.get("retry") == retry
        if not fits or not told.get("expected") or (each.by_page and told.get("error") != kind):
            wrong.append(f"{each.row.id} ({each.fault}, yt-dlp {each.by_page}): {told}")
    return wrong


def spacing(web: Site, delay_s: float) -> tuple[float, float]:
    """The shortest time between two requests, and of eleven in a row the shortest mean, in delays."""
    at = sorted(asked.at for asked in web.asked)
    one = min((b - a for a, b in itertools.pairwise(at)), default=0.0)
    ten = min(((b - a) / 10 for a, b in zip(at, at[10:], strict=False)), default=0.0)
    return one / delay_s, ten / delay_s


@contextlib.contextmanager
def sites() -> Iterator[list[Site]]:
    """A site a host."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(site(host)) for host in HOSTS]


def main(count: int, delay_s: float) -> int:
    """Build, kill, build again, judge. Exit code 1 where anything is not as it should be."""
    with sites() as webs, tempfile.TemporaryDirectory() as name:
        folder, store = Path(name), Path(name) / "store"
        wanted, rows = lay_out(webs, count)
        (folder / "rows.json").write_text(json.dumps([row.model_dump() for row in rows]))
        started = time.monotonic()
        child = start(folder / "rows.json", store, delay_s)
        at_once(store, count * 2 // 5, child)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        there, killed = acquired(store), time.monotonic()
        code = start(folder / "rows.json", store, delay_s).wait()
        took = time.monotonic() - started
        opened = Store(str(store))
        listed = [row for row in expanded(rows, opened, how(delay_s)) if row.id not in {told.id for told in rows}]
        by_uri = {row.uri: row.id for row in listed}
        ids = {each.row.id: by_uri.get(each.row.uri, each.row.id) for each in wanted}
        wrong = judge(wanted, ids, store)
        done = {path for each in wanted if ids[each.row.id] in there for path in each.paths}
        again = [asked.path for web in webs for asked in web.asked if asked.at > killed and asked.path in done]
        left = [str(path) for path in store.glob("recordings/*/.part-*")]
        paces = [spacing(web, delay_s) for web in webs]
        faults = Counter(each.fault or "none" for each in wanted)
        print(f"{count} recordings, {sum(each.by_page for each in wanted)} of them by yt-dlp; faults: {dict(faults)}")
        print(f"{took:.1f} s, {sum(len(web.asked) for web in webs)} requests; exit code {code}")
        print(f"killed when {len(there)} were there; asked for again afterwards: {len(again)}")
        print(f"had {len(acquired(store))} of {sum(each.fault not in FATAL for each in wanted)}; wrong: {len(wrong)}")
        for line in wrong[:20]:
            print("   ", line)
        print(f"half-written files left: {len(left)} {[path.rsplit(chr(47), 2)[1:] for path in left[:5]]}")
        print("delays between requests to a host (shortest, shortest mean of ten): ", end="")
        print(", ".join(f"{one:.2f} {ten:.2f}" for one, ten in paces))
    return 1 if wrong or again or code or min(ten for _, ten in paces) < 0.95 else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], sys.argv[3], float(sys.argv[4]))
    else:
        sys.exit(main(int((sys.argv[1:] or ["1000"])[0]), float((sys.argv[2:] or ["0.05"])[0])))
