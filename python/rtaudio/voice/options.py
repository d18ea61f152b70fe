"""The settings of a session, in seconds and characters, each checked when given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from rtaudio.voice.backchannels import ENGLISH, INTERRUPTING
from rtaudio.voice.clause_rules import checked_language
from rtaudio.voice.policies import Interruption, checked
from rtaudio.voice.transforms import WRITTEN_FOR_THE_EYE, TransformName, transforms

EagerMode = Literal["off", "text", "speech"]
"""What is done for a reply before its turn is over; see `SessionOptions.eager`."""


ListeningMode = Literal["speech", "always"]
"""When recognition runs; see `SessionOptions.listening`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """Time-outs count from the moment named; None waits for ever."""

    pre_roll_s: float = 0.3
    """How much audio before the detected start of speech recognition gets: VADs see an onset late (PocketSphinx and
    others lose the first consonant without it)."""
    stt_final_timeout_s: float | None = 5.0
    """End of the turn to the final transcript."""
    llm_first_timeout_s: float | None = 10.0
    """Start of the reply to its first token."""
    llm_next_timeout_s: float | None = 10.0
    """Between two tokens."""
    tts_first_timeout_s: float | None = 5.0
    """Clause handed over to its first audio."""
    tts_next_timeout_s: float | None = 5.0
    """Between two pieces of audio of a clause."""
    close_timeout_s: float = 2.0
    """How long a provider's stream may take to close before it is given up and reported."""
    language: str | None = None
    """What the agent speaks, as a BCP 47 tag ("de", "en-GB"): its clauses end by the rules of that language, and its
    numbers may be said in it. None: not known, or several; clauses then end by rules that are safe for all."""
    first_clause_chars: int = 10
    """A first clause at least this long may end at a comma: it is what the listener waits for."""
    clause_chars: int = 60
    """Later clauses end at a comma only from this length on; a TTS speaks longer clauses better."""
    clauses_in_flight: int = 3
    """How many clauses are synthesised at once, in order of the text."""
    clauses_waiting: int = 64
    """Clauses ready but not yet begun, beyond which the model's stream is not read further (back-pressure)."""
    ahead_s: float = 10.0
    """Audio held per clause beyond what the playout has room for; then its TTS stream is not read further. No clause is
    begun while more than that is held of those before it."""
    start_buffer_s: float = 1.0
    """How much of a clause's audio may at most be waited for before its first sample, where the voice has shown that it
    is slower than speech or gives it in bursts; a voice that is faster is never waited for. 0: nothing is."""
    interruption: Interruption = "immediate"
    """What the user's speech does to the agent's; `Session.say` and `Agent.greeting_interruption` say otherwise for one
    utterance. See rtaudio.voice.policies."""
    min_words: int | None = None
    """Words that recognition must have understood before the user's speech stops the agent; three times
    `BargeConfig.confirm_by_s` of speech is enough without. For noisy places, with an STT whose partial results come
    soon. None: what the line's `BargeConfig` says, which is 0: words do not count."""
    aec_warmup_s: float | None = None
    """How long after the agent first spoke its speech is not stopped by sounds: an echo canceller on the way (of a
    browser, of a telephone) has not learnt the echo yet, and what it leaves is taken for the user. What is said in that
    time is recognised, and stops the agent when the turn is over, unless it is a backchannel. None: what the
    line's `BargeConfig.warm_up_s` says, which is 0."""
    listening: ListeningMode = "speech"
    """When recognition runs. "speech": while the VAD hears speech, and until the turn is over. "always": between turns
    as well, so that words of which the VAD heard nothing are a turn too (a voice that is far off, low or whispered). It
    takes an STT that streams, and is paid for the whole call; without an echo canceller the agent hears itself."""
    words_over_s: float = 0.8
    """With "always": a turn of words alone is over when no more have come for so long."""
    backchannel_words: tuple[str, ...] = ENGLISH
    """Words and phrases that ask for no answer where they did not stop the agent."""
    interrupting_words: tuple[str, ...] = INTERRUPTING
    """Words that stop an agent who may be interrupted at once, although the core took their sound for a backchannel or
    for nothing ("stop", "wait"); found anywhere in a turn of at most four words."""
    text_transforms: tuple[TransformName, ...] = WRITTEN_FOR_THE_EYE
    """What is done to the text before it is spoken (rtaudio.voice.transforms); the history keeps it as written.
    "numbers" needs `language` and rtaudio[numbers]."""
    pronunciations: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Words and names, and how a voice should be given them; after the transforms."""
    away_s: float | None = 15.0
    """Silence of both sides after which the user counts as away (UserAway); None: never."""
    tool_steps: int = 8
    """How often the model may call tools in one answer, and by itself after it (results that come late); the step after
    that has to do without."""
    eager: EagerMode = "text"
    """Whether a reply is begun before the turn is over, where its end is probable, and kept unheard until that is
    decided. "text": its model is asked; "speech": its first clause is synthesised, too; "off": neither. It takes
    evidence: a turn model, or an STT that says when a turn is complete (or `eager_stable_s`); without, it is as "off".
    See docs/pre-emptive.md for what it saves and what it costs."""
    eager_probability: float = 0.75
    """How probable the core must hold it that the turn is complete."""
    eager_stable_s: float | None = None
    """Where nobody says how probable it is: silence, and time without new words, that are enough. None: they never
    are."""
    eager_attempts: int = 2
    """How many replies may be begun ahead for one turn."""
    eager_tokens: int = 64
    """How much of its text (pieces of the model's stream) is taken before the turn is decided."""
    hook_timeout_s: float | None = 30.0
    """How long `Agent.on_enter` and `on_exit` may take; time in a task that they run does not count."""
    turn_hook_timeout_s: float | None = 2.0
    """How long an answer waits for `Agent.on_turn`; then it begins without. Time in a task does not count."""
    hold_thinking: bool = False
    """What becomes of an answer that is still thought of when somebody makes a sound. True: it is kept unheard, as one
    that was begun ahead, until there are words: a noise then costs no time; the model and the first clause's voice are
    paid for in vain where it was speech. False: it is given up at once, and begun again after a noise."""
    stt_failed_text: str | None = "Sorry, I did not catch that."
    llm_failed_text: str | None = "Sorry, I cannot answer right now."
    """Said instead, where the TTS works; None: say nothing and listen."""

    def __post_init__(self) -> None:
        for name in (
            "pre_roll_s",
            "stt_final_timeout_s",
            "llm_first_timeout_s",
            "llm_next_timeout_s",
            "tts_first_timeout_s",
            "tts_next_timeout_s",
            "close_timeout_s",
            "ahead_s",
            "start_buffer_s",
            "away_s",
            "eager_stable_s",
            "hook_timeout_s",
            "turn_hook_timeout_s",
        ):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and 0 <= value <= 3600):
                raise ValueError(f"{name} = {value!r}: must be a number in 0..3600 seconds")
        if self.listening not in (listens := get_args(ListeningMode)):
            raise ValueError(f"listening = {self.listening!r}: must be one of {', '.join(listens)}")
        if not (isinstance(self.words_over_s, int | float) and 0 < self.words_over_s <= 60):
            raise ValueError(f"words_over_s = {self.words_over_s!r}: must lie above 0 and up to 60 seconds")
        warmup_s = self.aec_warmup_s
        if warmup_s is not None and not (isinstance(warmup_s, int | float) and 0 <= warmup_s <= 600):
            raise ValueError(f"aec_warmup_s = {warmup_s!r}: must lie in 0..600 seconds, or be None")
        checked(self.interruption, "interruption")
        checked_language(self.language)
        if self.min_words is not None and not (isinstance(self.min_words, int) and 0 <= self.min_words <= 1000):
            raise ValueError(f"min_words = {self.min_words!r}: must lie in 0..1000, or be None")
        for name in ("backchannel_words", "interrupting_words", "text_transforms"):
            if isinstance(words := getattr(self, name), str):
                raise ValueError(f"{name}: give a tuple of words, not one text")
            object.__setattr__(self, name, tuple(words))  # a journal gives a list
        transforms(self.text_transforms, self.pronunciations, self.language)
        if self.eager not in (modes := get_args(EagerMode)):
            raise ValueError(f"eager = {self.eager!r}: must be one of {', '.join(modes)}")
        if not (isinstance(self.eager_probability, int | float) and 0 <= self.eager_probability <= 1):
            raise ValueError(f"eager_probability = {self.eager_probability!r}: must lie in 0..1")
        for name in (
            *("first_clause_chars", "clause_chars", "clauses_in_flight", "clauses_waiting", "tool_steps"),
            *("eager_attempts", "eager_tokens"),
        ):
            if not isinstance(value := getattr(self, name), int) or value < 1:
                raise ValueError(f"{name} = {value!r}: must be a whole number, at least 1")
