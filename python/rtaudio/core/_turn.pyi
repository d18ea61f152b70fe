"""The policy of turns (csrc/turn_policy.h): from evidence to the silence that ends a turn. Pure; any thread."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

TERMS: Final[tuple[str, ...]]
"""What a score is made of, in the order of rta_turn_term."""
HINTS: Final[dict[str, int]]
REASONS: Final[dict[int, str]]
"""Bits of `rta_turn_reasons.why` by name."""

class TurnFacts:
    """What is known about one silence. Immutable."""
    def __init__(
        self,
        answers: Sequence[Sequence[float] | None] = (),
        *,
        hints: Iterable[
            Literal["agent_thinking", "agent_speaking", "asked_short", "asked_long", "stt_end", "stt_open"]
        ] = (),
        words: int = 0,
        pauses: int = 0,
        pause_s: float = 0.0,
        silence_s: float = 0.0,
        speech_s: float = 0.0,
    ) -> None:
        """`answers`: evidence (the numbers of `rtaudio.TurnEvidence`) of the questions of this silence, at most four;
        None where there was no answer. `pauses`, `pause_s`: after how many pauses the caller went on before, and their
        typical length. Raises ValueError."""
    @property
    def terms(self) -> dict[str, float]:
        """What the score is made of, by name; NaN where it is unknown."""

class TurnPolicy:
    """How evidence becomes a delay. Immutable."""
    def __init__(
        self,
        profile: str = "default",
        *,
        min_delay_s: float = ...,
        max_delay_s: float = ...,
        silence_delay_s: float = ...,
        long_delay_s: float = ...,
        weights: Mapping[str, float] = ...,
        centres: Mapping[str, float] = ...,
        bias: float = ...,
        doubts: Sequence[float] = ...,
        knots: Sequence[tuple[float, float]] = ...,
        stt_end: float = ...,
        stt_open: float = ...,
        asked_short: float = ...,
        asked_long: float = ...,
        while_thinking: float = ...,
        while_speaking: float = ...,
        pause_margin: float = ...,
        alone: float = ...,
    ) -> None:
        """A profile ("patient", "default", "quick"), with changes; `knots` are (score, delay in seconds). Raises
        ValueError for what csrc/turn_policy.h does not allow, TypeError for a setting that it does not have."""
    def settings(self) -> dict[str, object]:
        """All of it, as the keyword arguments that make it again."""
    def delay(self, facts: TurnFacts) -> tuple[int, float, float, tuple[str, ...]]:
        """(silence in samples at 16 kHz after which the turn is to end, score, probability that the turn is complete,
        reasons). Score and probability are NaN without evidence."""
    @property
    def capsule(self) -> object:
        """Capsule "rtaudio.turn_policy" with a `const rta_turn_policy *`; valid while this object lives."""
