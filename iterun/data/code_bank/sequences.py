"""Problems about sequences, grids and texts."""


def quiet_stretches(levels: list[int], limit: int) -> list[tuple[int, int]]:
    """Find the stretches of `levels` in which every level is below `limit`.

    A stretch is given as (index of its first level, index of its last level) and is as long as
    possible. The stretches are listed from left to right.

    >>> quiet_stretches([3, 1, 2, 9, 0], 4)
    [(0, 2), (4, 4)]
    >>> quiet_stretches([7, 8], 5)
    []
    """
    if not levels:
        return []
    found = []
    first = -1
    for i, level in enumerate(levels):
        if level < limit:
            if first < 0:
                first = i
        elif first >= 0:
            found.append((first, i - 1))
            first = -1
    if first >= 0:
        found.append((first, len(levels) - 1))
    return found


def fold_words(words: list[str], width: int) -> list[str]:
    """Set words into lines of at most `width` characters, one space between two words.

    Each line takes as many words as fit. A word longer than `width` stands in a line by itself.

    >>> fold_words(["to", "be", "or", "not"], 5)
    ['to be', 'or', 'not']
    >>> fold_words([], 10)
    []
    """
    if not words:
        return []
    lines = []
    line = words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) <= width:
            line = line + " " + word
        else:
            lines.append(line)
            line = word
    lines.append(line)
    return lines


def free_row(taken: list[int], group: int, seats: int) -> int:
    """Give the lowest seat from which `group` neighboring seats are all free.

    Seats are numbered from 1 to `seats`; `taken` lists those that are not free. The answer is 0 if
    there is no such place, or if the group has nobody in it.

    >>> free_row([2, 5], 2, 8)
    3
    >>> free_row([2, 4], 2, 5)
    0
    """
    if group < 1:
        return 0
    run = 0
    for seat in range(1, seats + 1):
        if seat in taken:
            run = 0
        else:
            run += 1
        if run == group:
            return seat - group + 1
    return 0


def turning_points(heights: list[int]) -> list[int]:
    """List the indices at which a walk over `heights` changes between going up and going down.

    On level ground the walk keeps its direction, and a turn is counted at the last index before
    the new direction. The first and the last index are never turning points.

    >>> turning_points([1, 3, 2, 5])
    [1, 2]
    >>> turning_points([1, 2, 2, 1])
    [2]
    """
    turns = []
    rising = 0
    for i in range(1, len(heights)):
        change = heights[i] - heights[i - 1]
        if change > 0:
            if rising == -1:
                turns.append(i - 1)
            rising = 1
        if change < 0:
            if rising == 1:
                turns.append(i - 1)
            rising = -1
    return turns


def ring_sum(grid: list[list[int]], ring: int) -> int:
    """Add up the cells of a rectangular grid that are `ring` steps away from its nearest edge.

    Ring 0 is the outermost one. A ring that the grid does not have sums to 0. Rows may be of
    different lengths: each row's own ends are then its edges.

    >>> ring_sum([[1, 1, 1], [1, 5, 1], [1, 1, 1]], 0)
    8
    >>> ring_sum([[1, 1, 1], [1, 5, 1], [1, 1, 1]], 1)
    5
    """
    if ring < 0:
        return 0
    total = 0
    for i, row in enumerate(grid):
        for j, cell in enumerate(row):
            edge = min(i, len(grid) - 1 - i, j, len(row) - 1 - j)
            if edge == ring:
                total += cell
    return total


def indent_levels(lines: list[str]) -> list[int]:
    """Give each line's depth in a text that is nested by leading spaces.

    A line is one deeper than the nearest line above it that has fewer spaces and is still open, and
    has the depth 0 if there is none. A line is open until another one with at most as many spaces
    comes. Empty lines and lines of spaces have the depth -1 and count for nothing else.

    >>> indent_levels(["a", "  b", "    c", "  d"])
    [0, 1, 2, 1]
    >>> indent_levels(["a", "", " b"])
    [0, -1, 1]
    """
    depths = []
    opened: list[int] = []
    for line in lines:
        if not line.strip(" "):
            depths.append(-1)
            continue
        spaces = len(line) - len(line.lstrip(" "))
        while len(opened) > 0 and opened[-1] >= spaces:
            opened.pop()
        depths.append(len(opened))
        opened.append(spaces)
    return depths


def weave(left: str, right: str, step: int) -> str:
    """Join two texts by taking `step` characters from each in turn, `left` first.

    When one of them is used up, the rest of the other follows. A step below 1 counts as 1.

    >>> weave("abcd", "XY", 1)
    'aXbYcd'
    >>> weave("abcde", "XYZ", 2)
    'abXYcdZe'
    """
    if step < 1:
        step = 1
    woven = ""
    for start in range(0, max(len(left), len(right)), step):
        woven += left[start : start + step]
        woven += right[start : start + step]
    return woven


