"""Does a provider run where a caller's data must stay, and may it be asked at all?

Pure arithmetic on the operator's statements of where a provider runs. A country is met by that
country; `eu` by any country of the European Union, or a provider whose region is just `eu`;
`local` by this machine alone. What never leaves this machine leaves no country either, so a
provider in the region `local` meets every demand. Names of regions are not read any further:
a cloud's `eu-west-2` is London. A provider that states nothing meets nothing.
"""

from collections.abc import Sequence
from typing import Final

from visus.core.places import Demand, Site
from visus.errors import ResidencyUnavailable

LOCAL: Final = "local"
EU: Final = "eu"
_MEMBERS: Final = (
    "at be bg cy cz de dk ee es fi fr gr hr hu ie it lt lu lv mt nl pl pt ro se si sk"
)
EU_COUNTRIES: Final = frozenset(_MEMBERS.split())
"""Members of the European Union, ISO 3166 alpha-2."""
_ALL: Final = """
ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br
bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz
ec ee eg eh er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw
gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky
kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv
mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py
qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg
th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy uz va vc ve vg vi vn vu wf ws ye yt za zm
zw
"""
COUNTRIES: Final = frozenset(_ALL.split())
"""Every country of ISO 3166."""


def is_known(wanted: str) -> bool:
    """Whether `wanted`, in any case, is a place that data can be told to stay in."""
    return wanted.lower() in {LOCAL, EU} | COUNTRIES


def is_country(code: str) -> bool:
    """Whether `code`, in any case, is a country's."""
    return code.lower() in COUNTRIES


def is_met(wanted: str, *, region: str, country: str | None) -> bool:
    """Whether a provider in `region` and `country` keeps data inside `wanted`."""
    place, home = wanted.lower(), (country or "").lower()
    if region.lower() == LOCAL:
        return True
    if place == EU:
        return home in EU_COUNTRIES or (not home and region.lower() == EU)
    return place == home and home in COUNTRIES


def unmet(within: Sequence[Demand], site: Site) -> Demand | None:
    """The first demand that `site` does not meet."""
    return next((demand for demand in within if not _is_inside(demand, site)), None)


def refuse_outside(within: Sequence[Demand], site: Site) -> None:
    """Lets a question pass to `site`, or nowhere.

    Raises:
        ResidencyUnavailable: one of the demands is not met.
    """
    demand = unmet(within, site)
    if demand is None:
        return
    param = demand.param or "model"
    if demand.places and not _is_within(demand.places, site):
        places = " or ".join(repr(place.lower()) for place in demand.places)
        raise ResidencyUnavailable(f"This model does not run inside {places}.", param=param)
    message = "The provider of this model is not one of those that may be asked."
    raise ResidencyUnavailable(message, param=param)


def _is_inside(demand: Demand, site: Site) -> bool:
    return (
        (not demand.places or _is_within(demand.places, site))
        and (not demand.only or site.provider in demand.only)
        and site.provider not in demand.never
    )


def _is_within(places: Sequence[str], site: Site) -> bool:
    return any(is_met(place, region=site.region, country=site.country) for place in places)
