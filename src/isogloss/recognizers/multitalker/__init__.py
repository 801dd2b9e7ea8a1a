"""Streaming recognition of conversations in which two talkers may speak at once.

- `systems`: the tokens that each system writes for a conversation; `reading`: from tokens back to turns
- `separator`: masks over a mixture; `network`: separator, shared transducer and speech-activity head
- `recognizer`: the network with its vocabulary; initialisation from a single-talker recogniser, saving and loading
- `batches`: mixtures on the fly, or from stored conversations; `objectives`: the training losses
- `streaming`: turns while the audio arrives

After Sklyar et al. 2022, "Separator-transducer-segmenter" (2205.05199): masks separate a mixture into two channels,
which one encoder, predictor and joiner transcribe, the channels stacked on the batch axis. Its baseline is t-SOT (Kanda
et al. 2022, 2202.00842), one output in which a token changes the channel. The masks lower the energies of the mixture's
log-mel features (our choice), so that a channel resembles the speech of one talker, and training can start from a
single-talker recogniser with any encoder. The systems with one output have the same separator with one mask, so the
three systems differ in their target tokens, not in size.

Shapes: B conversations, C output channels, R = B * C rows with the channels of a conversation next to each other, T
feature frames, N encoder frames, F mel filters, D encoder channels, U tokens.
"""
