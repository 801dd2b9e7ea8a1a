"""Rectangles of the map in words: ranges of latitude and longitude with compass letters."""

from isogloss.cohorts.rule import Rectangle

MOST_DECIMALS = 4


def label_rectangles(rectangles: list[Rectangle]) -> list[str]:
    """One text for each rectangle, such as `25–31° N, 97–104° W`, with the fewest decimals that make all differ.

    Examples
    --------
    >>> label_rectangles([(25.2, -104.0, 31.4, -97.3), (31.4, -5.0, 40.0, 5.0)])
    ['25–31° N, 97–104° W', '31–40° N, 5° W–5° E']
    """
    for decimals in range(MOST_DECIMALS + 1):
        texts = [_label(rectangle, decimals) for rectangle in rectangles]
        if len(set(texts)) == len(texts) and all(_has_extent(rectangle, decimals) for rectangle in rectangles):
            break
    return texts


def _has_extent(rectangle: Rectangle, decimals: int) -> bool:
    """Whether both sides are longer than nothing when rounded."""
    south, west, north, east = (round(side, decimals) for side in rectangle)
    return south < north and west < east


def _label(rectangle: Rectangle, decimals: int) -> str:
    """The text of a rectangle with this number of decimals."""
    south, west, north, east = rectangle
    return f"{_range(south, north, 'N', 'S', decimals)}, {_range(west, east, 'E', 'W', decimals)}"


def _range(low: float, high: float, positive: str, negative: str, decimals: int) -> str:
    """A range on one axis; away from 0 the smaller figure comes first."""
    low, high = round(low, decimals), round(high, decimals)
    if low >= 0:
        return f"{low:.{decimals}f}–{high:.{decimals}f}° {positive}"
    if high <= 0:
        return f"{-high + 0.0:.{decimals}f}–{-low:.{decimals}f}° {negative}"
    return f"{-low:.{decimals}f}° {negative}–{high:.{decimals}f}° {positive}"
