"""How long 10,000 tasks take with a real Label Studio (SQLite, loopback), and how much memory the client needs.

    python benchmarks/label_studio.py [TASKS]

Asks: seconds and tasks a second to push, to push again (nothing to do), to pull, to pull again after one answer; the
client's peak memory. The server is the development server on SQLite: one under Postgres is another matter.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests")]

import label_studio_server  # noqa: E402

from annotation.label_studio import LabelStudio  # noqa: E402
from annotation.ledger import Ledger  # noqa: E402
from annotation.pull import pull  # noqa: E402
from annotation.push import Project, Task, push  # noqa: E402

CONFIG = """<View><Video name="video" value="$video"/><Text name="text" value="$text"/>
<Choices name="mood" toName="video"><Choice value="good"/><Choice value="bad"/></Choices></View>"""
RESULT = [{"id": "a", "from_name": "mood", "to_name": "video", "type": "choices", "value": {"choices": ["good"]}}]


def tasks(count: int) -> Iterator[Task]:
    for at in range(count):
        link = f"http://127.0.0.1:8095/m/2000000000/{'A' * 43}/{at:032x}.mp4"
        yield Task(f"clip#{at:06d}", {"text": f"What was said in clip {at}. " * 4}, {"video": link}, 2_000_000_000)


def timed(what: str, count: int, work: Callable[[], Any]) -> Any:
    began = time.monotonic()
    done = work()
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<44} {seconds:8.1f} s {count / seconds:10.0f} tasks/s   peak {peak:6.0f} MB", flush=True)
    return done


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    project = Project("bench", "bench", CONFIG, raters=3)
    with label_studio_server.running() as running:
        server = LabelStudio(running.url, label_studio_server.TOKEN)
        done = timed(f"push {count}", count, lambda: push(server, project, tasks(count)))
        again = timed("push again", count, lambda: push(server, project, tasks(count)))
        assert (done.made, again.made, again.kept) == (count, 0, count)
        ledger = Ledger()
        timed("pull, all new", count, lambda: pull(server, done.project, "all", ledger, str))
        timed("pull, nothing new", count, lambda: pull(server, done.project, "all", ledger, str))
        some = [task for _, task in zip(range(100), (key[1] for key in ledger.tasks), strict=False)]

        def answer() -> None:
            for task in some:
                server.ask("POST", f"/api/tasks/{task}/annotations/", {"result": RESULT})

        timed("100 answers by one rater", 100, answer)
        told = timed("pull after 100 answers", count, lambda: pull(server, done.project, "all", ledger, str))
        assert (told.asked, told.news) == (100, 100)


if __name__ == "__main__":
    main()
