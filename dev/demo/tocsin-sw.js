// The one line a site needs. The page gives the app's id in this file's address, since each `make dev` has its own.
importScripts(`/sw.js${self.location.search}`);
