"""Corpora: sources of speech, and their conversion to manifests, tables, tokens and features.

- `description`: what `corpora/<source>.yaml` may say
- `atlas`: the embedded corpus
- `ingest`: a table of recorded speech becomes Lhotse manifests
- `audio_root`, `manifests`: find the audio again and cut it
- `expectations`: the gate that the utterance table has to pass
"""
