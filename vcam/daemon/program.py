"""One run of `vcam run`: the parts joined, started in order, stopped in order.

The command line starts a Program, waits for its end and stops it. What the engine says goes to the
Controller; where frames lie goes to the Publisher. The engine's failures never stop the Publisher:
in live mode the virtual camera gives pictures from `start` to `stop`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vcam.capture import source_path
from vcam.config.folders import config_folder, runtime_folder, state_folder
from vcam.config.library import ReferenceLibrary
from vcam.config.settings import Settings
from vcam.config.store import save_settings
from vcam.daemon.api import Api
from vcam.daemon.auth import Auth
from vcam.daemon.controller import Controller
from vcam.daemon.jobs import Jobs
from vcam.daemon.presence import Presence
from vcam.daemon.preview import Preview
from vcam.daemon.references import References
from vcam.daemon.server import Server
from vcam.daemon.status import NOTHING_PUBLISHED, PublishedRecord, SinkRecord, Status
from vcam.daemon.supervisor import Spawn, Supervisor, spawn_engine
from vcam.engine.mode import runs_in_lockstep
from vcam.engine.protocol import Event, SettingsCommand, SourceEvent
from vcam.errors import DaemonError, VcamError
from vcam.frame.nouns import Pixels
from vcam.frame.slots import FrameSlots
from vcam.publish.gate import Situation
from vcam.publish.publisher import Publisher
from vcam.publish.sinks import OpenedSinks, auto_sinks, open_sinks

SETTINGS_FILE = "settings.toml"

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    settings: what counts, flags included. stored: what the file holds, to which changes are added.
    has_page: whether there is an API and a page. port_is_named: the port was asked for by name, so
    another one will not do. frame_limit: end after so many frames.
    """

    settings: Settings
    stored: Settings
    has_page: bool = True
    port_is_named: bool = False
    frame_limit: int | None = None


