"""Who the built-in reference faces are made from: the whole decision, as a table.

Sources are named as `make_references.Sources` reads them: `ref-04` a 512 px portrait, `t3:825`
crop 825 of train-003. All are AI-generated faces of faker-js/assets-person-portrait (CC0 1.0).
The order is the order in which users see the faces; the first is the default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.assets.makeup import Stroke


@dataclass(frozen=True, slots=True)
class Recipe:
    """One built-in face: who is in it, which part comes from whom, and its make-up.

    tags: skin (light, medium, dark), age (young, middle, older), gender (f, m).
    members: source to weight; the first is the host, who gives hair, clothes and background.
    skin, eyes, mouth: whose fine structure is seen there.
    calm: how far broad patches of red and yellow are evened out, 0..1.
    """

    id: str
    title: str
    tags: str
    members: Mapping[str, float]
    skin: str
    eyes: str
    mouth: str
    look: Sequence[Stroke] = ()
    soften_background: bool = False
    calm: float = 0.3

    @property
    def host(self) -> str:
        """Who gives the hair, the clothes and the background."""
        return next(iter(self.members))


# fmt: off
S = Stroke
RED_LIPS = (
    S("shadow", (120, 72, 52), 0.5), S("liner", (14, 10, 12), 0.95, 0.3),
    S("lashes", (12, 9, 10), 0.7, 0.2), S("lower_liner", (40, 24, 22), 0.4),
    S("brows", (40, 26, 20), 0.5), S("blush", (206, 112, 100), 0.22),
    S("contour", (150, 96, 74), 0.22), S("lips", (160, 12, 30), 0.88, 1.15),
    S("lip_line", (110, 8, 20), 0.35), S("bridge", (255, 236, 220), 0.15),
)
PEACOCK = (
    S("shadow", (8, 52, 150), 0.92, 0.6), S("lid", (214, 150, 40), 0.75, 1.2),
    S("liner", (6, 6, 10), 0.95, 0.3), S("lashes", (5, 5, 6), 0.6, 0.2),
    S("lower_liner", (20, 100, 190), 0.8, 0.6), S("brows", (14, 10, 10), 0.5),
    S("blush", (170, 50, 70), 0.16), S("lips", (130, 16, 70), 0.85, 1.1),
    S("bridge", (255, 220, 170), 0.15),
)
PINK = (
    S("shadow", (226, 100, 130), 0.6), S("lid", (250, 170, 170), 0.4, 1.2),
    S("liner", (30, 18, 18), 0.9, 0.3), S("lashes", (18, 12, 12), 0.7, 0.2),
    S("under_eye", (236, 130, 140), 0.35), S("blush", (236, 120, 124), 0.26),
    S("lips", (205, 30, 60), 0.75, 1.2), S("brows", (70, 48, 40), 0.35),
    S("bridge", (255, 245, 240), 0.2),
)
SMOKE = (
    S("shadow", (40, 24, 30), 0.85), S("lid", (110, 60, 66), 0.35, 1.4),
    S("liner", (8, 6, 8), 0.95, 0.3), S("under_eye", (44, 26, 30), 0.5),
    S("lower_liner", (12, 8, 10), 0.85), S("lashes", (6, 5, 6), 0.7, 0.2),
    S("brows", (30, 18, 14), 0.5), S("contour", (110, 60, 40), 0.3),
    S("blush", (190, 84, 70), 0.15), S("lips", (140, 62, 54), 0.75, 1.1),
    S("bridge", (255, 226, 190), 0.2),
)
GOTHIC = (
    S("base", (226, 206, 204), 0.5), S("shadow", (30, 18, 30), 0.85),
    S("under_eye", (50, 30, 50), 0.5), S("liner", (6, 5, 8), 0.97, 0.3),
    S("lower_liner", (10, 8, 12), 0.9), S("lashes", (6, 5, 6), 0.7, 0.2),
    S("brows", (24, 18, 20), 0.6), S("contour", (150, 120, 120), 0.25),
    S("lips", (44, 8, 24), 0.92, 1.2), S("lip_line", (24, 4, 12), 0.5),
)
ROCK = (
    S("shadow", (24, 20, 24), 0.85, 0.7), S("under_eye", (24, 20, 24), 0.75, 0.7),
    S("liner", (5, 5, 6), 0.97, 0.3), S("lower_liner", (5, 5, 6), 0.95, 0.3),
    S("lips", (70, 34, 40), 0.6),
)
FESTIVAL = (
    S("band", (150, 20, 84), 0.8, 0.9), S("shadow", (240, 120, 20), 0.85, 0.8),
    S("liner", (6, 6, 10), 0.95, 0.3), S("lower_liner", (6, 6, 10), 0.85),
    S("lashes", (6, 5, 6), 0.7, 0.2), S("lips", (214, 60, 30), 0.85, 1.1),
    S("brows", (30, 12, 16), 0.6),
)
HARLEQUIN = (
    S("base", (226, 222, 220), 0.85, 0.75), S("shadow", (190, 20, 40), 0.85, 0.7),
    S("liner", (6, 5, 8), 0.97, 0.3), S("lower_liner", (10, 8, 12), 0.9),
    S("lashes", (6, 5, 6), 0.7, 0.2), S("tears", (12, 10, 14), 0.97, 0.3),
    S("brows", (14, 10, 12), 0.9), S("lips", (166, 8, 28), 0.95, 1.1),
)
RECIPES = [
    Recipe("mara", "Mara", "light young f", {"t3:825": 30, "t0:1837": 35, "t1:226": 35},
           skin="t0:1837", eyes="t1:226", mouth="t0:1837"),
    Recipe("leon", "Leon", "light young m", {"ref-08": 34, "t3:1063": 33, "t2:1261": 33},
           skin="ref-08", eyes="t3:1063", mouth="ref-08"),
    Recipe("amara", "Amara", "dark young f", {"t1:1065": 34, "t0:1915": 33, "t3:924": 33},
           skin="t1:1065", eyes="t0:1915", mouth="t3:924"),
    Recipe("rafi", "Rafi", "medium young m", {"ref-06": 34, "t3:698": 33, "t2:878": 33},
           skin="ref-06", eyes="t2:878", mouth="t3:698", soften_background=True),
    Recipe("vera", "Vera", "light young f", {"t1:226": 34, "t3:825": 33, "t2:1629": 33},
           skin="t1:226", eyes="t3:825", mouth="t3:825", look=RED_LIPS),
    Recipe("yuna", "Yuna", "light young f", {"t1:2020": 34, "ref-05": 33, "t2:1665": 33},
           skin="t1:2020", eyes="ref-05", mouth="t2:1665"),
    Recipe("samuel", "Samuel", "dark middle m", {"t1:1588": 34, "t0:1110": 33, "t3:1479": 33},
           skin="t1:1588", eyes="t3:1479", mouth="t0:1110"),
    Recipe("ines", "Ines", "medium young f", {"t0:1865": 40, "t2:1817": 30, "t1:1980": 30},
           skin="t0:1865", eyes="t0:1865", mouth="t1:1980", look=SMOKE),
    Recipe("henrik", "Henrik", "light middle m", {"t2:1863": 34, "t2:1008": 33, "t2:1333": 33},
           skin="t2:1863", eyes="t2:1333", mouth="t2:1008", soften_background=True),
    Recipe("zora", "Zora", "dark young f", {"t0:1915": 40, "t1:1220": 30, "t2:1789": 30},
           skin="t0:1915", eyes="t1:1220", mouth="t0:1915", look=PEACOCK),
    Recipe("priya", "Priya", "medium young f", {"t2:1817": 20, "t1:2030": 40, "t0:1865": 40},
           skin="t1:2030", eyes="t0:1865", mouth="t1:2030"),
    Recipe("kenji", "Kenji", "light middle m", {"ref-04": 34, "t2:816": 33, "t2:988": 33},
           skin="t2:816", eyes="ref-04", mouth="t2:816"),
    Recipe("nora", "Nora", "light middle f", {"t0:612": 34, "t1:814": 33, "t3:2021": 33},
           skin="t3:2021", eyes="t0:612", mouth="t3:2021", calm=0.8),
    Recipe("kofi", "Kofi", "dark young m", {"t3:1079": 34, "t2:1168": 33, "t3:712": 33},
           skin="t3:1079", eyes="t3:712", mouth="t3:712"),
    Recipe("hana", "Hana", "light young f", {"ref-05": 34, "t1:2020": 33, "t2:1665": 33},
           skin="t1:2020", eyes="t1:2020", mouth="t1:2020", look=PINK),
    Recipe("rosa", "Rosa", "medium middle f", {"t2:1769": 40, "t3:18": 30, "t2:2038": 30},
           skin="t2:1769", eyes="t2:1769", mouth="t3:18"),
    Recipe("arthur", "Arthur", "light older m", {"t3:1489": 40, "t2:84": 30, "t2:1871": 30},
           skin="t3:1489", eyes="t2:84", mouth="t3:1489"),
    Recipe("edith", "Edith", "light older f", {"t1:1678": 40, "t0:896": 30, "ref-07": 30},
           skin="t0:896", eyes="t1:1678", mouth="t0:896"),
    Recipe("omar", "Omar", "medium older m", {"t2:783": 40, "t1:1419": 30, "t0:1725": 30},
           skin="t1:1419", eyes="t1:1419", mouth="t1:1419"),
    Recipe("esther", "Esther", "dark older f", {"t2:626": 40, "t1:1190": 30, "t2:1294": 30},
           skin="t2:626", eyes="t2:1294", mouth="t2:626"),
    Recipe("mei", "Mei", "light middle f", {"t2:1749": 40, "t2:2038": 30, "t3:18": 30},
           skin="t2:2038", eyes="t2:1749", mouth="t2:2038"),
    Recipe("clara", "Clara", "light young f", {"t3:2021": 35, "t0:1837": 30, "t2:348": 35},
           skin="t3:2021", eyes="t2:348", mouth="t0:1837", look=GOTHIC),
    Recipe("nils", "Nils", "light young m", {"t1:1557": 34, "t2:1261": 33, "t3:1063": 33},
           skin="t2:1261", eyes="t2:1261", mouth="t2:1261", look=ROCK),
    Recipe("pia", "Pia", "light young f", {"t3:825": 30, "t1:226": 35, "t3:906": 35},
           skin="t1:226", eyes="t1:226", mouth="t3:906", look=HARLEQUIN),
    Recipe("nia", "Nia", "dark young f", {"t3:924": 34, "t1:1065": 33, "t2:1789": 33},
           skin="t3:924", eyes="t1:1065", mouth="t3:924", look=FESTIVAL),
]
