"""The report's formats of numbers and lists, in one place, so that tables, charts and sentences agree.

Rates are fractions in the files and per cent on the page. A missing number is an en dash, never a zero.
"""

from collections.abc import Sequence

from isogloss.judging.record import Interval

MISSING = "–"
_MINUS = "\u2212"
_THIN = "\u202f"  # narrow no-break space: between a number and its per cent sign, and between thousands


def percent(value: float | None, *, digits: int = 1) -> str:
    """A rate as per cent.

    >>> percent(0.1234)
    '12.3\\u202f%'
    """
    return MISSING if value is None else f"{_number(100 * value, digits)}{_THIN}%"


def signed_percent(value: float | None, *, digits: int = 1) -> str:
    """A change as per cent with its sign; a change that rounds to zero has none.

    >>> signed_percent(-0.05)
    '−5.0\\u202f%'
    """
    if value is None:
        return MISSING
    rounded = round(100 * value, digits)
    sign = "+" if rounded > 0 else ""
    return f"{sign}{_number(rounded, digits)}{_THIN}%"


def signed_points(value: float | None, *, digits: int = 2) -> str:
    """A difference of two rates in percentage points with its sign.

    >>> signed_points(-0.0012)
    '−0.12 points'
    """
    return MISSING if value is None else f"{signed_percent(value, digits=digits).removesuffix(f'{_THIN}%')} points"


def points(value: float | None, *, digits: int = 1) -> str:
    """The size of a difference of two rates in percentage points.

    >>> points(0.0312)
    '3.1 points'
    """
    return MISSING if value is None else f"{_number(100 * value, digits)} points"


def interval(bounds: Interval | None, *, signed: bool = False, digits: int = 1) -> str:
    """The bounds of an interval in per cent, without repeating the per cent sign.

    >>> interval((0.1, 0.125))
    '10.0 to 12.5'
    """
    if bounds is None:
        return ""
    low, high = (round(100 * bound, digits) for bound in bounds)
    plus = ["+" if signed and bound > 0 else "" for bound in (low, high)]
    return f"{plus[0]}{_number(low, digits)} to {plus[1]}{_number(high, digits)}"


def cost(value: float | None) -> str:
    """A normalised detection cost; 1 is that of accepting all or none.

    >>> cost(0.75)
    '0.750'
    """
    return MISSING if value is None else _number(value, 3)


def cost_interval(bounds: Interval | None) -> str:
    """The bounds of an interval of a detection cost.

    >>> cost_interval((0.1, 0.125))
    '0.100 to 0.125'
    """
    return "" if bounds is None else f"{cost(bounds[0])} to {cost(bounds[1])}"


def count(value: int | None) -> str:
    """A whole number with thousands set apart.

    >>> count(12345)
    '12\\u202f345'
    """
    return MISSING if value is None else f"{value:,}".replace(",", _THIN)


def decimal(value: float | None) -> str:
    """A number with one decimal, or without where that is 0.

    >>> decimal(16.74), decimal(20.0), decimal(None)
    ('16.7', '20', '–')
    """
    return MISSING if value is None else f"{value:.1f}".removesuffix(".0")


def probability(value: float | None) -> str:
    """A p value; tiny ones as a bound, since permutations do not resolve them.

    >>> probability(0.00004)
    '< 0.001'
    """
    if value is None:
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def square_points(value: float | None) -> str:
    """A variance of rates in squared percentage points.

    >>> square_points(0.0123)
    '123'
    """
    if value is None:
        return MISSING
    points = 1e4 * value
    return _number(points, 0 if points >= 100 else 1)


def listing(items: Sequence[str], *, conjunction: str = "and") -> str:
    """Items as a phrase.

    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "cohort"), counted(3, "cohort")
    ('1 cohort', '3 cohorts')
    """
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _number(value: float, digits: int) -> str:
    """Fixed decimals with a true minus sign and no negative zero."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", _MINUS)


def as_far_as_judged(nothing: str, *, judged: int, of: int, wanting: str = "speakers") -> str:
    """The sentence that nothing was found, limited to the cohorts that were tested.

    >>> as_far_as_judged("No cohort was harmed", judged=2, of=3)
    'No cohort was harmed; 1 of 3 cohorts could not be judged.'
    >>> as_far_as_judged("No cohort was harmed", judged=0, of=3)
    'No cohort has enough speakers to be judged.'
    """
    if judged == 0:
        return f"No cohort has enough {wanting} to be judged."
    return (
        f"{nothing}." if judged == of else f"{nothing}; {of - judged} of {counted(of, 'cohort')} could not be judged."
    )
