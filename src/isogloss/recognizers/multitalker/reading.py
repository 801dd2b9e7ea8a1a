"""From tokens and their times to words and turns, incrementally."""

from collections.abc import Iterable
from dataclasses import dataclass

from isogloss.corpus.conversations.turns import Seconds
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.recognizers.multitalker.systems import CHANGE, END, START


@dataclass(frozen=True)
class HeardWord:
    """A recognised word, with the times of its first and its last token."""

    text: str
    start: Seconds
    end: Seconds


@dataclass(frozen=True)
class HeardTurn:
    """A turn as a system has recognised it so far.

    Attributes
    ----------
    channel
        The output channel.
    start, end
        The times at which the system emitted the start and the end of the turn; `end` is None as long as there is no
        end. For a system that does not mark turns, all words of a channel are one turn that starts with its first token
        and never ends.
    words
        The last one may be unfinished while the turn has no end.
    """

    channel: int
    start: Seconds
    end: Seconds | None
    words: tuple[HeardWord, ...]

    @property
    def text(self) -> str:
        """The words with single spaces between them."""
        return " ".join(word.text for word in self.words)


class TurnReader:
    """Reads the tokens of one output, in which a system may change from channel to channel.

    Parameters
    ----------
    tokens
        The vocabulary.
    channel
        The output's channel; that of the first words where tokens change it.
    """

    def __init__(self, tokens: Tokens, *, channel: int = 0) -> None:
        self._symbols = tokens.symbols
        self._marks_turns = START in tokens.symbols
        self._channel = channel
        self._done: list[HeardTurn] = []
        self._open: dict[int, _OpenTurn] = {}

    def read(self, tokens: Iterable[int], times: Iterable[Seconds]) -> None:
        """Take the next tokens, each with its time."""
        for token, time in zip(tokens, times, strict=True):
            symbol = self._symbols[token]
            if symbol == CHANGE:
                self._break_word()
                self._channel = 1 - self._channel
            elif symbol in (START, END):
                self._close(time if symbol == END else None)
                if symbol == START:
                    self._open[self._channel] = _OpenTurn(time)
            else:
                self._open.setdefault(self._channel, _OpenTurn(time)).say(symbol, time)

    def turns(self) -> list[HeardTurn]:
        """The turns so far, by their starts."""
        begun = [turn.heard(channel, None) for channel, turn in self._open.items()]
        return sorted([*self._done, *begun], key=lambda turn: (turn.start, turn.channel))

    def _break_word(self) -> None:
        """End the current word of the channel."""
        if self._channel in self._open:
            self._open[self._channel].goes_on = False

    def _close(self, end: Seconds | None) -> None:
        """Close the open turn of the channel; an end without a turn is ignored."""
        turn = self._open.pop(self._channel, None)
        if turn is not None:
            self._done.append(turn.heard(self._channel, end))


class _OpenTurn:
    """A turn that is still in progress."""

    def __init__(self, start: Seconds) -> None:
        self.start = start
        self.words: list[HeardWord] = []
        self.goes_on = False

    def say(self, symbol: str, time: Seconds) -> None:
        """Add one character."""
        if symbol == " ":
            self.goes_on = False
        elif self.goes_on:
            last = self.words[-1]
            self.words[-1] = HeardWord(last.text + symbol, last.start, time)
        else:
            self.words.append(HeardWord(symbol, time, time))
            self.goes_on = True

    def heard(self, channel: int, end: Seconds | None) -> HeardTurn:
        """The turn so far."""
        return HeardTurn(channel, self.start, end, tuple(self.words))
