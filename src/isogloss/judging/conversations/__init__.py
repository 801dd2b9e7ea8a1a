"""Errors of a system in conversations: words and turns, by cohort of the speaker. Measures by meeteval. No torch.

- `attribution`: ORC-WER, and each of its errors given to the turn that it belongs to
- `measures`: ORC-WER, cpWER, tcpWER, turns counted and found, how late starts and ends are said
- `normalising`: recognised words after normalisation, with their times
- `document`: the cohorts of the speakers, apart and in overlap

Two tables go in. *Turns*, the reference: a row a turn (`isogloss.corpus.conversations.store.turn_table`). *Heard*, the
hypothesis: a row a word, and one without a word for a turn without any: `conversation_id, channel, turn, word, start,
end, turn_start, turn_end, last_word_end`, times in seconds; `turn_end` is missing where the system has not said it.
"""
