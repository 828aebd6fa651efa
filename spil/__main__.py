"""`python -m spil`."""

from spil.cli import main

if __name__ == "__main__":
    main()
