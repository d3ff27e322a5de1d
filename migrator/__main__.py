"""``python -m migrator`` is the ``migrate`` command."""

from migrator.cli.main import main

if __name__ == "__main__":
    main()
