"""The target tokens of each output channel that each system writes for a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from isogloss.config.multitalker import Talkers
from isogloss.corpus.conversations.turns import Seconds, Turn, assign_channels
from isogloss.corpus.frontend.tokens import Tokens

START, END, CHANGE = "<start-of-turn>", "<end-of-turn>", "<change-of-channel>"


@dataclass(frozen=True)
class Written:
    """The tokens of one output channel.

    Attributes
    ----------
    tokens
        Ids.
    starts, ends
        For each start-of-turn or end-of-turn token its place among them, and when the turn starts or ends.
    """

    tokens: list[int] = field(default_factory=list)
    starts: list[tuple[int, Seconds]] = field(default_factory=list)
    ends: list[tuple[int, Seconds]] = field(default_factory=list)


def output_channels(system: Talkers) -> int:
    """C: two for the separator-transducer-segmenter, one for the others."""
    return 2 if system == "sts" else 1


def with_special_tokens(tokens: Tokens, system: Talkers, *, turn_tokens: bool) -> Tokens:
    """The vocabulary of single talkers, followed by the special tokens of the system."""
    special: dict[Talkers, tuple[str, ...]] = {
        "sts": (START, END) if turn_tokens else (),
        "tsot": (CHANGE,),
        "single": (),
    }
    return Tokens((*tokens.symbols, *special[system]))


def written(turns: Sequence[Turn], tokens: Tokens, system: Talkers, *, where: str) -> list[Written]:
    """The targets of each output channel of a conversation.

    sts: each turn goes to the first free channel, between a start and an end where the vocabulary has these, else after
    a space. tsot: the words of all turns in the order of their ends, with a token wherever the next word is on another
    channel. single: turn after turn in the order of their starts.

    Parameters
    ----------
    turns
        In the order of their starts.
    tokens
        Result of `with_special_tokens`.
    where
        Name of the conversation in error messages.

    Raises
    ------
    CorpusError
        More than two talkers speak at once, or a character is not in the vocabulary.
    """
    if system == "single":
        return [Written(tokens.encode(" ".join(turn.text for turn in turns)))]
    channels = assign_channels(turns, where=where)
    if system == "tsot":
        return [Written(_serialised(turns, channels, tokens))]
    return [
        _turn_after_turn([turn for turn, at in zip(turns, channels, strict=True) if at == channel], tokens)
        for channel in range(output_channels(system))
    ]


def word_ends(turn: Turn) -> list[tuple[str, Seconds]]:
    """The words of a turn and the end of each, assuming characters of equal duration (our choice).

    Few corpora give the times of words.
    """
    words = turn.text.split()
    length = len(" ".join(words))
    ends, at = [], 0
    for word in words:
        at += len(word)
        ends.append((word, turn.start + turn.duration * at / length))
        at += 1
    return ends


def _turn_after_turn(turns: Sequence[Turn], tokens: Tokens) -> Written:
    """The turns of one channel."""
    if START not in tokens.symbols:
        return Written(tokens.encode(" ".join(turn.text for turn in turns)))
    start, end = tokens.symbols.index(START), tokens.symbols.index(END)
    ids: list[int] = []
    starts, ends = [], []
    for turn in turns:
        starts.append((len(ids), turn.start))
        ids += [start, *tokens.encode(turn.text), end]
        ends.append((len(ids) - 1, turn.end))
    return Written(ids, starts, ends)


def _serialised(turns: Sequence[Turn], channels: Sequence[int], tokens: Tokens) -> list[int]:
    """t-SOT's one stream (2202.00842, section 3.1): words by their ends, changes of channel between them."""
    change = tokens.symbols.index(CHANGE)
    spoken = sorted(
        (end, number, place, word)
        for number, turn in enumerate(turns)
        for place, (word, end) in enumerate(word_ends(turn))
    )
    ids: list[int] = []
    present = 0
    for _, number, _, word in spoken:
        if channels[number] != present:
            ids.append(change)
            present = channels[number]
        elif ids:
            ids += tokens.encode(" ")
        ids += tokens.encode(word)
    return ids
