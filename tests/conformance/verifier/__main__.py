"""python3 -m verifier BUNDLE --genesis GENESIS [--json]

Checks one bundle. Exit code 0: it holds; 1: it does not; 2: it could not be read.

python3 -m verifier --batch: for a test of many. The input is, again and again, a founding file and a bundle, each with
its length before it, 4 bytes big-endian; each line of the output is the report on it.
"""

import argparse
import json
import sys
from functools import lru_cache

from . import bundle, genesis
from .fault import Fault


def report(data, founding):
    """The report on a bundle; `founding` gives the founding file or raises its fault."""
    try:
        return bundle.verify(data, founding()).report()
    except Fault as fault:
        return {"verified": False, "fault": fault.code, "at": fault.at}


def batch():
    """Answers until the input ends."""

    @lru_cache(maxsize=64)
    def founding(text):
        return genesis.read(text)

    while True:
        text = _part(sys.stdin.buffer)
        if text is None:
            return 0
        data = _part(sys.stdin.buffer)
        print(json.dumps(report(data, lambda: founding(text))), flush=True)


def _part(stream):
    length = stream.read(4)
    return stream.read(int.from_bytes(length, "big")) if length else None


def main():
    parser = argparse.ArgumentParser(prog="verifier", description="Checks a proof bundle of Sekisho.")
    parser.add_argument("bundle", nargs="?")
    parser.add_argument("--genesis", help="the founding file: the trust root")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--batch", action="store_true", help="many, from the standard input")
    args = parser.parse_args()
    if args.batch:
        return batch()
    if not args.bundle or not args.genesis:
        parser.error("a bundle and --genesis are needed")
    try:
        with open(args.bundle, "rb") as file:
            data = file.read(bundle.BUNDLE_BYTES_MAX + 1)
        with open(args.genesis, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 2
    answer = report(data, lambda: genesis.read(text))
    if args.json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        tell(answer)
    return 0 if answer["verified"] else 1


def tell(answer):
    """For people, in both languages."""
    if not answer["verified"]:
        at = "" if answer["at"] is None else f" ({answer['at']})"
        print(f"検証できません not verified: {answer['fault']}{at}")
        return
    print(f"検証できました verified: access {answer['access']} of ledger {answer['ledger']}")
    print(f"  checkpoint over {answer['size']} leaves")
    for decision in answer["decisions"]:
        reason = f": {decision['reason']}" if "reason" in decision else ""
        print(f"  {decision['network']}: {decision['decision']}{reason}")
    for transfer in answer["transfers"]:
        print(f"  {transfer['kind']} (leaf {transfer['index']})")
    print(f"  {answer['openings']} openings")


if __name__ == "__main__":
    sys.exit(main())
