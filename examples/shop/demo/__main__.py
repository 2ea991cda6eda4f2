"""`python -m demo` runs the demo; `python -m demo serve` keeps the shop open."""

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from demo import lines, report, traffic
from demo.places import SHOP_DIR, own_directory, short
from demo.server import GunicornServer, ServerError, prepare
from demo.server import health as ask_health
from demo.terminal import Terminal


def main() -> int:
    arguments = _arguments()
    terminal = Terminal()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        if arguments.what == "serve":
            return serve(arguments, terminal)
        return run(arguments, terminal)
    except ServerError as error:
        terminal.say()
        terminal.failed(str(error))
        return 1
    except KeyboardInterrupt:
        terminal.say()
        terminal.say("  Interrupted; the server is stopped.")
        return 130


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prepare, serve, drive, stop, report."""
    terminal.heading("aura-logging demo: a Django bookshop under gunicorn")
    with own_directory(arguments.state, fresh=True) as state_dir:
        started = time.monotonic()
        seeded = prepare(state_dir)
        terminal.done("database migrated and filled", f"{seeded} · {time.monotonic() - started:.1f} s")
        with GunicornServer(state_dir) as server:
            terminal.done("gunicorn is up", f"{server.url} · 2 workers, preloaded")
            with terminal.progress(arguments.seconds) as progress:
                sent = traffic.drive(server.url, arguments.seconds, lambda sent: progress.update(_so_far(sent)))
            terminal.done("traffic driven", f"{len(sent):,} requests by four shoppers")
            health = ask_health(state_dir, terminal.has_colour)
            if not server.is_running:
                raise ServerError(f"gunicorn ended while it was being asked.\n{server.last_words()}")
            terminal.done("gunicorn stopped by SIGTERM", f"{server.stop():.1f} s, in good order")
        with (state_dir / "requests.jsonl").open("w") as file:
            file.writelines(json.dumps(asdict(one)) + "\n" for one in sent)
        finished = report.Run(state_dir, sent, lines.read(state_dir), *health)
        is_well = report.show(finished, terminal)
    terminal.say()
    return 0 if is_well else 1


def _so_far(sent: list[traffic.Sent]) -> str:
    crashes = sum(1 for one in sent if one.status >= 500)
    return f"{len(sent):>4} requests, {crashes} crashed"


def serve(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Keep the shop open until it is stopped; its database stays from one time to the next."""
    with own_directory(arguments.state, fresh=False) as state_dir:
        prepare(state_dir)
        with GunicornServer(state_dir, arguments.port) as server:
            try:
                terminal.heading("The shop is open")
                for label, value in (
                    ("shop", server.url + "/"),
                    ("admin", server.url + "/admin/"),
                    ("dashboard", f"{server.url}/aura/ (as grace)"),
                    ("metrics", server.url + "/aura/metrics"),
                    ("log in as", f"grace (staff) or ada, password: {traffic.PASSWORD}"),
                    ("log lines", short(state_dir)),
                ):
                    terminal.say(f"  {label:<10} {value}")
                terminal.say(f"  {'':<10} {terminal.paint('Ctrl-C closes it.', 'quiet')}")
                code = server.wait()
            except (KeyboardInterrupt, SystemExit):  # Ctrl-C, or a SIGTERM of our own
                terminal.say()
                terminal.done("gunicorn stopped by SIGTERM", f"{server.stop():.1f} s, in good order")
                return 0
            raise ServerError(f"gunicorn ended with code {code}.\n{server.last_words()}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["run", "serve"], default="run")
    parser.add_argument("--seconds", type=float, default=20, help="how long to drive traffic (default 20)")
    parser.add_argument("--port", type=int, default=0, help="where to serve; 0 takes a free port")
    parser.add_argument("--state", type=Path, help="directory for the database and the logs")
    arguments = parser.parse_args()
    if arguments.state is None:
        arguments.state = SHOP_DIR / "logs" / ("demo" if arguments.what == "run" else "local")
    arguments.state = arguments.state.resolve()
    return arguments


if __name__ == "__main__":
    sys.exit(main())
