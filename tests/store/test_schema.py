import pytest
from hypothesis import given
from strategies import iterations, records, same, statuses, summaries

from iterun.store.lines import IterationFormat
from iterun.store.schema import Iteration, RunRecord, Status, Summary, decode, encode


def back(record):
    return type(record).from_json(decode(encode(record.to_json())))


@given(records | statuses | summaries | iterations)
def test_a_record_that_is_written_and_read_is_the_same(record):
    assert same(vars(back(record)), vars(record))


@given(iterations)
def test_a_line_that_is_written_and_read_is_the_same(record):
    made = IterationFormat()
    fields = {k: v for k, v in vars(record).items() if k not in ("i", "time")}

    for _ in range(2):  # the second line uses the template of the first
        found = Iteration.from_json(decode(made.line(record.i, **fields)))
        assert same(vars(found) | {"time": 0}, vars(record) | {"time": 0})


def test_a_line_leaves_out_what_is_empty():
    line = IterationFormat().line(7, seconds=0.5, metrics={"ppl": 1}, cost={}, labels={}, files=())

    assert list(decode(line)) == ["i", "time", "seconds", "metrics"]


def test_keys_of_a_later_version_are_passed_over():
    assert Status.from_json({"state": "running", "mood": "good"}).state == "running"


@pytest.mark.parametrize(
    ("kind", "data", "fault"),
    [
        (Status, [], "not a JSON object"),
        (Status, {}, "'state' is missing"),
        (Status, {"state": 3}, "'state' has a int"),
        (Summary, {"state": "x", "last": {"ppl": "low"}}, "'last' holds a str"),
        (Summary, {"state": "x", "last": None}, "'last' has a NoneType"),
        (Iteration, {"i": 1.5, "time": 0, "seconds": 0}, "'i' has a float"),
        (RunRecord, {"schema": 2}, "written by a newer iterun"),
    ],
)
def test_what_is_no_record_is_refused(kind, data, fault):
    with pytest.raises(ValueError, match=fault):
        kind.from_json(data)
