"""Atlas, the embedded corpus: a synthetic United States spoken by espeak-ng (our choice of model).

Its unfairness is planted: dialects live in places, some are rare, and the truth is kept apart from the tables, so
that discovery can be scored and mitigation has a known cause. A test bench, not evidence about people.

- `build`: `build_atlas`, the whole
- `description`, `grammar`: what `corpora/atlas.yaml` may say
- `field`, `population`: where people live, and which dialect is spoken where
- `sampling`, `casting`: who speaks in which split, with which voice, words and channel
- `synthesis`, `server`, `talker`, `espeak`, `channel`, `jobs`: words to audio files, one forked process a speaker
- `manifests`: the Lhotse manifests
"""
