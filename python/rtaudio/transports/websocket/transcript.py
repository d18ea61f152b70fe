"""What happens in a session, as messages for whoever looks at the page. Pure."""

from __future__ import annotations

from typing import Final

from rtaudio.transports.websocket import messages as say
from rtaudio.voice import events as ev

STEPS: Final = {
    "turn_decided_s": "turn decided",
    "stt_final_s": "words",
    "first_token_s": "first token",
    "first_audio_s": "first audio",
    "first_sample_s": "first sample",
}
_MICROPHONE: Final = {
    "silent": ("warning", "Your microphone is silent: is it muted, or another one chosen?"),
    "quiet": ("warning", "Your microphone is very quiet: come closer, or turn it up."),
    "loud": ("warning", "Your microphone is too loud: turn it down."),
    "good": ("info", "Your microphone is fine again."),
}


def message_of(event: ev.SessionEvent) -> say.ForPerson | None:
    """None: nothing for a person."""
    at_s = event.at_s
    match event:
        case ev.StateChanged():
            return say.State(at_s=at_s, state=event.state)
        case ev.TranscriptUpdated():
            return say.User(at_s=at_s, turn=event.turn, text=event.text, final=event.final)
        case ev.UserText():
            return say.User(at_s=at_s, turn=event.turn, text=event.text, final=True)
        case ev.TurnResumed():
            return say.TurnGoesOn(at_s=at_s, turn=event.turn)
        case ev.Backchannel():
            return say.Listens(at_s=at_s, turn=event.turn, text=event.text)
        case ev.ReplyText():
            return say.Reply(at_s=at_s, reply=event.reply, offset=event.text_offset, text=event.text)
        case ev.AgentSpeechHeard():
            return say.Heard(at_s=at_s, reply=event.reply, text=event.text)
        case ev.AgentSpeechInterrupted():
            return say.Cut(
                at_s=at_s,
                reply=event.reply,
                heard=event.heard,
                cut=event.cut,
                heard_for_s=event.heard_for_s,
                bound_s=event.bound_s,
            )
        case ev.BargeIn():
            return say.Barge(at_s=at_s, state=event.state)
        case ev.TurnMetrics() if event.turn:
            steps = {name: value for field, name in STEPS.items() if (value := getattr(event, field)) is not None}
            return say.Latency(at_s=at_s, turn=event.turn, steps=steps)
        case _:
            return _notice(event)


def _notice(event: ev.SessionEvent) -> say.Notice | None:
    match event:
        case ev.MicrophoneLevel():
            level, text = _MICROPHONE[event.state]
        case ev.MicrophoneClipping(clipping=True):
            level, text = "warning", "Your microphone is overdriven: turn it down."
        case ev.ProviderFailed():
            level, text = "problem", f"{event.kind} {event.provider}: {event.what}"
        case ev.UserAway():
            level, text = "info", f"Nothing was heard of you for {event.silent_for_s:.0f} s."
        case ev.AudioLost():
            level, text = "problem", f"{event.lost_for_s:.1f} s of what you said came too late to be understood."
        case ev.InputStarved():
            level, text = "warning", f"{event.missing_for_s * 1000:.0f} ms of your voice were missing."
        case ev.EventsLost():
            level, text = "warning", f"{event.count} events were lost: the transcript may have holes."
        case _:
            return None
    return say.Notice(at_s=event.at_s, level=level, text=text)
