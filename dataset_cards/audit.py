"""What the audit found, in the card."""

from schemas.audit import AuditReport


def audit_section(report: AuditReport | None) -> str:
    """Markdown: every finding with its count and an example, and what was not checked."""
    if report is None:
        return "No audit was made of this version."
    found = ", ".join(f"{name}s {count:,}" for name, count in report.counts.items())
    made = ", ".join(f"`{name}`" for name in report.checked)
    lines = [f"A program looked for known defects before publication. Findings: {found}. Checks made: {made}."]
    if report.unchecked:
        told = ", ".join(f"`{one.check}` (no {one.lacks})" for one in report.unchecked)
        lines += ["", f"Not checked, for want of what they need: {told}."]
    if report.findings:
        lines += ["", "| severity | finding | count | for example |", "| --- | --- | --- | --- |"]
    for one in report.findings:
        count = f"{one.count:,}" + (f" of {one.of:,}" if one.of is not None else "")
        example = _cell(one.examples[0]) if one.examples else ""
        lines.append(f"| {one.severity} | `{one.check}`: {_cell(one.what)} | {count} | {example} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Of a table; what a dataset says must not become markup."""
    plain = " ".join(text.split())
    for sign in ("\\", "|", "<", "`", "[", "*", "_"):
        plain = plain.replace(sign, f"\\{sign}")
    return plain
