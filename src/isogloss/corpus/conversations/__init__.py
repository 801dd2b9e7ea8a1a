"""Conversations of talkers who overlap: who speaks when, and their mixtures.

- `turns`: the turns of a conversation, checked; the channel of each
- `timing`: when turns start, for an overlap ratio; `bounds`: where speech begins and ends in a recording
- `simulator`: conversations from single-talker utterances, mixed by Lhotse; `channel`: the recording's noise and level
- `store`: a set of conversations on disk; `libricss`, `librispeechmix`: corpora of conversations

A conversation is a Lhotse cut with a supervision for each turn. Lhotse's own simulators are not used: one seeds every
meeting alike, the other ignores its seed for the timing (lhotse 1.33).
"""
