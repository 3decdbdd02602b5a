"""The command `affectloom balance`."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.options import Json, print_json

_MOST_SHOWN = 12
_MOST_WIDE = 8


def balance(
    folder: Annotated[Path, typer.Argument(help="A dataset that `publish` wrote.")],
    by: Annotated[list[str] | None, typer.Option(help="A column; by default all labels, speaker and language.")] = None,
    as_json: Json = False,
) -> None:
    """How even labels, speakers and languages are, alone and two by two."""
    from pipelines.publishing.balance import balance_of

    told = balance_of(folder, by or ())
    if as_json:
        print_json(told.model_dump())
        return
    print(f"{told.samples:,} samples")
    for one in told.alone:
        total = sum(one.rows.values())
        print(f"\n{one.column}: {len(one.rows)} values")
        for name, count in list(one.rows.items())[:_MOST_SHOWN]:
            weight = f"  weight {one.weights[name]:,.1f}" if one.weights else ""
            print(f"{name:>24}  {count:>8,}  {count / total:>4.0%}{weight}")
        _more(one.rows)
    for pair in told.pairs:
        strength = f"V = {pair.strength:.2f}, p = {pair.p:.2g}"
        print(f"\n{pair.columns[0]} by {pair.columns[1]}: {strength}")
        most: Counter[str] = Counter()
        for row in pair.rows.values():
            most.update(row)
        wide = [name for name, _ in most.most_common(_MOST_WIDE)]
        print(" " * 24 + "".join(f"  {name[:10]:>10}" for name in wide) + ("  ..." if len(most) > len(wide) else ""))
        for name, row in list(pair.rows.items())[:_MOST_SHOWN]:
            print(f"{name[:24]:>24}" + "".join(f"  {row.get(other, 0):>10,}" for other in wide))
        _more(pair.rows)


def _more(rows: dict[str, Any]) -> None:
    if len(rows) > _MOST_SHOWN:
        print(f"{'and':>24} {len(rows) - _MOST_SHOWN} more")
