"""Problems about money, time, turns and the like: rules applied one after the other."""


def split_bill(prices: list[int], people: int) -> list[int]:
    """Share the sum of `prices`, in cents, among `people` as evenly as whole cents allow.

    The first ones pay one cent more where it does not come out even. Of nobody it is an empty
    list.

    >>> split_bill([500, 250, 251], 2)
    [501, 500]
    >>> split_bill([], 3)
    [0, 0, 0]
    """
    if people < 1:
        return []
    total = sum(prices)
    share = total // people
    extra = total % people
    return [share + 1 if i < extra else share for i in range(people)]


def late_fee(days: list[int], free: int, rate: int, cap: int) -> int:
    """Add up the fees for books that were kept for `days` each.

    The first `free` days cost nothing, every day after that costs `rate`, and no book costs more
    than `cap`.

    >>> late_fee([10, 20], 14, 2, 50)
    12
    >>> late_fee([100], 14, 2, 50)
    50
    """
    total = 0
    for kept in days:
        late = max(0, kept - free)
        total += min(cap, late * rate)
    return total


def longest_gap(busy: list[tuple[int, int]], opening: int, closing: int) -> int:
    """Give the length of the longest free time between `opening` and `closing`.

    `busy` lists meetings as (start, end) in any order; they may overlap one another and lie outside
    of the opening hours. A meeting that ends before it starts is ignored.

    >>> longest_gap([(9, 10), (13, 14)], 8, 18)
    4
    >>> longest_gap([(7, 19)], 8, 18)
    0
    """
    if closing <= opening:
        return 0
    longest = 0
    free_from = opening
    for start, end in sorted(busy):
        if end < start:
            continue
        longest = max(longest, min(start, closing) - free_from)
        free_from = max(free_from, end)
    return max(longest, closing - free_from)


def climb(rolls: list[int], jumps: dict[int, int], goal: int) -> int:
    """Play a board game for one player and give the field where the piece ends.

    The piece begins on field 0 and goes forward by each roll. On a field that `jumps` names it is
    put on the field named there, once. A roll that would take it beyond `goal` is lost, and on
    `goal` the game is over.

    >>> climb([3, 2], {3: 10}, 20)
    12
    >>> climb([6, 5], {}, 8)
    6
    """
    field = 0
    for roll in rolls:
        if field == goal:
            break
        if field + roll <= goal:
            field += roll
            field = jumps.get(field, field)
    return field


def heating_hours(temperatures: list[int], low: int, high: int) -> int:
    """Count the hours in which a heater is on.

    At the beginning it is off. Each hour, it is first switched on if the temperature is below
    `low`, or off if it is above `high`; in between it stays as it is.

    >>> heating_hours([15, 18, 22, 19], 17, 21)
    2
    >>> heating_hours([], 17, 21)
    0
    """
    if not temperatures:
        return 0
    on = False
    hours = 0
    for temperature in temperatures:
        if temperature < low:
            on = True
        elif temperature > high:
            on = False
        if on:
            hours += 1
    return hours


def lift_trips(weights: list[int], limit: int) -> int:
    """Count how often a lift goes up.

    People enter in the order given; the lift leaves when the next one would take it over `limit`,
    and at the end if anybody is in it. Who is heavier than `limit` takes the stairs.

    >>> lift_trips([60, 60, 90], 130)
    2
    >>> lift_trips([200, 50], 130)
    1
    """
    trips = 0
    load = 0
    riders = 0
    for weight in weights:
        if weight > limit:
            continue
        if load + weight > limit:
            trips += 1
            load = 0
            riders = 0
        load += weight
        riders += 1
    if riders > 0:
        trips += 1
    return trips


def roster(names: list[str], days: int, per_day: int) -> list[list[str]]:
    """Give the names on duty for each of `days` days, `per_day` of them, in turn.

    After the last name the first one follows. Nobody is on duty twice on one day: with fewer than
    `per_day` names, all of them are on duty each day, from the one whose turn it is.

    >>> roster(["ann", "bo", "cy"], 2, 2)
    [['ann', 'bo'], ['cy', 'ann']]
    >>> roster([], 1, 1)
    [[]]
    """
    if not names:
        return [[] for _ in range(days)]
    count = max(0, min(per_day, len(names)))
    plan = []
    turn = 0
    for _ in range(days):
        plan.append([names[(turn + k) % len(names)] for k in range(count)])
        turn = (turn + count) % len(names)
    return plan


