"""The conversation as a state machine: items in, effects out, nothing else. No clock, no task, no audio (law 5).

Two machines and the rules where they meet. The user's turns (turns.py) and the agent's reply (reply.py):

    user    QUIET ──speech began──► TALKING ──turn over──► AWAITED ──final transcript──► taken
    agent   IDLE ──begin──► THINKING ──first sample──► SPEAKING ──done, or cut──► IDLE
                               └──flushed by the session──► STOPPING ──cut, or done──► IDLE

    taken             words: they are `unanswered`. No words: nothing; but where recognition failed, an apology.
    begin             whenever the agent is idle and no turn is open: what is to be said first, then an answer if
                      anything is unanswered. So a turn is answered once, whatever happened meanwhile (law 10).
    speech began      an answer still THINKING is given up: its turn is unanswered again and the new one joins it. A
                      reply that is SPEAKING is the core's business: it ducks, pauses, flushes or resumes.
    went on           the core took the turn to be over, and the user goes on with it: an answer of which nothing was
                      heard yet is given up, and flushed if it was written; the turn goes on as its next part, and is
                      answered once, whole. If something was heard of it, it is an interruption like any other; and
                      after an "mhm" that left the floor to the agent, it is a turn of its own.
    cut               the message ends at the last word heard (law 9). No word heard: as if it had not begun; its turn
                      is unanswered again if the user's speech stopped it, however it would have ended, and not if
                      `interrupt` did.
    taken while       after a false barge-in ("uh-huh") it goes into the history, behind the agent's message, and asks
      SPEAKING        for no answer. Anything else is answered once the agent is idle.
    a backchannel     speech that did not stop the agent ("mhm", by the core's ear or by its words) goes into the
                      history as one and asks for no answer, as long as the agent goes on after it, or asked nothing.
                      Words that say "stop" are none, and flush the agent if the core has not. One by the core's ear is
                      over at once, whatever the core waits for: what is said next is another turn. The core's ear is
                      about what was said last: a turn that had claimed the floor, or began before, is none by it.
    the program       says texts and asks for replies: each waits in the queue (speech_queue.py), whose head is begun
                      whenever the agent is idle and no turn is open. A reply that it asks for answers also what is
                      unanswered by then; given up before anything of it was heard, it waits again.
    typed             words of the user that come as text are a turn that is complete: in the history at once, and
                      unanswered. An answer still THINKING is given up for it, as for speech; what is SPEAKING goes on.
                      Whatever reply answers the user next answers it, and with it those who asked.
    "now"             flushes what is spoken, and gives up what is thought: a turn of which nothing was answered yet
                      is answered after it.
    one not wanted    (a handle's `interrupt`) is taken out, or cut as by `interrupt`, alone. An answer that the user
                      spoke for, or another asked for as well, is begun again without it if nothing was heard.
    interrupt         what is thought, said or waits to be said is given up, and so is the answer to words that are
                      awaited; they come into the history. A turn that is being spoken is answered like any other.
    begun ahead       where the end of a turn is probable, its answer is begun and kept unheard (HELD). Once the turn is
                      decided it is the reply, if it answers what was said in the end; else it is as if it had never
                      been: no word of it in the history, no sound, no tool run (machine_eager.py).
    a noise           or speech, while an answer is THINKING: with `hold_thinking` it is kept unheard until there are
                      words (machine_noise.py); else it is given up as above.
    only words        with `listening` "always" recognition also runs between turns, and words of which the VAD heard
                      nothing are a turn that is over when no more come (machine_listening.py).
    a provider fails  reported. A reply ends with the audio there is; where there is none, an apology is said if the
                      model failed, and the agent listens.

Tools. An answer is made of steps, each a reply of its own, until one calls no tools (machine_tools.py):

    tools called      when the text of a reply is complete, its calls are run, while it is spoken: audio never waits for
                      them. A reply that failed calls nothing. `say` and the user's speech are taken meanwhile.
    delivered         the reply's message holds what was heard of it and every call with its result, and comes into the
                      history once the agent is silent: never a call without a result, however little was heard. Then
                      the model goes on: the next step. What was said in between (`say`) comes before the results.
    `tool_steps`      so many steps call tools; the next one is offered none, and told so (ToolStepsSpent). What a late
                      result leads to counts as well, until the user wants an answer again.
    cut               each tool's policy says what becomes of its call. The model goes on from the results, unless the
                      user has said something that wants an answer, or the program stopped it (`interrupt`).
    taken while       the talk does not wait: what is not there yet is delivered as still running, and the turn is
      tools run       answered, with that in view. "Okay" and the like are a backchannel, unless the agent had asked.
                      Replies that the program asks for wait, unless they are "high".
    went on           as above: what the tools did stays in the history, and is seen by the answer to the whole turn.
    a filler          of a call that takes long waits at low priority, and is dropped when the call has its result.
    a late result     comes into the history before the model's next reply. Where there is none to come, and nobody
                      speaks, one begins for it (kind "late"); it may be silent. Given up like an answer, it is begun
                      again.
    close             ends the tools, which gives each call its result; the history is complete when Ended comes.

Keys that the user presses are a turn like typed words, or for the agent in charge alone (machine_keys.py).

Agents. One is in charge: its model is asked and shown `chat`, its tools are called (machine_agents.py, stack.py):

    handed over       a tool returned an agent. Once the step is in the history, the agent silent and nothing to be
                      said, it is in charge (machine_switch.py): no reply is of two agents. Turns are not touched by it;
                      a recognition goes on as it began. Results that come later are the new agent's.
    two of them       in a step: the first, in the order of the calls. One that comes late counts while the agent that
                      called is in charge, waits while a task is, and not after. Whose handoff does not take place is
                      told so in the call's result.
    entered           its greeting is said, and is all that it says by itself. Without one the model goes on from the
                      results, once on_enter has ended, unless that has had something said.
    its chat          is shared, chosen from the one before, or awaited (ChooseHistory): no model is asked before that.
                      The step that handed over and what is unanswered are in it in any case.
    on_turn           runs between a turn and its answer; what it gives is put behind the turn, in the chat alone.
    a task            is put on top of who is in charge, whose step, going on and hook are put aside. The step's text
                      comes into the history first, its calls with their results when it is gone on with.
    a task is over    once its own step is in the history, and its on_turn has ended; with it those above it. What is
                      unanswered then is answered by the agent below. A handoff puts an end to all tasks.
    has no model      (a group of tasks, between two of them): what the user says waits for who comes next.
    `interrupt`       puts no end to a task and drops no handoff; who takes over then says nothing by itself.

Going on where another session was (a checkpoint): machine_resume.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.machine_resume import Resuming
from rtaudio.voice.replying import MIC_RATE, take_audio, take_tokens
from rtaudio.voice.stack import Switch
from rtaudio.voice.turns import Hearing

AFTER_CLOSE: Final = (it.ProviderTroubled, it.ToolEnded, it.ToolsDelivered, it.Ended)
"""What a closed machine still takes."""


class Machine(Resuming):
    """`handle` takes one item at a time and is never re-entered. `history` is its own: copy it to keep it."""

    def handle(self, item: it.Item) -> list[do.Effect]:
        """The effects of one item, to be carried out in order and before the next."""
        if self.closed and not isinstance(item, AFTER_CLOSE):
            return []
        self._at = item.at
        effects = list(self._react(item))
        effects += self._listen()
        effects += self._eager(item)
        effects += self._commit()
        effects += self._switch()
        effects += self._take_keys()
        if not self.closed:
            effects += self._begin()
        effects += self._tell_state()
        self.presence.rest(self.reply is not None or self._at_work or self.keys.open, self._at.mic)
        return effects + [do.Emit(record) for record in self._records_of(item, effects)]

    def _records_of(self, item: it.Item, effects: list[do.Effect]) -> Iterator[ev.TurnRecord]:
        wanted = self._unanswered is not None or self._late_untold or len(self.queue) > 0
        return self.records.after(
            item,
            effects,
            self.reply,
            continues=self._continued is not None,
            steps=self.step is not None or (self._go_on is not None and not self.closed),
            wanted=wanted and not self.closed,
        )

    @property
    def due(self) -> int | None:
        """Mic position from which on the machine wants a TimeCame; None: never, as things are."""
        if self.closed:
            return None
        dues = (self.presence.due, self._eager_due, self._keys_due, self._listening_due)
        return min((due for due in dues if due is not None), default=None)

    def _react(self, item: it.Item) -> Iterator[do.Effect]:
        match item:
            case it.SpeechBegan():
                yield from self._speech_began(item)
            case it.SpeechPaused():
                self.presence.fell_silent(item.end)
                if (turn := self.turns.talking) is not None and turn.barge == "quiet":
                    turn.claims = True  # the core suspected nothing of it and will say nothing about it
                yield do.Emit(ev.SpeechEnded(at_s=self._now_s, ended_s=item.end / MIC_RATE))
            case it.TurnOver():
                yield from self._turn_over(item)
            case it.TurnWentOn():
                yield from self._went_on(item)
            case it.TurnWeighed():
                pass  # of the end that is only probable: machine_eager.py
            case it.TurnUnanswered():
                yield do.Emit(ev.TurnModelSilent(at_s=self._now_s, late=item.late))
            case it.BargeChanged():
                self._judge(item.state)
                yield do.Emit(ev.BargeIn(at_s=self._now_s, state=item.state, before=item.before))
                if item.state == "backchannel":
                    yield from self._listened()
            case it.LineStarved():
                yield do.Emit(ev.InputStarved(at_s=self._now_s, missing_for_s=item.samples / MIC_RATE))
            case it.LinkChanged():
                told = ev.LinkLost if item.lost else ev.LinkBack
                yield do.Emit(told(at_s=self._now_s, without_for_s=item.without_ms / 1000))
            case it.AudioLost():
                yield do.Emit(ev.AudioLost(at_s=self._now_s, lost_for_s=item.samples / MIC_RATE))
            case it.MicLevelChanged():
                level = 10 * math.log10(max(item.mean_square, 1e-12))
                yield do.Emit(
                    ev.MicrophoneLevel(at_s=self._now_s, state=item.state, before=item.before, level_dbfs=level)
                )
            case it.MicClippingChanged():
                share = item.clipped / max(item.judged, 1)
                yield do.Emit(ev.MicrophoneClipping(at_s=self._now_s, clipping=item.clipping, clipped_share=share))
            case it.EventsLost():
                yield do.Emit(ev.EventsLost(at_s=self._now_s, count=item.count))
            case it.TranscriptCame() | it.TranscriptFailed():
                if (turn := self.turns.find(item.turn)) is not None and turn.state is not Hearing.SETTLED:
                    yield from self._transcript(turn, item)
            case it.TokenCame() | it.CallCame() | it.TokensEnded() | it.TokensFailed():
                if (held := self.held) is not None and held.reply.number == item.reply:
                    yield from self._take_held(held, item)
                elif (reply := self._find(item.reply)) is not None and reply.working:
                    complete = isinstance(item, it.TokensEnded) and not reply.text_ended
                    yield from take_tokens(reply, item)
                    if complete and reply.calls:
                        yield from self._run_tools(reply)
                    yield from self._retire_silent(reply)
            case it.UsageCame() | it.VoiceAsked():
                pass  # for the record
            case it.AudioCame() | it.WordsFound() | it.AudioEnded() | it.AudioFailed():
                if (held := self.held) is not None and held.reply.number == item.reply:
                    yield from self._take_held(held, item)
                elif (reply := self._find(item.reply)) is not None and reply.working:
                    yield from take_audio(reply, item)
                    yield from self._retire_silent(reply)
            case it.ReplySounded() | it.ReplyAudible() | it.ReplyDone() | it.ReplyCut():
                if (reply := self._find(item.reply)) is not None:
                    yield from self._played(reply, item)
            case it.ToolBegan() | it.ToolEnded() | it.ToolReported() | it.ToolsDelivered() | it.LateResultCame():
                yield from self._tools(item)
            case it.ProviderTroubled():
                yield do.Emit(
                    ev.ProviderFailed(at_s=self._now_s, kind=item.kind, provider=item.provider, what=item.what)
                )
            case it.KeyPressed():
                yield from self._pressed(item)
            case it.SayAsked() | it.ReplyAsked():
                yield from self._said_on_entry(item)
                yield from self._asked_for(item)
            case it.SpeechStopAsked():
                yield from self._stop_speech(item.ticket)
            case it.SessionBegan():
                yield from self._begin_with_first()
            case it.SessionRestored():
                yield from self._resume(item)
            case it.UnknownSounded():
                yield from self._unknown_sounded(item)
            case it.SessionCaughtUp():
                yield from self._caught_up(item)
            case it.AgentCame():
                yield from self._agent_came(item)
            case it.HandOverAsked():
                self._switches.append(Switch("program", item.number, hurries=True))
            case it.TaskAsked():
                self._switches.append(Switch("task", item.number))
            case it.TaskEnded():
                yield from self._task_ended(item)
            case it.HistoryChosen():
                yield from self._history_chosen(item)
            case it.HookEnded():
                yield from self._hook_ended(item)
            case it.TimeCame():
                if self.presence.time_came(item.at.mic):
                    silent_for_s = self.presence.silent_for(item.at.mic) / MIC_RATE
                    yield do.Emit(ev.UserAway(at_s=self._now_s, silent_for_s=silent_for_s, times=self.presence.times))
            case it.InterruptAsked():
                yield from self._interrupt()
            case it.CloseAsked():
                yield from self._close(item)
            case it.Ended():
                yield do.Emit(ev.SessionClosed(at_s=self._now_s, reason=self._reason))
            case _:
                raise TypeError(f"{type(item).__name__} is no item of a session")

    def _close(self, item: it.CloseAsked) -> Iterator[do.Effect]:
        self.closed, self._reason = True, item.reason
        yield from self._move(self.queue.clear(), "cancelled")
        if self._go_on is not None:
            yield from self._move(self._go_on.wishes, "interrupted", self._go_on.told)
        for turn in self.turns.clear():
            yield do.CloseRecognition(turn.number)
            if turn.text:
                yield from self._take_turn(turn)
        yield from self._close_keys()
        if (reply := self.reply) is not None:
            reply.abandoned = True
            yield do.DropReply(reply.number)
            if reply.opened:
                yield do.Flush(reply.number)
            yield from self._retire(reply, item.heard, item.bound)
        yield from self._close_agents()
        if self.step is None:
            yield from self._remember_late()
