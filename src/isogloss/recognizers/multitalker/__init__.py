"""Recognition of conversations in which two talkers may speak at once, while the audio arrives.

- `systems`: what each system writes for a conversation, and how its tokens are read again; `reading`: turns of tokens
- `separator`: masks over a mixture; `network`: separator, shared transducer and speech-activity head
- `recognizer`: the network with its vocabulary; how it starts from a single-talker recogniser, is saved and read
- `batches`: mixtures on the fly, or from stored conversations; `objectives`: what training descends
- `streaming`: turns while the audio arrives

After Sklyar et al. 2022, "Separator-transducer-segmenter" (2205.05199): masks separate a mixture into two channels,
which one encoder, predictor and joiner transcribe, the channels stacked on the batch axis. Its baseline is t-SOT (Kanda
et al. 2022, 2202.00842), one output in which a token changes the channel. The masks lower the energies of the mixture's
log-mel features (our choice), so that a channel looks like the speech of one talker, and a single-talker recogniser of
any encoder can be where training starts. The systems of one output have the same separator with one mask: the three
differ by what they write, not by their size.

Shapes: B conversations, C output channels, R = B * C rows with the channels of a conversation next to each other, T
feature frames, N encoder frames, F mel filters, D encoder channels, U tokens.
"""
