"""Voices and recognisers are loaded once for all tests of providers."""

from __future__ import annotations

import pytest

from rtaudio.providers.hibari import HibariVoice


@pytest.fixture(scope="session")
def voice() -> HibariVoice:
    """The voice as it is."""
    pytest.importorskip("hibari", reason="hibari-tts is not installed: pip install 'rtaudio[local]'")
    return HibariVoice()
