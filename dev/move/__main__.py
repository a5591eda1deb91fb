"""Move the subscribers of an app in from another push system, or out to one.

The operator's key is read from TOCSIN_OPERATOR_KEY, else asked for; it is never an argument, which others on the
machine could see. Ctrl-C is safe at any time: the same command goes on where it stopped.
"""

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Any

from dev.move.api import OperatorApi, Refusal, checked_url
from dev.move.failure import MoveFailure
from dev.move.key_files import exported_keys, pair_in
from dev.move.moving_in import move_in, survey
from dev.move.moving_out import move_out
from dev.move.progress import Progress

KEY = "TOCSIN_OPERATOR_KEY"
IMPORT = """\
Import subscriptions that were made elsewhere, with the VAPID key pair that they were made under.

FILE holds one PushSubscription a line, as browsers give it and web-push and pywebpush keep it:

  {"endpoint": "https://fcm.googleapis.com/...", "keys": {"p256dh": "...", "auth": "..."}}

and, if you know them, beside these: externalId (or user_id), email, labels (or tags), createdAt, seenAt, lang,
timezone. It may also stand under "subscription" in an object of yours. Other members are passed over.

Nothing is lost by importing a file twice: a browser is known by its endpoint. What a browser has told Tocsin itself is
not replaced by an older line, and nobody who unsubscribed comes back. Lines that cannot be taken are told by number and
rule, at the end and in FILE.refused.jsonl.
"""
EXPORT = """\
Export an app into a folder: app.json (its settings), subscriptions.jsonl (one PushSubscription a line, in every state)
and, with --private-keys, vapid-keys.json. All that is needed to reach the same browsers from anywhere else; `import`
reads these files too. E-mail addresses are in it where an API shows them; of others only a keyed hash was ever kept.
"""
EXAMPLES = """\
examples:
  python -m dev.move import --url https://push.example.com --app app_... --file subscriptions.jsonl \\
         --private-key vapid.pem
  python -m dev.move export --url https://push.example.com --app app_... --to moved/ --private-keys
  python -m dev.move import --url https://push.example.com --app app_... --file moved/subscriptions.jsonl \\
         --vapid-keys moved/vapid-keys.json
"""


def main() -> int:
    """Run the command; 1 with a sentence on stderr when it cannot go on, 130 after Ctrl-C."""
    chosen = _parser().parse_args()
    progress = Progress()
    try:
        api = OperatorApi(checked_url(chosen.url), chosen.app, _operator_key(), progress.say)
        told = _import(api, chosen, progress) if chosen.command == "import" else _export(api, chosen, progress)
    except (MoveFailure, Refusal) as failure:
        progress.say(str(failure))
        return 1
    except KeyboardInterrupt:
        progress.say("Stopped. The same command goes on from here.")
        return 130
    progress.say("")
    print(told)
    return 0


def _import(api: OperatorApi, chosen: argparse.Namespace, progress: Progress) -> str:
    source = survey(chosen.file)
    if chosen.vapid_keys is not None:
        wanted: dict[str, Any] = {"vapid_key": _bring_keys(api, chosen.vapid_keys, present=chosen.present)}
    else:
        wanted = {"vapid": pair_in(chosen.private_key, chosen.public_key), "present": chosen.present}
    progress.total = source.lines
    return move_in(api, source, wanted | {"keep_addresses": chosen.keep_addresses}, progress, anew=chosen.anew)


def _bring_keys(api: OperatorApi, file: Path, *, present: bool) -> str:
    """Give the app the keys of an export; the id of the one that was present there."""
    keys = [key for key in exported_keys(file) if key.get("retired_at") is None]
    known = {key["id"] for key in api.call("GET", "/vapid-keys").json["vapid_keys"]}
    for key in keys:
        if key["id"] not in known:
            pair = {"private_key": key["private_key"], "public_key": key["public_key"]}
            api.call("POST", "/vapid-keys", {"vapid": pair, "present": present and key["present"]})
    return str(next((key["id"] for key in keys if key["present"]), keys[0]["id"]))


def _export(api: OperatorApi, chosen: argparse.Namespace, progress: Progress) -> str:
    return move_out(api, chosen.to, progress, private_keys=chosen.private_keys, anew=chosen.anew)


def _operator_key() -> str:
    key = os.environ.get(KEY, "").strip()
    if not key and sys.stdin.isatty():
        key = getpass.getpass("Operator key: ").strip()
    if not key:
        raise MoveFailure(f"Set {KEY} to the operator's key: it is the stack's OperatorSecret.")
    return key


def _parser() -> argparse.ArgumentParser:
    verbatim = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m dev.move", description=__doc__, epilog=EXAMPLES, formatter_class=verbatim
    )
    commands = parser.add_subparsers(dest="command", required=True)
    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("--url", required=True, help="your deployment, such as https://push.example.com")
    both.add_argument("--app", required=True, help="the app's id, app_...")
    both.add_argument("--anew", action="store_true", help="begin again, whatever an earlier run did")

    into = commands.add_parser(
        "import", parents=[both], description=IMPORT, formatter_class=verbatim, help="bring subscriptions in"
    )
    into.add_argument("--file", type=Path, required=True, help="the subscriptions, one JSON object a line")
    key = into.add_mutually_exclusive_group(required=True)
    key.add_argument(
        "--private-key",
        type=Path,
        metavar="FILE",
        help="file with the VAPID private key: PEM, base64url, JWK, or the JSON of web-push generate-vapid-keys",
    )
    key.add_argument("--vapid-keys", type=Path, metavar="FILE", help="vapid-keys.json of an export")
    into.add_argument("--public-key", type=Path, metavar="FILE", help="its public key, to be sure that they are a pair")
    into.add_argument(
        "--present",
        action="store_true",
        help="new visitors subscribe under this key too; without it they get the app's own",
    )
    into.add_argument(
        "--keep-addresses",
        action="store_true",
        help="keep e-mail addresses, sealed, so that CloudSignal's API shows them",
    )

    out = commands.add_parser(
        "export", parents=[both], description=EXPORT, formatter_class=verbatim, help="take everything out"
    )
    out.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the files go")
    out.add_argument("--private-keys", action="store_true", help="write the private keys too; the audit log notes it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
