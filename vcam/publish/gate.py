"""Who decides what is seen: the newest frame, the held one, or the slate.

In: the Situation that the Controller sets, and what the engine wrote on the frames. Out: one word,
for the publisher thread. Nothing else in vcam decides this, and nothing here has a state of its
own, so that the promise "while styled, an unstyled face never leaves" can be read on one page.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from vcam.frame.nouns import Look, PublishedFrame

HOLD_NS = 2_000_000_000
"""For how long a frame is shown in trouble before the slate replaces it."""

OnTrouble = Literal["hold", "slate", "pass"]


class Shown(Enum):
    """What the viewers see."""

    NEWEST = "newest"
    HELD = "held"
    SLATE = "slate"


@dataclass(frozen=True, slots=True)
class SlateText:
    """What the slate says: the state in a few words, and one sentence of why or what to do."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the Controller knows and the gate must.

    paused, bypass, on_trouble: the user's settings of these names.
    trouble_since_ns: when no styled frame could be made any more, None while all is well. A missing
        face becomes trouble after 2 s; until then its frames are held back, not troublesome.
    minimum_revision: revision of the settings at the last change of `paused` or `bypass`; frames
        made under older settings are never shown, so that no raw frame outlives its bypass and no
        picture from before a pause comes back after it.
    message: what the slate says, if it is shown.
    """

    message: SlateText
    paused: bool = False
    bypass: bool = False
    on_trouble: OnTrouble = "hold"
    trouble_since_ns: int | None = None
    minimum_revision: int = 0


def choose(
    situation: Situation,
    *,
    newest: PublishedFrame | None,
    held: PublishedFrame | None,
    now_ns: int,
) -> Shown:
    """What a live viewer sees now.

    newest: a frame that has not been shown yet, if there is one. held: the one shown last.
    """
    if newest is not None and _may_show(situation, newest, now_ns):
        return Shown.NEWEST
    if held is not None and _may_show(situation, held, now_ns):
        return Shown.HELD
    return Shown.SLATE


def choose_in_lockstep(
    situation: Situation, *, newest: PublishedFrame, held: PublishedFrame | None
) -> Shown:
    """What stands in a file in the place of this frame.

    No clock: a frame that must not be seen is replaced by the last one that might be, or by the
    slate before there is one, so that the file keeps its frames' number and order.
    `on_trouble = pass` keeps the frames in which no face was found as they are.
    """
    allows_own = situation.bypass or situation.on_trouble == "pass"
    if newest.look is Look.STYLED or allows_own:
        return Shown.NEWEST
    is_held_styled = held is not None and held.look is Look.STYLED
    return Shown.HELD if is_held_styled else Shown.SLATE


def _may_show(situation: Situation, frame: PublishedFrame, now_ns: int) -> bool:
    """Whether this frame may be seen at this moment."""
    if situation.paused or frame.revision < situation.minimum_revision:
        return False
    is_allowed = frame.look is Look.STYLED or situation.bypass
    trouble_since_ns = situation.trouble_since_ns
    if trouble_since_ns is None:
        return is_allowed
    match situation.on_trouble:
        case "hold":
            hold_from_ns = max(trouble_since_ns, frame.edited_ns)
            return is_allowed and now_ns < hold_from_ns + HOLD_NS
        case "pass":  # whatever the engine gives since the trouble began, as long as it gives
            is_fresh = frame.edited_ns >= trouble_since_ns
            return is_fresh and now_ns < frame.edited_ns + HOLD_NS
        case "slate":
            return False
