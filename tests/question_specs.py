"""Question specs for tests."""

import yaml

from schemas.question import QuestionSpec

EVERY_KIND = """\
title: What people feel
instructions: |
  Judge what the speaker feels.

  Not what you feel.
consent: Your answers are published without your name.
examples: [{text: Great., answer: positive, why: said with joy}]
questions:
  - id: sentiment
    kind: scale
    title: How does the speaker feel?
    show: [text, audio, silent-video, all]
    levels: {-1: negative, 0: neutral, 1: positive}
  - {id: sarcastic, kind: choice, choices: [{name: 'yes', hotkey: y}, {name: 'no', title: Not at all, hotkey: n}]}
  - {id: why, kind: text, purpose: rationale, when: {question: sarcastic, is: 'yes'}}
  - {id: emotion, kind: choices, choices: [joy, anger, fear & awe], intensity: [weak, medium, strong]}
  - {id: feeling, kind: choice, open: true, choices: [calm, tense], required: false}
  - {id: themes, kind: choices, open: true}
  - {id: vad, kind: scale, range: [1, 9], measure: interval, dimensions: [valence, arousal]}
  - {id: percent, kind: scale, range: [0, 100], measure: ratio}
  - {id: said, kind: text, purpose: transcript}
  - {id: cue, kind: span, along: transcript, labels: [cue, filler]}
  - {id: laugh, kind: span, along: timeline, labels: [laugh, sigh], show: [audio, silent-video, all]}
  - {id: cause, kind: link}
  - {id: who, kind: region}
"""


def spec_of(text=EVERY_KIND):
    """A spec from YAML."""
    return QuestionSpec.model_validate(yaml.safe_load(text))
