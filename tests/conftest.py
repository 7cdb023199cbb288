"""Profiles of the property tests: `make check` asks fewer questions than `make test`."""

from hypothesis import settings

settings.register_profile("check", max_examples=15, deadline=None)
settings.register_profile("full", deadline=None)
settings.load_profile("full")
