"""Run directories of a stranger who means no good: `HARMS` spoil a sound one, each in its own way.

`sound` makes the directory. A harm gets it, and a folder outside of it that must stay as it is; it
returns nothing. Everything here is data that a tar file could have brought.
"""

import hostile_code
import hostile_files
import hostile_texts
from hostile_run import EVIL, HARMS, sound

__all__ = ["EVIL", "HARMS", "hostile_code", "hostile_files", "hostile_texts", "sound"]
