"""`partywall dashboard`: show the findings of a store in the browser."""

import argparse
import os
import socket
import sys
import threading
from collections.abc import Sequence

from partywall_collector.commands.options import STORE, store_url
from partywall_collector.store import StoreError, open_store
from partywall_dashboard import scope
from partywall_dashboard.scope import is_loopback

PORT = 8501

EXAMPLE = """\
example:
  partywall dashboard                              the store below this folder, on port 8501
  partywall dashboard --store chdb:///srv/partywall --port 9000 --no-browser
"""


def arguments() -> argparse.ArgumentParser:
    """What the command understands."""
    parser = argparse.ArgumentParser(
        "partywall dashboard",
        description="Shows the findings of a store in the browser.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        default=store_url(),
        help="the store to read (default: $PARTYWALL_STORE, else chdb://.partywall)",
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}")
    parser.add_argument("--address", default="127.0.0.1", help="default 127.0.0.1")
    parser.add_argument(
        "--tenant",
        action="append",
        metavar="ID",
        help="show only findings between these tenants; may be given several times",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--insecure-no-login",
        action="store_true",
        help="serve an address that others reach, although there is no login",
    )
    # For a parent process: end when it does, however it ends.
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C."""
    options = arguments().parse_args(argv)
    if not is_loopback(options.address) and not options.insecure_no_login:
        return refuse(
            f"there is no login, and {options.address} is an address that others may reach; "
            "use 127.0.0.1, or say --insecure-no-login"
        )
    if problem := port_problem(options.address, options.port):
        return refuse(problem)
    try:
        open_store(options.store, role="reader").close()
    except StoreError as error:
        return refuse(str(error))
    os.environ[STORE] = options.store
    if options.tenant:
        os.environ[scope.TENANTS] = ",".join(options.tenant)
    if options.child:
        threading.Thread(target=end_with_parent, daemon=True).start()
    serve(options.address, options.port, browser=not options.no_browser)
    return 0


def serve(address: str, port: int, *, browser: bool) -> None:
    """Run the server in this process."""
    from partywall_dashboard.app import build
    from partywall_dashboard.settings import settings

    print(f"Dashboard on http://{address}:{port} (Ctrl-C stops it)", flush=True)
    try:
        build().run(config=settings(address, port, browser=browser))
    except KeyboardInterrupt:
        print("Dashboard stopped.")


def port_problem(address: str, port: int) -> str:
    """Why the port cannot be had; "" if it can."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OverflowError:
        return f"--port {port} is no port; choose one from 1 to 65535"
    except OSError as error:
        return f"{address}:{port} cannot be had ({error.strerror}); choose another --port"
    return ""


def end_with_parent() -> None:
    """The parent holds the other end of our standard input; when it is gone, so are we."""
    sys.stdin.buffer.read()
    os._exit(0)


def refuse(why: str) -> int:
    """Say what is wrong and what to do; the exit code of a command that could not run."""
    print(f"partywall dashboard: {why}", file=sys.stderr)
    return 2
