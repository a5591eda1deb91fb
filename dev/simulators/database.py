"""The SQLite file that keeps user agents and real browsers' subscriptions across restarts."""

import sqlite3
from pathlib import Path

# A server that dies may lose the last moments, as losing power would; it never corrupts the file.
_PRAGMAS = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS user_agents (
  id TEXT PRIMARY KEY, service TEXT NOT NULL, token TEXT NOT NULL UNIQUE, endpoint TEXT NOT NULL,
  private_key BLOB NOT NULL, auth BLOB NOT NULL, application_server_key BLOB, gone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS messages (
  number INTEGER PRIMARY KEY AUTOINCREMENT, user_agent TEXT NOT NULL, content TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_of ON messages (user_agent, number);
CREATE TABLE IF NOT EXISTS channels (
  token TEXT PRIMARY KEY, service TEXT NOT NULL, client TEXT NOT NULL, channel_id TEXT NOT NULL,
  application_server_key BLOB, gone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS waiting_messages (
  id TEXT PRIMARY KEY, token TEXT NOT NULL, body BLOB NOT NULL, topic TEXT, expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS projects (
  id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, key_id TEXT NOT NULL, public_key TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS devices (
  id TEXT PRIMARY KEY, project TEXT NOT NULL, token TEXT NOT NULL UNIQUE, gone INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS chromiums (
  android_id TEXT PRIMARY KEY, security_token TEXT NOT NULL, product TEXT NOT NULL DEFAULT ''
);
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, creating tables that are missing; every statement commits by itself."""
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in _PRAGMAS:
        database.execute(pragma)
    database.executescript(_SCHEMA)
    return database