def harvest(trees: list[int], baskets: int, size: int) -> tuple[int, int]:
    """Pick trees in order into baskets; give (trees picked whole, apples left in the last basket).

    Each of the `baskets` holds `size` apples; they are filled one after the other, and a tree's
    apples may go into several. A tree is picked only if all of its apples fit into what is left of
    all baskets; picking ends at the first one that does not, or that has less than no apples. The
    second number is how many apples are in the basket that was begun last, 0 if none was.

    >>> harvest([4, 4, 4], 2, 5)
    (2, 3)
    >>> harvest([5, 5], 2, 5)
    (2, 5)
    """
    if size < 1 or baskets < 1:
        return (0, 0)
    picked = 0
    total = 0
    for apples in trees:
        if apples < 0 or total + apples > baskets * size:
            break
        picked += 1
        total += apples
    if total == 0:
        return (picked, 0)
    return (picked, (total - 1) % size + 1)


#: by function: the arguments of its hidden tests
INPUTS: dict[str, list[tuple[object, ...]]] = {
    "split_bill": [
        ([], 1),
        ([100], 0),
        ([100], 3),
        ([1, 1], 3),
        ([999, 2], 7),
        ([10, 20, 30], 6),
        ([5], 1),
        ([-4], 3),
        ([50, 51], 2),
        ([100], -2),
    ],
    "late_fee": [
        ([], 14, 2, 50),
        ([14], 14, 2, 50),
        ([15], 14, 2, 50),
        ([0, 1, 2, 3], 1, 5, 100),
        ([30, 40, 50], 28, 1, 10),
        ([39], 14, 2, 50),
        ([40], 14, 2, 50),
        ([3, 9, 27], 0, 3, 30),
        ([7], 0, 0, 5),
        ([20, 20], 10, 4, 35),
        ([5], -2, 1, 20),
    ],
    "longest_gap": [
        ([], 8, 18),
        ([], 18, 8),
        ([(8, 9)], 8, 18),
        ([(17, 18)], 8, 18),
        ([(12, 13), (9, 11)], 8, 18),
        ([(9, 15), (10, 11)], 8, 18),
        ([(5, 6), (20, 22)], 8, 18),
        ([(16, 12), (10, 12)], 8, 18),
        ([(8, 12), (12, 18)], 8, 18),
        ([(6, 9), (16, 25)], 8, 18),
        ([(30, 40)], 8, 18),
        ([(12, 12)], 8, 18),
        ([(6, 20)], 8, 18),
        ([(2, 3), (3, 5), (9, 9)], 0, 9),
    ],
    "climb": [
        ([], {}, 10),
        ([5, 5], {}, 10),
        ([5, 5, 1], {}, 10),
        ([6, 6], {}, 10),
        ([2, 2, 2], {4: 1}, 10),
        ([3], {3: 10}, 10),
        ([3, 1], {3: 10}, 10),
        ([1, 1], {1: 5, 5: 9}, 10),
        ([4, 6, 3], {4: 7}, 10),
        ([10], {10: 0}, 10),
        ([1], {0: 4}, 3),
        ([2, 9, 3], {2: 0}, 9),
    ],
    "heating_hours": [
        ([], 1, 2),
        ([16], 17, 21),
        ([17], 17, 21),
        ([16, 17, 21, 22], 17, 21),
        ([22, 16, 22, 16], 17, 21),
        ([10, 10, 10], 17, 21),
        ([19, 19, 19], 17, 21),
        ([16, 21, 21, 21], 17, 21),
        ([18, 16, 18, 23, 18], 17, 22),
        ([-3, 0, 4, -1], -2, 3),
    ],
    "lift_trips": [
        ([], 100),
        ([100], 100),
        ([101], 100),
        ([50, 50], 100),
        ([50, 51], 100),
        ([60, 200, 40, 40], 100),
        ([99, 1, 1], 100),
        ([30, 30, 30, 30], 90),
        ([200, 200], 100),
        ([80, 80, 80], 100),
        ([0], 100),
        ([0, 100, 1], 100),
    ],
    "roster": [
        ([], 3, 2),
        (["a"], 3, 1),
        (["a"], 2, 4),
        (["a", "b"], 0, 1),
        (["a", "b", "c"], 3, 1),
        (["a", "b", "c"], 4, 2),
        (["a", "b", "c"], 2, 3),
        (["a", "b", "c", "d", "e"], 3, 3),
        (["a", "b"], 3, 0),
        (["a", "b"], 2, -1),
        (["p", "q", "r", "s"], 5, 3),
    ],
    "harvest": [
        ([], 3, 5),
        ([5], 1, 5),
        ([6], 1, 5),
        ([0, 0], 2, 5),
        ([3, 3, 3], 2, 4),
        ([2, 2, 2, 2], 4, 2),
        ([7, 1, 9], 3, 6),
        ([4], 0, 5),
        ([4], 2, 0),
        ([1, 2, 3, 4], 1, 7),
        ([10, 1], 2, 5),
        ([1], 1, 1),
        ([3, -1, 3], 4, 4),
        ([5, 1], 3, 5),
    ],
}