class Program:
    """Engine, publisher, controller and page of one run.

    say: gets sentences about what is being done, for a terminal.
    """

    def __init__(
        self, plan: Plan, say: Callable[[str], None], *, spawn: Spawn | None = None
    ) -> None:
        self._plan, self._say = plan, say
        self.is_lockstep = runs_in_lockstep(plan.settings)
        self.error: VcamError | None = None
        self._over = threading.Event()
        self._has_edited = False
        log = state_folder() / "engine.log"
        self._presence = Presence(runtime_folder())
        self._references = References(
            ReferenceLibrary(),
            Jobs(log),
            in_use=lambda: self.controller.references_in_use(),
            on_change=lambda: self.controller.references_changed(),
        )
        self.controller = Controller(
            plan.settings,
            stored=plan.stored,
            save=lambda settings: save_settings(config_folder() / SETTINGS_FILE, settings),
            find_reference=self._find_reference,
            is_lockstep=self.is_lockstep,
        )
        self._supervisor = Supervisor(
            self,
            spawn=spawn or spawn_engine(log),
            log=log,
            is_restarting=not self.is_lockstep,
        )
        self._publisher: Publisher | None = None
        self._preview = Preview(self._newest)
        self._server: Server | None = None
        self._api: Api | None = None

    @property
    def page_port(self) -> int | None:
        """Where the page is, None without one."""
        return None if self._server is None else self._server.port

    def start(self) -> None:
        """Start everything; returns when the engine has begun to load.

        Raises: VcamError, and nothing is left running.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        is_alone = self._plan.has_page or not self.is_lockstep
        if is_alone:
            self._presence.claim()
        auth = Auth()
        if self._plan.has_page:
            self._open_page(auth)
        if is_alone:
            self._presence.announce(port=self.page_port, token=auth.token)
        self.controller.connect(self)
        if not self.is_lockstep:
            width, height = self._plan.settings.width_height
            self._publish(width, height, self._plan.settings.fps)
        self._supervisor.start(self.controller.settings_command())

    def wait(self, timeout_s: float) -> bool:
        """Wait for the run's end: the clip's, the frame limit's, an error's, or the user's wish.

        Returns: whether it is there; `error` says why if it was not meant to be.
        """
        deadline_s = time.monotonic() + timeout_s
        while not self._is_over():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            self._over.wait(min(_POLL_S, left_s))
        return True

    def ask_to_end(self) -> None:
        """Let `wait` return now; fit for a signal handler."""
        self._over.set()

    def _is_over(self) -> bool:
        publisher = self._publisher
        return self._over.is_set() or (publisher is not None and publisher.finished.is_set())

    def stop(self) -> None:
        """Slate, sinks closed, engine and page gone; within two seconds."""
        self._supervisor.ask_to_stop()
        if self._publisher is not None:
            self._publisher.stop()
        self._supervisor.stop(timeout_s=1.0)
        if self._api is not None:
            self._api.end_streams()
        if self._server is not None:
            self._server.stop()
        self._presence.leave()

    def status(self) -> Status:
        """Everything at this moment."""
        return self.controller.status()

    # ---- what the Supervisor tells (its threads) ---------------------------------------------

    def engine_said(self, event: Event) -> None:
        """Pass an event on."""
        if event["kind"] == "frame":
            self._has_edited = True
            if self._publisher is not None:
                self._publisher.notify()
        elif event["kind"] == "source":
            self._source_opened(event)
        self.controller.engine_said(event)

    def slots_attached(self, slots: FrameSlots) -> None:
        """Frames come through these."""
        if self._publisher is not None:
            self._publisher.attach(slots)

    def slots_detached(self) -> None:
        """No frames for now."""
        if self._publisher is not None:
            self._publisher.detach()

    def engine_lost(self, error: VcamError, *, is_replaced: bool) -> None:
        """Go on without it; in lockstep there is nothing to go on with."""
        self.controller.engine_lost(error)
        if self.is_lockstep:
            self._end(error)
        elif is_replaced:
            self._say(f"{error} A new one is being started.")

    def engine_ended(self, error: VcamError | None) -> None:
        """The clip is over, or the engine cannot go on.

        What it cannot do at the start it never will: then the run ends with the reason. Later the
        camera goes on with its slate, and another choice on the page may help.
        """
        if self.is_lockstep or (error is not None and not self._has_edited):
            if self._publisher is not None:
                self._publisher.stop()
            self._end(error)
        else:
            self.controller.engine_lost(
                error or DaemonError("engine-lost", "The engine ended.", "start vcam again")
            )

    # ---- what the Controller moves -----------------------------------------------------------

    def send_settings(self, settings: SettingsCommand) -> None:
        """The engine's settings from now on."""
        self._supervisor.send_settings(settings)

    def retry_engine(self) -> None:
        """Start an engine if none runs."""
        self._supervisor.retry()

    def show(self, situation: Situation) -> None:
        """What the gate has to know."""
        if self._publisher is not None:
            self._publisher.set_situation(situation)

    def change_sinks(self, specs: tuple[str, ...]) -> None:
        """Publish to these from now on; what is open already stays open.

        Raises: SinkError if one does not open, and nothing is changed.
        """
        publisher = self._publisher
        if publisher is None:
            return
        wanted = list(auto_sinks().specs) if "auto" in specs else []
        wanted += [spec for spec in specs if spec != "auto" and spec not in wanted]
        open_now = [sink.name for sink in publisher.stats().sinks]
        kept = [name for name in open_now if any(_means(spec, name) for spec in wanted)]
        new = [spec for spec in wanted if not any(_means(spec, name) for name in kept)]
        opened = self._open_sinks(new, publisher.width, publisher.height, publisher.fps)
        publisher.change_sinks(keep=kept, add=opened.sinks)

    def published(self) -> PublishedRecord:
        """What leaves the program."""
        if self._publisher is None:
            return NOTHING_PUBLISHED
        stats = self._publisher.stats()
        return PublishedRecord(
            shown=None if stats.shown is None else stats.shown.value,
            frames=stats.published - stats.slates,
            fps=round(stats.fps_out, 1),
            delay_ms=(round(stats.delay_p50_ms, 1), round(stats.delay_p95_ms, 1)),
            repeated=stats.repeated,
            dropped=stats.dropped,
            sinks=[SinkRecord(name=s.name, state=s.state, error=s.error) for s in stats.sinks],
        )

    # ---- inside ------------------------------------------------------------------------------

    def _source_opened(self, event: SourceEvent) -> None:
        """In lockstep the clip's size and rate are known only now."""
        self._say(f"Source: {event['source']}.")
        if self.is_lockstep and self._publisher is None:
            try:
                self._publish(event["width"], event["height"], event["fps"])
            except VcamError as error:
                self._end(error)

    def _open_page(self, auth: Auth) -> None:
        wanted = self._plan.settings.port
        self._server = server = Server(wanted, is_named=self._plan.port_is_named)
        self._api = Api(self.controller, self._references, self._preview, auth, port=server.port)
        server.start(self._api.application())
        if server.port != wanted:
            self._tell(f"Port {wanted} is taken: the page is on port {server.port} this time.")

    def _publish(self, width: int, height: int, fps: float) -> None:
        """Open the sinks and begin to publish."""
        opened = self._open_sinks(self._plan.settings.sinks, width, height, fps)
        if opened.note:
            self._tell(opened.note)
        self._publisher = Publisher(
            width,
            height,
            fps,
            opened.sinks,
            self.controller.situation,
            lockstep=self.is_lockstep,
            frame_limit=self._plan.frame_limit,
            on_taken=self._supervisor.send_taken if self.is_lockstep else None,
            on_published=self._preview.published,
        )
        self._publisher.start()

    def _open_sinks(self, specs: Sequence[str], width: int, height: int, fps: float) -> OpenedSinks:
        source = source_path(self._plan.settings.source)
        return open_sinks(specs, width=width, height=height, fps=fps, source=source)

    def _find_reference(self, reference_id: str) -> tuple[str, str]:
        card = self._references.card(reference_id)
        return card["id"], card["title"]

    def _newest(self) -> tuple[Pixels, int] | None:
        return None if self._publisher is None else self._publisher.latest()

    def _tell(self, sentence: str) -> None:
        """Say something that the page should show too."""
        self._say(sentence)
        self.controller.add_notice(sentence)

    def _end(self, error: VcamError | None) -> None:
        self.error = self.error or error
        self._over.set()


def _means(spec: str, name: str) -> bool:
    """Whether `spec`, as a user wrote it, means the open sink of this name."""
    return spec == name or (":" not in spec and name.startswith(f"{spec}:"))
