"""All checks, in the order in which a person would look."""

from pipelines.auditing import (
    answer_bias,
    clip_times,
    empty_columns,
    licences,
    mangled_text,
    media_length,
    missing_by_label,
    near_media,
    near_text,
    numbering,
    same_clip,
    same_ids,
    same_media,
    same_text,
    speaker_label,
    split_overlap,
    track_lengths,
    word_times,
)

CHECKS = (
    same_ids.CHECK,
    split_overlap.CHECK,
    same_clip.CHECK,
    same_media.CHECK,
    near_media.CHECK,
    same_text.CHECK,
    near_text.CHECK,
    clip_times.CHECK,
    numbering.CHECK,
    word_times.CHECK,
    media_length.CHECK,
    track_lengths.CHECK,
    empty_columns.CHECK,
    mangled_text.CHECK,
    speaker_label.CHECK,
    answer_bias.CHECK,
    missing_by_label.CHECK,
    licences.CHECK,
)
"""A check of one's own is a file with a `CHECK`, and a line here."""
