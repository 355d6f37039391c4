"""`python -m maskbench`."""

from maskbench.cli import main

if __name__ == "__main__":
    main()
