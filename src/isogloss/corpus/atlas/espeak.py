"""The espeak-ng engine through ctypes: text to samples at 22.05 kHz.

espeak-ng is GPL-3.0 and optional: this module is imported only by `talker`, a process of its own. One process holds one
engine, and what the engine says depends on all it has said before: for the same samples each time, speak from a freshly
forked child of a process that has initialised the engine and not spoken.
"""

import ctypes

import espeakng_loader

from isogloss.errors import CorpusError

SAMPLE_RATE = 22050

# Constants of espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4
_POS_CHARACTER = 1
_CHARS_UTF8 = 1

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The engine of this process."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        # The engine keeps the pointer only: this reference keeps the callback itself alive.
        self._callback = _Callback(self._receive)
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        rate = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _INITIALIZE_DONT_EXIT
        )
        if rate != SAMPLE_RATE:
            raise CorpusError(f"espeak-ng did not start (it answered {rate}); reinstall espeakng-loader")
        self._library.espeak_SetSynthCallback(self._callback)

    def set_voice(self, voice: str, *, pitch: int, pitch_range: int, rate: int, seed: int) -> None:
        """Choose the speaker: a voice with a variant (`en-us+f3`), pitch and its range (0 to 99), words per minute.

        Raises
        ------
        CorpusError
            espeak-ng has no such voice.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise CorpusError(f"espeak-ng has no voice {voice!r}; correct the dialect's voices in the description")
        # The noise of breathy voices comes from a generator that is otherwise seeded by the clock.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)

    def say(self, text: str) -> bytes:
        """The samples of one sentence, 16-bit integers in this machine's order of bytes."""
        self._pieces.clear()
        encoded = text.encode()
        self._library.espeak_Synth(
            encoded, ctypes.c_size_t(len(encoded) + 1), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        return b"".join(self._pieces)

    def _receive(self, samples: int | None, count: int, _events: int | None) -> int:
        """Called by the engine with each piece of sound; 0 says go on."""
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, count * 2))
        return 0