def weighted_check(digits: str, base: int) -> bool:
    """Tell whether a number's last digit is the right check digit.

    The digits before it are multiplied by 3, 1, 3, 1 ... from the right, and added up; the check
    digit is what is missing to the next multiple of `base`. Characters that are no digits are
    skipped. With fewer than two digits, or a base below 2, the answer is False.

    >>> weighted_check("4006381333931", 10)
    True
    >>> weighted_check("4006381333932", 10)
    False
    """
    if base < 2:
        return False
    total = 0
    count = 0
    for char in reversed(digits):
        if char not in "0123456789":
            continue
        total += int(char) * (1 if count % 2 == 0 else 3)
        count += 1
    return count >= 2 and total % base == 0


#: by function: the arguments of its hidden tests
INPUTS: dict[str, list[tuple[object, ...]]] = {
    "quiet_stretches": [
        ([], 3),
        ([1], 3),
        ([3], 3),
        ([5, 5, 5], 9),
        ([9, 1, 9, 1, 1, 9], 5),
        ([4, 4, 5, 4], 5),
        ([-2, -1, 0, 1, 2], 0),
        ([0, 10, 0, 10, 0, 0], 10),
        ([2, 2, 7, 2], 3),
        ([8, 0, 0], 1),
    ],
    "fold_words": [
        ([], 4),
        (["alone"], 2),
        (["a", "b", "c", "d"], 3),
        (["a", "b", "c", "d"], 1),
        (["one", "two", "three", "four"], 9),
        (["one", "two", "three", "four"], 8),
        (["longest", "of", "all"], 6),
        (["x", "longest", "y", "z"], 4),
        (["ab", "cd", "ef"], 5),
        (["ab", "cd", "ef"], 8),
        (["a", "b"], 0),
    ],
    "free_row": [
        ([], 1, 1),
        ([], 3, 3),
        ([], 4, 3),
        ([1], 1, 2),
        ([1, 2, 3], 1, 3),
        ([3], 2, 5),
        ([2, 4, 6], 2, 8),
        ([5, 1], 3, 5),
        ([], 0, 5),
        ([2], 0, 5),
        ([], 2, 0),
        ([9], 2, 4),
        ([1, 4, 8], 3, 12),
    ],
    "turning_points": [
        ([],),
        ([4],),
        ([1, 2, 3],),
        ([3, 2, 1],),
        ([1, 3, 1, 3, 1],),
        ([5, 5, 5],),
        ([2, 1, 1, 1, 4],),
        ([1, 2, 2, 3, 3, 1],),
        ([9, 7, 7, 8, 2, 2],),
        ([0, 1, 0],),
        ([-1, -3, -2],),
    ],
    "ring_sum": [
        ([], 0),
        ([[7]], 0),
        ([[7]], 1),
        ([[1, 2], [3, 4]], 0),
        ([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], 0),
        ([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], 1),
        ([[1, 2, 3, 4, 5]] * 5, 2),
        ([[1, 2, 3, 4, 5]] * 5, 1),
        ([[1, 1], [2, 2, 2], [3]], 0),
        ([[4, 9, 4], [4, 9, 4], [4, 8, 4]], -1),
        ([[2, 5, 7, 1, 3], [8, 4, 6, 9, 2], [1, 7, 5, 3, 8], [6, 2, 4, 8, 1]], 1),
    ],
    "indent_levels": [
        ([],),
        (["a"],),
        (["", ""],),
        (["a", "b", "c"],),
        (["a", " b", "  c", "d"],),
        (["a", "    b", "  c", "    d"],),
        (["  a", "b", " c"],),
        (["a", "  b", "", "  c"],),
        (["x", "   y", " z", "  w", "v"],),
        (["    p", "  q", "   r", "  s"],),
        (["a", " b", "   c", "  d", " e", "f"],),
        (["aa", "  b", "  ccc", "   d"],),
        (["   ", "  a", "    b", "  "],),
    ],
    "weave": [
        ("", "", 1),
        ("abc", "", 2),
        ("", "xyz", 2),
        ("abc", "xyz", 1),
        ("abc", "xyz", 3),
        ("abcdef", "xy", 2),
        ("ab", "uvwxyz", 2),
        ("abcdefg", "tuvwxyz", 3),
        ("abc", "xyz", 0),
        ("abc", "xyz", -4),
        ("a", "xyz", 9),
        ("pqrs", "tuvw", 2),
    ],
    "weighted_check": [
        ("", 10),
        ("0", 10),
        ("00", 10),
        ("17", 10),
        ("978-3-16-148410-0", 10),
        ("978-3-16-148410-1", 10),
        ("5901234123457", 10),
        ("5901234123475", 10),
        ("62", 5),
        ("62", 4),
        ("11", 2),
        ("31", 1),
        ("a3b1", 10),
        ("73", 24),
        ("90", 27),
        ("04", 4),
        ("7", 7),
        ("96385074", 10),
        ("31", 5),
    ],
}
