"""What carries a machine's effects out: streams and the tasks that read them, mic readers, segments, observers.

Owns everything that runs: when `aclose` returns, no task and no stream is left. Decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from rtaudio.core import PortClosed
from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.agent_desk import AgentDesk
from rtaudio.voice.agents import Agents
from rtaudio.voice.clock import now_ns
from rtaudio.voice.closed_port import CLOSED_PORT
from rtaudio.voice.core_items import Segments
from rtaudio.voice.machine import Machine
from rtaudio.voice.machine_telling import FIRST
from rtaudio.voice.observe import Observers
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import STT, Audio, ProviderKind, ToolSpec
from rtaudio.voice.pumps import Desk, pump_model, pump_speech
from rtaudio.voice.recognition import Recognition
from rtaudio.voice.recordings import Recording
from rtaudio.voice.segment_writer import SegmentWriter
from rtaudio.voice.speech import SpeechHandle
from rtaudio.voice.stage_use import Owner, Surroundings
from rtaudio.voice.stages import InCharge, staged
from rtaudio.voice.streams import close_stream, describe
from rtaudio.voice.tasks import Signal, Tasks
from rtaudio.voice.transcription import Shown
from rtaudio.voice.troubles import listening
from rtaudio.voice.turn_settings import TurnSettings
from rtaudio.voice.word_finder import Pace, WordFinder

if TYPE_CHECKING:
    from rtaudio.core import AudioPort
    from rtaudio.core._engine import HintKind
    from rtaudio.voice.session import Session
    from rtaudio.voice.tool_desk import ToolDesk
    from rtaudio.voice.tools import Toolset

TurnHint = Callable[["HintKind", int, int], object]
"""As Line.post_turn_hint: kind, value, where the turn began. What it gives is of no account; PortClosed is taken."""
NO_MORE_TOOLS = "You cannot call any more tools now. Answer with what you have found out."
"""Added to the instructions for a step that may call none."""
FLUSH_LOOK_S = 0.1
"""How often a flush is looked after whose cut has not come: without a consumer there is none to make it."""
FLUSH_LOOKS = 10


class Speaking:
    """What runs for one reply."""

    def __init__(self, number: int, writer: SegmentWriter) -> None:
        self.number, self.writer = number, writer
        self.tasks: list[asyncio.Task[None]] = []
        self.wanted = True
        self.audible_told = False


class Hands:
    """One session's hands; see the module. Errors that no provider can cause go to `failed`."""

    def __init__(
        self,
        port: AudioPort,
        segments: Segments,
        agents: Agents,
        machine: Machine,
        options: SessionOptions,
        post: Callable[[it.Item], None],
        take: Callable[[], None],
        failed: Callable[[BaseException], None],
        hint: TurnHint,
        session: Session,
        tool_desk: Callable[[Toolset], ToolDesk],
        turn_settings: TurnSettings,
    ) -> None:
        self._port, self._segments, self._machine, self._options = port, segments, machine, options
        self._agents = agents
        self._post, self._take, self._hint, self._tool_desk = post, take, hint, tool_desk
        self._tools: ToolDesk | None = None
        self._turn_settings = turn_settings
        self._tasks = Tasks(failed)
        self._moved = Signal()
        self._desk = Desk(options, post, self.stamp, self._moved)
        self._recognitions: dict[int, tuple[Recognition, asyncio.Task[None]]] = {}
        self._speaking: Speaking | None = None
        self._handles: dict[int, SpeechHandle] = {}
        self._recordings: dict[int, Recording] = {}
        self._tickets = 0
        self.observers = Observers()
        self._shown = Shown(self.observers.put)
        self.agents = AgentDesk(session, agents, self._tasks, post, self.stamp, options, self._desk.replaced)
        self._put_in_charge(FIRST)

    def _in_charge(self) -> InCharge:
        """What hears, thinks and speaks now, for one use: stages of the agent in charge, or what it works with."""
        return staged(self._agents.in_charge.agent, self._surroundings())

    def _surroundings(self) -> Surroundings:
        known, owner = (
            self._agents.in_charge,
            Owner(self._tasks.start, self._desk.troubled, self._options.close_timeout_s),
        )
        return Surroundings(known.stt, known.llm, known.tts, owner)

    def _tell(self, event: ev.SessionEvent) -> None:
        self._shown.told(event, self._agents.in_charge.agent, self._surroundings)
        self._look_for_end_of_text()

    def _look_for_end_of_text(self) -> None:
        if (reply := self._machine.reply) is not None and reply.text_ended:
            self._shown.complete(reply.number)

    def stamp(self) -> it.Stamp:
        try:
            mic = self._port.mic_written
        except PortClosed:
            mic = self._machine.now_mic
        return it.Stamp(mic, now_ns())

    def replaced(self, kind: ProviderKind, provider: str, what: str) -> None:
        self._desk.replaced(kind, provider, what)

    def promise(
        self, interrupt: Callable[[int], None], recording: Recording | None = None, *, behind: object = None
    ) -> tuple[int, SpeechHandle]:
        """A new ticket, and what is told of the speech that has it. `recording`: its audio, closed when it is over.
        `behind`: as SpeechHandle has it."""
        self._tickets += 1
        handle = self._handles[self._tickets] = SpeechHandle(self._tickets, interrupt, behind)
        if recording is not None:
            self._recordings[self._tickets] = recording
        return self._tickets, handle

    def handle(self, ticket: int) -> SpeechHandle | None:
        return self._handles.get(ticket)

    def move(self, stamp: it.Stamp) -> None:
        """New mic audio to recognition, speech to wherever there is room, and whether the agent can be heard yet."""
        for recognition, _ in tuple(self._recognitions.values()):
            recognition.feed()
        if (speaking := self._speaking) is None:
            return
        self._look_for_end_of_text()
        speaking.writer.write()
        segment = speaking.writer.segment
        if segment is not None and not speaking.audible_told and (heard := segment.heard(stamp.time_ns).now):
            speaking.audible_told = True
            self._post(it.ReplyAudible(stamp, speaking.number, heard))

    def heard_now(self) -> tuple[int, int]:
        """(samples, bound) heard for good of the reply that is being spoken."""
        try:
            if self._speaking is not None and (segment := self._speaking.writer.segment) is not None:
                heard = segment.heard(now_ns())
                return heard.final, heard.bound
        except PortClosed:
            pass
        return 0, 0

    def progress(self) -> tuple[int, int]:
        """(reply that is being spoken, text offset of the word that is heard now); (0, 0): none is."""
        speaking, reply = self._speaking, self._machine.reply
        if speaking is None or reply is None or speaking.number != reply.number or speaking.writer.segment is None:
            return 0, 0
        try:
            offset = speaking.writer.segment.text_offset(speaking.writer.segment.heard(now_ns()).now)
            return self._shown.progress(reply.number, offset)
        except PortClosed:
            return 0, 0

    @property
    def tools(self) -> ToolDesk | None:
        return self._tools

    async def aclose(self) -> None:
        for handle in self._handles.values():
            handle.move("cancelled")
        self._handles.clear()
        for recording in self._recordings.values():
            self._close_recording(recording)
        self._recordings.clear()
        self.agents.close()
        if self._tools is not None:
            await self._tools.aclose()
        if left := await self._tasks.aclose(2 * self._options.close_timeout_s + 1):
            warnings.warn(f"session closed, but a provider keeps running: {', '.join(left)}", ResourceWarning, 2)

    def release(self) -> None:
        """After the last item: holds on to nothing of the port any more."""
        if self._speaking is not None:
            self._speaking.writer.release()
        self._port, self._hint, self._speaking = CLOSED_PORT, lambda kind, value, turn: None, None
        self._recognitions.clear()
        self._segments.clear()

    def carry_out(self, effect: do.Effect) -> None:
        match effect:
            case do.OpenRecognition():
                self._open_recognition(effect)
            case do.EndRecognition():
                if effect.turn in self._recognitions:
                    self._recognitions[effect.turn][0].end_at(effect.until)
            case do.CloseRecognition():
                if effect.turn in self._recognitions:
                    self._tasks.cancel(self._recognitions.pop(effect.turn)[1])
            case do.BeginReply():
                self._of(effect.reply).writer.interruption = effect.interruption
            case do.StartModel():
                self._start_model(effect)
            case do.RunTools() | do.InterruptTools() | do.MoveOnTools():
                self._use_tools(effect)
            case do.StartSpeech():
                self._start_speech(effect)
            case do.PlayAudio():
                self._play(effect)
            case do.PlaceWords():
                self._of(effect.reply).writer.place(effect.words)
            case do.PlaceSentenceEnd():
                self._of(effect.reply).writer.place_sentence_end(effect.sample)
            case do.EndSegment():
                self._of(effect.reply).writer.end()
            case do.StopProviders():
                self._stop_providers(self._of(effect.reply))
            case do.DropReply():
                self._drop(effect.reply)
            case do.Flush():
                self._flush(effect.reply)
            case do.SpeechMoved():
                self._speech_moved(effect)
            case do.PutInCharge():
                self._put_in_charge(effect.agent)
                self._turn_settings.put(self._agents.in_charge.agent)
            case do.ForgetAgent() | do.ChooseHistory() | do.RunHook() | do.ForgetKeys() | do.StopHook() | do.TaskOver():
                self.agents.carry_out(effect)
            case do.Emit():
                self._tell(effect.event)
            case do.Hint():
                with contextlib.suppress(PortClosed):
                    self._hint(effect.kind, effect.value, effect.turn)
            case do.Remember():
                pass  # the machine's own history has it; for recorders
            case _:
                raise TypeError(f"{type(effect).__name__} is no effect of a session")
        self._moved.fire()

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task that reads a provider's stream, and hears of one that was replaced behind it."""
        with listening(self._desk.replaced):
            return self._tasks.start(work, name)

    def _put_in_charge(self, number: int) -> None:
        known = self._agents.put_in_charge(number)
        if self._tools is None and known.tools is not None:
            self._tools = self._tool_desk(known.tools)
        if self._tools is not None:
            self._tools.work_for(number, known.tools)

    # ---- Recognition.

    def _open_recognition(self, effect: do.OpenRecognition) -> None:
        turn, stt = effect.turn, self._in_charge().stt

        def failed(what: str) -> None:
            self._post(it.TranscriptFailed(self.stamp(), turn, stt.name, what))

        try:
            with listening(self._desk.replaced):
                recognition = Recognition(
                    stt,
                    self._port.mic(effect.start),
                    final_timeout_s=self._options.stt_final_timeout_s,
                    close_timeout_s=self._options.close_timeout_s,
                    came=lambda text, final, complete: self._post(
                        it.TranscriptCame(self.stamp(), turn, text, final, complete)
                    ),
                    failed=failed,
                    lost=lambda samples: self._post(it.AudioLost(self.stamp(), samples)),
                )
        except PortClosed:
            raise
        except Exception as error:
            return failed(describe(error))
        task = self._start(self._recognise(recognition, stt), f"recognise turn {turn}")
        self._recognitions[turn] = (recognition, task)

    async def _recognise(self, recognition: Recognition, stt: STT) -> None:
        try:
            recognition.feed()
            await recognition.run()
        finally:
            await close_stream(
                recognition.stream,
                self._options.close_timeout_s,
                self._desk.troubled("stt", stt.name),
            )

    # ---- Replies.

    def _of(self, reply: int) -> Speaking:
        if self._speaking is None or self._speaking.number != reply:
            if self._speaking is not None:
                self._speaking.writer.release()
            self._speaking = Speaking(reply, SegmentWriter(self._port, self._moved))
        return self._speaking

    def _start_model(self, effect: do.StartModel) -> None:
        speaking, reply = self._of(effect.reply), effect.reply
        chat = self._machine.chat
        if (said := effect.said) is not None:
            (chat.replace_last if said.instead else chat.append)(said.message)
        more = "" if effect.tools else NO_MORE_TOOLS
        chat.instructions = "\n\n".join(filter(None, (chat.instructions, effect.instructions, more)))
        work = pump_model(
            self._desk,
            self._in_charge().llm,
            chat,
            self._offered(effect),
            reply,
            effect.may_be_silent,
            wanted=lambda: speaking.wanted,
            ready=lambda: self._machine.wants_text(reply),
        )
        speaking.tasks.append(self._start(work, f"model for reply {reply}"))

    def _offered(self, effect: do.StartModel) -> tuple[ToolSpec, ...]:
        if self._tools is None or not effect.tools:
            return ()
        return tuple(spec for spec in self._tools.specs if effect.only is None or spec.name in effect.only)

    def _speech_moved(self, effect: do.SpeechMoved) -> None:
        if (handle := self._handles.get(effect.ticket)) is None:
            return
        handle.move(effect.state, effect.message)
        if handle.done():
            del self._handles[effect.ticket]
            if (recording := self._recordings.pop(effect.ticket, None)) is not None:
                self._close_recording(recording)

    def _close_recording(self, recording: Recording) -> None:
        """If nobody has begun to play it; else who plays it does."""
        if not recording.streamed:
            work = close_stream(recording, self._options.close_timeout_s, self._desk.troubled("tts", recording.name))
            self._tasks.start(work, "close a recording")

    def _use_tools(self, effect: do.RunTools | do.InterruptTools | do.MoveOnTools) -> None:
        if self._tools is None:
            raise TypeError(f"{type(effect).__name__}: this session has no tools")
        match effect:
            case do.RunTools():
                self._tools.run(effect)
            case do.InterruptTools():
                self._tools.interrupt(effect.reply)
            case do.MoveOnTools():
                self._tools.move_on(effect.reply)

    def _start_speech(self, effect: do.StartSpeech) -> None:
        speaking, reply, clause = self._of(effect.reply), effect.reply, effect.clause
        voice, pace = self._in_charge().tts, self._agents.in_charge.pace
        if effect.recording:
            voice, pace = self._recordings[effect.recording], Pace()
        finder = WordFinder(effect.text, pace)
        work = pump_speech(
            *(self._desk, voice, effect.text, reply, clause, lambda: speaking.wanted, speaking.writer, finder),
            counts=not effect.recording,
        )
        speaking.tasks.append(self._start(work, f"speech of clause {clause} of reply {reply}"))

    def audio_of(self, effect: do.PlayAudio) -> tuple[Audio, int]:
        """What it is about, as long as it is not carried out: (samples, rate)."""
        return self._of(effect.reply).writer.piece(effect.clause, effect.number)

    def _play(self, effect: do.PlayAudio) -> None:
        speaking = self._of(effect.reply)
        try:
            speaking.writer.play(effect.clause, effect.number)
        except PortClosed:
            raise
        except Exception as error:  # a rate the playout cannot take, or no segment to be had
            self._post(
                it.AudioFailed(self.stamp(), effect.reply, effect.clause, self._in_charge().tts.name, describe(error))
            )
        if speaking.writer.segment is not None:
            self._segments.add(effect.reply, speaking.writer.segment)

    def _stop_providers(self, speaking: Speaking) -> None:
        speaking.wanted = False
        self._shown.stop(speaking.number)
        for task in speaking.tasks:
            self._tasks.cancel(task)

    def _drop(self, reply: int) -> None:
        speaking = self._of(reply)
        self._stop_providers(speaking)
        speaking.writer.drop()

    def _flush(self, reply: int) -> None:
        try:
            ticket = self._port.playout.flush()
        except PortClosed:
            return  # nothing plays from a closed port
        if not self._machine.closed:
            self._tasks.start(self._look_after_flush(reply, ticket), f"flush of reply {reply}")

    async def _look_after_flush(self, reply: int, ticket: int) -> None:
        for _ in range(FLUSH_LOOKS):
            await asyncio.sleep(FLUSH_LOOK_S)
            if self._machine.reply is None or self._machine.reply.number != reply:
                return
            self._port.playout.flushed(ticket)
            self._take()
        heard, bound = self.heard_now()
        self._post(it.ReplyCut(self.stamp(), reply, heard, bound))
