"""The program's entry: answers `--version` at once and leaves the rest to the command line."""

import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        import devctl

        print(f"devctl {devctl.__version__}")
        return 0
    from devctl.cli import streams

    streams.open_closed()
    from devctl.cli.ctrl_c import INTERRUPTS

    INTERRUPTS.listen()
    try:
        from devctl.cli.main import run

        code = run(sys.argv[1:])
        INTERRUPTS.look()
        return code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
