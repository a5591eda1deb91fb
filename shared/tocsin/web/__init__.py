"""What browsers get: the SDK (`sdk.js`, its types in `sdk.d.ts`) and the service worker (`sw.js`), served as they stand."""
