"""The one truth: settings, state, and what everybody is told about them.

Flags, page and programs change the settings here and nowhere else. The Controller tells the engine
its settings and the gate its situation, keeps what the engine says, and gives every front end the
same status. Any thread may call it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import vcam
from vcam.config.changes import apply_changes
from vcam.config.settings import FROM_NEXT_START, Settings
from vcam.daemon.state import Facts, Judgement, judge, notes
from vcam.daemon.status import (
    NOTHING_PUBLISHED,
    EngineRecord,
    PublishedRecord,
    ReferenceRecord,
    SettingsRecord,
    Status,
)
from vcam.engine.protocol import Event, SettingsCommand
from vcam.errors import ConfigError, VcamError, from_record
from vcam.publish.gate import Situation

_FIXED_IN_LOCKSTEP = frozenset({"source", "sinks", "paused"})
_NEEDS_ENGINE = frozenset({"source", "device", "model", "paused"})


class Ports(Protocol):
    """What the Controller moves: engine and publisher, as the Session joins them."""

    def send_settings(self, settings: SettingsCommand) -> None:
        """The engine's settings from now on."""
        ...

    def retry_engine(self) -> None:
        """Start an engine if none runs."""
        ...

    def show(self, situation: Situation) -> None:
        """What the gate has to know."""
        ...

    def change_sinks(self, specs: tuple[str, ...]) -> None:
        """Publish to these from now on; raises SinkError, and nothing is changed."""
        ...

    def published(self) -> PublishedRecord:
        """What leaves the program."""
        ...


