"""An installed package that brings one component of each kind, to test that nothing in Isogloss has to know of it."""
