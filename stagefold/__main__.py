"""`python -m stagefold` and the `stagefold` command: both run the command line."""

from service.cli import main

if __name__ == "__main__":
    main()