class Controller:
    """Settings, state and status of one run.

    settings: what counts now, with this run's flags. stored: what the file holds, without them.
    save: writes the stored settings. find_reference: real id and title of a reference face;
        raises ReferencePictureError if there is none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        stored: Settings,
        save: Callable[[Settings], None],
        find_reference: Callable[[str], tuple[str, str]],
        is_lockstep: bool = False,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._settings, self._stored, self._start = settings, stored, settings
        self._save, self._find_reference = save, find_reference
        self._is_lockstep, self._clock_ns = is_lockstep, clock_ns
        self._started_ns = clock_ns()
        self._news = threading.Condition(threading.RLock())
        self._save_order = threading.Lock()
        self._ports: Ports | None = None
        self._revision = self._minimum_revision = 1
        self._faces_revision = self._news_count = 1
        self._reference = find_reference(settings.layers[0].reference)
        self._notices: list[str] = []
        self._facts = Facts()
        self._engine = EngineRecord(
            device="", model="", fps_in=0, fps_out=0, dropped=0, no_face_ms=0, stages_ms={}
        )
        self._engine_note = ""
        self._source: str | None = None
        self._size, self._fps = settings.width_height, float(settings.fps)
        self._trouble_since_ns: int | None = None
        self._judgement = self._judge()
        self.situation = self._situation_now()

    def connect(self, ports: Ports) -> None:
        """Name engine and publisher, which begins with the `situation` of now."""
        with self._news:
            self._ports = ports

    # ---- settings ----------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What counts now."""
        return self._settings

    def settings_record(self) -> SettingsRecord:
        """What counts now, its revision, and what waits for the next start."""
        with self._news:
            return SettingsRecord(
                settings=self._settings.model_dump(mode="json"),
                revision=self._revision,
                notes=self._waiting(),
            )

    def settings_command(self) -> SettingsCommand:
        """The settings as the engine is told them: size and rate stay what they were at start."""
        with self._news:
            fixed = {name: getattr(self._start, name) for name in FROM_NEXT_START}
            settings = self._settings.model_copy(update=fixed)
            return SettingsCommand(
                kind="settings",
                revision=self._revision,
                settings=settings.model_dump(mode="json"),
            )

    def change(self, changes: Mapping[str, Any]) -> SettingsRecord:
        """Change some settings, for this run and every later one.

        Raises: ConfigError, ReferencePictureError or SinkError, and nothing is changed;
        ConfigError (config-damaged) if the change counts but could not be stored.
        """
        with self._news:
            settings = apply_changes(self._settings, changes)
            stored = apply_changes(self._stored, changes)
            self._refuse_in_lockstep(settings)
            references = [self._find_reference(layer.reference) for layer in settings.layers]
            if _differs("sinks", self._settings, settings) and self._ports is not None:
                self._ports.change_sinks(settings.sinks)
            before, self._settings, self._stored = self._settings, settings, stored
            self._reference = references[0]
            if settings != before:
                self._apply(before)
        with self._save_order:
            self._save(self._stored)
        return self.settings_record()

    def _apply(self, before: Settings) -> None:
        """Tell engine, gate and publisher what is different now."""
        now = self._settings
        different = {name for name in Settings.model_fields if _differs(name, before, now)}
        self._revision += 1
        if different & {"paused", "bypass"}:
            self._minimum_revision = self._revision
            self._facts.has_made_frames = False
        self._review()  # the gate closes before the engine hears of it
        if self._ports is not None:
            self._ports.send_settings(self.settings_command())
            if different & _NEEDS_ENGINE:
                self._ports.retry_engine()

    def _refuse_in_lockstep(self, settings: Settings) -> None:
        changed = [n for n in _FIXED_IN_LOCKSTEP if _differs(n, self._settings, settings)]
        if self._is_lockstep and changed:
            raise ConfigError(
                "setting-invalid",
                f"{' and '.join(sorted(changed))} cannot change while a file is worked through.",
                "start another run",
            )

    def _waiting(self) -> list[str]:
        names = [n for n in sorted(FROM_NEXT_START) if _differs(n, self._start, self._settings)]
        return [f"{name} counts from the next start" for name in names]

    # ---- what happens ------------------------------------------------------------------------

    def engine_said(self, event: Event) -> None:
        """Keep an event of the engine."""
        facts = self._facts
        if event["kind"] == "frame" and facts.has_made_frames and facts.lost is None:
            return  # thirty times a second: nothing new
        with self._news:
            match event["kind"]:
                case "hello":
                    self._engine["device"], self._engine["model"] = event["device"], event["model"]
                    self._engine_note = event.get("note", "")
                case "source":
                    self._source, facts.source = event["source"], None
                    self._size = (event["width"], event["height"])
                    self._fps = event["fps"]
                case "frame":
                    facts.has_made_frames = facts.no_face_ms == 0 or self._settings.bypass
                    facts.lost = None
                case "status":
                    facts.stage, facts.no_face_ms = event["stage"], event["no_face_ms"]
                    self._engine.update(
                        fps_in=event["fps_in"],
                        fps_out=event["fps_out"],
                        dropped=event["dropped"],
                        no_face_ms=event["no_face_ms"],
                        stages_ms=event["stages_ms"],
                    )
                    facts.note_rate(event["fps_out"], self._fps_wanted())
                case "trouble":
                    record = event["error"]
                    setattr(facts, event["where"], None if record is None else from_record(record))
                case _:
                    return
            self._review()

    def engine_lost(self, error: VcamError) -> None:
        """The engine is gone; until another one makes a frame this is trouble."""
        with self._news:
            self._facts.forget_engine()
            self._facts.lost = error
            self._engine.update(fps_in=0, fps_out=0, no_face_ms=0, stages_ms={})
            self._review()

    def add_notice(self, notice: str) -> None:
        """Something that every front end should show from now on."""
        with self._news:
            self._notices.append(notice)
            self._tell()

    def references_changed(self) -> None:
        """A reference face came or went."""
        with self._news:
            self._faces_revision += 1
            self._tell()

    # ---- what is told ------------------------------------------------------------------------

    def status(self) -> Status:
        """Everything at this moment."""
        published = NOTHING_PUBLISHED if self._ports is None else self._ports.published()
        with self._news:
            return Status(
                version=vcam.__version__,
                pid=os.getpid(),
                uptime_s=round((self._clock_ns() - self._started_ns) / 1e9, 1),
                state=self._judgement.state,
                reason=self._judgement.reason,
                error=None if (error := self._judgement.error) is None else error.record(),
                notes=self._notes(published),
                source=self._source,
                is_lockstep=self._is_lockstep,
                size=self._size,
                fps=self._fps,
                reference=ReferenceRecord(id=self._reference[0], title=self._reference[1]),
                engine=self._engine.copy(),
                published=published,
                revision=self._revision,
                faces_revision=self._faces_revision,
            )

    def wait_for_news(self, seen: int, timeout_s: float) -> int:
        """Wait until something has changed since `seen`, 0 at first.

        Returns: the number of the newest change, to be given as `seen` the next time.
        """
        with self._news:
            self._news.wait_for(lambda: self._news_count != seen, timeout_s)
            return self._news_count

    def references_in_use(self) -> frozenset[str]:
        """Ids that the settings name."""
        return frozenset(layer.reference for layer in self._settings.layers)

    def _notes(self, published: PublishedRecord) -> list[str]:
        failing = [(s["name"], s["error"]) for s in published["sinks"] if s["error"] is not None]
        return [
            *notes(
                self._facts,
                device=self._engine["device"],
                engine_note=self._engine_note,
                fps_out=self._engine["fps_out"],
                fps_wanted=self._fps_wanted(),
            ),
            *(f"{name}: {error['message']} {error['hint']}" for name, error in failing),
            *self._notices,
            *self._waiting(),
        ]

    def _fps_wanted(self) -> float:
        """What a fast enough engine would make of this source."""
        return min(self._fps, self._engine["fps_in"] or self._fps)

    def _judge(self) -> Judgement:
        settings = self._settings
        return judge(
            self._facts,
            paused=settings.paused,
            bypass=settings.bypass,
            on_trouble=settings.on_trouble,
            strength=settings.strength,
            title=self._reference[1],
        )

    def _review(self) -> None:
        """Judge anew, and tell the gate if it matters there."""
        self._judgement = self._judge()
        if not self._judgement.is_trouble:
            self._trouble_since_ns = None
        elif self._trouble_since_ns is None:
            self._trouble_since_ns = self._clock_ns()
        situation = self._situation_now()
        if situation != self.situation:
            self.situation = situation
            if self._ports is not None:
                self._ports.show(situation)
        self._tell()

    def _situation_now(self) -> Situation:
        return Situation(
            message=self._judgement.slate,
            paused=self._settings.paused,
            bypass=self._settings.bypass,
            on_trouble=self._settings.on_trouble,
            trouble_since_ns=self._trouble_since_ns,
            minimum_revision=self._minimum_revision,
        )

    def _tell(self) -> None:
        self._news_count += 1
        self._news.notify_all()


def _differs(name: str, one: Settings, other: Settings) -> bool:
    return getattr(one, name) != getattr(other, name)
