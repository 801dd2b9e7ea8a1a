"""From tokens and their times to words and turns, as they come."""

from collections.abc import Iterable
from dataclasses import dataclass

from isogloss.corpus.conversations.turns import Seconds
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.recognizers.multitalker.systems import CHANGE, END, START


@dataclass(frozen=True)
class HeardWord:
    """A word, and when its first and its last token were said."""

    text: str
    start: Seconds
    end: Seconds


@dataclass(frozen=True)
class HeardTurn:
    """A turn as a system has heard it so far.

    Attributes
    ----------
    channel
        The output channel.
    start, end
        When the system said that the turn starts, and that it ends; `end` is None as long as it has not. Of a system
        that marks no turns, all words of a channel are one turn that starts with its first token and never ends.
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
        """What follows on this channel is another word."""
        if self._channel in self._open:
            self._open[self._channel].goes_on = False

    def _close(self, end: Seconds | None) -> None:
        """The open turn of the channel is over; an end without a turn is nothing."""
        turn = self._open.pop(self._channel, None)
        if turn is not None:
            self._done.append(turn.heard(self._channel, end))


class _OpenTurn:
    """A turn whose words still come."""

    def __init__(self, start: Seconds) -> None:
        self.start = start
        self.words: list[HeardWord] = []
        self.goes_on = False

    def say(self, symbol: str, time: Seconds) -> None:
        """One more character."""
        if symbol == " ":
            self.goes_on = False
        elif self.goes_on:
            last = self.words[-1]
            self.words[-1] = HeardWord(last.text + symbol, last.start, time)
        else:
            self.words.append(HeardWord(symbol, time, time))
            self.goes_on = True

    def heard(self, channel: int, end: Seconds | None) -> HeardTurn:
        """As it is now."""
        return HeardTurn(channel, self.start, end, tuple(self.words))
