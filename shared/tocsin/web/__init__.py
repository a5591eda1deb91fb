"""What browsers get: the SDK (`sdk.js`, its types in `sdk.d.ts`) and the worker (`sw.js`), served as they stand."""
