"""Stage `conversations@<set>`: conversations to judge multi-talker systems by, stored with their turns."""

import sys
from pathlib import Path
from typing import Any

from isogloss.config import load_params
from isogloss.corpus.conversations.store import store_conversations
from isogloss.entry import entry


@entry
def main(name: Any) -> None:
    """Mix or read one set and say what is in it."""
    params = load_params().multitalker
    turns = store_conversations(name, params, data=Path("data"), folder=Path("data/conversations") / name)
    for condition, rows in turns.groupby("condition", sort=False):
        print(f"{condition}: {rows['conversation_id'].nunique()} conversations, {len(rows)} turns")


if __name__ == "__main__":
    main(sys.argv[1])
