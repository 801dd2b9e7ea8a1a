"""Lightning modules and what surrounds them: batches, resumable fitting, transcription, adaptation."""
