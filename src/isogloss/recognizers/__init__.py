"""Recognisers: models that turn speech into text, each behind the port in `base`."""
