"""`iterun ui`: the screen, by the keys that are pressed and the lines that stand there."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("textual")
sys.path.append(str(Path(__file__).parents[1] / "store"))

from hostile import EVIL, HARMS, sound
from textual import events
from textual.pilot import Pilot

from iterun.cli.ui import aside, filter_line
from iterun.cli.ui.app import Ui
from iterun.cli.ui.filter_line import FilterLine
from iterun.cli.ui.runs import Runs
from iterun.cli.ui.table import Table
from iterun.cli.ui.work import Work
from iterun.store import marks, paths

KEYS = {"/": "slash", "?": "question_mark"}
PAGES = ("enter", "tab", "tab", "escape", "p", "e", "l", "escape", "c", "g", "m", "b", "escape")


@dataclass
class Seen:
    """What stands on the screen."""

    lines: list[str]
    ids: list[str]  #: of the runs of the table
    at: str | None  #: the id under the cursor
    marked: list[str]  #: ids
    colors: set[str]  #: of the letters
    reversed: list[str]  #: lines with the cursor

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def see(ui: Ui) -> Seen:
    runs, row = ui._browser.runs, ui._browser.query_one(Table).row
    strips = ui.screen._compositor.render_strips()
    styled = [(part.text, part.style) for strip in strips for part in strip if part.style]
    return Seen(
        lines=[strip.text.rstrip() for strip in strips],
        ids=[row.id for row in runs.shown],
        at=row.id if row else None,
        marked=[row.id for row in runs.marked],
        colors={style.color.name for _, style in styled if style.color},
        reversed=[text for text, style in styled if style.reverse],
    )


async def rest(ui: Ui, pilot: Pilot[None]) -> None:
    """Wait until all that follows from a key is drawn."""
    quiet = 0
    while quiet < 3:
        await pilot.pause(0.005)
        busy = (
            any(not worker.is_finished for worker in ui.workers)
            or ui._browser.query_one(FilterLine).is_typing
        )
        quiet = 0 if busy or ui._browser.query_one(aside.Aside)._soon else quiet + 1


def after(
    outputs: Path,
    *keys: str | Callable[[], Any],
    size: tuple[int, int] = (100, 30),
    text: str = "",
    check: Callable[[Seen], object] = lambda seen: None,
) -> Seen:
    """The screen when keys were pressed, "'text" was pasted, and functions were called."""

    async def run() -> Seen:
        runs, work = Runs(outputs), Work()
        ui = Ui(runs, work, work.pool.submit(runs.read), text)
        async with ui.run_test(size=size) as pilot:
            await rest(ui, pilot)
            for key in keys:
                if callable(key):
                    key()
                elif key.startswith("'") and ui.focused is not None:
                    ui.focused.post_message(events.Paste(key[1:]))
                else:
                    ui.post_message(events.Key(KEYS.get(key, key), key if len(key) == 1 else None))
                await rest(ui, pilot)
                check(see(ui))
            await rest(ui, pilot)
            seen = see(ui)
        work.close()
        return seen

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "_REST", 0.001)
    monkeypatch.setattr(filter_line, "_SOON", 0.001)


@pytest.fixture
def three(runs: Any) -> Path:
    """Three runs, two of them seeds of one setting."""
    for k, (id, ppl) in enumerate({"aaaa": 30.0, "bbbb": 20.0, "cccc": 25.0}.items()):
        runs(
            id, ppl=[40.0, 35.0, ppl], seed=k, signature=f"s{k // 2}",
            parameters={"sparsity": 0.5 + k // 2 / 10}, created=f"2026-11-24T10:1{k}:00+01:00",
        )  # fmt: skip
    outputs: Path = runs.outputs
    return outputs


# -- the table ------------------------------------------------------------------------------------


def test_runs_stand_newest_first_with_details_of_the_first(three: Path) -> None:
    seen = after(three)

    assert seen.ids == ["cccc", "bbbb", "aaaa"]
    assert "3 runs, newest first" in seen.lines[1]
    assert "ppl █▁ 35 → 25" in seen.text


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (40, 10)])
def test_every_size_of_terminal_shows_runs_and_keys(three: Path, size: tuple[int, int]) -> None:
    seen = after(three, size=size)

    assert all(id in seen.text for id in seen.ids)
    assert "q quit" in seen.text
    assert max(map(len, seen.lines)) <= size[0]


def test_a_very_low_screen_shows_a_run_and_what_is_typed(three: Path) -> None:
    seen = after(three, "t", "'best", size=(20, 6))

    assert "cccc" in after(three, size=(20, 6)).text
    assert "best" in seen.text


def test_without_colour_the_cursor_and_marks_are_still_seen(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    seen = after(three, "space")

    assert seen.colors == {"default"}
    assert "● cccc" in seen.text
    assert "bbbb" in "".join(seen.reversed)


def test_keys_move_the_cursor(three: Path) -> None:
    assert after(three, "down").at == "bbbb"
    assert after(three, "end", "up", "j").at == "aaaa"
    assert after(three, "pagedown", "home").at == "cccc"


def test_a_filter_hides_runs_while_it_is_typed(three: Path) -> None:
    seen = after(three, "/", "'sparsity<0.6")

    assert seen.ids == ["bbbb", "aaaa"]
    assert "2 of 3 runs" in seen.lines[1]


def test_a_filter_of_the_line_holds_from_the_start(three: Path) -> None:
    assert after(three, text="'sparsity<0.6' seed=0").ids == ["aaaa"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [("'nonsense", "is no filter"), ("'sparsty=1", "sparsity"), ("''a", "a quote is not closed")],
)
def test_a_fault_in_a_filter_is_said_below_it(three: Path, typed: str, said: str) -> None:
    seen = after(three, "/", typed, "enter")

    assert said in seen.lines[1]
    assert len(seen.ids) == 3


def test_escape_leaves_the_filter_as_it_was(three: Path) -> None:
    seen = after(three, "/", "'seed=0", "enter", "/", "'x", "escape", "down")

    assert seen.ids == ["aaaa"]
    assert "seed=0" in seen.lines[0]
    assert "seed=0x" not in seen.lines[0]


def test_a_filter_that_none_fits_says_so(three: Path) -> None:
    assert "none of 3 runs fits" in after(three, "/", "'seed=7").text


def test_the_best_come_first_when_sorted_by_the_objective(three: Path) -> None:
    seen = after(three, "s", "'ppl", "down", "up", "enter")

    assert seen.ids == ["bbbb", "cccc", "aaaa"]
    assert "by ppl, smallest first" in seen.lines[1]
    assert after(three, "S").ids == ["aaaa", "bbbb", "cccc"]


def test_marks_outlive_filters_and_are_counted(three: Path) -> None:
    seen = after(three, "space", "/", "'seed=0", "enter", "space")

    assert seen.marked == ["aaaa", "cccc"]
    assert "2 marked, 1 of them not shown" in seen.lines[1]
    assert after(three, "a").marked == ["cccc", "bbbb", "aaaa"]
    assert after(three, "a", "space", "u").marked == []


def test_new_runs_come_without_moving_the_cursor_or_marks(three: Path, runs: Any) -> None:
    seen = after(three, "space", lambda: runs("dddd", created="2026-11-25T10:15:00+01:00"), "r")

    assert seen.ids[0] == "dddd"
    assert (seen.at, seen.marked) == ("bbbb", ["cccc"])


def test_an_empty_folder_says_how_to_begin(tmp_path: Path) -> None:
    seen = after(tmp_path / "none", "space", "a", "p", "c", "enter", "d", "t", "n", "y", "end")

    assert "iterun task=prune makes one" in seen.text


# -- pages ----------------------------------------------------------------------------------------


def test_enter_shows_the_run_its_iterations_and_its_log(three: Path) -> None:
    assert "command" in after(three, "enter").text
    assert "3 lines" in after(three, "enter", "tab").text
    assert "nothing was logged" in after(three, "enter", "tab", "tab").text
    assert "bbbb" in after(three, "enter", "right").lines[0]


def test_p_plots_the_marked_runs_with_their_seeds_together(three: Path) -> None:
    seen = after(three, "a", "p")

    assert "lower is better" in seen.text
    assert "2 seeds" in seen.text
    assert "seed 1" in after(three, "a", "p", "e").text
    assert "logarithmic" in after(three, "p", "l").text


def test_m_chooses_what_is_plotted(three: Path) -> None:
    seen = after(three, "p", "m", "'tok", "enter")

    assert "tokens" in seen.text
    assert "lower is better" not in seen.text


def test_c_compares_settings_and_g_single_runs(three: Path) -> None:
    seen = after(three, "c")

    assert "2 settings, 3 runs" in seen.text
    assert "aaaa" not in seen.text
    assert "aaaa" in after(three, "c", "g").text
    assert "difference" in after(three, "c", "b").text


def test_help_names_every_key(three: Path) -> None:
    assert "conditions as `iterun ls` takes them" in after(three, "?").text
    assert "filter" in after(three, "?", "q").lines[0]


# -- changes --------------------------------------------------------------------------------------


def test_t_gives_tags_to_the_marked_runs(three: Path) -> None:
    seen = after(three, "space", "space", "t", "'best +good -draft", "enter")

    assert "tags of 2 runs changed" in seen.lines[1]
    found = [marks.read(path).tags for path in sorted(three.glob("prune/perp/*"))]
    assert found == [(), ("best", "good"), ("best", "good")]
    assert "best,good" in seen.text


def test_a_word_that_can_be_no_tag_changes_nothing(three: Path) -> None:
    assert "can't be a tag" in after(three, "t", "'a=b", "enter").lines[1]
    assert not list(three.glob("prune/perp/*/marks.json"))


def test_n_writes_a_note_and_shows_it_again(three: Path) -> None:
    seen = after(three, "n", "'lr too high", "enter", "n")

    assert "note on cccc:" in seen.text
    assert seen.text.count("lr too high") >= 2
    assert not list(three.glob(f"prune/perp/*aaaa/{paths.MARKS}"))


def test_d_asks_moves_to_the_trash_and_z_brings_back(three: Path) -> None:
    assert "move cccc to the trash?" in after(three, "d").text
    assert len(after(three, "d", "n").ids) == 3
    assert after(three, "d", "y").ids == ["bbbb", "aaaa"]
    assert after(three, "a", "d", "y", "z").ids == ["bbbb", "aaaa"]


def test_what_is_typed_ahead_of_a_question_is_no_command(three: Path) -> None:
    runs, work = Runs(three), Work()
    ui = Ui(runs, work, work.pool.submit(runs.read), "")

    async def run() -> Seen:
        async with ui.run_test() as pilot:
            await rest(ui, pilot)
            runs.mark(runs.shown)
            for key in "du":
                ui.post_message(events.Key(key, key))
            await rest(ui, pilot)
            return see(ui)

    seen = asyncio.run(run())

    assert len(seen.marked) == 3
    assert "move 3 runs to the trash?" in seen.text


def test_y_shows_the_line_that_repeats_the_run(three: Path) -> None:
    assert "iterun task=prune/perp task.sparsity=0.6" in after(three, "y").lines[1]


def test_a_run_that_vanishes_while_it_is_shown_is_said_to_be_gone(three: Path) -> None:
    def vanish() -> None:
        shutil.rmtree(next(three.glob("prune/perp/*cccc")))

    def check(seen: Seen) -> None:
        said.extend(seen.lines)

    said: list[str] = []
    seen = after(three, vanish, *PAGES, "t", "'x", "enter", "y", "r", check=check)

    assert any("no such folder" in line for line in said)
    assert seen.ids == ["bbbb", "aaaa"]


# -- strangers' runs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "harm",
    [pytest.param(h, marks=[] if h == "evil_texts" else pytest.mark.slow)
     for h in HARMS],
)  # fmt: skip
def test_no_strange_run_does_harm(harm: str, strangers: Path, tmp_path: Path) -> None:
    sound(strangers, "aaaa0002")
    (outside := tmp_path / "outside").mkdir()
    (outside / "secret.txt").write_text("secret")
    HARMS[harm](sound(strangers), outside)

    def check(seen: Seen) -> None:
        assert all(line.isprintable() for line in seen.lines)

    after(strangers, "a", "end", *PAGES, size=(140, 40), check=check)


def test_markup_in_names_notes_and_tags_stays_text(runs: Any) -> None:
    marked = EVIL.replace("\ud800", "").replace("\0", "")
    path = runs("[b]x[", parameters={"[red]": marked}, model=f"m{marked[:60]}")
    marks.set_note(path, marked)

    seen = after(runs.outputs, size=(160, 40))

    assert "[b]x[" in seen.text
    assert "red]x[/]" in seen.text


# -- the command ----------------------------------------------------------------------------------


def test_it_refuses_to_draw_where_no_terminal_is(iterun: Any) -> None:
    answer = iterun("ui")

    assert answer.status == 2
    assert "this is no terminal" in answer.err


def test_without_textual_it_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['textual'] = sys.modules['textual.app'] = None\n"
        "from iterun.cli.ui import start\n"
        "try: start._kind()\n"
        "except Exception as error: sys.exit(error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert 'pip install "iterun[ui]"' in done.stderr


@pytest.mark.slow
def test_ten_thousand_runs_are_browsed(tmp_path: Path) -> None:
    sys.path.append(str(Path(__file__).parents[2] / "scripts" / "bench"))
    from bench_ls import make_runs

    make_runs(tmp_path / "outputs", 10_000)
    seen = after(tmp_path / "outputs", "pagedown", "end", "a", "/", "'sparsity>0.5", "enter", "c")

    assert len(seen.marked) == 10_000
    assert len(seen.ids) == 4900
    assert "2000 settings" in seen.text or "settings" in seen.text
