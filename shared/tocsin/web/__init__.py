"""What browsers get: the SDK (`sdk.js`, its types in `sdk.d.ts`), the worker (`sw.js`), and what pages are made of.

Scripts lose their comments and white space when the layer is built; elsewhere they are served as they stand.
"""
