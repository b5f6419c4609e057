"""``python -m bezant`` is the command ``bezant``."""

from bezant.cli import main

if __name__ == "__main__":
    main()
