"""python -m tests.faults --schedules 10000 --seed 1 [--processes 2]      draws them and plays them
python -m tests.faults --replay '{"cues":...}'                            plays the one that a failure printed"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time

from tests.faults.run import Failed, Report, replay, run_many


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Random schedules with faults.")
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="schedule k is drawn by seed + k")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--most-failures", type=int, default=10, help="stop after so many")
    parser.add_argument("--replay", metavar="SCHEDULE", help="one line of JSON, or @FILE, or a seed")
    parser.add_argument("--no-shrink", action="store_true")
    args = parser.parse_args()
    if args.replay:
        return replay(args.replay)
    begin, report = time.monotonic(), Report()
    seeds = [range(args.seed + part, args.seed + args.schedules, args.processes) for part in range(args.processes)]
    context = multiprocessing.get_context("spawn")
    news = context.Queue()
    workers = [context.Process(target=run_many, args=(part, news, not args.no_shrink)) for part in seeds]
    for worker in workers:
        worker.start()
    working = len(workers)
    while working and len(report.failures) < args.most_failures:
        what = news.get()
        if what is None:
            working -= 1
        elif isinstance(what, Failed):
            report.failures.append(what)
            print(what, flush=True)
        else:
            report.played += what
            if report.played % 200 == 0:
                print(f"{report.played} played, {report.played / (time.monotonic() - begin):.1f} a second", flush=True)
    for worker in workers:
        worker.terminate()
        worker.join()
    took_s = time.monotonic() - begin
    print(f"{report.played} schedules from seed {args.seed} in {took_s:.0f} s, {len(report.failures)} failed")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
