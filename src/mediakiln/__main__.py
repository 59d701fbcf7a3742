"""`python -m mediakiln`."""

from mediakiln.cli.main import main

if __name__ == "__main__":
    main()
