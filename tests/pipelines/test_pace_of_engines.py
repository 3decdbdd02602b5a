"""All workers of a run keep one pace together, whatever starts them."""

from pathlib import Path

import pytest
from loopback_site import Reply, site

from pipelines import work
from pipelines.engines import ENGINES

CLIP = (Path(__file__).parents[2] / "pipelines/demo/media/talk.mp4").read_bytes()
DELAY_S = 0.5


@pytest.mark.filterwarnings("ignore")  # what Ray and Beam warn of in their own code is theirs to mend
@pytest.mark.timeout(280)
@pytest.mark.parametrize("name", sorted(ENGINES))
def test_no_host_is_asked_faster_than_allowed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with site() as web:
        lines = ["id,path"]
        for number in range(10):
            url = web.serve(f"/{number}.mp4", Reply(CLIP + bytes([number]), type="video/mp4"))
            lines.append(f"r{number},{'yt-dlp:' if number % 3 == 0 else ''}{url}")
        (tmp_path / "s.csv").write_text("\n".join(lines))
        (tmp_path / "r.yaml").write_text(
            "name: t\nsources: s.csv\nsegment: {by: whole}\n"
            f"acquire: {{private_addresses: [127.0.0.1], delay_s: {DELAY_S}, jitter: 0.1}}\n"
        )
        options = ["--direct_running_mode=multi_processing"] if name == "beam" else []
        tally = work.build(tmp_path / "r.yaml", str(tmp_path / "store"), engine=name, workers=3, options=options)
        assert not tally.failed
        times = [asked.at for asked in web.asked]
    assert len(times) >= 10
    # A request may arrive late, on a busy machine, and the next one in time: over several turns that evens out.
    assert all(later - earlier >= 4 * DELAY_S - 0.25 for earlier, later in zip(times, times[4:], strict=False))
